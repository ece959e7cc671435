#ifndef WEIR_SERVE_SERVER_H
#define WEIR_SERVE_SERVER_H
/*
 * server.h - what all connections of a worker share: pools, limits, time-outs,
 * the date, the logs, and who answers requests. And the list of them, for when
 * the worker has to stop.
 */
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/list.h"
#include "base/ticks.h"
#include "io/block.h"
#include "io/loop.h"
#include "io/timeouts.h"
#include "proto/h1_read.h"
#include "proto/h1_write.h"
#include "serve/conn.h"
#include "serve/exchange.h"
#include "serve/h1_tunnel.h"
#include "serve/pace.h"
#include "serve/relief.h"

struct access_log;
struct h1_conn;
struct headcount;
struct log;
struct stream;
struct tally;
struct tls_ctx;
struct trust;

/* Sizes in bytes, times in milliseconds; 0 turns a time limit off. */
struct server_limits {
	struct h1_limits head;
	size_t request_memory;
	size_t high_water;	  /* queued for one client before its handler has to wait */
	size_t memory_budget;	  /* of all buffers, pinned and queued; 0: none */
	unsigned max_connections; /* of this worker: 0: any number */
	int64_t header_ms;	  /* from the first byte of a head, or the accept, to its end */
	int64_t handshake_ms;	  /* of TLS, from the accept on */
	int64_t keep_alive_ms;	  /* between two requests */
	struct pace_limits pace;  /* of routes that have none of their own */
};

struct server {
	struct loop *loop;	       /* borrowed */
	const struct log *log;	       /* borrowed */
	struct access_log *access_log; /* borrowed; NULL: none is kept */
	bool has_phases;	       /* the log wants to know when a request's bytes came */
	struct ticks ticks;	       /* how long things take; of no source at first */
	struct tally *tally; /* borrowed: of requests without a route; NULL: none is kept */
	struct server_limits limits;
	struct h1_limits secure_head;  /* limits.head, for connections with TLS */
	struct h1_field_at *fields_at; /* owned: what all readers of heads share */
	const struct exchange_up *up;  /* borrowed: who answers */
	void *up_arg;		       /* borrowed */
	struct trust *trust;	       /* borrowed; NULL: no proxy is believed */
	struct headcount *headcount;   /* borrowed; NULL: nobody counts beyond this worker */

	struct block_pool blocks;
	struct relief relief; /* for when blocks exceed their budget */
	struct exchange_pool exchanges;
	struct timeouts heads, keep_alives, lingers, probes;
	struct pace pace;	  /* of limits.pace */
	struct pace *other_paces; /* owned */

	struct conns early; /* connections that do not speak HTTP yet */
	struct list conns;
	struct h1_tunnels tunnels; /* connections that were upgraded */
	struct h1_conn *unused;	   /* owned: memory of connections that have gone */
	unsigned n_unused;
	unsigned n_conns;	 /* upgraded or not */
	unsigned n_unwelcome;	 /* of them: only to hear that there is no room */
	unsigned n_unjudged;	 /* of them: whose PROXY header is not here yet */
	bool is_draining;	 /* every answer is its connection's last */
	bool closes_idle;	 /* and who has no request has no connection */
	struct loop_defer check; /* whether the drain is over */
	/* The last connection, and the last exchange, have gone while draining. On the loop's stack. */
	void (*drained)(struct server *server);

	struct h1_own own;
	int64_t own_until_ms; /* when its date is too old */

	uint64_t n_accepted, n_requests, n_refused;
	uint64_t n_handshakes, n_resumed, n_handshakes_failed;
	uint64_t n_slow; /* cut off because they did not take their answer */
};

MUST_USE int server_init(struct server *server, struct loop *loop, const struct log *log,
			 const struct server_limits *limits);
/* All connections must be gone, and all exchanges finished. */
void server_done(struct server *server);

/* One with these limits, for a route; the same for all that ask for the same. -ENOMEM. */
MUST_USE int server_pace(struct server *server, const struct pace_limits *limits,
			 struct pace **ret_pace);

/*
 * A new connection; client and local say where from and where to, as text that
 * is copied. Where there is no room it is answered 503, or 429, and closed.
 */
void server_accept(struct server *server, int take_fd, weir_str client, weir_str local);

/* Closes it without a word. */
void server_turn_away(struct server *server, int take_fd, weir_str client, enum fault fault);

/* The same as server_accept() where TLS is spoken, as ctx says, which is lent for long. */
void server_accept_secure(struct server *server, struct tls_ctx *ctx, int take_fd, weir_str client,
			  weir_str local);

/*
 * The same for both, but that a PROXY header comes first; ctx NULL: no TLS. It is
 * judged by the client that the header names, and closed if we trust proxies, but
 * not this one.
 */
void server_accept_proxied(struct server *server, struct tls_ctx *ctx, int take_fd, weir_str client,
			   weir_str local);

/* Answers 503 and closes, all at once: there is no descriptor to keep it open with. */
void server_refuse(struct server *server, int take_fd, weir_str client);

/* What it says of itself; the date is at most a second old. */
static inline const struct h1_own *server_own(struct server *server);

/*
 * No more requests: idle connections are closed now, the others after what
 * they have in flight. drained() follows when none is left, at the end of a turn.
 */
void server_drain(struct server *server);
/*
 * In two steps, when others serve and nobody need notice: first connections end with their
 * next answer; then idle ones end without. Tunnels are not told.
 */
void server_drain_gently(struct server *server);
void server_close_idle(struct server *server);
/*
 * For connections. Is there room for one more, from there, that n_conns does not know yet, or
 * n_unjudged does? Then FAULT_NONE, else what to answer; in both cases its stream is to bear
 * *ret_label. -EBUSY: it is not even told, because too many are.
 */
MUST_USE int server_judge(struct server *server, weir_str client, enum fault *ret_fault,
			  unsigned *ret_label);
/* A label for which there came to be no stream. */
void server_forget_label(struct server *server, unsigned label);
/* For connections: one, or an exchange whose connection had gone, is no more. */
void server_conn_gone(struct server *server, const struct stream *stream);
void server_exchange_gone(struct server *server);
/* All connections, whatever they do; for the end of the grace. */
void server_close_all(struct server *server);

/* A second is over. */
void server_renew_own(struct server *server);

static inline const struct h1_own *server_own(struct server *server)
{
	if (loop_now_ms(server->loop) >= server->own_until_ms)
		server_renew_own(server);
	return &server->own;
}

#endif
