#ifndef WEIR_SERVE_WS_SESSION_H
#define WEIR_SERVE_WS_SESSION_H
/*
 * ws_session.h - one WebSocket session (RFC 6455) on a tunnel: messages both
 * ways, pings, time limits and the closing handshake. It knows no socket and no
 * coroutine.
 *
 *	ws_session.c  its life: opening, pings, closing, time
 *	ws_inbox.c    messages in: pulled, whole or by pieces
 *	ws_outbox.c   messages out: whose turn it is, and what waits for room
 *	ws_frames.c   and how they become frames
 *
 * The struct is open to these four, and for being embedded.
 *
 * Messages are pulled, as bodies are: ws_inbox_next() gives one or says -EAGAIN,
 * and then readable() follows. What is not pulled stays where it is, in the end
 * with the peer; only pings and the peer's close are looked for ahead, as far as
 * the first message.
 *
 * Between frames a session owns no buffer.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "io/timeouts.h"
#include "proto/ws_read.h"
#include "proto/ws_write.h"
#include "serve/tunnel.h"
#include "serve/ws_note.h"
#include "serve/ws_policy.h"

struct ws_note;
struct ws_outbox;
struct ws_session;
struct block;

/* All but over() may only take note: nothing may be done with the session in them. */
struct ws_session_up {
	/* ws_inbox_next() said -EAGAIN before and has something else to say now. */
	void (*readable)(struct ws_session *s);
	/* Sending said that there is no room, and there is now. */
	void (*writable)(struct ws_session *s);
	/* It is over: nothing more is called, and the owner may free it at once. */
	void (*over)(struct ws_session *s);
	/* Whose session it is, for the log: "192.0.2.7:51234". */
	weir_str (*client)(const struct ws_session *s);
};

enum ws_state {
	WS_OPEN,
	WS_CLOSING, /* one close frame is on its way, the other is waited for */
	WS_CLOSED,  /* both are, or the session was ended for a fault */
	WS_LOST,    /* the peer vanished, or was cut off */
};

/* What the one who pulls has asked for. */
enum ws_wanted { WS_WANTS_NOTHING, WS_WANTS_PIECE, WS_WANTS_MESSAGE };

/* Of a message that is read, as struct ws_event has it. */
struct ws_piece {
	const char *bytes;
	uint64_t left;
	uint32_t len;
};

/* Times that few routes limit. */
struct ws_spans {
	struct ws_session *session;
	struct timeout idle; /* until it is closed because nobody says anything */
	struct timeout life; /* until it is closed in any case */
};

/* Most of a worker's are idle, and there are tens of thousands: bytes count here. */
struct ws_session {
	/* what each message touches comes first */
	struct tunnel *tunnel;		/* borrowed; NULL when it is over */
	const struct ws_session_up *up; /* borrowed, set by the owner */
	struct ws_policy *policy;	/* borrowed: the route's */
	struct ws_outbox *outbox;	/* owned: what waits for room; NULL: nothing */
	struct list relays;		/* struct ws_relay */
	uint64_t frame_left; /* bytes of payload that are owed to a frame whose header is out */
	uint16_t close_code; /* the peer's, or the one it was ended with; 0: not yet */
	uint8_t reason_len;
	uint8_t deflate_bits; /* of our compressor's window; 0: permessage-deflate was not agreed */
	uint8_t state : 4;    /* enum ws_state */
	uint8_t wanted : 4;   /* enum ws_wanted */
	bool keeps_context : 1; /* of our compressor */
	bool is_piece_text : 1, is_piece_first : 1, is_piece_last : 1;
	bool has_piece : 1;	/* in piece */
	bool is_assembled : 1;	/* message is all there */
	bool is_out : 1;	/* and in use by the one who pulled it */
	bool is_text : 1;	/* the message that was pulled last */
	bool is_in_message : 1; /* of ours: a fragment that was not the last is out */
	bool is_deflating : 1; /* of ours: it is compressed; frame_left is of what is to be, then */
	bool is_text_out : 1;  /* of ours, while is_deflating */
	bool is_last_part : 1; /* of ours, while is_deflating: it ends with what was begun */
	bool wants_room : 1;   /* writable() is owed */
	bool is_told : 1;      /* writable() was called, and whom it woke has not come yet */
	bool is_pinged : 1;    /* the clock is that of its pong */
	bool is_relays_turn : 1;  /* before ours: these have had what room there was */
	bool has_closed : 1;	  /* our close frame is out */
	bool has_peer_closed : 1; /* and the peer's has come */
	bool is_over : 1;	  /* the owner knows */
	struct ws_read read;
	struct ws_piece piece;	/* has_piece: pulled by nobody yet */
	struct block *message;	/* owned: what is here of a message in several pieces; NULL: none */
	struct timeout clock;	/* until a ping, a dead peer, or the end of a closing handshake */
	struct ws_spans *spans; /* owned; NULL: the route has no such limits */
	struct ws_deflater *deflater; /* owned; NULL: none is kept */
	char *close_reason;	      /* owned: the peer's; NULL: none */
	struct ws_note *note;	      /* owned: for the access log; NULL: it has no line */
};

