#include "coro/group.h"

#include "coro/deadline.h"
#include "coro/wait.h"
#include "coro_job.h"
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

TestSuite(group, .init = setup, .fini = teardown);

static int join_all(void *arg)
{
	struct job *jobs = arg;
	struct group *g = group_enter(GROUP_ALL);
	int r;

	for (size_t i = 0; i < 3; i++)
		cr_assert_not_null(spawn(g, &jobs[i]));
	r = group_join(g);
	group_leave(g);
	return r;
}

Test(group, join_waits_for_all)
{
	struct job jobs[] = { { .ms = 10 }, { .ms = 30 }, { .ms = 20, .result = 5 } };

	cr_assert_eq(world_run(&w, join_all, jobs), 0);
	cr_assert_eq(jobs[1].ended_ms, 30);
	cr_assert_eq(world_now(&w), 30);
}

Test(group, first_error_cancels_the_siblings)
{
	struct job jobs[] = { { .ms = 1000 }, { .ms = 10, .result = -EIO }, { .ms = 2000 } };

	cr_assert_eq(world_run(&w, join_all, jobs), -EIO);
	cr_assert_eq(world_now(&w), 10);
	cr_assert(jobs[0].has_ended && jobs[2].has_ended);
	cr_assert_eq(jobs[0].reason, REASON_SIBLING);
	cr_assert_str_empty(world_log(&w));
}

static int run_race(void *arg)
{
	struct job *jobs = arg;
	struct group *g = group_enter(GROUP_FIRST);
	int r;

	for (size_t i = 0; i < 3; i++)
		cr_assert_not_null(spawn(g, &jobs[i]));
	r = group_join(g);
	group_leave(g);
	return r;
}

Test(group, a_race_is_won_by_the_first_to_return)
{
	struct job jobs[] = { { .ms = 30, .result = 1 }, { .ms = 10, .result = 2 }, { .ms = 20 } };

	cr_assert_eq(world_run(&w, run_race, jobs), 2);
	cr_assert_eq(world_now(&w), 10);
	cr_assert_eq(jobs[0].reason, REASON_SIBLING);
}

Test(group, a_race_may_be_won_by_an_error)
{
	struct job jobs[] = { { .ms = 30 }, { .ms = 10, .result = -EIO }, { .ms = 20 } };

	cr_assert_eq(world_run(&w, run_race, jobs), -EIO);
}

static int race_called_off(void *arg)
{
	struct job slow = { .ms = 100 };
	struct group *g = group_enter(GROUP_FIRST);
	int r;

	group_child_cancel(spawn(g, &slow));
	r = group_join(g);
	group_leave(g);
	return r;
}

Test(group, a_race_that_was_called_off_has_no_winner)
{
	cr_assert_eq(world_run(&w, race_called_off, NULL), -ECANCELED);
}

static int join_empty(void *arg)
{
	struct group *g = group_enter(*(enum group_mode *)arg);
	int r;

	r = group_join(g);
	group_leave(g);
	return r;
}

Test(group, join_of_nothing_is_0)
{
	enum group_mode modes[] = { GROUP_ALL, GROUP_FIRST, GROUP_EACH };

	cr_assert_eq(world_run(&w, join_empty, &modes[0]), 0);
	cr_assert_eq(world_run(&w, join_empty, &modes[1]), 0);
	cr_assert_eq(world_run(&w, join_empty, &modes[2]), 0);
}

static int collect(void *arg)
{
	struct job jobs[] = { { .ms = 30, .result = 1 },
			      { .ms = 10, .result = -EIO },
			      { .ms = 20, .result = 3 } };
	int *order = arg;
	struct group *g = group_enter(GROUP_EACH);
	struct group_child *child;
	int r, n = 0;

	for (size_t i = 0; i < 3; i++)
		cr_assert_not_null(spawn(g, &jobs[i]));
	while ((r = group_next(g, &child)) == 1) {
		const struct job *job = group_child_arg(child);

		cr_assert_eq(group_child_result(child), job->result);
		order[n++] = job->result;
	}
	group_leave(g);
	return r < 0 ? r : n;
}

Test(group, next_goes_by_the_order_of_completion)
{
	int order[3];

	cr_assert_eq(world_run(&w, collect, order), 3);
	cr_assert_eq(order[0], -EIO);
	cr_assert_eq(order[1], 3);
	cr_assert_eq(order[2], 1);
	cr_assert_str_empty(world_log(&w), "they were all looked at");
}

static int leave_at_once(void *arg)
{
	struct job *job = arg;
	struct group *g = group_enter(GROUP_EACH);

	cr_assert_not_null(spawn(g, job));
	cr_assert_eq(wait_yield(), 0);
	cr_assert(job->has_begun);
	group_leave(g);
	cr_assert(job->has_ended);
	return 0;
}

