#ifndef WEIR_PROTO_CONDITIONAL_H
#define WEIR_PROTO_CONDITIONAL_H
/*
 * conditional.h - whether a request's conditions hold (RFC 9110, section 13), for
 * a resource that exists, has a strong entity tag, and a date. The order is that
 * of section 13.2.2; fields are named in lower case, as h1_read makes them.
 */
#include <stdbool.h>
#include <time.h>
#include <weir/base.h>

struct conditional_state {
	weir_str etag; /* with its quotes */
	time_t modified;
	time_t now;
};

enum conditional_verdict {
	CONDITIONAL_SERVE,
	CONDITIONAL_NOT_MODIFIED, /* 304: of a GET or a HEAD */
	CONDITIONAL_FAILED,	  /* 412 */
};

/* If-Match, If-Unmodified-Since, If-None-Match, If-Modified-Since; of a GET or a HEAD. */
enum conditional_verdict conditional_judge(const weir_header *fields, size_t n_fields,
					   const struct conditional_state *state);

/* If-Range: may a Range be honoured? Without the field it may. */
bool conditional_may_range(const weir_header *fields, size_t n_fields,
			   const struct conditional_state *state);

#endif
