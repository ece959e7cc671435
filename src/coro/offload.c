/*
 * offload.c - a call on the task's stack while it waits, or on the heap if
 * nobody does. Whether a call that is not wanted any more has begun is decided
 * in one place, threads_take_back(): either it is removed and nothing has
 * happened, or fn's result is what the task gets.
 */
#include "coro/offload.h"

#include <errno.h>
#include <stdlib.h>

#include "coro/sched.h"
#include "coro/task.h"
#include "coro/wait.h"
#include "io/threads.h"

struct awaited {
	struct thread_call call;
	struct wait wait;
};

static int start(struct sched *sched, struct thread_call *call)
{
	int r;

	if (!sched->threads) {
		r = threads_new(sched->loop, sched->max_threads, &sched->threads);
		if (r < 0)
			return r;
	}
	return threads_start(sched->threads, call);
}

static void on_done(struct thread_call *call)
{
	wait_wake(&container_of(call, struct awaited, call)->wait);
}

int offload(int (*fn)(void *arg), void *arg)
{
	struct awaited a = { .call = { .fn = fn, .arg = arg, .done = on_done } };
	int r;

	r = task_check();
	if (r < 0)
		return r;
	wait_init(&a.wait);
	r = start(sched_here, &a.call);
	if (r < 0)
		return r;

	r = wait_park_checked(&a.wait);
	if (r < 0) {
		if (threads_take_back(&a.call))
			return r;
		threads_say_unwanted(&a.call);
		wait_park_anyway(&a.wait);
	}
	return a.call.result;
}

bool offload_is_unwanted(void)
{
	return threads_is_unwanted();
}

static void on_forgotten_done(struct thread_call *call)
{
	free(call);
}

void offload_forget(int (*fn)(void *arg), void *arg)
{
	struct thread_call *call = sched_here ? malloc(sizeof(*call)) : NULL;

	if (call) {
		*call = (struct thread_call){ .fn = fn, .arg = arg, .done = on_forgotten_done };
		if (start(sched_here, call) == 0)
			return;
		free(call);
	}
	(void)fn(arg);
}
