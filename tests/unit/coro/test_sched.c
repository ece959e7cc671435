#include "coro/sched.h"

#include <ev.h>
#include <stdio.h>

#include "coro/switch.h"
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

TestSuite(sched, .init = setup, .fini = teardown);

Test(sched, there_is_one_a_thread)
{
	struct sched_opts opts = { .log = NULL };
	struct sched *second;

	cr_assert_eq(sched_new(w.loop, &opts, &second), -EBUSY);
}

static bool is_stopping;

static int yield_for_ever(void *arg)
{
	unsigned *n = arg;

	while (!is_stopping && wait_yield() == 0)
		++*n;
	return 0;
}

Test(sched, a_turn_ends_although_tasks_are_ready)
{
	struct root root;
	unsigned n = 0;

	root_start(&w, &root, "yielder", yield_for_ever, &n);
	loop_turn(w.loop, false);
	cr_assert_gt(n, 0);
	cr_assert_lt(n, 5000);
	cr_assert_not(root.is_done);
	is_stopping = true;
	loop_run(w.loop);
}

Test(sched, an_event_runs_few_of_many_that_are_ready)
{
	struct root root;
	unsigned n = 0;

	root_start(&w, &root, "yielder", yield_for_ever, &n);
	loop_run_ready(w.loop);
	cr_assert_gt(n, 0);
	cr_assert_lt(n, 100, "an event is no turn");
	is_stopping = true;
	loop_run(w.loop);
}

static void on_ev_idle(struct ev_loop *ev, struct ev_idle *idle, int events)
{
	is_stopping = true;
	ev_idle_stop(ev, idle);
}

Test(sched, tasks_that_only_yield_do_not_keep_events_out)
{
	struct root root;
	struct ev_idle idle;
	unsigned n = 0;

	ev_idle_init(&idle, on_ev_idle);
	ev_idle_start(loop_ev(w.loop), &idle);
	root_start(&w, &root, "yielder", yield_for_ever, &n);
	loop_run(w.loop);
	cr_assert(root.is_done);
}

struct call {
	const char *stack; /* an address on the stack it ran on */
	int n;
};

static void note_call(void *arg)
{
	struct call *call = arg;

	call->stack = __builtin_frame_address(0);
	call->n++;
}

static int call_outside(void *arg)
{
	struct call *call = arg;
	const struct stack *stack = task_current()->stack;

	for (int i = 0; i < 3; i++) {
		sched_outside(note_call, call);
		cr_assert(call->stack < stack->low || call->stack >= stack->top);
	}
	return call->n;
}

Test(sched, outside_is_the_loops_stack_and_now)
{
	struct call call = { .n = 0 };

	cr_assert_eq(world_run(&w, call_outside, &call), 3);
	sched_outside(note_call, &call);
	cr_assert_eq(call.n, 4);
}

static struct root inner;

static int add_one(void *arg)
{
	++*(int *)arg;
	return 0;
}

static void start_inner(void *arg)
{
	root_start(&w, &inner, "inner", add_one, arg);
}

static int start_from_outside(void *arg)
{
	int n = 0;

	sched_outside(start_inner, &n);
	cr_assert_eq(n, 0, "queued");
	cr_assert_eq(wait_yield(), 0);
	return n;
}

Test(sched, tasks_started_outside_wait_for_their_turn)
{
	cr_assert_eq(world_run(&w, start_from_outside, NULL), 1);
}

static void cancel_current(void *arg)
{
	task_cancel(task_current(), REASON_DISCONNECT);
}

static int cancelled_from_outside(void *arg)
{
	sched_outside(cancel_current, NULL);
	return wait_yield();
}

Test(sched, what_runs_outside_may_cancel_the_task_it_runs_for)
{
	cr_assert_eq(world_run(&w, cancelled_from_outside, NULL), -ECANCELED);
}

static int log_something(void *arg)
{
	sched_log(w.sched, LOG_AT_WARN, "%s %d", "from a task", 1);
	return 0;
}

Test(sched, logs_from_a_task)
{
	cr_assert_eq(world_run(&w, log_something, NULL), 0);
	cr_assert_str_eq(world_log(&w), "warn: from a task 1\n");
}

static int dirty_then_sleep(void *arg)
{
	const struct stack *stack = task_current()->stack;

	memset(stack->low, 1, 64 * 1024);
	return wait_sleep(10000);
}

static size_t resident_pages(const struct stack *s)
{
	unsigned char pages[32] = { 0 };
	size_t n = 0;

	cr_assert_eq(mincore(s->low, (size_t)(s->top - s->low), pages), 0);
	for (size_t i = 0; i < sizeof(pages); i++)
		n += pages[i] & 1;
	return n;
}