Test(group, leaving_cancels_and_waits)
{
	struct job job = { .ms = 1000 };

	cr_assert_eq(world_run(&w, leave_at_once, &job), 0);
	cr_assert_eq(job.reason, REASON_EXPLICIT);
	cr_assert_eq(world_now(&w), 0);
}

static int leave_before_it_began(void *arg)
{
	struct group *g = group_enter(GROUP_ALL);

	cr_assert_not_null(spawn(g, arg));
	group_leave(g);
	return 0;
}

Test(group, a_child_cancelled_before_its_turn_is_called_all_the_same)
{
	struct job job = { .ms = 1000 };

	cr_assert_eq(world_run(&w, leave_before_it_began, &job), 0);
	cr_assert(job.has_begun);
	cr_assert_eq(job.reason, REASON_EXPLICIT);
	cr_assert_eq(world_now(&w), 0);
}

static int spawn_in_cancelled(void *arg)
{
	struct job failing = { .result = -EIO };
	struct group *g = group_enter(GROUP_ALL);
	int r;

	cr_assert_not_null(spawn(g, &failing));
	cr_assert_eq(wait_yield(), 0);
	cr_assert_null(spawn(g, arg));
	r = group_join(g);
	group_leave(g);
	return r;
}

Test(group, in_a_cancelled_one_fn_is_never_called)
{
	struct job job = { .ms = 10 };

	cr_assert_eq(world_run(&w, spawn_in_cancelled, &job), -EIO);
	cr_assert_not(job.has_begun);
}

static int open_when_cancelled(void *arg)
{
	struct group *g;
	int r;

	cr_assert_eq(wait_sleep(1000), -ECANCELED);
	g = group_enter(GROUP_ALL);
	cr_assert_null(spawn(g, arg));
	r = group_join(g);
	group_leave(g);
	return r;
}

Test(group, opened_by_a_cancelled_task_is_cancelled)
{
	struct job job = { .ms = 10 };
	struct root root;

	root_start(&w, &root, "cancelled", open_when_cancelled, &job);
	task_cancel(root.task, REASON_DISCONNECT);
	loop_run(w.loop);
	cr_assert_eq(root.result, -ECANCELED);
	cr_assert_not(job.has_begun);
}

/* A task in a task in a task; each cleans up behind a shield. */
struct level {
	unsigned depth;
	unsigned n_cleaned;
	enum reason reason;
};

static int descend(void *arg)
{
	struct level *level = arg;
	struct group *g;
	int r;

	if (level->depth-- == 0) {
		r = wait_sleep(10000);
		level->reason = task_reason(task_current());
	} else {
		g = group_enter(GROUP_ALL);
		cr_assert_not_null(group_spawn(g, descend, level, "descend"));
		r = group_join(g);
		group_leave(g);
	}
	deadline_push_shield(500);
	if (deadline_pop_shield(wait_sleep(100)) == 0)
		level->n_cleaned++;
	return r;
}

Test(group, cancellation_goes_down_three_levels_and_each_cleans_up)
{
	struct level level = { .depth = 3 };
	struct root root;

	root_start(&w, &root, "descend", descend, &level);
	for (int i = 0; i < 5; i++)
		loop_turn(w.loop, false);
	task_cancel(root.task, REASON_DISCONNECT);
	loop_run(w.loop);
	cr_assert_eq(root.result, -ECANCELED);
	cr_assert_eq(level.n_cleaned, 4);
	cr_assert_eq(level.reason, REASON_DISCONNECT);
	cr_assert_eq(world_now(&w), 400, "one after the other: a block is not left before");
}

static int unseen(void *arg)
{
	struct job jobs[] = { { .result = -EIO }, { .result = -EPIPE }, { .result = 0 } };
	struct group *g = group_enter(GROUP_EACH);
	int r;

	for (size_t i = 0; i < 3; i++)
		cr_assert_not_null(spawn(g, &jobs[i]));
	r = group_join(g);
	group_leave(g);
	return r;
}

Test(group, errors_nobody_looked_at_are_logged_with_their_place)
{
	cr_assert_eq(world_run(&w, unseen, NULL), 0);
	cr_assert_str_eq(world_log(&w),
			 "warn: task do_job (coro_job.h) returned EIO (-5) and nobody "
			 "looked; so did 1 more of its group\n");
}

static int looked_at(void *arg)
{
	struct job job = { .result = -EIO };
	struct group *g = group_enter(GROUP_EACH);
	struct group_child *child = spawn(g, &job);
	int r;

	cr_assert_eq(group_child_result(child), -EINPROGRESS);
	cr_assert_eq(group_join(g), 0);
	r = group_child_result(child);
	group_leave(g);
	return r;
}

