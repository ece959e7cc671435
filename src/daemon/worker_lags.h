#ifndef WEIR_DAEMON_WORKER_LAGS_H
#define WEIR_DAEMON_WORKER_LAGS_H
/*
 * worker_lags.h - how long the turns of each worker's loop take, which is how
 * long an event may have to wait, and how often one took too long; and whether
 * one is under way, and since when. In memory that all processes share: a slot's
 * worker writes, anybody reads. A worker goes on where its predecessor has
 * stopped, but for its heart, which beats anew.
 */
#include <stdint.h>

#include "base/histogram.h"
#include "base/macro.h"
#include "io/beat.h"

struct loop;

struct worker_lag {
	struct beat beat; /* of the loop; what it points to is the worker's own */
	struct histogram turns;
	uint64_t n_stalls; /* turns longer than stall_limit; written by the watchdog only */
};

struct worker_lags {
	struct worker_lag *items; /* owned */
	unsigned n;
};

/* Before the workers are forked. -ENOMEM. */
MUST_USE int worker_lags_init(struct worker_lags *lags, unsigned n);
/* Zeroed is fine. */
void worker_lags_done(struct worker_lags *lags);
struct worker_lag *worker_lags_at(const struct worker_lags *lags, unsigned slot);

/* In the worker, whose loop it is: from this turn on. */
void worker_lag_follow(struct worker_lag *lag, struct loop *loop);
/*
 * For other processes: for how long the turn has lasted that is under way; 0 when the loop
 * waits for something to do. now_us is the monotonic clock, which all processes share.
 */
int64_t worker_lag_turn_us(struct worker_lag *lag, int64_t now_us);

void worker_lag_add_stall(struct worker_lag *lag);
uint64_t worker_lag_stalls(const struct worker_lag *lag);

#endif
