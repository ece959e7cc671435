/*
 * future_tsan.c - futures set by other threads, for ThreadSanitizer, which
 * Criterion cannot run under: a program of its own that ends with 0.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

#include "coro/future.h"
#include "coro/sched.h"
#include "coro/task.h"
#include "io/loop.h"

#define THREADS 4
#define FUTURES 2000

struct waiter {
	struct task_spec spec;
	struct task *task;
	struct future *future;
	int result;
};

static struct waiter waiters[FUTURES];
static struct future *late; /* set when the scheduler has gone */

static int await(void *arg)
{
	const struct waiter *w = arg;
	int r;

	r = future_await(w->future);
	future_drop(w->future);
	return r;
}

static void on_done(struct task_spec *spec, int result)
{
	struct waiter *w = container_of(spec, struct waiter, spec);

	w->task = NULL;
	w->result = result;
}

static void *set_some(void *arg)
{
	size_t first = (size_t)((struct waiter *)arg - waiters);

	for (size_t i = first; i < FUTURES; i += THREADS)
		assert(future_set(waiters[i].future, (int)i) == 0);
	return NULL;
}

static void *set_late(void *arg)
{
	assert(future_set(late, 0) == 0);
	return NULL;
}

static void start_waiters(struct sched *sched)
{
	for (size_t i = 0; i < FUTURES; i++) {
		struct waiter *w = &waiters[i];

		w->spec = (struct task_spec){ .fn = await, .arg = w, .done = on_done };
		w->future = future_new();
		assert(w->future);
		assert(task_start(sched, &w->spec, &w->task) == 0);
	}
}

static void check_results(void)
{
	for (size_t i = 0; i < FUTURES; i++)
		assert(waiters[i].result == (int)i || waiters[i].result == -ECANCELED);
}

int main(void)
{
	struct sched_opts opts = { .stack_size = 64 * 1024 };
	pthread_t threads[THREADS], last;
	struct sched *sched;
	struct loop *loop;

	assert(loop_new(&loop) == 0);
	assert(sched_new(loop, &opts, &sched) == 0);
	start_waiters(sched);
	late = future_new();

	for (size_t i = 0; i < THREADS; i++)
		assert(pthread_create(&threads[i], NULL, set_some, &waiters[i]) == 0);
	for (size_t i = 0; i < FUTURES; i += 3) {
		if (waiters[i].task)
			task_cancel(waiters[i].task, REASON_DISCONNECT);
		loop_turn(loop, false);
	}
	while (sched_n_tasks(sched) > 0)
		loop_turn(loop, true);

	/* Some may still be on their way to waiters that have gone. */
	sched = sched_free(sched);
	assert(pthread_create(&last, NULL, set_late, NULL) == 0);
	for (size_t i = 0; i < THREADS; i++)
		assert(pthread_join(threads[i], NULL) == 0);
	assert(pthread_join(last, NULL) == 0);
	loop = loop_free(loop);
	future_drop(late);
	check_results();
	puts("ok");
	return 0;
}
