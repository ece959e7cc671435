#ifndef WEIR_CORO_SEM_H
#define WEIR_CORO_SEM_H
/* sem.h - at most so many at a time, in call order. All zeros has a count of 0. */
#include "base/list.h"
#include "base/macro.h"

struct sem {
	struct list waiters; /* struct wait; all zeros is empty */
	unsigned count;
};

void sem_setup(struct sem *s, unsigned count);
/* -ECANCELED, -ETIMEDOUT, -EDEADLK: nothing was taken. */
MUST_USE int sem_take(struct sem *s);
/* From tasks and loop callbacks; does not suspend. */
void sem_give(struct sem *s);

#endif
