#ifndef WEIR_PROTO_H1_LINE_H
#define WEIR_PROTO_H1_LINE_H
/*
 * h1_line.h - judges one line of a head, without its CRLF and known to hold no
 * control bytes but tabs, and notes what matters for framing. Everything is an
 * offset into the head: the buffer may move before the head is whole.
 */
#include <stdbool.h>
#include <stdint.h>
#include <weir/base.h>

#include "base/fault.h"
#include "base/macro.h"

struct h1_limits {
	size_t max_head;     /* bytes of a whole head, or of a trailer section: 431 */
	size_t max_target;   /* bytes of the request target: 414 */
	unsigned max_fields; /* fields in a head, or in a trailer section: 431 */
	bool is_secure; /* the connection has TLS: an absolute-form target must say https: 421 */
};

/* A method longer than this is unknown for certain, so a request line has a limit. */
#define H1_LINE_METHOD_MAX 24
/* Around the target: the method, two spaces, the version. */
#define H1_LINE_EXTRA (H1_LINE_METHOD_MAX + 2 + 8)

enum h1_fact {
	H1_FACT_HOST = 1,	       /* there was a Host */
	H1_FACT_LENGTH = 2,	       /* there was a Content-Length */
	H1_FACT_CHUNKED = 4,	       /* Transfer-Encoding: chunked */
	H1_FACT_CLOSE = 8,	       /* Connection: close */
	H1_FACT_KEEP_ALIVE = 16,       /* Connection: keep-alive */
	H1_FACT_UPGRADE_TOKEN = 32,    /* Connection: upgrade */
	H1_FACT_UPGRADE = 64,	       /* there was an Upgrade */
	H1_FACT_EXPECT_CONTINUE = 128, /* Expect: 100-continue */
	H1_FACT_EXPECT_OTHER = 256,    /* Expect: anything else */
};

struct h1_span {
	uint32_t at, len;
};

/* Where a field stands in a section; blanks around its value are no part of it. */
struct h1_field_at {
	struct h1_span name, value;
};

/* What is known about a head so far. */
struct h1_facts {
	uint64_t length;	  /* the Content-Length; 0 without */
	struct h1_span target;	  /* of the request line */
	struct h1_span authority; /* of the target, if it is absolute-form */
	struct h1_span host;	  /* the Host field's value */
	uint32_t path_len;	  /* of the target: see uri_take_path(); 0: not looked for */
	uint16_t seen;		  /* enum h1_fact */
	uint16_t n_fields;	  /* lines so far */
	uint8_t method;		  /* enum http_method */
	uint8_t method_len;	  /* its bytes, at the start of the line */
	uint8_t version;	  /* 10 or 11 */
	bool is_https;		  /* the absolute-form target says so */
};

/* 0, or -EPROTO. The line is bytes[start..end). */
MUST_USE int h1_line_request(struct h1_facts *f, const struct h1_limits *limits, const char *bytes,
			     size_t start, size_t end, enum fault *reterr_fault);

/* A field of a head. */
MUST_USE int h1_line_field(struct h1_facts *f, const char *bytes, size_t start, size_t end,
			   struct h1_field_at *ret_at, enum fault *reterr_fault);

/* A field of a trailer section: nothing in it may change how the message is read. */
MUST_USE int h1_line_trailer(struct h1_facts *f, const char *bytes, size_t start, size_t end,
			     struct h1_field_at *ret_at, enum fault *reterr_fault);

#endif
