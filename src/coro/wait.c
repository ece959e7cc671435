/*
 * wait.c - parking. A parked task is in exactly one wait, in the sched's list
 * of the parked, and perhaps in the timers; whoever ends the wait takes it out
 * of all three and puts it in the ready queue. So a task that is ready cannot
 * be woken a second time.
 */
#include "coro/wait.h"

#include <assert.h>
#include <errno.h>

#include "coro/sched.h"
#include "coro/task.h"
#include "io/loop.h"

void wait_init(struct wait *w)
{
	*w = (struct wait){ .task = NULL };
	list_init(&w->link);
}

/*
 * It runs soon, after others: the cache lines around where its stack was left
 * are on their way by then. With thousands of tasks they are in no near cache.
 */
static inline void fetch_ahead(const struct task *t)
{
	const char *sp = t->stack->context.sp;

	for (int line = -4; line < 8; line++)
		__builtin_prefetch(sp + 64 * line, 1);
}

static void unpark(struct task *t)
{
	struct wait *w = t->wait;

	fetch_ahead(t);
	if (w->link.next)
		list_del(&w->link);
	w->task = NULL;
	t->wait = NULL;
	if (timer_is_active(&t->timer))
		loop_timer_stop(t->sched->loop, &t->timer);
	sched_make_ready(t->sched, &t->ready);
}

void wait_wake(struct wait *w)
{
	w->is_woken = true;
	if (w->task)
		unpark(w->task);
}

static void end_wait(struct task *t, int result)
{
	t->wait->result = result;
	unpark(t);
}

void wait_interrupt(struct task *t)
{
	if (t->wait && !t->is_fixed)
		end_wait(t, -ECANCELED);
}

static void on_time(struct timer *timer)
{
	end_wait(container_of(timer, struct task, timer), -ETIMEDOUT);
}

/* 0: woken. Until until_ms, INT64_MAX for ever. */
static int park(struct task *t, struct wait *w, int64_t until_ms, bool is_fixed)
{
	struct sched *sched = t->sched;

	w->task = t;
	w->result = 0;
	t->wait = w;
	t->is_fixed = is_fixed;
	t->parked_ms = loop_now_ms(sched->loop);
	list_add_tail(&sched->parked, &t->ready.link);
	if (until_ms != INT64_MAX) {
		timer_init(&t->timer, on_time);
		loop_timer_start(sched->loop, &t->timer, until_ms);
	}
	task_suspend(t);
	if (!w->is_woken)
		return w->result;
	w->is_woken = false;
	return 0;
}

int wait_park_checked(struct wait *w)
{
	struct task *t = task_current();

	if (w->task)
		return -EBUSY;
	if (w->is_woken) {
		w->is_woken = false;
		return 0;
	}
	return park(t, w, t->limit_ms, false);
}

int wait_park(struct wait *w)
{
	int r;

	r = task_check();
	if (r < 0)
		return r;
	return wait_park_checked(w);
}

void wait_park_anyway(struct wait *w)
{
	assert(!w->task);
	if (!w->is_woken)
		(void)park(task_current(), w, INT64_MAX, true); /* nothing but a wake ends it */
	w->is_woken = false;
}

void wait_pause_anyway(struct task *t, int64_t ms)
{
	struct wait w;

	wait_init(&w);
	(void)park(t, &w, loop_now_ms(t->sched->loop) + ms, true); /* it ends by its time */
}

void wait_yield_anyway(struct task *t)
{
	sched_make_ready(t->sched, &t->ready);
	task_suspend(t);
}

int wait_yield(void)
{
	int r;

	r = task_check();
	if (r < 0)
		return r;
	wait_yield_anyway(task_current());
	return 0;
}

int wait_sleep(int64_t ms)
{
	struct task *t;
	struct wait w;
	int64_t now_ms, until_ms;
	int r;

	if (ms <= 0)
		return wait_yield();
	r = task_check();
	if (r < 0)
		return r;
	t = task_current();
	now_ms = loop_now_ms(t->sched->loop);
	until_ms = ms < INT64_MAX - now_ms ? now_ms + ms : INT64_MAX;

	wait_init(&w);
	r = park(t, &w, until_ms < t->limit_ms ? until_ms : t->limit_ms, false);
	/* The time is what it waited for, unless a deadline came first. */
	return r == -ETIMEDOUT && until_ms <= t->limit_ms ? 0 : r;
}
