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

/* Where calls of a kind go. */
struct kind {
	struct threads **threads;
	unsigned max;
	int nice_value;
};

static struct kind blocking_kind(struct sched *sched)
{
	return (struct kind){ &sched->threads, sched->max_threads, 0 };
}

static struct kind bulk_kind(struct sched *sched)
{
	return (struct kind){ &sched->bulk, OFFLOAD_BULK_THREADS, OFFLOAD_BULK_NICE };
}

static int start(struct kind kind, struct thread_call *call)
{
	int r;

	if (!*kind.threads) {
		r = threads_new(sched_here->loop, kind.max, kind.nice_value, kind.threads);
		if (r < 0)
			return r;
	}
	return threads_start(*kind.threads, call);
}

static void on_done(struct thread_call *call)
{
	wait_wake(&container_of(call, struct awaited, call)->wait);
}

static int await(struct kind (*kind)(struct sched *), int (*fn)(void *arg), void *arg)
{
	struct awaited a = { .call = { .fn = fn, .arg = arg, .done = on_done } };
	int r;

	r = task_check();
	if (r < 0)
		return r;
	wait_init(&a.wait);
	r = start(kind(sched_here), &a.call);
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

int offload(int (*fn)(void *arg), void *arg)
{
	return await(blocking_kind, fn, arg);
}

int offload_bulk(int (*fn)(void *arg), void *arg)
{
	return await(bulk_kind, fn, arg);
}

bool offload_is_unwanted(void)
{
	return threads_is_unwanted();
}

static void on_forgotten_done(struct thread_call *call)
{
	free(call);
}

static void forget(struct kind (*kind)(struct sched *), int (*fn)(void *arg), void *arg)
{
	struct thread_call *call = sched_here ? malloc(sizeof(*call)) : NULL;

	if (call) {
		*call = (struct thread_call){ .fn = fn, .arg = arg, .done = on_forgotten_done };
		if (start(kind(sched_here), call) == 0)
			return;
		free(call);
	}
	(void)fn(arg);
}

void offload_forget(int (*fn)(void *arg), void *arg)
{
	forget(blocking_kind, fn, arg);
}

void offload_bulk_forget(int (*fn)(void *arg), void *arg)
{
	forget(bulk_kind, fn, arg);
}
