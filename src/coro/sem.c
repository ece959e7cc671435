/*
 * sem.c - a unit given while somebody waits goes to the one who has waited
 * longest and is never counted. sem_setup is not called sem_init, which is the
 * C library's.
 */
#include "coro/sem.h"

#include "coro/task.h"
#include "coro/wait.h"

void sem_setup(struct sem *s, unsigned count)
{
	list_init(&s->waiters);
	s->count = count;
}

int sem_take(struct sem *s)
{
	struct wait w;
	int r;

	r = task_check();
	if (r < 0)
		return r;
	if (s->count > 0) {
		s->count--;
		return 0;
	}
	if (!s->waiters.next)
		list_init(&s->waiters);
	wait_init(&w);
	list_add_tail(&s->waiters, &w.link);
	return wait_park_checked(&w);
}

void sem_give(struct sem *s)
{
	if (s->waiters.next && !list_is_empty(&s->waiters))
		wait_wake(list_entry(s->waiters.next, struct wait, link));
	else
		s->count++;
}
