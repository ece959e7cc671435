#ifndef WEIR_CORO_FUTURE_H
#define WEIR_CORO_FUTURE_H
/*
 * future.h - a result that a callback brings, perhaps on another thread. It
 * has two references, the waiter's and the setter's, so that neither has to
 * outlive the other; and the setter may outlive the scheduler.
 */
#include "base/macro.h"

struct future;
struct future_inbox;
struct loop;

/* On the scheduler's thread. NULL without memory, or where no scheduler is. */
struct future *future_new(void);
/*
 * From any thread, once: gives the setter's reference back. -EALREADY for a
 * second time, which is safe only while the waiter's reference is held.
 */
int future_set(struct future *f, int result);
/*
 * What was set, as often as it is asked; negative results are handed through.
 * -EBUSY while another task waits; -ECANCELED, -ETIMEDOUT, -EDEADLK.
 */
MUST_USE int future_await(struct future *f);
/* Gives the waiter's reference back, set or not. NULL is fine. */
void future_drop(struct future *f);

/* From here on: for sched.c. Where other threads put what they have set. -ENOMEM. */
MUST_USE int future_inbox_new(struct loop *loop, struct future_inbox **ret_inbox);
/* On the loop's thread: what is set from now on wakes nobody. Gives the reference back. */
void future_inbox_close(struct future_inbox *inbox);

#endif