/* Takes over the tunnel of an accepted handshake. deflate: NULL when it was not agreed. */
void ws_session_open(struct ws_session *s, struct ws_policy *policy, const struct ws_session_up *up,
		     struct tunnel *tunnel, const struct ws_deflate_params *deflate);
/*
 * It goes on as to, for another owner, up; nobody has pulled a message that is
 * still in use. from is as after ws_session_done().
 */
void ws_session_move(struct ws_session *to, struct ws_session *from,
		     const struct ws_session_up *up);
/* When it is over: frees what it still owns. */
void ws_session_done(struct ws_session *s);

static inline bool ws_session_is_open(const struct ws_session *s)
{
	return s->state == WS_OPEN;
}

/* What our compressor has to know; meaningless without deflate_bits. */
static inline struct ws_deflate_params ws_session_deflate(const struct ws_session *s)
{
	return (struct ws_deflate_params){ .server_bits = s->deflate_bits,
					   .no_server_context = !s->keeps_context };
}

/* The peer's. */
static inline weir_str ws_session_close_reason(const struct ws_session *s)
{
	return (weir_str){ s->close_reason, s->reason_len };
}

/* Starts the closing handshake; harmless if it has begun. code: ws_write_code_ok(). */
void ws_session_close(struct ws_session *s, int code, weir_str reason);
/*
 * A frame or a message was begun that cannot be finished: cuts the session off,
 * unless our close frame is out, which needs no end of it.
 */
void ws_session_abort(struct ws_session *s);

/* For the other two files. Ends it for what the peer did: tells the peer, and the log. */
void ws_session_fail(struct ws_session *s, enum fault fault);
/* The peer's close frame has come. */
void ws_session_peer_closed(struct ws_session *s, int code, weir_str reason);
/* Ours has gone into the queue. */
void ws_session_close_sent(struct ws_session *s);
/* The peer is gone; why: NULL, or what it was cut off for. */
void ws_session_lost(struct ws_session *s, const char *why);
/* It has ended its half without a close frame. */
void ws_session_peer_ended(struct ws_session *s);
/* A message has come, or goes. */
static inline void ws_session_note_message(struct ws_session *s)
{
	if (s->spans && s->policy->limits.idle_ms > 0 && s->state == WS_OPEN)
		timeouts_touch(&s->policy->idles, &s->spans->idle);
}
static inline void ws_session_count(struct ws_session *s, bool is_in, bool is_first, size_t len)
{
	ws_policy_count(&s->policy->shared->counts, is_in, is_first, len);
	if (s->note)
		ws_policy_count(ws_note_counts(s->note), is_in, is_first, len);
}
/* Tells the owner what is new; the last thing that may be done with s. */
static inline void ws_session_tell(struct ws_session *s);

/* When it is not open any more. */
void ws_session_tell_more(struct ws_session *s);

static inline void ws_session_tell(struct ws_session *s)
{
	if (s->state != WS_OPEN)
		ws_session_tell_more(s);
}

/* For the policy's lists. */
void ws_session_ping_due(struct timeout *timeout);
void ws_session_pong_due(struct timeout *timeout);
void ws_session_close_due(struct timeout *timeout);
void ws_session_idle_due(struct timeout *timeout);
void ws_session_life_due(struct timeout *timeout);

#endif
