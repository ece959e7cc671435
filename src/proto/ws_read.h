#ifndef WEIR_PROTO_WS_READ_H
#define WEIR_PROTO_WS_READ_H
/*
 * ws_read.h - messages out of a client's WebSocket bytes, piece by piece, with
 * every rule of RFC 6455: what is masked, which bits and opcodes there are, how
 * fragments and control frames stand, UTF-8, close codes; and inflated (RFC 7692).
 * Nothing is accumulated: how large a message may be is the caller's to say.
 *
 *	while ((r = ws_read_next(&read, &bytes, &event, &fault)) == 1)
 *		on_event(&event);
 *	ws_read_release(&read);		<- unless the last event is still in use
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/base.h>

#include "base/fault.h"
#include "base/macro.h"
#include "base/utf8.h"
#include "proto/ws_deflate.h"

enum ws_event_type {
	WS_PIECE,
	WS_PING,
	WS_PONG,
	WS_CLOSE,
};

struct ws_event {
	enum ws_event_type type;
	/*
	 * A piece of a message, inflated, its text UTF-8 as far as it goes: it may end inside a
	 * character. A ping's or pong's payload; a close's reason. Good until the next
	 * ws_read_next() or ws_read_release() with the same ws_read.
	 */
	weir_str bytes;
	/* A piece: bytes of its frame still to come. A limit can refuse before they are memory. 0 if compressed. */
	uint64_t left;
	int code; /* a close: 1005 when it had none */
	/* A piece: of its message. Both first and last: it is the whole message. */
	bool is_text, is_first, is_last;
};

struct ws_intake;
struct ws_room;
struct ws_inflater;
struct ws_tools;

/* One for each session: small, for most of them are idle. */
struct ws_read {
	struct ws_tools *tools;	      /* borrowed */
	struct ws_intake *intake;     /* of the frame that is read; NULL between frames */
	struct ws_room *room;	      /* where the last event's bytes may be */
	struct ws_inflater *inflater; /* inside a compressed message; else if contexts are kept */
	struct utf8 utf8;	      /* inside a text message */
	uint8_t state;		      /* enum ws_read_state, in ws_read.c */
	uint8_t inflate_bits;	      /* of the window; 0: permessage-deflate was not agreed */
	bool keeps_context : 1;	      /* a message may refer to those before it */
	bool is_text : 1, is_compressed : 1; /* the message that is read */
	bool is_inflating : 1;		     /* there may be more in what was taken already */
};

/* deflate: what was agreed, not needed afterwards; NULL: it was not. */
void ws_read_init(struct ws_read *r, struct ws_tools *tools,
		  const struct ws_deflate_params *deflate);
void ws_read_done(struct ws_read *r);

/*
 * Takes from *bytes, advancing it, what it needs, and never a byte behind the
 * frame that it reads. 1: an event. 0: all of *bytes was taken, and more is needed.
 * -EPROTO: the client is wrong; fault_status() is the code to close with. -ENOMEM.
 * After a close event or an error nothing more is read: bytes are taken, and thrown away.
 */
MUST_USE int ws_read_next(struct ws_read *r, weir_str *bytes, struct ws_event *ret_event,
			  enum fault *reterr_fault);

/* May there be another event without new bytes? */
static inline bool ws_read_has_more(const struct ws_read *r)
{
	return r->is_inflating;
}

/* The last event's bytes are not needed any more. Between frames nothing is held then. */
void ws_read_release(struct ws_read *r);

/* Bytes borrowed from the tools now, without what zlib needs besides its window. */
size_t ws_read_held(const struct ws_read *r);

#endif