static int tick_and_look(void *arg)
{
	const struct stack *stack = arg;

	cr_assert_geq(resident_pages(stack), 17);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(wait_sleep(1000), 0);
	return (int)resident_pages(stack);
}

Test(sched, who_sleeps_for_long_keeps_the_pages_in_use_only)
{
	struct root sleeper;
	int n_pages;

	root_start(&w, &sleeper, "sleeper", dirty_then_sleep, NULL);
	n_pages = world_run(&w, tick_and_look, sleeper.task->stack);
	cr_assert(sleeper.is_done);
	cr_assert_eq(sleeper.result, 0);
	cr_assert_leq(n_pages, 2);
}

TestSuite(sched_memory);

struct look {
	struct timer timer;
	const struct stack *stack;
	size_t n_pages;
};

static void on_look(struct timer *timer)
{
	struct look *look = container_of(timer, struct look, timer);

	look->n_pages = resident_pages(look->stack);
}

/* Nothing happens between the task's going to sleep and the look. */
Test(sched_memory, a_quiet_loop_gives_back_what_a_sleeper_does_not_need)
{
	struct look look;
	struct root sleeper;

	world_open_with(&w, (struct sched_opts){ .has_idle_sweep = true });
	root_start(&w, &sleeper, "sleeper", dirty_then_sleep, NULL);
	look.stack = sleeper.task->stack;
	timer_init(&look.timer, on_look);
	loop_timer_start(w.loop, &look.timer, loop_now_ms(w.loop) + 5000);
	loop_run(w.loop);
	cr_assert(sleeper.is_done);
	cr_assert_leq(look.n_pages, 2);
	world_close(&w);
}

Test(sched_memory, none_at_any_point_leaves_nothing_behind)
{
	struct sched_opts opts = { .stack_size = 0 };
	struct sched *sched = NULL;
	struct loop *loop;
	unsigned n = 0;
	bool has_failed;

	cr_assert_eq(loop_new_virtual(&loop), 0);
	do {
		oom_fail_at(++n);
		if (sched_new(loop, &opts, &sched) == 0)
			sched = sched_free(sched);
		has_failed = oom_has_failed();
		cr_assert_null(sched_here);
	} while (has_failed);
	cr_assert_gt(n, 2);
	(void)loop_free(loop);
}

Test(sched_memory, none_for_a_stack_starts_no_task)
{
	struct root root = { .spec = { .fn = log_something, .done = on_root_done } };

	world_open(&w);
	oom_fail_at(1);
	cr_assert_eq(task_start(w.sched, &root.spec, &root.task), -ENOMEM);
	cr_assert(oom_has_failed());
	cr_assert_not(root.is_done);
	world_close(&w);
}

TestSuite(sched_many, .timeout = 120);

#define MANY 100000

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif

static struct wait gates[MANY];
static struct task_spec specs[MANY];
static size_t n_ended;

/* Under a tool each task costs a lot more, and what is measured is the tool's memory. */
static bool has_tool(void)
{
#if defined(SWITCH_ASAN) || defined(SWITCH_TSAN)
	return true;
#elif defined(RUNNING_ON_VALGRIND)
	return RUNNING_ON_VALGRIND;
#else
	return false;
#endif
}

static int park_at(void *arg)
{
	return wait_park(arg);
}

static void on_ended(struct task_spec *spec, int result)
{
	cr_assert_eq(result, 0);
	n_ended++;
}

static size_t resident_kib(void)
{
	unsigned long total, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	cr_assert_not_null(f);
	cr_assert_eq(fscanf(f, "%lu %lu", &total, &resident), 2);
	(void)fclose(f);
	return resident * 4;
}

static void park_many(size_t n)
{
	struct task *task;

	for (size_t i = 0; i < n; i++) {
		wait_init(&gates[i]);
		specs[i] = (struct task_spec){ .fn = park_at, .arg = &gates[i], .done = on_ended };
		cr_assert_eq(task_start(w.sched, &specs[i], &task), 0);
	}
}

Test(sched_many, a_hundred_thousand_tasks_are_suspended_at_5_kib_each)
{
	size_t n = has_tool() ? 5000 : MANY, before_kib, used_kib;

	world_open(&w);
	memset(gates, 0, sizeof(gates));
	memset(specs, 0, sizeof(specs));
	before_kib = resident_kib();
	park_many(n);
	cr_assert_eq(sched_n_tasks(w.sched), n);
	used_kib = resident_kib() - before_kib;
	if (!has_tool())
		cr_assert_leq(used_kib, n * 5, "%zu KiB", used_kib);

	for (size_t i = 0; i < n; i++)
		wait_wake(&gates[i]);
	while (sched_n_tasks(w.sched) > 0)
		loop_turn(w.loop, false);
	cr_assert_eq(n_ended, n);
	world_close(&w);
}
