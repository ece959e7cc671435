#ifndef WEIR_PROTO_FORWARDED_H
#define WEIR_PROTO_FORWARDED_H
/*
 * forwarded.h - what proxies say of the client behind them, and how much of it is
 * to be believed.
 *
 *	X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.0.0.2
 *	                 anybody's word   ↑      └ a proxy that we trust
 *	                              the client: the right-most that we do not
 *
 * Each proxy adds, on the right, who has spoken to it. So who is read from the
 * right is as sure as the one that has written it: the first who is no proxy of
 * ours is the client, and what stands left of it is only what it claims.
 */
#include <stdbool.h>
#include <stddef.h>
#include <weir/base.h>

#include "base/fault.h"
#include "base/inet.h"
#include "base/macro.h"

struct arena;

/* Which fields: never both, as a proxy that writes one kind hands the other on as it came. */
enum forwarded_kind {
	FORWARDED_X,	   /* X-Forwarded-For, -Proto, -Host */
	FORWARDED_RFC7239, /* Forwarded */
};

/* Who the proxies are. */
struct forwarded_trust {
	const struct inet_net *nets;
	size_t n_nets;
	enum forwarded_kind kind;
};

bool forwarded_trusts(const struct forwarded_trust *trust, const struct inet *inet);

/* ptr NULL: nothing is said of it. They point into fields, or into the arena. */
struct forwarded {
	weir_str
		client; /* "203.0.113.9:0", "[2001:db8::1]:4711": always a port; "unknown", "_hidden" */
	weir_str scheme; /* "http" or "https" */
	weir_str host;	 /* a valid authority */
};

/*
 * Fields of a request that a trusted peer has sent; their names are lower-case.
 * -EPROTO: what would have to be believed is malformed, and *reterr_fault says so; -ENOMEM.
 */
MUST_USE int forwarded_read(const struct forwarded_trust *trust, const weir_header *fields,
			    size_t n_fields, struct arena *arena, struct forwarded *ret_forwarded,
			    enum fault *reterr_fault);

#endif
