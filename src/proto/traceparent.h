#ifndef WEIR_PROTO_TRACEPARENT_H
#define WEIR_PROTO_TRACEPARENT_H
/*
 * traceparent.h - which request of somebody else's a request belongs to (W3C Trace
 * Context, level 1):
 *
 *	00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
 *	version, trace, parent, flags
 */
#include <stdbool.h>
#include <weir/base.h>

#include "base/macro.h"

#define TRACEPARENT_LEN 55
#define TRACEPARENT_TRACE_AT 3
#define TRACEPARENT_TRACE_LEN 32

struct traceparent {
	char trace[TRACEPARENT_TRACE_LEN];
	char parent[16];
	unsigned char flags;
};

/* -EINVAL: it is none, and then there shall be a new trace (section 3.2.2.5). */
MUST_USE int traceparent_parse(weir_str text, struct traceparent *ret_parent);
void traceparent_format(const struct traceparent *parent, char ret_text[TRACEPARENT_LEN]);
/* From random bytes: a trace of its own, or only another parent in it. */
void traceparent_make(const unsigned char random[24], struct traceparent *ret_parent);
void traceparent_make_parent(const unsigned char random[8], struct traceparent *parent);

/*
 * The same for X-Request-Id, which nobody has defined: up to 128 letters, digits and
 * some of what stands between words, so that it can stand in any log.
 */
bool traceparent_is_id(weir_str text);

#endif
