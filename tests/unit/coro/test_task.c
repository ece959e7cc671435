#include "coro/task.h"

#include "coro/deadline.h"
#include "coro/group.h"
#include "coro/wait.h"
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

TestSuite(task, .init = setup, .fini = teardown);

static int return_arg(void *arg)
{
	return *(int *)arg;
}

Test(task, runs_at_once_and_reports_its_result)
{
	struct root root;
	int n = 7;

	root_start(&w, &root, "seven", return_arg, &n);
	cr_assert(root.is_done);
	cr_assert_null(root.task);
	cr_assert_eq(root.result, 7);
	cr_assert_eq(sched_n_tasks(w.sched), 0);
}

static int yield_once(void *arg)
{
	return wait_yield();
}

Test(task, is_there_until_it_returns)
{
	struct root root;

	root_start(&w, &root, "yielding", yield_once, NULL);
	cr_assert_not(root.is_done);
	cr_assert_not_null(root.task);
	cr_assert_str_eq(task_name(root.task), "yielding");
	loop_run(w.loop);
	cr_assert(root.is_done);
	cr_assert_eq(root.result, 0);
}

static int note_stack(void *arg)
{
	*(void **)arg = task_current()->stack;
	return 0;
}

Test(task, uses_the_same_stack_as_the_one_before)
{
	void *first = NULL, *second = NULL;

	(void)world_run(&w, note_stack, &first);
	(void)world_run(&w, note_stack, &second);
	cr_assert_not_null(first);
	cr_assert_eq(first, second);
}

static struct root second_root;

static int start_another(void *arg)
{
	int n = 5;

	root_start(&w, &second_root, "another", return_arg, &n);
	cr_assert_not(second_root.is_done, "a task must not run another on its stack");
	cr_assert_eq(wait_yield(), 0);
	cr_assert(second_root.is_done);
	return second_root.result;
}

Test(task, started_by_a_task_waits_for_its_turn)
{
	cr_assert_eq(world_run(&w, start_another, NULL), 5);
}

static unsigned n_chained;

static void start_next(struct task_spec *spec, int result)
{
	struct task *task;

	if (++n_chained < 1000)
		cr_assert_eq(task_start(w.sched, spec, &task), 0);
}

Test(task, may_start_the_next_from_done_a_thousand_times)
{
	int n = 0;
	struct task_spec spec = { .fn = return_arg, .arg = &n, .done = start_next };
	struct task *task;

	n_chained = 0;
	cr_assert_eq(task_start(w.sched, &spec, &task), 0);
	loop_run(w.loop);
	cr_assert_eq(n_chained, 1000);
}

static int sleep_long(void *arg)
{
	return wait_sleep(100000);
}

Test(task, cancelled_while_it_waits_goes_on_at_once)
{
	struct root root;

	root_start(&w, &root, "sleeper", sleep_long, NULL);
	task_cancel(root.task, REASON_DISCONNECT);
	loop_run(w.loop);
	cr_assert_eq(root.result, -ECANCELED);
	cr_assert_eq(world_now(&w), 0);
}

static int count_refusals(void *arg)
{
	int *n = arg;

	cr_assert_eq(wait_sleep(1000), -ECANCELED);
	for (*n = 0; *n < 5 && wait_sleep(1000) == -ECANCELED; ++*n)
		;
	return task_reason(task_current()) == REASON_SHUTDOWN ? 0 : -EINVAL;
}

Test(task, stays_cancelled_for_the_first_reason)
{
	struct root root;
	int n;

	root_start(&w, &root, "stubborn", count_refusals, &n);
	task_cancel(root.task, REASON_SHUTDOWN);
	task_cancel(root.task, REASON_DISCONNECT);
	loop_run(w.loop);
	cr_assert_eq(root.result, 0);
	cr_assert_eq(n, 5);
	cr_assert_eq(world_now(&w), 0);
	cr_assert_str_empty(world_log(&w));
}

static int never_stop(void *arg)
{
	unsigned *n_calls = arg;

	while (*n_calls < 200 && wait_sleep(1) == -ECANCELED)
		++*n_calls;
	return 0;
}

static int count_turns(void *arg)
{
	unsigned *n = arg;

	while (wait_sleep(1) == 0)
		++*n;
	return 0;
}

Test(task, that_ignores_cancellation_is_slowed_down_and_named_once)
{
	struct root bad, good;
	unsigned n_calls = 0, n_turns = 0;
	const char *log;

	root_start(&w, &bad, "shop.stubborn", never_stop, &n_calls);
	root_start(&w, &good, "good", count_turns, &n_turns);
	task_cancel(bad.task, REASON_DISCONNECT);
	while (!bad.is_done)
		loop_turn(w.loop, true);
	/* 1 + 2 + 4 ... + 512 ms, and then a second each. */
	cr_assert_gt(world_now(&w), 100000);
	cr_assert_gt(n_turns, 10000);

	log = world_log(&w);
	cr_assert_not_null(strstr(log, "task shop.stubborn goes on although the client went away"));
	cr_assert_eq(strchr(log, '\n'), strrchr(log, '\n'), "one line: %s", log);
	task_cancel(good.task, REASON_SHUTDOWN);
	loop_run(w.loop);
}

