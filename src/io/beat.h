#ifndef WEIR_IO_BEAT_H
#define WEIR_IO_BEAT_H
/*
 * beat.h - what a loop lets another thread see of its turns: that one is under
 * way, and since when. Who watches sleeps, without a time-out, as long as the
 * loop waits for events; the next turn wakes it. A turn costs a locked addition
 * and two loads of the clock; nothing is shared but these numbers.
 *
 * One loop writes, one thread watches, anybody may stop the watching.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/histogram.h"

struct beat {
	_Atomic uint32_t n;	  /* one more when a turn begins, and when it ends: odd meanwhile */
	_Atomic uint32_t bell;	  /* an enum beat_bell; a futex */
	_Atomic int64_t began_us; /* of the last turn */
	_Atomic int64_t ended_us; /* of the last that has ended */
	struct histogram *turns;  /* borrowed: how long each took; NULL: nobody counts */
};

enum beat_bell {
	BEAT_AWAKE,    /* nobody waits for a turn */
	BEAT_LISTENED, /* the next turn wakes who watches */
	BEAT_STOPPED,  /* nobody waits any more */
};

/* A turn that is under way. */
struct beat_turn {
	uint32_t n;
	int64_t began_us;
};

void beat_init(struct beat *beat, struct histogram *turns);

/* ---- the loop's thread. A turn that has begun does not begin again, nor end twice. */

void beat_ring(struct beat *beat);

static inline void beat_begin(struct beat *beat, int64_t now_us)
{
	if (atomic_load_explicit(&beat->n, memory_order_relaxed) % 2 == 1)
		return;
	atomic_store_explicit(&beat->began_us, now_us, memory_order_relaxed);
	/* In one order with the listener's own store and load: one of us sees the other. */
	atomic_fetch_add(&beat->n, 1);
	if (atomic_load(&beat->bell) == BEAT_LISTENED)
		beat_ring(beat);
}

static inline void beat_end(struct beat *beat, int64_t now_us)
{
	int64_t began_us = atomic_load_explicit(&beat->began_us, memory_order_relaxed);
	uint32_t n = atomic_load_explicit(&beat->n, memory_order_relaxed);

	if (n % 2 == 0)
		return;
	atomic_store_explicit(&beat->ended_us, now_us, memory_order_relaxed);
	atomic_store_explicit(&beat->n, n + 1, memory_order_release);
	if (beat->turns)
		histogram_add(beat->turns, (uint64_t)(now_us - began_us));
}

/* ---- who watches */

/* Different when a turn has begun or ended meanwhile. */
static inline uint32_t beat_count(struct beat *beat)
{
	return atomic_load(&beat->n);
}

/* False: the loop waits. */
bool beat_read(struct beat *beat, struct beat_turn *ret_turn);
/* Is it still that turn? If not, and the loop has not begun another since, when it ended; else 0. */
bool beat_is_in(struct beat *beat, const struct beat_turn *turn, int64_t *ret_ended_us);
/* Sleeps until a turn is under way, or it is stopped. */
void beat_listen(struct beat *beat);
/* Sleeps until then, on the monotonic clock, or until it is stopped. */
void beat_sleep(struct beat *beat, int64_t until_us);
bool beat_is_stopped(struct beat *beat);

/* Any thread. */
void beat_stop(struct beat *beat);

#endif
