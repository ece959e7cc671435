#include "coro/local.h"

#include "coro/group.h"
#include "coro_world.h"
#include "oom.h"

static struct world w;
static struct local *key, *other;
static char of_parent[] = "parent", of_child[] = "child", later[] = "later";

static void setup(void)
{
	world_open(&w);
	key = local_new();
	other = local_new();
	cr_assert(key && other);
}

static void teardown(void)
{
	world_close(&w);
}

TestSuite(local, .init = setup, .fini = teardown);

static int child(void *arg)
{
	cr_assert_eq(local_get(key), of_parent);
	cr_assert_eq(local_set(key, later), 0);
	cr_assert_eq(local_set(key, of_child), 0);
	cr_assert_eq(local_get(key), of_child);
	cr_assert_eq(local_get(other), arg);
	return 0;
}

static int parent(void *arg)
{
	struct group *g;
	int r;

	cr_assert_null(local_get(key));
	cr_assert_eq(local_set(key, of_parent), 0);
	g = group_enter(GROUP_ALL);
	(void)group_spawn(g, child, NULL, "child");
	cr_assert_eq(local_set(other, later), 0);
	(void)group_spawn(g, child, local_get(other), "child");
	r = group_join(g);
	group_leave(g);
	cr_assert_eq(local_get(key), of_parent);
	return r;
}

Test(local, follows_what_a_task_spawns_and_no_further)
{
	cr_assert_eq(world_run(&w, parent, NULL), 0);
}

static int no_values(void *arg)
{
	return local_get(key) ? -EINVAL : 0;
}

Test(local, is_empty_in_the_next_request)
{
	cr_assert_eq(world_run(&w, parent, NULL), 0);
	cr_assert_eq(world_run(&w, no_values, NULL), 0);
}

Test(local, needs_a_task)
{
	cr_assert_eq(local_set(key, later), -EDEADLK);
	cr_assert_null(local_get(key));
}

static int set_without_memory(void *arg)
{
	cr_assert_eq(local_set(key, of_parent), 0);
	oom_fail_at(1);
	cr_assert_eq(local_set(other, later), -ENOMEM);
	cr_assert(oom_has_failed());
	cr_assert_null(local_get(other));
	return local_get(key) == of_parent ? 0 : -EINVAL;
}

Test(local, that_could_not_be_set_changes_nothing)
{
	cr_assert_eq(world_run(&w, set_without_memory, NULL), 0);
}
