#ifndef WEIR_SERVE_CONN_H
#define WEIR_SERVE_CONN_H
/*
 * conn.h - a connection's early life, before there is a protocol to speak: the PROXY
 * header where one is due, and with TLS the first byte and the handshake. Then it is
 * an h1_conn.
 *
 *	accept → PROXY header → first byte → TLS → ALPN → h1_conn
 *	                  |          └ plain HTTP, by mistake: 400
 *	                  └ without TLS → h1_conn
 *
 * A connection with neither has no such life: h1_conn_open() is called at once.
 */
#include <weir/base.h>

#include "base/fault.h"
#include "base/list.h"
#include "base/macro.h"
#include "io/timeouts.h"

struct server;
struct tls_ctx;

/* Those of a worker; embedded in the server. */
struct conns {
	struct list open;
	unsigned n_open;
	struct timeouts handshakes; /* the whole of it, from the accept on */
};

void conn_init_lists(struct conns *conns, struct server *server, int64_t handshake_ms);
void conn_done_lists(struct conns *conns);
/* The worker stops: who has not sent a byte yet is let go, the others go on. */
void conn_drain_all(struct conns *conns);
/* All of them, at once. */
void conn_close_all(struct conns *conns);

/*
 * Begins one, to which ctx is lent for long. With another fault than FAULT_NONE it is only
 * told so, after its handshake. label is that of server_judge(), and not taken on -ENOMEM; the
 * descriptor is taken in any case.
 */
MUST_USE int conn_open(struct server *server, struct tls_ctx *ctx, int take_fd, unsigned label,
		       weir_str client, weir_str local, enum fault fault);
/* One that begins with a PROXY header, and is judged when it is there. ctx NULL: no TLS. */
MUST_USE int conn_open_proxied(struct server *server, struct tls_ctx *ctx, int take_fd,
			       weir_str client, weir_str local);

#endif
