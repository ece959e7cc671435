#ifndef WEIR_SERVE_TRUST_H
#define WEIR_SERVE_TRUST_H
/*
 * trust.h - proxies in front of us whose word about their clients counts. It
 * stands between connections of trusted peers and the application: there an
 * exchange gets the client, the scheme and the host that its proxy names.
 * Others are not touched, and cost nothing.
 */
#include <stdbool.h>
#include <weir/base.h>

#include "proto/forwarded.h"
#include "serve/exchange.h"

struct log;
struct server;

struct trust {
	struct forwarded_trust proxies; /* borrowed nets */
	bool has_unix;			/* who comes over a Unix socket is one */
	struct server *server;		/* borrowed */
	struct exchange_up up;		/* for exchanges of trusted peers */
	const struct exchange_up *next; /* borrowed: whom those are handed on to */
};

/* server->up is set already; server->trust is this from now on. */
void trust_init(struct trust *trust, struct server *server, const struct forwarded_trust *proxies,
		bool has_unix);

/* Is that one of the proxies? name: of a peer, as sock_name() writes it. */
bool trust_has(const struct trust *trust, weir_str name);

#endif
