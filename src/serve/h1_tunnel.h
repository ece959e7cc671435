#ifndef WEIR_SERVE_H1_TUNNEL_H
#define WEIR_SERVE_H1_TUNNEL_H
/*
 * h1_tunnel.h - an HTTP/1 connection behind its 101: no longer HTTP, so it
 * keeps nothing of what that needs. It takes over the socket, and the bytes
 * that came behind the request.
 *
 * While it is idle it holds no buffer. What it holds because its peer takes
 * little is bounded in time: by send_timeout, and by min_rate. That is an average
 * of so much waiting as min_rate_after says, or send_timeout if that is longer,
 * and then of as much again. A tunnel is for days: what was taken quickly in the
 * first must not buy the others. And who stops altogether, and is let do so by
 * send_timeout, must not be found slow for it.
 */
#include <stdint.h>

#include "io/stream.h"
#include "io/timeouts.h"
#include "serve/tunnel.h"

struct h1_conn;
struct server;

/* Those of a worker; embedded in the server. */
struct h1_tunnels {
	struct list open;
	unsigned n_open;
	struct timeouts watches; /* once a second: is the peer there, and does it take anything? */
	struct timeouts lingers; /* our end is sent; the peer's is waited for */
};

struct h1_tunnel {
	/* what each message touches comes first */
	struct server *server; /* borrowed */
	bool is_pumping;       /* on the call stack: whoever queues need not flush */
	bool is_awaited;       /* the kernel's queue is full: the peer has to take of it */
	bool is_ending;	       /* the owner is done */
	bool is_drained;       /* it was told that the worker stops */
	bool has_rest;	       /* bytes came behind the request, of which the owner was not told */
	bool has_shut;	       /* and our end is sent */
	bool is_closed;
	struct loop_defer defer; /* to flush what was queued this turn; when closed, to be freed */
	struct tunnel tunnel;
	struct stream stream;
	struct timeout clock; /* in one of the two lists, or none */
	struct pace *pace;    /* borrowed: of the route that was upgraded */
	struct list link;     /* in the server's list */
	int64_t taken;	      /* by the peer, when that was last seen to grow */
	int64_t taken_ms;     /* when that was */
	int64_t taken_first;  /* by the peer, when its average began */
	int64_t taking_ms;    /* is_awaited: since when, with what was waited before put in front */
	int64_t waited_ms;    /* else: how long, of the time that its average is of */
	int64_t heard_ms;     /* when it last sent something, while the owner holds some of it */
};

void h1_tunnel_init_lists(struct h1_tunnels *tunnels, struct loop *loop);
void h1_tunnel_done_lists(struct h1_tunnels *tunnels);
/* The worker stops: each owner hears drain(). */
void h1_tunnel_drain_all(struct h1_tunnels *tunnels);
/* The same for one of so many equal parts of those that were not told yet. */
void h1_tunnel_drain_part(struct h1_tunnels *tunnels, unsigned parts);

/* All that is needed, before anything has happened. -ENOMEM. */
MUST_USE int h1_tunnel_new(struct h1_conn *c, struct h1_tunnel **ret_tunnel);
/* One that has not begun. */
struct h1_tunnel *h1_tunnel_free(struct h1_tunnel *ht);
/*
 * Takes over the socket of c, whose exchange has answered 101: c is closed when
 * this returns, though its memory stays as long as the exchange.
 */
void h1_tunnel_begin(struct h1_tunnel *ht, struct h1_conn *c);
/* Closes at once; the owner hears gone(), and why it was cut off, if it was. */
void h1_tunnel_lost(struct h1_tunnel *ht, const char *why);

/* Since when the peer has moved nothing, though it could; -1: it is not waited for. */
int64_t h1_tunnel_idle_since(const struct h1_tunnel *ht);

#endif
