#ifndef WEIR_PROTO_H1_READ_H
#define WEIR_PROTO_H1_READ_H
/*
 * h1_read.h - HTTP/1 requests out of bytes. The caller owns the buffer and
 * does the reading; for each request of a connection:
 *
 *	h1_read_head()	until a head is whole
 *	h1_read_body()	until it says H1_READ_END, if the head announced a body
 *	h1_read_next()
 *
 * After -EPROTO nothing but h1_read_done() may follow: the answer is the
 * fault's, and the connection closes.
 */
#include <llhttp.h>
#include <stdbool.h>
#include <sys/types.h>

#include "proto/h1_chunk.h"
#include "proto/h1_guard.h"
#include "proto/http.h"

struct arena;
struct h1_trailers;

struct h1_head {
	weir_str method;
	enum http_method method_id;
	weir_str target;     /* well-formed: an origin form, an http(s) absolute form, or "*" */
	size_t path_len;     /* of the target, for uri_take_path(); 0: ask uri_parse() */
	unsigned version;    /* 10 or 11 */
	weir_header *fields; /* as sent but for their names, which are lower-case */
	size_t n_fields;
	weir_str host; /* the target's authority or the Host field; ptr NULL on 1.0 without */
	int64_t content_length; /* -1: none was sent */
	bool is_chunked;
	bool has_body;	       /* more than no bytes are announced, or chunks */
	bool keep_alive;       /* the client would send another request behind this one */
	bool expects_continue; /* and has a body to send */
	bool has_bad_expect;   /* answer 417 */
	bool wants_upgrade;    /* Upgrade and Connection agree; may be ignored */
};

struct h1_read {
	const struct h1_limits *limits; /* borrowed */
	struct h1_field_at *fields_at;	/* borrowed; where the guard saw fields */
	struct h1_trailers *trailers;	/* owned; NULL: there were none */
	llhttp_t parser;		/* reads what has a body after the guard, and must agree */
	struct h1_guard guard;		/* of the head, then of the trailer section */
	struct h1_chunk chunk;		/* the frame of a chunked body */
	uint64_t max_body;		/* more is FAULT_BODY_TOO_LARGE */
	uint64_t left;			/* of a body with a length */
	uint8_t state;			/* enum h1_read_state, in h1_read.c */
	bool is_split;			/* the head came in pieces */
};

/*
 * Both must live as long as r; fields_at, room for limits->max_fields, is used
 * within calls only, so readers may share one. Allocates nothing.
 */
void h1_read_init(struct h1_read *r, const struct h1_limits *limits, struct h1_field_at *fields_at);
void h1_read_done(struct h1_read *r);

/*
 * How many bytes the head took that they begin with, and an empty line before
 * it, which is tolerated. 0: it is sound so far, and more bytes are needed: call
 * again with the same bytes and more behind; it goes on where it stopped.
 * -EPROTO as soon as that is certain, or -ENOMEM.
 *
 * Everything in *ret_head points into bytes, which are changed (field names
 * become lower-case); the array of fields comes from the arena.
 */
MUST_USE ssize_t h1_read_head(struct h1_read *r, char *bytes, size_t len, struct arena *arena,
			      struct h1_head *ret_head, enum fault *reterr_fault);

/*
 * Looks at what is here of a chunked body before anybody reads it: -EPROTO if
 * that is malformed, up to the last trailer; else 0. Takes nothing. So what
 * came whole is refused whole, and not after half of it has been believed.
 */
MUST_USE int h1_read_foresee(const struct h1_read *r, const char *bytes, size_t len,
			     enum fault *reterr_fault);

/* From now on the body may have so many bytes; unlimited until it is called. */
void h1_read_limit_body(struct h1_read *r, uint64_t max_body);

#define H1_READ_END 2

/*
 * 1: *ret_piece is the next piece of the body, inside bytes; 0: all bytes were
 * used and more are needed; H1_READ_END: the body is over, trailers included.
 * In each case the first *ret_used bytes are done with. -EPROTO, or -ENOMEM.
 */
MUST_USE int h1_read_body(struct h1_read *r, const char *bytes, size_t len, size_t *ret_used,
			  weir_str *ret_piece, enum fault *reterr_fault);

/*
 * The fields behind a chunked body, names lower-case; valid until
 * h1_read_next(). They are kept apart from the head's on purpose: what they
 * say must not change how the request was understood (RFC 9110, section 6.5.1).
 */
const weir_header *h1_read_trailers(const struct h1_read *r, size_t *ret_n_fields);

/* The message was read to its end: ready for the next head. */
void h1_read_next(struct h1_read *r);

#endif