static int loop_past_a_deadline(void *arg)
{
	unsigned n = 0;

	deadline_push(10);
	while (n < 100) {
		n++;
		deadline_push(5);
		if (deadline_pop(wait_sleep(1000)) != -ETIMEDOUT)
			break;
	}
	return deadline_pop((int)n);
}

Test(task, that_ignores_its_deadline_is_slowed_down_too)
{
	cr_assert_eq(world_run(&w, loop_past_a_deadline, NULL), 100);
	cr_assert_not_null(strstr(world_log(&w), "its deadline has passed"));
}

static struct wait gate;

static int wait_at_gate(void *arg)
{
	int r;

	r = wait_park(&gate);
	*(int *)arg = wait_yield();
	return r;
}

Test(task, woken_before_it_was_cancelled_keeps_its_result)
{
	struct root root;
	int next_call = 0;

	wait_init(&gate);
	root_start(&w, &root, "waiter", wait_at_gate, &next_call);
	wait_wake(&gate);
	task_cancel(root.task, REASON_DISCONNECT);
	loop_run(w.loop);
	cr_assert_eq(root.result, 0);
	cr_assert_eq(next_call, -ECANCELED);
}

static int ask_user(void *arg)
{
	cr_assert_eq(task_user(), arg);
	return 0;
}

static int spawn_ask_user(void *arg)
{
	struct group *g = group_enter(GROUP_ALL);
	int r;

	(void)group_spawn(g, ask_user, task_user(), "ask_user");
	r = group_join(g);
	group_leave(g);
	return r;
}

Test(task, knows_the_user_of_its_root)
{
	cr_assert_eq(world_run(&w, spawn_ask_user, NULL), 0);
	cr_assert_null(task_user());
}

static int check_slot(void *arg)
{
	cr_assert_eq(task_slot(TASK_SLOT_SCRATCH), arg);
	task_set_slot(TASK_SLOT_SCRATCH, NULL);
	return 0;
}

static int spawn_with_slots(void *arg)
{
	int outer = 0, inner = 0, r;
	struct group *g;

	task_set_slot(TASK_SLOT_SCRATCH, &outer);
	g = group_enter(GROUP_ALL);
	task_set_slot(TASK_SLOT_SCRATCH, &inner);
	/* What is set inside of the block may be gone before the block is. */
	(void)group_spawn(g, check_slot, &outer, "check_slot");
	r = group_join(g);
	group_leave(g);
	cr_assert_eq(task_slot(TASK_SLOT_SCRATCH), &inner);
	return r;
}

Test(task, hands_down_the_slots_that_were_set_when_the_group_was_opened)
{
	cr_assert_eq(world_run(&w, spawn_with_slots, NULL), 0);
}

Test(task, check_refuses_outside_of_tasks)
{
	cr_assert_eq(task_check(), -EDEADLK);
	cr_assert_null(task_current());
}

static void suspend_outside(void *arg)
{
	*(int *)arg = wait_yield();
}

static int try_outside(void *arg)
{
	int r = 0;

	sched_outside(suspend_outside, &r);
	return r;
}

Test(task, must_not_suspend_on_the_loops_stack)
{
	cr_assert_eq(world_run(&w, try_outside, NULL), -EDEADLK);
}

static int shielded_sleep(void *arg)
{
	deadline_push_shield(1000);
	return deadline_pop_shield(wait_sleep(500));
}

Test(task, cancel_now_breaks_a_shield)
{
	struct root root;

	root_start(&w, &root, "shielded", shielded_sleep, NULL);
	task_cancel(root.task, REASON_DISCONNECT);
	loop_turn(w.loop, false);
	cr_assert_not(root.is_done);
	task_cancel_now(root.task, REASON_SHUTDOWN);
	loop_run(w.loop);
	cr_assert_eq(root.result, -ECANCELED);
	cr_assert_eq(world_now(&w), 0);
}

static int nest(void *arg)
{
	unsigned *depth = arg;
	struct group *g;
	int r;

	if (--*depth == 0)
		return wait_sleep(1000000);
	g = group_enter(GROUP_ALL);
	(void)group_spawn(g, nest, depth, "nest");
	r = group_join(g);
	group_leave(g);
	return r;
}

Test(task, cancels_a_tree_of_two_thousand_levels)
{
	struct root root;
	unsigned depth = 2000;

	root_start(&w, &root, "nest", nest, &depth);
	while (depth > 0)
		loop_turn(w.loop, false);
	task_cancel(root.task, REASON_DISCONNECT);
	loop_run(w.loop);
	cr_assert_eq(root.result, -ECANCELED);
	cr_assert_eq(world_now(&w), 0);
}
