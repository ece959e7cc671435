#ifndef WEIR_PROTO_H1_CHUNK_H
#define WEIR_PROTO_H1_CHUNK_H
/*
 * h1_chunk.h - the frame around a chunked body (RFC 9112, section 7.1), byte
 * by byte, up to and with the line of the last chunk. The trailer section
 * behind it is a list of fields and so h1_guard's.
 */
#include <stdint.h>
#include <weir/base.h>

#include "base/fault.h"
#include "base/macro.h"

/* All the extensions of one body together. Nobody uses them but attackers. */
#define H1_CHUNK_EXT_MAX 4096

struct h1_chunk {
	uint64_t left;	  /* of the chunk's data; while its size is read, the size so far */
	uint64_t n_body;  /* data announced so far */
	uint16_t n_ext;	  /* bytes of extensions so far */
	uint8_t n_digits; /* of the size that is being read */
	uint8_t state;	  /* enum chunk_state, in h1_chunk.c */
};

void h1_chunk_init(struct h1_chunk *c);

#define H1_CHUNK_LAST 2

/*
 * 1: *ret_piece is data, inside bytes, and ends at *ret_used; 0: all bytes were
 * used and more are needed; H1_CHUNK_LAST: the last chunk's line ends at
 * *ret_used. -EPROTO, also when the body would be larger than max_body.
 */
MUST_USE int h1_chunk_next(struct h1_chunk *c, uint64_t max_body, const char *bytes, size_t len,
			   size_t *ret_used, weir_str *ret_piece, enum fault *reterr_fault);

#endif