Test(group, an_error_that_was_asked_for_is_not_logged)
{
	cr_assert_eq(world_run(&w, looked_at, NULL), -EIO);
	cr_assert_str_empty(world_log(&w));
}

static int cancel_one(void *arg)
{
	struct job slow = { .ms = 1000 }, quick = { .ms = 10 };
	struct group *g = group_enter(GROUP_ALL);
	int r;

	group_child_cancel(spawn(g, &slow));
	cr_assert_not_null(spawn(g, &quick));
	r = group_join(g);
	cr_assert_eq(quick.ended_ms, 10);
	group_leave(g);
	return r;
}

Test(group, a_child_that_was_cancelled_and_says_so_has_not_failed)
{
	cr_assert_eq(world_run(&w, cancel_one, NULL), 0);
	cr_assert_str_empty(world_log(&w));
}

static int join_too_long(void *arg)
{
	struct job job = { .ms = 1000 };
	struct group *g = group_enter(GROUP_ALL);
	int r;

	cr_assert_not_null(spawn(g, &job));
	deadline_push(50);
	r = deadline_pop(group_join(g));
	cr_assert(job.has_ended, "no task runs when join returns");
	cr_assert_eq(job.reason, REASON_EXPLICIT);
	group_leave(g);
	return r;
}

Test(group, join_that_times_out_cancels_its_tasks)
{
	cr_assert_eq(world_run(&w, join_too_long, NULL), -ETIMEDOUT);
	cr_assert_eq(world_now(&w), 50);
}

static int next_too_long(void *arg)
{
	struct job job = { .ms = 100, .result = 4 };
	struct group *g = group_enter(GROUP_EACH);
	struct group_child *child;
	int r;

	cr_assert_not_null(spawn(g, &job));
	deadline_push(50);
	cr_assert_eq(deadline_pop(group_next(g, &child)), -ETIMEDOUT);
	cr_assert_eq(group_next(g, &child), 1);
	r = group_child_result(child);
	cr_assert_eq(group_next(g, &child), 0);
	group_leave(g);
	return r;
}

Test(group, next_that_times_out_leaves_the_tasks_alone)
{
	cr_assert_eq(world_run(&w, next_too_long, NULL), 4);
	cr_assert_eq(world_now(&w), 100);
}

static int inherit_deadline(void *arg)
{
	struct job jobs[] = { { .ms = 1000 }, { .ms = 20 } };
	struct group *g;
	int r;

	deadline_push(50);
	g = group_enter(GROUP_EACH);
	cr_assert_not_null(spawn(g, &jobs[0]));
	cr_assert_not_null(spawn(g, &jobs[1]));
	/* The task's own deadline is over before its children look at theirs. */
	deadline_push_shield(5000);
	r = deadline_pop_shield(group_join(g));
	group_leave(g);
	cr_assert_eq(jobs[0].ended_ms, 50);
	cr_assert_eq(jobs[1].ended_ms, 20);
	return deadline_pop(r);
}

Test(group, children_inherit_the_deadline_and_its_passing_is_not_logged)
{
	cr_assert_eq(world_run(&w, inherit_deadline, NULL), 0);
	cr_assert_str_empty(world_log(&w));
}

/* Inside a shield a group works as ever, while its task is cancelled. */
static int group_in_shield(void *arg)
{
	struct job jobs[] = { { .ms = 30, .result = 1 }, { .ms = 1000 } };
	struct group *g;
	int r;

	cr_assert_eq(wait_sleep(1000), -ECANCELED);
	deadline_push_shield(500);
	g = group_enter(GROUP_FIRST);
	cr_assert_not_null(spawn(g, &jobs[0]));
	cr_assert_not_null(spawn(g, &jobs[1]));
	r = group_join(g);
	group_leave(g);
	cr_assert_eq(jobs[1].reason, REASON_SIBLING);
	cr_assert_eq(jobs[1].ended_ms, 30);
	return deadline_pop_shield(r);
}

Test(group, works_inside_a_shield_of_a_cancelled_task)
{
	struct root root;

	root_start(&w, &root, "shielded", group_in_shield, NULL);
	task_cancel(root.task, REASON_DISCONNECT);
	loop_run(w.loop);
	cr_assert_eq(root.result, 1);
	cr_assert_eq(world_now(&w), 30);
}

static int cancelled_in_shield(void *arg)
{
	struct job job = { .ms = 100 };
	struct group *g;
	int r;

	deadline_push_shield(500);
	g = group_enter(GROUP_ALL);
	cr_assert_not_null(spawn(g, &job));
	r = group_join(g);
	group_leave(g);
	cr_assert_eq(deadline_pop_shield(r), 0);
	cr_assert_eq(job.reason, REASON_NONE);
	return wait_yield();
}

