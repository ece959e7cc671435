#include "coro/mutex.h"

#include "coro/wait.h"
#include "coro_world.h"

static struct world w;
static struct mutex mutex;
static char text[64], a_letter[] = "a", b_letter[] = "b", c_letter[] = "c";

static void setup(void)
{
	world_open(&w);
}

static void teardown(void)
{
	world_close(&w);
}

TestSuite(mutex, .init = setup, .fini = teardown);

static int write_locked(void *arg)
{
	const char *letter = arg;
	int r;

	r = mutex_lock(&mutex);
	if (r < 0)
		return r;
	strcat(text, letter);
	r = wait_sleep(10);
	strcat(text, letter);
	mutex_unlock(&mutex);
	return r;
}

Test(mutex, keeps_others_out_and_serves_them_in_call_order)
{
	struct root a, b, c;

	root_start(&w, &a, "a", write_locked, a_letter);
	root_start(&w, &b, "b", write_locked, b_letter);
	root_start(&w, &c, "c", write_locked, c_letter);
	loop_run(w.loop);
	cr_assert_str_eq(text, "aabbcc");
	cr_assert_null(mutex.owner);
}

Test(mutex, a_lock_that_was_cancelled_does_not_hold)
{
	struct root a, b, c;

	root_start(&w, &a, "a", write_locked, a_letter);
	root_start(&w, &b, "b", write_locked, b_letter);
	root_start(&w, &c, "c", write_locked, c_letter);
	task_cancel(b.task, REASON_DISCONNECT);
	loop_run(w.loop);
	cr_assert_eq(b.result, -ECANCELED);
	cr_assert_str_eq(text, "aacc");
}

static int cancel_the_next(void *arg)
{
	const struct root *next = arg;

	cr_assert_eq(mutex_lock(&mutex), 0);
	cr_assert_eq(wait_sleep(10), 0);
	mutex_unlock(&mutex);
	task_cancel(next->task, REASON_DISCONNECT);
	return 0;
}

Test(mutex, handed_over_in_the_turn_of_a_cancellation_is_held)
{
	struct root a, b;

	root_start(&w, &a, "a", cancel_the_next, &b);
	root_start(&w, &b, "b", write_locked, b_letter);
	loop_run(w.loop);
	cr_assert_eq(b.result, -ECANCELED, "the sleep that followed");
	cr_assert_str_eq(text, "bb");
	cr_assert_null(mutex.owner);
}

static int lock_twice(void *arg)
{
	int r;

	cr_assert_eq(mutex_lock(&mutex), 0);
	r = mutex_lock(&mutex);
	mutex_unlock(&mutex);
	return r;
}

Test(mutex, is_not_locked_twice_by_one_task)
{
	cr_assert_eq(world_run(&w, lock_twice, NULL), -EDEADLK);
}

static int lock_greedily(void *arg)
{
	int r;

	for (int i = 0; i < 3; i++) {
		r = mutex_lock(&mutex);
		if (r < 0)
			return r;
		strcat(text, arg);
		r = wait_yield();
		mutex_unlock(&mutex);
	}
	return r;
}

Test(mutex, who_locks_again_at_once_goes_to_the_end_of_the_queue)
{
	struct root a, b;

	root_start(&w, &a, "a", lock_greedily, a_letter);
	root_start(&w, &b, "b", lock_greedily, b_letter);
	loop_run(w.loop);
	cr_assert_str_eq(text, "ababab");
}

Test(mutex, needs_a_task)
{
	mutex_init(&mutex);
	cr_assert_eq(mutex_lock(&mutex), -EDEADLK);
}
