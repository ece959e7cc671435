/*
 * task.c - a task's beginning, its end, and its cancellation. Beginning and
 * end are the hot path: a handler that never waits pays for one switch in, one
 * out, and what is set here in its struct task.
 */
#include "coro/task.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "coro/deadline.h"
#include "coro/group.h"
#include "coro/local.h"
#include "coro/wait.h"
#include "io/loop.h"

/* A done() that starts the next request, which ends at once, ...: each level costs loop stack. */
#define MAX_DEPTH 16

/* Refusals in a row: clean-up needs a few; then others get their turn first; then it is slowed. */
#define REFUSED_FREE 16
#define REFUSED_YIELDING 64
#define REFUSED_MAX_PAUSE_MS 1000

const char *task_reason_name(enum reason reason)
{
	static const char *const names[] = {
		[REASON_NONE] = "not cancelled",
		[REASON_DISCONNECT] = "the client went away",
		[REASON_SHUTDOWN] = "the worker is stopping",
		[REASON_SIBLING] = "a sibling decided the matter",
		[REASON_EXPLICIT] = "cancelled by a call, or its block was left",
	};

	return names[reason];
}

/* One task after the other, as long as the stack is warm. */
static void task_main(void *arg)
{
	struct task *t = arg;

	switch_entered(&t->sched->main);
	for (;;) {
		t->result = t->spec->fn(t->spec->arg);
		t->has_returned = true;
		switch_to(&t->stack->context, &t->sched->main);
	}
}

static void on_ready(struct ready *ready)
{
	task_run(container_of(ready, struct task, ready));
}

/* What is the same for each task on this stack. */
static APART void task_warm(struct sched *sched, struct stack *stack, struct task *t)
{
	memset(t, 0, sizeof(*t));
	t->sched = sched;
	t->stack = stack;
	list_init(&t->ready.link);
	t->ready.run = on_ready;
	t->max_scopes = TASK_SCOPES;
	t->scopes = t->own_scopes;
	switch_init(&stack->context, stack->low, (char *)t, task_main, t);
	stack->is_warm = true;
}

static inline struct task *task_init(struct sched *sched, struct stack *stack,
				     struct task_spec *spec)
{
	struct task *t = task_on(stack);

	if (!stack->is_warm)
		task_warm(sched, stack, t);
	t->spec = spec;
	t->has_returned = false;
	t->is_forced = false;
	t->reason = REASON_NONE;
	t->limit_ms = INT64_MAX;
	t->n_shields = 0;
	t->shield = 0;
	t->n_scopes = 0;
	t->n_lost = 0;
	t->n_refused = 0;
	t->user = spec->user;
	for (size_t i = 0; i < TASK_SLOTS; i++)
		t->slots[i] = NULL;
	sched->n_tasks++;
	return t;
}

struct task *task_make(struct sched *sched, struct stack *stack, struct task_spec *spec)
{
	return task_init(sched, stack, spec);
}

static APART void task_tidy(struct task *t)
{
	if (t->locals)
		local_drop(t->locals);
	t->locals = NULL;
	if (t->scopes != t->own_scopes)
		free(t->scopes);
	t->scopes = t->own_scopes;
	t->max_scopes = TASK_SCOPES;
}

/* Nothing of the task may be used once its stack is given back. */
static inline void task_finish(struct sched *sched, struct task *t)
{
	struct task_spec *spec = t->spec;
	int result = t->result;

	assert(!t->groups); /* a WEIR_GROUP was jumped out of */
	if (t->locals || t->max_scopes != TASK_SCOPES)
		task_tidy(t);
	sched->n_tasks--;
	stack_give(&sched->stacks, t->stack);

	sched->depth++;
	spec->done(spec, result);
	sched->depth--;
}

/* What the task wants done on this stack; then it goes on. */
static void call_outside(struct sched *sched, struct task *t)
{
	void (*fn)(void *arg) = sched->outside_fn;

	sched->outside_fn = NULL;
	sched->is_outside = true;
	fn(sched->outside_arg);
	sched->is_outside = false;
	switch_to(&sched->main, &t->stack->context);
}

/* Until it suspends or returns. No other task is running. */
static inline void task_step(struct sched *sched, struct task *t)
{
	/* Nobody else adds to it: no need for an instruction that locks. */
	atomic_store_explicit(&sched->n_runs,
			      atomic_load_explicit(&sched->n_runs, memory_order_relaxed) + 1,
			      memory_order_relaxed);
	sched->current = t;
	switch_to(&sched->main, &t->stack->context);
	while (sched->outside_fn)
		call_outside(sched, t);
	if (t->stack->guard == GUARD_CANARY && guard_is_canary_dead(t->stack->low))
		overflow_found(t);
	sched->current = NULL;
}

