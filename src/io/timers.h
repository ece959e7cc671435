#ifndef WEIR_IO_TIMERS_H
#define WEIR_IO_TIMERS_H
/*
 * timers.h - points in time, ordered. A pairing heap whose links are embedded
 * in the timers: starting one allocates nothing and so cannot fail. Equal
 * times fire in the order they were started.
 *
 * For what a connection restarts with every request (keep-alive, body gaps)
 * use io/timeouts: moving an entry of a FIFO list is cheaper than a heap.
 */
#include <stdbool.h>
#include <stdint.h>

struct timer {
	void (*fire)(struct timer *timer); /* the timer is stopped when this is called */
	int64_t at_ms;
	uint64_t order;
	struct timer *child; /* first of those that come later than this one */
	struct timer *next;  /* sibling */
	struct timer **link; /* what points to this one; NULL when stopped */
};

struct timers {
	struct timer *root; /* the earliest */
	uint64_t n_started;
	int64_t fired_ms; /* up to here all have fired: an earlier point is taken for this one */
};

void timer_init(struct timer *timer, void (*fire)(struct timer *timer));
static inline bool timer_is_active(const struct timer *timer)
{
	return timer->link;
}

/* Starts it, or moves it if it runs. A point in the past is as good as the last timers_fire()'s. */
void timers_start(struct timers *timers, struct timer *timer, int64_t at_ms);
void timers_stop(struct timers *timers, struct timer *timer);
/* Stops and fires all that are due; those started meanwhile wait for the next call. */
void timers_fire(struct timers *timers, int64_t now_ms);
/* The earliest point; INT64_MAX when there is none. */
int64_t timers_next_ms(const struct timers *timers);

#endif
