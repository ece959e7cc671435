#include "coro/future.h"

#include <pthread.h>

#include "coro/deadline.h"
#include "coro_world.h"

static struct world w;

static void setup(void)
{
	world_open(&w);
}

static void teardown(void)
{
	world_close(&w);
}

TestSuite(future, .init = setup, .fini = teardown);

static int await(void *arg)
{
	return future_await(arg);
}

Test(future, set_before_it_is_awaited_is_there_at_once)
{
	struct future *f = future_new();
	struct root root;

	cr_assert_eq(future_set(f, 42), 0);
	root_start(&w, &root, "await", await, f);
	cr_assert(root.is_done);
	cr_assert_eq(root.result, 42);
	future_drop(f);
}

Test(future, set_afterwards_wakes_its_waiter)
{
	struct future *f = future_new();
	struct root root;

	root_start(&w, &root, "await", await, f);
	loop_turn(w.loop, false);
	cr_assert_not(root.is_done);
	cr_assert_eq(future_set(f, -EIO), 0);
	loop_run(w.loop);
	cr_assert_eq(root.result, -EIO);
	future_drop(f);
}

Test(future, is_set_once)
{
	struct future *f = future_new();

	cr_assert_eq(future_set(f, 1), 0);
	cr_assert_eq(future_set(f, 2), -EALREADY);
	cr_assert_eq(world_run(&w, await, f), 1);
	cr_assert_eq(world_run(&w, await, f), 1);
	future_drop(f);
}

static int await_within(void *arg)
{
	deadline_push(100);
	return deadline_pop(future_await(arg));
}

Test(future, never_set_ends_with_the_deadline)
{
	struct future *f = future_new();

	cr_assert_eq(world_run(&w, await_within, f), -ETIMEDOUT);
	future_drop(f);
	cr_assert_eq(future_set(f, 0), 0, "the setter had its own reference");
}

Test(future, may_be_awaited_again_after_a_timeout)
{
	struct future *f = future_new();

	cr_assert_eq(world_run(&w, await_within, f), -ETIMEDOUT);
	cr_assert_eq(future_set(f, 3), 0);
	cr_assert_eq(world_run(&w, await_within, f), 3);
	future_drop(f);
}

Test(future, has_one_waiter_at_a_time)
{
	struct future *f = future_new();
	struct root first, second;

	root_start(&w, &first, "first", await, f);
	root_start(&w, &second, "second", await, f);
	cr_assert_eq(second.result, -EBUSY);
	cr_assert_eq(future_set(f, 1), 0);
	loop_run(w.loop);
	cr_assert_eq(first.result, 1);
	future_drop(f);
}

Test(future, set_and_cancelled_in_one_turn_gives_its_result)
{
	struct future *f = future_new();
	struct root root;

	root_start(&w, &root, "await", await, f);
	cr_assert_eq(future_set(f, 9), 0);
	task_cancel(root.task, REASON_DISCONNECT);
	loop_run(w.loop);
	cr_assert_eq(root.result, 9);
	future_drop(f);
}

static void *set_from_thread(void *arg)
{
	(void)future_set(arg, 11);
	return NULL;
}

Test(future, may_be_set_by_another_thread)
{
	struct future *f = future_new();
	struct root root;
	pthread_t thread;

	loop_hold(w.loop);
	root_start(&w, &root, "await", await, f);
	cr_assert_eq(pthread_create(&thread, NULL, set_from_thread, f), 0);
	while (!root.is_done)
		loop_turn(w.loop, true);
	loop_release(w.loop);
	cr_assert_eq(root.result, 11);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	future_drop(f);
}

Test(future, may_be_set_by_another_thread_when_its_waiter_has_gone)
{
	struct future *f = future_new();
	pthread_t thread;

	future_drop(f);
	cr_assert_eq(pthread_create(&thread, NULL, set_from_thread, f), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	loop_turn(w.loop, false);
}

Test(future, set_by_another_thread_and_not_yet_told_goes_with_the_scheduler)
{
	struct future *f = future_new();
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, set_from_thread, f), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	future_drop(f);
}

TestSuite(future_alone);

Test(future_alone, may_be_set_when_the_scheduler_and_its_loop_have_gone)
{
	struct future *f;
	pthread_t thread;

	world_open(&w);
	f = future_new();
	world_close(&w);
	cr_assert_eq(pthread_create(&thread, NULL, set_from_thread, f), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	future_drop(f);
}

Test(future_alone, needs_a_scheduler)
{
	cr_assert_null(future_new());
}

/* Four threads set, the tasks wait or have given up: for ThreadSanitizer and ASan. */
#define STORM_THREADS 4
#define STORM_FUTURES 500

struct storm {
	struct future *futures[STORM_FUTURES];
	struct root roots[STORM_FUTURES];
};

static void *set_many(void *arg)
{
	struct future **futures = arg;

	for (size_t i = 0; i < STORM_FUTURES; i += STORM_THREADS)
		(void)future_set(futures[i], (int)i);
	return NULL;
}

static int await_and_drop(void *arg)
{
	int r;

	r = future_await(arg);
	future_drop(arg);
	return r;
}

static void check_storm(const struct storm *storm)
{
	for (size_t i = 0; i < STORM_FUTURES; i++) {
		int r = storm->roots[i].result;

		cr_assert(storm->roots[i].is_done);
		cr_assert(r == -ECANCELED || r == (int)(i - i % STORM_THREADS));
	}
}

Test(future, is_safe_whoever_goes_first)
{
	static struct storm storm;
	pthread_t threads[STORM_THREADS];

	loop_hold(w.loop);
	for (size_t i = 0; i < STORM_FUTURES; i++) {
		storm.futures[i] = future_new();
		root_start(&w, &storm.roots[i], "await", await_and_drop, storm.futures[i]);
	}
	for (size_t i = 0; i < STORM_THREADS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, set_many, &storm.futures[i]), 0);
	for (size_t i = 0; i < STORM_FUTURES; i += 2) {
		if (storm.roots[i].task)
			task_cancel(storm.roots[i].task, REASON_DISCONNECT);
		loop_turn(w.loop, false);
	}
	while (sched_n_tasks(w.sched) > 0)
		loop_turn(w.loop, true);
	loop_release(w.loop);
	for (size_t i = 0; i < STORM_THREADS; i++)
		cr_assert_eq(pthread_join(threads[i], NULL), 0);
	check_storm(&storm);
}
