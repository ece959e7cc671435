/*
 * test_jobs.c - see test_jobs.h. A job is blocking C, and so has a stack of its own, from which it
 * comes back to the loop where it reports, and now and then where it asks whether it is wanted:
 * there its handler goes on, and there time passes.
 */
#include "app/test_jobs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/work.h"
#include "base/log.h"
#include "io/loop.h"
#include "io/sealed.h"

/* A job's: what it needs in a job process it should have here. */
#define STACK_SIZE ((size_t)1024 * 1024)
/* So many looks at whether it is wanted take a millisecond. */
#define LOOKS_A_MS 1000
/* When the test is over: so often it may come back, before it is taken to never end. */
#define LAST_TURNS 100000

enum test_job_stage {
	TEST_JOB_COMES, /* submitted */
	TEST_JOB_STARTS,
	TEST_JOB_RUNS, /* its function was called */
	TEST_JOB_RETURNED,
};

struct test_job {
	struct list link;
	struct test_jobs *jobs;
	struct job_call *call; /* borrowed */
	enum test_job_stage stage;
	weir_work work;
	weir_str input; /* owned: malloc'd, or mapped if it is is_large */
	bool is_large;
	bool is_cancelled;
	int64_t until_ms; /* its deadline, or the end of its time */
	unsigned n_looks;
	int result;
	struct timer turn;
	struct stack *stack;  /* NULL before it runs */
	struct context outer; /* the loop's stack, while it runs */
};

static struct test_job *job_of(weir_work *work)
{
	return container_of(work, struct test_job, work);
}

/* ---- inside */

static void come_back_in(struct test_job *job, int64_t ms)
{
	loop_timer_start(job->jobs->loop, &job->turn, loop_now_ms(job->jobs->loop) + ms);
	switch_to(&job->stack->context, &job->outer);
}

static int on_report(weir_work *work, weir_str text)
{
	struct test_job *job = job_of(work);

	/* How fast it reports must not depend on the time of day. */
	work->reports.n = 2;
	job->call->up->progress(job->call, text);
	come_back_in(job, 0);
	return 0;
}

static bool is_late(const struct test_job *job)
{
	return loop_now_ms(job->jobs->loop) >= job->until_ms;
}

static bool on_look(weir_work *work)
{
	struct test_job *job = job_of(work);

	work->looked_us = 0; /* each look counts */
	if (!job->is_cancelled && !is_late(job) && ++job->n_looks % LOOKS_A_MS == 0)
		come_back_in(job, 1);
	return job->is_cancelled || is_late(job);
}

static void on_log(weir_work *work, int level, const char *text)
{
	const struct test_job *job = job_of(work);

	log_write(job->jobs->log, level, "%.*s.%.*s: %s", WEIR_ARG(job->call->module),
		  WEIR_ARG(job->call->name), text);
}

static const struct work_ops work_ops = { on_report, on_look, on_log };

static void job_main(void *arg)
{
	struct test_job *job = arg;

	switch_entered(&job->outer);
	job->result = work_run(&job->work, job->call->fn, job->input, INT64_MAX);
	job->stage = TEST_JOB_RETURNED;
	switch_to(&job->stack->context, &job->outer);
}

/* ---- outside */

static void free_job(struct test_job *job)
{
	list_del(&job->link);
	loop_timer_stop(job->jobs->loop, &job->turn);
	if (job->stack) {
		switch_done(&job->stack->context);
		stack_give(&job->jobs->stacks, job->stack);
	}
	work_done(&job->work);
	if (job->is_large)
		sealed_unmap(job->input);
	else
		free((void *)(uintptr_t)job->input.ptr);
	free(job);
}

/* As the hub tells it: who asked a job to end has answered it. */
static int result_of(const struct test_job *job)
{
	if (job->is_cancelled)
		return -ECANCELED;
	return is_late(job) ? -ETIMEDOUT : job->result;
}

static void end(struct test_job *job)
{
	struct job_call *call = job->call;
	struct job_end how = { .result = result_of(job), .status = JOB_STATUS_OWN, .take_fd = -1 };

	if (how.result == 0) {
		how.bytes = job->work.result;
		how.take_fd = steal_fd(job->work.result_fd);
		how.fd_len = job->work.result_len;
	}
	call->up->ended(call, &how);
	free_job(job);
}

static void end_with(struct test_job *job, int error)
{
	job->result = error;
	end(job);
}

