#include "coro/sem.h"

#include "coro/deadline.h"
#include "coro/wait.h"
#include "coro_world.h"

static struct world w;
static struct sem sem;
static unsigned n_inside, max_inside;

static void setup(void)
{
	world_open(&w);
	sem_setup(&sem, 2);
}

static void teardown(void)
{
	world_close(&w);
}

TestSuite(sem, .init = setup, .fini = teardown);

static int pass(void *arg)
{
	int r;

	r = sem_take(&sem);
	if (r < 0)
		return r;
	if (++n_inside > max_inside)
		max_inside = n_inside;
	r = wait_sleep(10);
	n_inside--;
	sem_give(&sem);
	return r;
}

Test(sem, lets_so_many_in_and_no_more)
{
	struct root roots[6];

	for (size_t i = 0; i < 6; i++)
		root_start(&w, &roots[i], "pass", pass, NULL);
	loop_run(w.loop);
	cr_assert_eq(max_inside, 2);
	cr_assert_eq(world_now(&w), 30);
	cr_assert_eq(sem.count, 2);
}

static int take_within(void *arg)
{
	deadline_push(5);
	return deadline_pop(sem_take(&sem));
}

Test(sem, a_take_that_timed_out_took_nothing)
{
	struct root late;

	sem_setup(&sem, 0);
	root_start(&w, &late, "late", take_within, NULL);
	loop_run(w.loop);
	cr_assert_eq(late.result, -ETIMEDOUT);
	sem_give(&sem);
	cr_assert_eq(sem.count, 1);
}

Test(sem, may_be_given_by_a_callback)
{
	struct root root;

	sem_setup(&sem, 0);
	root_start(&w, &root, "pass", pass, NULL);
	cr_assert_not(root.is_done);
	sem_give(&sem);
	loop_run(w.loop);
	cr_assert_eq(root.result, 0);
}

Test(sem, of_zeros_has_none_to_take)
{
	struct root root;

	sem = (struct sem){ .count = 0 };
	root_start(&w, &root, "pass", pass, NULL);
	cr_assert_not(root.is_done);
	sem_give(&sem);
	loop_run(w.loop);
	cr_assert_eq(root.result, 0);
}