void task_run(struct task *t)
{
	struct sched *sched = t->sched;

	assert(!sched->current);
	task_step(sched, t);
	if (t->has_returned)
		task_finish(sched, t);
}

void task_suspend(struct task *t)
{
	switch_to(&t->stack->context, &t->sched->main);
}

int task_start(struct sched *sched, struct task_spec *spec, struct task **ret_task)
{
	struct stack *stack = stack_take(&sched->stacks);
	struct task *t;

	if (!stack)
		return -ENOMEM;
	t = task_init(sched, stack, spec);
	*ret_task = t;
	if (sched->current || sched->depth >= MAX_DEPTH) {
		sched_make_ready(sched, &t->ready);
		return 0;
	}
	task_step(sched, t);
	if (t->has_returned) {
		*ret_task = NULL;
		task_finish(sched, t);
	}
	return 0;
}

struct task *task_current(void)
{
	return sched_here ? sched_here->current : NULL;
}

const char *task_name(const struct task *t)
{
	return t->spec->name ? t->spec->name : "(nameless)";
}

enum reason task_reason(const struct task *t)
{
	return t->reason;
}

void *task_user(void)
{
	const struct task *t = task_current();

	return t ? t->user : NULL;
}

void *task_slot(enum task_slot slot)
{
	const struct task *t = task_current();

	return t ? t->slots[slot] : NULL;
}

void task_set_slot(enum task_slot slot, void *value)
{
	struct task *t = task_current();

	if (t)
		t->slots[slot] = value;
}

static void mark_one(struct task *t, enum reason reason, bool is_forced)
{
	if (t->reason == REASON_NONE)
		t->reason = reason;
	if (is_forced)
		t->is_forced = true;
	if (task_is_cancelled(t))
		wait_interrupt(t);
}

/* A list instead of a recursion: the tree may be deep, and the stack a task's. */
void task_mark(struct task *first, enum reason reason, bool is_forced)
{
	while (first) {
		struct task *t = first;

		first = t->next_to_mark;
		if (t->has_returned || t->is_forced || (t->reason != REASON_NONE && !is_forced))
			continue;
		mark_one(t, reason, is_forced);
		for (struct group *g = t->groups; g; g = group_outer(g)) {
			if (is_forced || !group_is_shielded(g))
				first = group_mark(g, reason, is_forced, first);
		}
	}
}

void task_cancel(struct task *t, enum reason reason)
{
	t->next_to_mark = NULL;
	task_mark(t, reason, false);
}

void task_cancel_now(struct task *t, enum reason reason)
{
	t->next_to_mark = NULL;
	task_mark(t, reason, true);
}

/*
 * A task that does not stop when it is told to. It cannot be stopped by force,
 * for what it holds would never be let go; but it can be made to wait.
 */
static void slow_down(struct task *t, int r)
{
	unsigned over, pause_ms = REFUSED_MAX_PAUSE_MS;

	if (t->n_refused <= REFUSED_FREE)
		return;
	if (t->n_refused <= REFUSED_YIELDING) {
		wait_yield_anyway(t);
		return;
	}
	over = t->n_refused - REFUSED_YIELDING - 1;
	if (over == 0)
		sched_log(t->sched, LOG_AT_WARN, "task %s goes on although %s; it is slowed down",
			  task_name(t),
			  r == -ETIMEDOUT ? "its deadline has passed"
					  : task_reason_name(t->reason));
	if (over < 10)
		pause_ms = 1U << over;
	wait_pause_anyway(t, pause_ms < REFUSED_MAX_PAUSE_MS ? pause_ms : REFUSED_MAX_PAUSE_MS);
}

static int refuse(struct task *t, int r)
{
	if (t->n_refused < UINT32_MAX)
		t->n_refused++;
	slow_down(t, r);
	return r;
}

int task_check_closely(void)
{
	struct sched *sched = sched_here;
	struct task *t;

	if (!sched || !sched->current || sched->is_outside)
		return -EDEADLK;
	t = sched->current;
	if (t->n_lost > 0)
		return -ENOMEM;
	if (task_is_cancelled(t))
		return refuse(t, -ECANCELED);
	if (t->limit_ms != INT64_MAX && t->limit_ms <= loop_now_ms(sched->loop))
		return refuse(t, -ETIMEDOUT);
	t->n_refused = 0;
	return 0;
}
