/*
 * sched.c - the ready queue, once a turn of the loop. The budget keeps tasks
 * that only wake each other from starving the sockets; the sweep gives memory
 * back without a timer of its own, which would never let a virtual clock rest.
 */
#include "coro/sched.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "coro/future.h"
#include "coro/local.h"
#include "coro/task.h"
#include "io/loop.h"
#include "io/threads.h"

#define DEFAULT_STACK ((size_t)128 * 1024)
#define DEFAULT_MAX_TASKS 10000
#define DEFAULT_THREADS 4
#define TURN_BUDGET 1000
/* For an event, which wakes one task as a rule. */
#define SHORT_BUDGET 4
#define SWEEP_EVERY_MS 1000
#define SWEEP_AT_ONCE 512
#define SWEEP_PAUSE_MS 100

_Thread_local struct sched *sched_here;

static const struct log stderr_log = { .fd = 2, .level = LOG_AT_NOTICE };

/* Tasks that have slept for a second get by with the pages they need to sleep. */
static bool sweep_parked(struct sched *sched, int64_t now_ms)
{
	for (unsigned n = 0; !list_is_empty(&sched->parked); n++) {
		struct task *t = list_entry(sched->parked.next, struct task, ready.link);

		if (now_ms - t->parked_ms < SWEEP_EVERY_MS)
			return false;
		if (n == SWEEP_AT_ONCE)
			return true;
		list_del(&t->ready.link);
		stack_release_below(t->stack);
	}
	return false;
}

/* When the first of those that are left has slept for long enough: a loop that is quiet may have no later turn. */
static int64_t next_sweep_ms(const struct sched *sched, int64_t now_ms)
{
	int64_t due_ms = now_ms + SWEEP_EVERY_MS;

	if (!list_is_empty(&sched->parked))
		due_ms = list_entry(sched->parked.next, struct task, ready.link)->parked_ms +
			 SWEEP_EVERY_MS;
	return due_ms > now_ms + SWEEP_PAUSE_MS ? due_ms : now_ms + SWEEP_PAUSE_MS;
}

/* True when there is more to do at once. */
static bool sweep(struct sched *sched)
{
	int64_t now_ms = loop_now_ms(sched->loop);
	bool has_more;

	if (now_ms < sched->sweep_ms)
		return false;
	has_more = sweep_parked(sched, now_ms);
	has_more |= stack_trim(&sched->stacks);
	if (!has_more)
		sched->sweep_ms = next_sweep_ms(sched, now_ms);
	return has_more;
}

/* At most so many; what they make ready waits behind them. */
static void run_ready(struct sched *sched, unsigned n_max)
{
	for (unsigned n = 0; n < n_max; n++) {
		struct list *link = list_pop(&sched->ready);
		struct ready *ready;

		if (!link)
			return;
		ready = list_entry(link, struct ready, link);
		ready->run(ready);
	}
}

/* What is due is done by the turn that it makes. */
static void on_sweeper(struct timer *timer)
{
}

static void expect_sweep(struct sched *sched)
{
	if (sched->has_idle_sweep && !list_is_empty(&sched->parked) &&
	    !timer_is_active(&sched->sweeper))
		loop_timer_start(sched->loop, &sched->sweeper, sched->sweep_ms);
}

static bool on_turn(void *arg, bool is_short)
{
	struct sched *sched = arg;
	bool has_more;

	if (is_short) {
		run_ready(sched, SHORT_BUDGET);
		return false;
	}
	run_ready(sched, TURN_BUDGET);
	has_more = sweep(sched);
	expect_sweep(sched);
	return has_more || !list_is_empty(&sched->ready);
}

int sched_new(struct loop *loop, const struct sched_opts *opts, struct sched **ret_sched)
{
	_cleanup_(freep) struct sched *sched = NULL;
	int r;

	if (sched_here)
		return -EBUSY;
	sched = calloc(1, sizeof(*sched));
	if (!sched)
		return -ENOMEM;
	sched->loop = loop;
	sched->log = opts->log ? opts->log : &stderr_log;
	sched->max_tasks = opts->max_tasks ? opts->max_tasks : DEFAULT_MAX_TASKS;
	sched->max_threads = opts->threads ? opts->threads : DEFAULT_THREADS;
	sched->has_idle_sweep = opts->has_idle_sweep;
	timer_init(&sched->sweeper, on_sweeper);
	sched->sweep_ms = loop_now_ms(loop) + SWEEP_EVERY_MS;
	list_init(&sched->ready);
	list_init(&sched->parked);
	list_init(&sched->local_keys);
	switch_init_own(&sched->main);
	stack_pool_init(&sched->stacks, opts->stack_size ? opts->stack_size : DEFAULT_STACK,
			opts->guard, sched->log);

	r = future_inbox_new(loop, &sched->inbox);
	if (r < 0)
		return r;
	r = overflow_watch(&sched->overflow);
	if (r < 0) {
		future_inbox_close(sched->inbox);
		return r;
	}
	loop_set_turn(loop, on_turn, sched);
	sched_here = sched;
	*ret_sched = steal_ptr(sched);
	return 0;
}

struct sched *sched_free(struct sched *sched)
{
	if (!sched)
		return NULL;
	assert(sched_here == sched);
	assert(sched->n_tasks == 0 && list_is_empty(&sched->ready));
	/* First: what still runs there may set futures, or be for memory of ours. */
	sched->threads = threads_free(sched->threads);
	sched->bulk = threads_free(sched->bulk);
	loop_timer_stop(sched->loop, &sched->sweeper);
	loop_set_turn(sched->loop, NULL, NULL);
	future_inbox_close(sched->inbox);
	local_free_keys(sched);
	overflow_unwatch(&sched->overflow);
	stack_pool_done(&sched->stacks);
	sched_here = NULL;
	free(sched);
	return NULL;
}

int64_t sched_now_ms(void)
{
	return sched_here ? loop_now_ms(sched_here->loop) : 0;
}

size_t sched_n_tasks(const struct sched *sched)
{
	return sched->n_tasks;
}

void sched_outside(void (*fn)(void *arg), void *arg)
{
	struct sched *sched = sched_here;

	if (!sched || !sched->current || sched->is_outside) {
		fn(arg);
		return;
	}
	sched->outside_fn = fn;
	sched->outside_arg = arg;
	switch_to(&sched->current->stack->context, &sched->main);
}

struct log_call {
	const struct log *log;
	int level;
	const char *text;
};

static void write_log(void *arg)
{
	const struct log_call *call = arg;

	log_write(call->log, call->level, "%s", call->text);
}

void sched_log(const struct sched *sched, int level, const char *fmt, ...)
{
	char text[500];
	struct log_call call = { .log = sched->log, .level = level, .text = text };
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	sched_outside(write_log, &call);
}
