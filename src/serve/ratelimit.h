#ifndef WEIR_SERVE_RATELIMIT_H
#define WEIR_SERVE_RATELIMIT_H
/*
 * ratelimit.h - how often one address may ask: a bucket of tokens for each address
 * and rule, which fills at the rule's rate and never holds more than its burst. In
 * memory of a fixed size that all workers share, so that a limit is the daemon's, and
 * not each worker's.
 *
 * When there are more addresses than places, the one whose bucket is fullest is
 * forgotten: mostly one that has not asked for long.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/base.h>

#include "base/macro.h"
#include "base/siphash.h"

struct ratelimit_cell;

struct ratelimit {
	struct ratelimit_cell *cells; /* owned; NULL: not made */
	unsigned n_sets;	      /* a power of two */
	struct siphash_key secret;
};

struct ratelimit_rule {
	uint32_t number;   /* tells rules apart */
	uint64_t ns;	   /* between two requests, in the long run */
	uint64_t burst_ns; /* so many more, times that: they may come at once */
};

/* n requests in each period, burst of them at once; 0: as many as n. */
void ratelimit_make(struct ratelimit_rule *rule, uint32_t number, unsigned n, int64_t period_ms,
		    unsigned burst);

/* Before the workers are forked, with room for about so many addresses. -ENOMEM. */
MUST_USE int ratelimit_init(struct ratelimit *limit, unsigned n_addresses);
/* Zeroed is fine. */
void ratelimit_done(struct ratelimit *limit);

/*
 * One request of that client, "192.0.2.7:51234" or any other name; IPv6 counts by /64. 0: it
 * is welcome; else in how many milliseconds the next one would be. Nobody limits "unix:".
 */
int64_t ratelimit_take(const struct ratelimit *limit, const struct ratelimit_rule *rule,
		       weir_str client, int64_t now_ms);

#endif
