/* app_job.c - see app_job.h. */
#include "app_job.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int run_nowhere(weir_work *work, weir_str input)
{
	cr_assert_fail("a job runs in its worker");
	return 0;
}

static const weir_job_entry entries[] = { { "count", run_nowhere },
					  { "other", run_nowhere },
					  { 0 } };

/* ---- the carrier */

static void copy(char *to, size_t size, weir_str from)
{
	(void)snprintf(to, size, "%.*s", WEIR_ARG(from));
}

static void copy_input(struct app_job_call *to, const struct job_call *call)
{
	size_t n = sizeof(to->input) - 1;

	to->input_len = call->input_fd >= 0 ? call->input_len : call->input.len;
	if (call->input_fd >= 0)
		cr_assert_eq(pread(call->input_fd, to->input, n, 0), (ssize_t)n);
	else
		copy(to->input, sizeof(to->input), call->input);
}

static int submit(struct job_carrier *carrier, struct job_call *call)
{
	struct app_job *j = container_of(carrier, struct app_job, carrier);
	struct app_job_call *to = &j->calls[j->n_calls];
	int error = j->submit_error;

	j->submit_error = 0;
	if (error < 0)
		return error;
	cr_assert_lt(j->n_calls, APP_JOB_CALLS);
	*to = (struct app_job_call){ .call = call,
				     .priority = call->priority,
				     .max_run_ms = call->max_run_ms,
				     .deadline_ms = call->deadline_ms };
	copy(to->module, sizeof(to->module), call->module);
	copy(to->name, sizeof(to->name), call->name);
	copy(to->pool, sizeof(to->pool), call->pool);
	copy(to->request_id, sizeof(to->request_id), call->request_id);
	copy(to->traceparent, sizeof(to->traceparent), call->traceparent);
	copy_input(to, call);
	call->number = j->n_calls++;
	j->n_unsaid++;
	if (j->n_processes > 0)
		loop_defer(j->a->w->loop, &j->say);
	return 0;
}

static void cancel(struct job_carrier *carrier, struct job_call *call)
{
	struct app_job *j = container_of(carrier, struct app_job, carrier);
	struct app_job_call *to = &j->calls[call->number];

	cr_assert_eq(to->call, call);
	cr_assert_not(to->is_cancelled);
	to->is_cancelled = true;
	j->n_cancelled++;
}

static const struct job_carrier_ops ops = { submit, cancel };

/* ---- a pool */

static void start(struct app_job *j, struct app_job_call *c)
{
	c->is_started = true;
	j->n_running++;
	c->call->up->started(c->call);
}

static void refuse(struct app_job *j, struct app_job_call *c, int error)
{
	struct job_call *call = c->call;

	c->call = NULL;
	j->n_refused++;
	call->up->refused(call, error);
}

static unsigned n_waiting(const struct app_job *j)
{
	return app_job_left(j) - j->n_running;
}

static void on_say(struct loop_defer *defer)
{
	struct app_job *j = container_of(defer, struct app_job, say);

	for (; j->n_unsaid > 0; j->n_unsaid--) {
		struct app_job_call *c = &j->calls[j->n_calls - j->n_unsaid];
		unsigned n = n_waiting(j) - j->n_unsaid;

		if (j->n_running < j->n_processes) {
			start(j, c);
		} else if (n < j->n_queue) {
			if (n + 1 > j->n_most_waiting)
				j->n_most_waiting = n + 1;
			c->call->up->queued(c->call);
		} else {
			refuse(j, c, -EAGAIN);
		}
	}
}

/* One has ended. */
static void start_next(struct app_job *j)
{
	for (unsigned i = 0; i < j->n_calls - j->n_unsaid; i++) {
		struct app_job_call *c = &j->calls[i];

		if (c->call && !c->is_started) {
			start(j, c);
			return;
		}
	}
}

/* ---- the test */

struct app_job *app_job_new(struct app_world *a)
{
	static char name[] = "shop";
	struct app_job *j = calloc(1, sizeof(*j));

	j->carrier.ops = &ops;
	j->a = a;
	loop_defer_init(&j->say, on_say);
	a->app.name = name;
	a->app.def.jobs = entries;
	a->app.def.job_size = sizeof(entries[0]);
	a->app.n_jobs = 2;
	a->site.jobs = &j->carrier;
	a->site.max_job_payload = 4 << 20;
	return j;
}

void app_job_free(struct app_job *j)
{
	j->n_processes = 0;
	loop_defer_cancel(&j->say);
	for (unsigned i = 0; i < j->n_calls; i++) {
		if (j->calls[i].call)
			app_job_end(j, i, -ECANCELED, "");
	}
	free(j);
}

void app_job_close(struct app_job *j)
{
	struct app_world *a = j->a;

	h1_world_close(a->w);
	app_job_free(j);
	app_world_free(a);
}

unsigned app_job_left(const struct app_job *j)
{
	unsigned n = 0;

	for (unsigned i = 0; i < j->n_calls; i++)
		n += j->calls[i].call != NULL;
	return n;
}

static struct job_call *call_at(struct app_job *j, unsigned n)
{
	cr_assert_lt(n, j->n_calls);
	cr_assert_not_null(j->calls[n].call);
	return j->calls[n].call;
}

void app_job_queue(struct app_job *j, unsigned n)
{
	struct job_call *call = call_at(j, n);

	call->up->queued(call);
	h1_world_settle(j->a->w);
}

void app_job_start(struct app_job *j, unsigned n)
{
	(void)call_at(j, n);
	start(j, &j->calls[n]);
	h1_world_settle(j->a->w);
}

void app_job_refuse(struct app_job *j, unsigned n, int error)
{
	(void)call_at(j, n);
	refuse(j, &j->calls[n], error);
	h1_world_settle(j->a->w);
}

void app_job_report(struct app_job *j, unsigned n, const char *report)
{
	struct job_call *call = call_at(j, n);

	call->up->progress(call, weir_strz(report));
	h1_world_settle(j->a->w);
}

static void end(struct app_job *j, unsigned n, const struct job_end *how)
{
	struct job_call *call = call_at(j, n);

	j->calls[n].call = NULL;
	j->n_running -= j->calls[n].is_started;
	call->up->ended(call, how);
	if (j->n_processes > 0)
		start_next(j);
	h1_world_settle(j->a->w);
}

void app_job_end(struct app_job *j, unsigned n, int result, const char *bytes)
{
	/* Of this call only: who keeps a pointer to it is found out. */
	char *gone = strdup(bytes);
	struct job_end how = { .result = result, .bytes = weir_strz(gone), .take_fd = -1 };

	end(j, n, &how);
	free(gone);
}

void app_job_die(struct app_job *j, unsigned n, int status)
{
	struct job_end how = { .result = -ECHILD, .status = status, .take_fd = -1 };

	end(j, n, &how);
}

void app_job_end_fd(struct app_job *j, unsigned n, int take_fd, uint64_t len)
{
	struct job_end how = { .take_fd = take_fd, .fd_len = len };

	end(j, n, &how);
	h1_world_pass(j->a->w, 1);
}
