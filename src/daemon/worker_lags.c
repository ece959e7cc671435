/* worker_lags.c - see worker_lags.h. */
#include "daemon/worker_lags.h"

#include <errno.h>

#include "base/shared.h"
#include "io/loop.h"

int worker_lags_init(struct worker_lags *lags, unsigned n)
{
	void *items = shared_new(n * sizeof(struct worker_lag));

	if (!items)
		return -ENOMEM;
	*lags = (struct worker_lags){ .items = items, .n = n };
	return 0;
}

void worker_lags_done(struct worker_lags *lags)
{
	lags->items = shared_free(lags->items, lags->n * sizeof(struct worker_lag));
}

struct worker_lag *worker_lags_at(const struct worker_lags *lags, unsigned slot)
{
	return &lags->items[slot];
}

void worker_lag_follow(struct worker_lag *lag, struct loop *loop)
{
	beat_init(&lag->beat, &lag->turns);
	loop_set_beat(loop, &lag->beat);
}

int64_t worker_lag_turn_us(struct worker_lag *lag, int64_t now_us)
{
	struct beat_turn turn;

	if (!beat_read(&lag->beat, &turn) || turn.began_us >= now_us)
		return 0;
	return now_us - turn.began_us;
}

void worker_lag_add_stall(struct worker_lag *lag)
{
	__atomic_store_n(&lag->n_stalls, lag->n_stalls + 1, __ATOMIC_RELAXED);
}

uint64_t worker_lag_stalls(const struct worker_lag *lag)
{
	return __atomic_load_n(&lag->n_stalls, __ATOMIC_RELAXED);
}
