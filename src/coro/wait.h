#ifndef WEIR_CORO_WAIT_H
#define WEIR_CORO_WAIT_H
/*
 * wait.h - where a task parks until something outside wakes it. A wake that
 * comes before the park is remembered: ask, then park, and nothing is missed.
 *
 *	while (!has_bytes(x)) {
 *		r = wait_park(&x->readable);
 *		if (r < 0)
 *			return r;
 *	}
 *
 * What has been woken is woken: a cancellation or a deadline that comes after
 * it, but before the task runs, is told to the next call.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/macro.h"

struct task;

struct wait {
	struct list link;  /* in a queue of its owner; left when the wait ends, however it does */
	struct task *task; /* who is parked here */
	int result;	   /* -ECANCELED or -ETIMEDOUT, when that ended it */
	bool is_woken;
};

/* Nobody parks here, and nothing is remembered. All zeros are as good for one that is in no queue. */
void wait_init(struct wait *w);

/*
 * Suspends the running task until wait_wake(): 0. -ECANCELED, -ETIMEDOUT,
 * -EBUSY when another task is parked here, -EDEADLK outside of tasks.
 */
MUST_USE int wait_park(struct wait *w);
/* From a task or a loop callback. Twice is once. */
void wait_wake(struct wait *w);

/* Both suspend at least once. -ECANCELED, -ETIMEDOUT, -EDEADLK. */
MUST_USE int wait_sleep(int64_t ms);
MUST_USE int wait_yield(void);

/* From here on: for this folder. */

/* As wait_park(), for who has asked task_check() already. */
MUST_USE int wait_park_checked(struct wait *w);
/* Cannot be cancelled, knows no deadline: for leaving a group. */
void wait_park_anyway(struct wait *w);
void wait_pause_anyway(struct task *t, int64_t ms);
void wait_yield_anyway(struct task *t);
/* The task was cancelled: ends its wait, if it can be ended. */
void wait_interrupt(struct task *t);

#endif