Test(group, inside_a_shield_is_spared_when_the_task_is_cancelled)
{
	struct root root;

	root_start(&w, &root, "shielded", cancelled_in_shield, NULL);
	loop_turn(w.loop, false);
	task_cancel(root.task, REASON_DISCONNECT);
	loop_run(w.loop);
	cr_assert_eq(root.result, -ECANCELED);
	cr_assert_eq(world_now(&w), 100);
}

static int spawn_from_shield(void *arg)
{
	struct job shielded = { .ms = 100 }, plain = { .ms = 100 };
	struct group *g = group_enter(GROUP_EACH);

	deadline_push_shield(500);
	cr_assert_not_null(spawn(g, &shielded));
	cr_assert_eq(deadline_pop_shield(0), 0);
	cr_assert_not_null(spawn(g, &plain));
	cr_assert_eq(group_join(g), -ECANCELED);
	cr_assert_eq(plain.ended_ms, 0);
	cr_assert_eq(shielded.ended_ms, 100);
	group_leave(g);
	return 0;
}

Test(group, a_child_spawned_in_a_shield_is_spared_in_a_group_around_it)
{
	struct root root;

	root_start(&w, &root, "shielding", spawn_from_shield, NULL);
	loop_turn(w.loop, false);
	task_cancel(root.task, REASON_DISCONNECT);
	loop_run(w.loop);
	cr_assert_eq(root.result, 0);
}

static struct group *shared_group;

static int join_anothers(void *arg)
{
	struct job job = { .ms = 10 };

	cr_assert_eq(group_join(shared_group), -EDEADLK);
	cr_assert_not_null(spawn(shared_group, arg));
	return wait_sleep(job.ms);
}

static int lend_group(void *arg)
{
	int r;

	shared_group = group_enter(GROUP_ALL);
	(void)group_spawn(shared_group, join_anothers, arg, "join_anothers");
	r = group_join(shared_group);
	group_leave(shared_group);
	return r;
}

Test(group, any_task_may_spawn_and_only_the_owner_may_join)
{
	struct job job = { .ms = 50 };

	cr_assert_eq(world_run(&w, lend_group, &job), 0);
	cr_assert_eq(job.ended_ms, 50);
}

static int ignore_cancel(void *arg)
{
	int *n = arg;

	for (*n = 0; *n < 100; ++*n)
		if (wait_sleep(5) == 0)
			return -EINVAL;
	return 0;
}

static int leave_an_ignorer(void *arg)
{
	struct group *g = group_enter(GROUP_ALL);

	(void)group_spawn(g, ignore_cancel, arg, "ignore_cancel");
	group_leave(g);
	return *(int *)arg;
}

Test(group, leaving_waits_for_a_child_that_ignores_cancellation)
{
	int n = 0;

	cr_assert_eq(world_run(&w, leave_an_ignorer, &n), 100);
	cr_assert_not_null(strstr(world_log(&w), "task ignore_cancel goes on although"));
}

static int gather_doubles(void *arg)
{
	int *n = arg;

	*n *= 2;
	return wait_sleep(*n);
}

static int gather(void *arg)
{
	int items[] = { 1, 2, 3 };
	int r;

	r = group_gather(gather_doubles, items, 3, sizeof(items[0]), "gather_doubles");
	cr_assert_eq(items[0] + items[1] + items[2], 12);
	return r;
}

Test(group, gather_calls_fn_for_every_item)
{
	cr_assert_eq(world_run(&w, gather, NULL), 0);
	cr_assert_eq(world_now(&w), 6);
}

static int many_at_once(void *arg)
{
	size_t *n_stacks = arg;
	struct group *g = group_enter(GROUP_ALL);
	struct job job = { .ms = 0 };
	int r;

	for (int i = 0; i < 1000; i++)
		cr_assert_not_null(spawn(g, &job));
	r = group_join(g);
	group_leave(g);
	*n_stacks = w.sched->stacks.n_hot + 1;
	return r;
}

Test(group, a_thousand_that_never_wait_use_one_stack)
{
	size_t n_stacks = 0;

	cr_assert_eq(world_run(&w, many_at_once, &n_stacks), 0);
	cr_assert_eq(n_stacks, 2, "that, and the parent's");
	cr_assert_eq(w.sched->stacks.n_reserved, 0);
}

static int no_task_here(void)
{
	struct group *g = group_enter(GROUP_ALL);
	struct job job = { .ms = 0 };
	int r;

	cr_assert_null(spawn(g, &job));
	r = group_join(g);
	group_leave(g);
	return r;
}

Test(group, outside_of_tasks_cannot_be_joined)
{
	cr_assert_eq(no_task_here(), -EDEADLK);
	cr_assert_eq(group_child_result(NULL), -ESRCH);
	cr_assert_null(group_child_arg(NULL));
	group_child_cancel(NULL);
}
