/*
 * mutex.c - unlock hands the mutex over instead of letting the waiters race
 * for it: so order is call order, and a task that locks again at once cannot
 * keep the others out.
 */
#include "coro/mutex.h"

#include <assert.h>
#include <errno.h>

#include "coro/task.h"
#include "coro/wait.h"

struct mutex_waiter {
	struct wait wait;
	struct task *task;
};

void mutex_init(struct mutex *m)
{
	m->owner = NULL;
	list_init(&m->waiters);
}

int mutex_lock(struct mutex *m)
{
	struct mutex_waiter me;
	int r;

	r = task_check();
	if (r < 0)
		return r;
	me.task = task_current();
	if (!m->owner) {
		m->owner = me.task;
		return 0;
	}
	if (m->owner == me.task)
		return -EDEADLK;
	if (!m->waiters.next)
		list_init(&m->waiters);
	wait_init(&me.wait);
	list_add_tail(&m->waiters, &me.wait.link);
	r = wait_park_checked(&me.wait);
	assert(r < 0 || m->owner == me.task);
	return r;
}

void mutex_unlock(struct mutex *m)
{
	struct mutex_waiter *next;

	assert(m->owner == task_current());
	if (!m->waiters.next || list_is_empty(&m->waiters)) {
		m->owner = NULL;
		return;
	}
	next = list_entry(m->waiters.next, struct mutex_waiter, wait.link);
	m->owner = next->task;
	wait_wake(&next->wait);
}
