#ifndef WEIR_PROTO_WS_INFLATER_H
#define WEIR_PROTO_WS_INFLATER_H
/*
 * ws_inflater.h - compressed messages of permessage-deflate, back into what they
 * were (RFC 7692, section 7.2.2), a room at a time: however little input stands for
 * how much, the caller may stop after any of them.
 */
#include <stdbool.h>
#include <stdint.h>
#include <weir/base.h>

/* zlib then promises not to write to its input. */
#define ZLIB_CONST
#include <zlib.h>

#include "base/macro.h"
#include "proto/ws_tools.h"

struct ws_inflater {
	struct ws_pooled pooled;
	z_stream z;
	uint8_t bits; /* of its window */
	bool needs_tail; /* the message so far is not over without the four bytes its sender left out */
	bool is_end;	 /* what was fed last ends the message */
};

/* A fresh one, or one as good as that, with a window of 8..15 bits. NULL: no memory. */
struct ws_inflater *ws_inflater_take(struct ws_tools *tools, uint8_t bits);
/* Returns NULL, and NULL is fine. */
struct ws_inflater *ws_inflater_give(struct ws_tools *tools, struct ws_inflater *i);
struct ws_inflater *ws_inflater_free(struct ws_inflater *i);

/* A part of a message, borrowed until ws_inflater_next() says that it is used up. */
void ws_inflater_feed(struct ws_inflater *i, weir_str bytes, bool is_end);

#define WS_INFLATER_FULL 1
#define WS_INFLATER_OVER 2

/*
 * *ret_piece, which may be empty, is in the room. 0: what was fed is used up. WS_INFLATER_FULL:
 * the room is full, and there may be more. WS_INFLATER_OVER: the message is. -EPROTO: not what a
 * compressor makes, or the message ends in the middle of it. -ENOMEM.
 */
MUST_USE int ws_inflater_next(struct ws_inflater *i, struct ws_room *room, weir_str *ret_piece);

/* About so many bytes. */
size_t ws_inflater_size(const struct ws_inflater *i);

#endif
