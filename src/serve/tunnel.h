#ifndef WEIR_SERVE_TUNNEL_H
#define WEIR_SERVE_TUNNEL_H
/*
 * tunnel.h - what a connection becomes when an exchange is upgraded: bytes
 * both ways, of a protocol that only its owner knows. Nobody above can tell
 * which connection, or which stream of one, it runs on.
 *
 *	    owner                        struct tunnel_up
 *	up:   readable  writable  drain  gone
 *	    ─────────────── struct tunnel ───────────────
 *	down: taken  queued  end  abort
 *	    connection                   struct tunnel_down
 *
 * The two ends share the buffers: what has come lies in `in`, what shall go is
 * appended to `out`, and each side tells the other.
 *
 * Life: the connection makes it. It is the owner's until tunnel_end(),
 * tunnel_abort() or gone(), whichever comes first.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/macro.h"
#include "io/block.h"
#include "io/outq.h"

struct tunnel;

struct tunnel_up {
	/* Bytes have come, or the peer's last one has: is_ended. */
	void (*readable)(struct tunnel *t);
	/* tunnel_has_room() said no before, and there is room now. */
	void (*writable)(struct tunnel *t);
	/* The worker stops: say goodbye, then tunnel_end(). */
	void (*drain)(struct tunnel *t);
	/* The peer is gone without a word (why: NULL), or was cut off: the tunnel is no more. */
	void (*gone)(struct tunnel *t, const char *why);
};

struct tunnel_down {
	void (*taken)(struct tunnel *t);
	void (*queued)(struct tunnel *t);
	void (*end)(struct tunnel *t);
	void (*abort)(struct tunnel *t);
};

/*
 * What the next bytes will be about, as far as their owner knows: with thousands
 * of sessions it is in no near cache, and is fetched while the bytes are received.
 * It need not be right, nor exist any more: fetching does no harm.
 */
struct tunnel_ahead {
	const char *around; /* where a stack is used: above and below; NULL: nothing is known */
	const void *also[2];
	const void *relay; /* what is sent without the owner's asking */
};

struct tunnel {
	const struct tunnel_up *up; /* borrowed, set by the owner at once */
	void *owner;		    /* its own, opaque */
	const struct tunnel_down *down;
	struct block *in;    /* bytes that have come and were not taken; NULL: none */
	struct outq *out;    /* the connection's */
	size_t high_water;   /* of out, beyond which the owner has to wait */
	size_t held;	     /* bytes of blocks that the owner holds for what came */
	bool is_ended;	     /* no byte will come any more */
	bool has_peer_ended; /* nor will the peer send any, but some were not read yet */
	bool wants_room;     /* writable() is owed */
	struct tunnel_ahead ahead;
};

/* A session's coroutine sleeps in calls of about 700 bytes, and calls as much again to send. */
#define TUNNEL_LINES_BELOW 11
#define TUNNEL_LINES_ABOVE 12

static inline void tunnel_fetch(const struct tunnel *t)
{
	const struct tunnel_ahead *ahead = &t->ahead;

	if (!ahead->around)
		return;
	for (int line = -TUNNEL_LINES_BELOW; line < TUNNEL_LINES_ABOVE; line++)
		__builtin_prefetch(ahead->around + 64 * line, 1);
	for (size_t i = 0; i < ARRAY_LEN(ahead->also); i++)
		__builtin_prefetch(ahead->also[i], 1);
	__builtin_prefetch(ahead->relay, 1);
}

/* Some bytes of in were taken, by moving its start: there is room for more. */
static inline void tunnel_taken(struct tunnel *t)
{
	t->down->taken(t);
}

/* Something was appended to out: it leaves at the latest at the end of this turn. */
static inline void tunnel_queued(struct tunnel *t)
{
	t->down->queued(t);
}

/* Is less queued than the high-water mark? If not, writable() follows when half of it has left. */
static inline bool tunnel_has_room(struct tunnel *t)
{
	if (t->out->queued < t->high_water)
		return true;
	t->wants_room = true;
	return false;
}

/*
 * The owner is done. What is queued still leaves, then the connection ends, in
 * a way that lets the peer read it all; none of the owner's functions is called
 * any more.
 */
static inline void tunnel_end(struct tunnel *t)
{
	t->down->end(t);
}

/* The same at once: what is queued is lost, and the peer sees a reset. */
static inline void tunnel_abort(struct tunnel *t)
{
	t->down->abort(t);
}

#endif
