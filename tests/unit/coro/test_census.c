#include "coro/census.h"

#include "base/trace.h"
#include "coro/stack.h"
#include "coro_job.h"

static int sleep_long(void *arg)
{
	return wait_sleep(1000);
}

static void on_done(struct task_spec *spec, int result)
{
	container_of(spec, struct root, spec)->is_done = true;
}

static size_t count(const struct world *w)
{
	size_t n = 0;

	for (struct task *t = NULL; (t = census_next(w->sched, t));)
		n++;
	return n;
}

Test(census, finds_every_task_that_has_not_returned)
{
	struct root roots[100];
	struct world w;

	world_open(&w);
	cr_assert_eq(count(&w), 0);
	for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
		roots[i] = (struct root){ .spec = { .fn = sleep_long, .done = on_done } };
		cr_assert_eq(task_start(w.sched, &roots[i].spec, &roots[i].task), 0);
		cr_assert_eq(count(&w), i + 1);
	}
	for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
		struct task *t = NULL;

		while ((t = census_next(w.sched, t)) && t != roots[i].task)
			;
		cr_assert_not_null(t);
	}
	task_cancel(roots[3].task, REASON_EXPLICIT);
	loop_turn(w.loop, false);
	cr_assert(roots[3].is_done);
	cr_assert_eq(count(&w), ARRAY_LEN(roots) - 1);
	loop_run(w.loop);
	cr_assert_eq(count(&w), 0);
	world_close(&w);
}

Test(census, knows_where_a_task_was_left)
{
	struct root root = { .spec = { .fn = sleep_long, .done = on_done } };
	struct trace_regs regs;
	struct world w;

	world_open(&w);
	cr_assert_eq(task_start(w.sched, &root.spec, &root.task), 0);
	cr_assert_gt(census_stack_used(root.task), sizeof(struct task));
	cr_assert_lt(census_stack_used(root.task), 64 * 1024);
	if (census_regs(root.task, &regs)) {
		cr_assert_gt(regs.sp, (uintptr_t)root.task->stack->low);
		cr_assert_lt(regs.sp, (uintptr_t)root.task);
		cr_assert_geq(regs.fp, regs.sp);
		cr_assert_lt(regs.fp, (uintptr_t)root.task);
	}
	loop_run(w.loop);
	world_close(&w);
}
