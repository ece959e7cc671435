#include "coro/deadline.h"

#include "coro/wait.h"
#include "coro_world.h"
#include "oom.h"

static struct world w;

static void setup(void)
{
	world_open(&w);
}

static void teardown(void)
{
	world_close(&w);
}

TestSuite(deadline, .init = setup, .fini = teardown);

static int nested(void *arg)
{
	const int64_t *ms = arg;
	int inner, outer;

	deadline_push(ms[0]);
	deadline_push(ms[1]);
	inner = deadline_pop(wait_sleep(1000));
	cr_assert_eq(inner, -ETIMEDOUT);
	outer = deadline_has_passed();
	return deadline_pop(outer);
}

Test(deadline, the_inner_one_may_be_nearer)
{
	int64_t ms[] = { 100, 30 };

	cr_assert_eq(world_run(&w, nested, ms), false);
	cr_assert_eq(world_now(&w), 30);
}

Test(deadline, the_outer_one_may_be_nearer)
{
	int64_t ms[] = { 30, 100 };

	cr_assert_eq(world_run(&w, nested, ms), true);
	cr_assert_eq(world_now(&w), 30);
}

static int loop_around(void *arg)
{
	int n = 0;

	deadline_push(100);
	while (!deadline_has_passed()) {
		deadline_push(30);
		cr_assert_eq(deadline_pop(wait_sleep(1000)), -ETIMEDOUT);
		n++;
	}
	return deadline_pop(n);
}

Test(deadline, a_loop_that_asks_ends_with_the_outer_one)
{
	cr_assert_eq(world_run(&w, loop_around, NULL), 4);
	cr_assert_eq(world_now(&w), 100);
}

static int sticky(void *arg)
{
	deadline_push(10);
	cr_assert_eq(wait_sleep(20), -ETIMEDOUT);
	cr_assert_eq(wait_sleep(20), -ETIMEDOUT);
	cr_assert_eq(wait_yield(), -ETIMEDOUT);
	return deadline_pop(0) ? -1 : wait_sleep(20);
}

Test(deadline, is_over_until_it_is_popped_and_then_no_more)
{
	cr_assert_eq(world_run(&w, sticky, NULL), 0);
	cr_assert_eq(world_now(&w), 30);
}

static int no_time(void *arg)
{
	deadline_push(0);
	return deadline_pop(wait_yield());
}

Test(deadline, of_0_is_over_at_once)
{
	cr_assert_eq(world_run(&w, no_time, NULL), -ETIMEDOUT);
}

static int endless(void *arg)
{
	deadline_push(INT64_MAX);
	return deadline_pop(wait_sleep(5));
}

Test(deadline, may_be_for_ever)
{
	cr_assert_eq(world_run(&w, endless, NULL), 0);
}

static int deep(void *arg)
{
	const int n = 100;
	int r = 0;

	for (int i = 0; i < n; i++)
		deadline_push(1000 - i);
	cr_assert_eq(wait_sleep(5000), -ETIMEDOUT);
	cr_assert_eq(world_now(&w), 1000 - n + 1);
	for (int i = 0; i < n; i++) {
		cr_assert(deadline_has_passed() == (i == 0));
		r = deadline_pop(i);
	}
	return r;
}

Test(deadline, nests_a_hundred_deep)
{
	cr_assert_eq(world_run(&w, deep, NULL), 99);
}

static int look_at_limits(void *arg)
{
	int64_t began_ms = sched_now_ms();

	cr_assert_eq(deadline_nearest_ms(), INT64_MAX);
	deadline_push(100);
	deadline_push(200);
	cr_assert_eq(deadline_nearest_ms(), began_ms + 100);
	deadline_push_shield(500);
	cr_assert_eq(deadline_nearest_ms(), began_ms + 500);
	return deadline_pop(deadline_pop(deadline_pop_shield(7)));
}

Test(deadline, tells_the_nearest_in_force)
{
	cr_assert_eq(world_run(&w, look_at_limits, NULL), 7);
	cr_assert_eq(deadline_nearest_ms(), INT64_MAX);
}

static int shield_past(void *arg)
{
	int r;

	deadline_push(10);
	cr_assert_eq(wait_sleep(20), -ETIMEDOUT);
	deadline_push_shield(50);
	cr_assert_not(deadline_has_passed());
	r = deadline_pop_shield(wait_sleep(40));
	cr_assert(deadline_has_passed());
	return deadline_pop(r);
}

Test(deadline, does_not_reach_into_a_shield)
{
	cr_assert_eq(world_run(&w, shield_past, NULL), 0);
	cr_assert_eq(world_now(&w), 50);
}

static int shield_limit(void *arg)
{
	deadline_push_shield(50);
	cr_assert_eq(wait_sleep(100), -ETIMEDOUT);
	return deadline_pop_shield(wait_yield());
}

Test(deadline, a_shield_has_a_limit_of_its_own)
{
	cr_assert_eq(world_run(&w, shield_limit, NULL), -ETIMEDOUT);
	cr_assert_eq(world_now(&w), 50);
}

static int shield_in_shield(void *arg)
{
	int r;

	cr_assert_eq(wait_sleep(1000), -ECANCELED);
	deadline_push_shield(100);
	deadline_push_shield(10);
	cr_assert_eq(deadline_pop_shield(wait_sleep(20)), -ETIMEDOUT);
	r = wait_sleep(20);
	cr_assert_eq(deadline_pop_shield(r), 0);
	return wait_yield();
}

Test(deadline, shields_nest)
{
	struct root root;

	root_start(&w, &root, "shielded", shield_in_shield, NULL);
	task_cancel(root.task, REASON_DISCONNECT);
	loop_run(w.loop);
	cr_assert_eq(root.result, -ECANCELED);
	cr_assert_eq(world_now(&w), 30);
}

static int cancelled_in_time(void *arg)
{
	deadline_push(100);
	return deadline_pop(wait_sleep(1000));
}

Test(deadline, cancellation_is_told_before_time)
{
	struct root root;

	root_start(&w, &root, "late", cancelled_in_time, NULL);
	task_cancel(root.task, REASON_DISCONNECT);
	loop_run(w.loop);
	cr_assert_eq(root.result, -ECANCELED);
}

Test(deadline, outside_of_tasks_does_nothing)
{
	deadline_push(0);
	cr_assert_not(deadline_has_passed());
	cr_assert_eq(deadline_pop(3), 3);
	deadline_push_shield(0);
	cr_assert_eq(deadline_pop_shield(4), 4);
}

static int lose_a_scope(void *arg)
{
	for (int i = 0; i < TASK_SCOPES; i++)
		deadline_push(1000);
	oom_fail_at(1);
	deadline_push_shield(10);
	cr_assert(oom_has_failed());
	deadline_push(10);
	cr_assert_eq(wait_sleep(5), -ENOMEM);
	cr_assert_eq(deadline_pop(wait_yield()), -ENOMEM);
	cr_assert_eq(deadline_pop_shield(wait_yield()), -ENOMEM);
	cr_assert_eq(wait_sleep(5), 0);
	for (int i = 0; i < TASK_SCOPES; i++)
		cr_assert_eq(deadline_pop(i), i);
	return 0;
}

Test(deadline, without_memory_fails_the_calls_inside_and_no_others)
{
	cr_assert_eq(world_run(&w, lose_a_scope, NULL), 0);
}
