#ifndef WEIR_CORO_MUTEX_H
#define WEIR_CORO_MUTEX_H
/*
 * mutex.h - one task at a time, across suspensions; in call order. All zeros
 * is an unlocked mutex. It must not move while it is locked.
 */
#include "base/list.h"
#include "base/macro.h"

struct task;

struct mutex {
	struct task *owner;  /* NULL: unlocked */
	struct list waiters; /* struct mutex_waiter; all zeros is empty */
};

void mutex_init(struct mutex *m);
/* 0: it is held. -ECANCELED, -ETIMEDOUT; -EDEADLK if the task holds it, and outside of tasks. */
MUST_USE int mutex_lock(struct mutex *m);
/* By its owner. Hands it to who has waited longest; does not suspend. */
void mutex_unlock(struct mutex *m);

#endif
