#ifndef WEIR_DAEMON_HUB_ROUTES_H
#define WEIR_DAEMON_HUB_ROUTES_H
/*
 * hub_routes.h - which workers want which publications: keys, and for each the
 * slots of the workers that have registered it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/base.h>

#include "base/macro.h"
#include "base/siphash.h"

struct hub_route;
struct hub_route_len;

struct hub_routes {
	struct hub_route **buckets; /* owned; n_buckets, a power of two */
	size_t n_buckets;
	size_t n_keys;
	struct hub_route_len *lens; /* owned; the lengths of all prefixes, shortest first */
	size_t n_lens;
	size_t n_words;	 /* of a set of slots */
	uint64_t *found; /* owned; hub_routes_find()'s answer */
	struct siphash_key seed;
};

/* What is registered: publications of this name, or all whose names begin with it. */
struct hub_key {
	weir_str scope;
	weir_str name;
	bool is_prefix;
};

/* -ENOMEM. */
MUST_USE int hub_routes_init(struct hub_routes *routes, unsigned n_slots);
void hub_routes_done(struct hub_routes *routes);

/* Twice is once. -ENOMEM: nothing has changed. */
MUST_USE int hub_routes_want(struct hub_routes *routes, unsigned slot, const struct hub_key *key);
void hub_routes_unwant(struct hub_routes *routes, unsigned slot, const struct hub_key *key);
/* All that this slot's worker has registered. */
void hub_routes_forget(struct hub_routes *routes, unsigned slot);

/* The slots that want it, as n_words of bits, the lowest first. Borrowed, until the next call. */
const uint64_t *hub_routes_find(struct hub_routes *routes, weir_str scope, weir_str name);

#endif
