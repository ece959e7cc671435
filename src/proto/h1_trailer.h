#ifndef WEIR_PROTO_H1_TRAILER_H
#define WEIR_PROTO_H1_TRAILER_H
/*
 * h1_trailer.h - the trailer section of a chunked body, kept in memory of its
 * own: it may come in pieces, and outlives the buffer it came in. Most bodies
 * have none; then nothing is allocated.
 */
#include "base/buf.h"
#include "base/macro.h"

struct h1_trailers {
	struct buf bytes;    /* the section so far, and in the end */
	weir_header *fields; /* owned; they point into bytes */
	size_t n_fields;
};

/* NULL: no memory. */
struct h1_trailers *h1_trailer_new(size_t max_bytes);
struct h1_trailers *h1_trailer_free(struct h1_trailers *t);
DEFINE_CLEANUP(struct h1_trailers, h1_trailer_free)

/* Room for so many fields, once; -ENOMEM. */
MUST_USE int h1_trailer_make_room(struct h1_trailers *t, size_t n_fields);

#endif
