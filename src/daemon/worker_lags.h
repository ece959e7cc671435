#ifndef WEIR_DAEMON_WORKER_LAGS_H
#define WEIR_DAEMON_WORKER_LAGS_H
/*
 * worker_lags.h - how long the turns of each worker's loop take, which is how
 * long an event may have to wait, and how often one took too long. In memory
 * that all processes share: a slot's worker writes, anybody reads. A worker
 * goes on where its predecessor has stopped.
 */
#include <stdint.h>

#include "base/histogram.h"
#include "base/macro.h"

struct worker_lag {
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

void worker_lag_add_stall(struct worker_lag *lag);
uint64_t worker_lag_stalls(const struct worker_lag *lag);

#endif
