/* What a group does when it is full, and when memory is. */
#include "coro/group.h"

#include "coro/wait.h"
#include "coro_job.h"
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

TestSuite(group_limits);

static int fill(void *arg)
{
	struct job job = { .ms = 10 };
	struct group *g = group_enter(*(enum group_mode *)arg);
	int r;

	for (int i = 0; i < 5; i++)
		cr_assert_not_null(spawn(g, &job));
	cr_assert_null(spawn(g, &job));
	r = group_join(g);
	group_leave(g);
	return r;
}

Test(group_limits, more_than_max_tasks_is_an_error_of_the_group)
{
	enum group_mode all = GROUP_ALL, each = GROUP_EACH;

	world_open_with(&w, (struct sched_opts){ .max_tasks = 5 });
	cr_assert_eq(world_run(&w, fill, &all), -EAGAIN);
	cr_assert_eq(world_now(&w), 0, "the others were cancelled");
	cr_assert_eq(world_run(&w, fill, &each), -EAGAIN);
	cr_assert_eq(world_now(&w), 10, "nobody was cancelled");
	world_close(&w);
}

static int uncollected(void *arg)
{
	struct job job = { .ms = 0 };
	struct group *g = group_enter(GROUP_EACH);
	struct group_child *child;

	for (int i = 0; i < 5; i++)
		cr_assert_not_null(spawn(g, &job));
	cr_assert_eq(wait_yield(), 0);
	cr_assert_null(spawn(g, &job));
	cr_assert_eq(group_next(g, &child), 1);
	cr_assert_not_null(spawn(g, &job));
	group_leave(g);
	return 0;
}

Test(group_limits, results_not_yet_collected_count)
{
	world_open_with(&w, (struct sched_opts){ .max_tasks = 5 });
	cr_assert_eq(world_run(&w, uncollected, NULL), 0);
	world_close(&w);
}

TestSuite(group_memory, .init = setup, .fini = teardown);

static int enter_without_memory(void *arg)
{
	struct job job = { .ms = 10 };
	struct group *g;
	struct group_child *child;

	oom_fail_at(1);
	g = group_enter(GROUP_ALL);
	cr_assert(oom_has_failed());
	cr_assert_null(spawn(g, &job));
	cr_assert_eq(group_next(g, &child), -ENOMEM);
	cr_assert_eq(group_join(g), -ENOMEM);
	group_leave(g);
	return 0;
}

Test(group_memory, none_for_the_group_is_what_join_says)
{
	cr_assert_eq(world_run(&w, enter_without_memory, NULL), 0);
}

static int spawn_without_memory(void *arg)
{
	struct job job = { .ms = 10 };
	struct group *g = group_enter(GROUP_ALL);
	int r;

	cr_assert_not_null(spawn(g, &job));
	oom_fail_at(1);
	cr_assert_null(spawn(g, &job));
	cr_assert(oom_has_failed());
	r = group_join(g);
	group_leave(g);
	cr_assert_eq(job.reason, REASON_SIBLING);
	return r;
}

Test(group_memory, none_for_a_task_is_an_error_of_the_group)
{
	cr_assert_eq(world_run(&w, spawn_without_memory, NULL), -ENOMEM);
}