static int keep_input(struct test_job *job)
{
	const struct job_call *call = job->call;
	char *copy;

	if (call->input_fd >= 0) {
		job->is_large = true;
		return sealed_map(call->input_fd, call->input_len, &job->input);
	}
	copy = malloc(call->input.len + 1);
	if (!copy)
		return -ENOMEM;
	if (call->input.len > 0)
		memcpy(copy, call->input.ptr, call->input.len);
	job->input = (weir_str){ copy, call->input.len };
	return 0;
}

static int begin(struct test_job *job)
{
	const struct job_call *call = job->call;
	int64_t now_ms = loop_now_ms(job->jobs->loop);

	job->stack = stack_take(&job->jobs->stacks);
	if (!job->stack)
		return -ENOMEM;
	switch_init_own(&job->outer);
	switch_init(&job->stack->context, job->stack->low, job->stack->top, job_main, job);
	if (call->max_run_ms > 0 && call->max_run_ms < job->until_ms - now_ms)
		job->until_ms = now_ms + call->max_run_ms;
	job->stage = TEST_JOB_RUNS;
	return 0;
}

static void go_on(struct test_job *job)
{
	switch_to(&job->outer, &job->stack->context);
	if (job->stage == TEST_JOB_RETURNED)
		end(job);
}

static void on_turn(struct timer *timer)
{
	struct test_job *job = container_of(timer, struct test_job, turn);
	int r = 0;

	if (job->stage < TEST_JOB_RUNS && job->is_cancelled) {
		end_with(job, -ECANCELED);
		return;
	}
	switch (job->stage) {
	case TEST_JOB_COMES:
		/* Its handler hears of that before it has ended. */
		job->stage = TEST_JOB_STARTS;
		loop_timer_start(job->jobs->loop, timer, loop_now_ms(job->jobs->loop));
		r = keep_input(job);
		job->call->up->started(job->call); /* from now on the call has no input */
		break;
	case TEST_JOB_STARTS:
		r = begin(job);
		if (r >= 0)
			go_on(job);
		break;
	case TEST_JOB_RUNS:
	case TEST_JOB_RETURNED:
		go_on(job);
		break;
	}
	if (r < 0)
		end_with(job, r);
}

/* ---- the carrier */

static int submit(struct job_carrier *carrier, struct job_call *call)
{
	struct test_jobs *jobs = container_of(carrier, struct test_jobs, carrier);
	struct test_job *job = calloc(1, sizeof(*job));

	if (!job)
		return -ENOMEM;
	job->jobs = jobs;
	job->call = call;
	job->until_ms = call->deadline_ms;
	work_init(&job->work, &work_ops, jobs->max_result, JOB_CARRIER_INLINE);
	job->work.request_id = call->request_id;
	job->work.traceparent = call->traceparent;
	list_add_tail(&jobs->jobs, &job->link);
	timer_init(&job->turn, on_turn);
	loop_timer_start(jobs->loop, &job->turn, loop_now_ms(jobs->loop));
	return 0;
}

static void cancel(struct job_carrier *carrier, struct job_call *call)
{
	struct test_jobs *jobs = container_of(carrier, struct test_jobs, carrier);

	list_for_each (link, &jobs->jobs) {
		struct test_job *job = list_entry(link, struct test_job, link);

		if (job->call == call)
			job->is_cancelled = true;
	}
}

static const struct job_carrier_ops carrier_ops = { submit, cancel };

void test_jobs_init(struct test_jobs *jobs, struct loop *loop, const struct log *log,
		    size_t max_result)
{
	*jobs = (struct test_jobs){
		.carrier = { &carrier_ops }, .loop = loop, .log = log, .max_result = max_result
	};
	stack_pool_init(&jobs->stacks, STACK_SIZE, GUARD_INSTALL, log);
	list_init(&jobs->jobs);
}

static void finish(struct test_jobs *jobs, struct test_job *job)
{
	struct list *link = &job->link;

	for (unsigned n = 0; n < LAST_TURNS && jobs->jobs.next == link; n++) {
		loop_timer_stop(jobs->loop, &job->turn);
		on_turn(&job->turn);
	}
	if (jobs->jobs.next == link)
		end_with(job, -ECANCELED);
}

void test_jobs_done(struct test_jobs *jobs)
{
	while (!list_is_empty(&jobs->jobs))
		finish(jobs, list_entry(jobs->jobs.next, struct test_job, link));
	stack_pool_done(&jobs->stacks);
}
