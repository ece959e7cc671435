#include "coro/wait.h"

#include "coro/deadline.h"
#include "coro_world.h"

static struct world w;
static struct wait gate;

static void setup(void)
{
	world_open(&w);
	wait_init(&gate);
}

static void teardown(void)
{
	world_close(&w);
}

TestSuite(wait, .init = setup, .fini = teardown);

static int park_once(void *arg)
{
	return wait_park(&gate);
}

Test(wait, a_parked_task_goes_on_when_woken)
{
	struct root root;

	root_start(&w, &root, "parked", park_once, NULL);
	loop_turn(w.loop, false);
	cr_assert_not(root.is_done);
	wait_wake(&gate);
	wait_wake(&gate);
	cr_assert_not(root.is_done, "not on the stack of who wakes it");
	loop_run(w.loop);
	cr_assert_eq(root.result, 0);
}

Test(wait, a_wake_that_comes_first_is_remembered_once)
{
	struct root first, second;

	wait_wake(&gate);
	root_start(&w, &first, "first", park_once, NULL);
	cr_assert(first.is_done);
	root_start(&w, &second, "second", park_once, NULL);
	cr_assert_not(second.is_done);
	wait_wake(&gate);
	loop_run(w.loop);
}

Test(wait, is_ready_for_use_when_it_is_all_zeros)
{
	struct root root;

	gate = (struct wait){ .task = NULL };
	root_start(&w, &root, "parked", park_once, NULL);
	cr_assert_not(root.is_done);
	wait_wake(&gate);
	loop_run(w.loop);
	cr_assert_eq(root.result, 0);
}

Test(wait, takes_one_task_at_a_time)
{
	struct root first, second;

	root_start(&w, &first, "first", park_once, NULL);
	root_start(&w, &second, "second", park_once, NULL);
	cr_assert_eq(second.result, -EBUSY);
	wait_wake(&gate);
	loop_run(w.loop);
	cr_assert_eq(first.result, 0);
}

Test(wait, cannot_be_done_outside_of_tasks)
{
	cr_assert_eq(wait_park(&gate), -EDEADLK);
	cr_assert_eq(wait_sleep(1), -EDEADLK);
	cr_assert_eq(wait_yield(), -EDEADLK);
}

static int park_for_50(void *arg)
{
	int r;

	deadline_push(50);
	r = deadline_pop(wait_park(&gate));
	cr_assert(list_is_empty(&gate.link));
	return r;
}

Test(wait, ends_with_its_deadline)
{
	cr_assert_eq(world_run(&w, park_for_50, NULL), -ETIMEDOUT);
	cr_assert_eq(world_now(&w), 50);
}

static int park_twice(void *arg)
{
	cr_assert_eq(wait_park(&gate), -ECANCELED);
	deadline_push_shield(1000);
	return deadline_pop_shield(wait_park(&gate));
}

Test(wait, woken_after_it_was_cancelled_but_before_it_ran_has_completed)
{
	struct root root;

	root_start(&w, &root, "parked", park_once, NULL);
	task_cancel(root.task, REASON_DISCONNECT);
	wait_wake(&gate);
	loop_run(w.loop);
	cr_assert_eq(root.result, 0);
}

Test(wait, can_be_used_again_after_it_was_cancelled)
{
	struct root root;

	root_start(&w, &root, "parked", park_twice, NULL);
	task_cancel(root.task, REASON_DISCONNECT);
	loop_turn(w.loop, false);
	cr_assert_not(root.is_done);
	wait_wake(&gate);
	loop_run(w.loop);
	cr_assert_eq(root.result, 0);
}

static int sleep_for(void *arg)
{
	return wait_sleep(*(int64_t *)arg);
}

Test(wait, sleeps_as_long_as_it_was_told)
{
	int64_t hour = 3600 * 1000;

	cr_assert_eq(world_run(&w, sleep_for, &hour), 0);
	cr_assert_eq(world_now(&w), hour);
}

Test(wait, sleeping_for_no_time_is_a_yield)
{
	int64_t none = -5;

	cr_assert_eq(world_run(&w, sleep_for, &none), 0);
	cr_assert_eq(world_now(&w), 0);
}

static int sleep_to_the_deadline(void *arg)
{
	int r;

	deadline_push(100);
	r = wait_sleep(100);
	cr_assert_eq(wait_yield(), -ETIMEDOUT);
	return deadline_pop(r);
}

Test(wait, a_sleep_that_ends_with_its_deadline_has_ended)
{
	cr_assert_eq(world_run(&w, sleep_to_the_deadline, NULL), 0);
}

static int sleep_for_ever(void *arg)
{
	return wait_sleep(INT64_MAX);
}

Test(wait, sleeping_for_ever_does_not_overflow)
{
	struct root root;

	root_start(&w, &root, "sleeper", sleep_for_ever, NULL);
	loop_turn(w.loop, true);
	cr_assert_not(root.is_done);
	task_cancel(root.task, REASON_SHUTDOWN);
	loop_run(w.loop);
	cr_assert_eq(root.result, -ECANCELED);
}

struct scribe {
	char *text;
	char letter;
};

static int write_thrice(void *arg)
{
	const struct scribe *scribe = arg;

	for (int i = 0; i < 3; i++) {
		strncat(scribe->text, &scribe->letter, 1);
		if (wait_yield() < 0)
			return -1;
	}
	return 0;
}

Test(wait, yield_goes_round_robin)
{
	char text[16] = "";
	struct scribe scribes[] = { { text, 'a' }, { text, 'b' }, { text, 'c' } };
	struct root roots[3];

	for (size_t i = 0; i < 3; i++)
		root_start(&w, &roots[i], "scribe", write_thrice, &scribes[i]);
	loop_run(w.loop);
	cr_assert_str_eq(text, "abcabcabc");
}
