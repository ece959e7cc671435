/* test_job_start.c - how a job begins, or why it does not. */
#include <weir/job.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app_job.h"
#include "oom.h"

/* What the handler starts, and what came of it; each test is a process of its own. */
static weir_job_opts opts = { .size = sizeof(opts), .name = "count" };
static int seen = 1, n_seen;
static weir_job *started;

static int start_one(weir_req *req)
{
	weir_str result;
	int r;

	seen = weir_job_start_with(req, &started, &opts);
	n_seen++;
	if (seen < 0)
		return seen;
	r = weir_job_await(started, &result);
	return r < 0 ? r : weir_respond(req, 200, NULL, result);
}

static struct app_world *a;
static struct app_job *j;
static struct client *c;

static void ask(weir_handler *handler)
{
	a = app_world_new();
	j = app_job_new(a);
	app_world_route(a, "/", handler);
	c = client_new(a->w);
	(void)app_world_get(a, c, "/");
}

static bool has_status(const char *status)
{
	return strncmp(client_text(c) + 9, status, 3) == 0;
}

Test(job_start, hands_the_carrier_what_is_to_be_run)
{
	opts.input = WEIR_STR("1000");
	opts.pool = "slow";
	opts.priority = -3;
	opts.max_run_ms = 700;
	ask(start_one);
	cr_assert_eq(j->n_calls, 1);
	cr_assert_str_eq(j->calls[0].module, "shop");
	cr_assert_str_eq(j->calls[0].name, "count");
	cr_assert_str_eq(j->calls[0].pool, "slow");
	cr_assert_str_eq(j->calls[0].input, "1000");
	cr_assert_eq(j->calls[0].priority, -3);
	cr_assert_eq(j->calls[0].max_run_ms, 700);
	cr_assert_eq(j->calls[0].deadline_ms, INT64_MAX);
	app_job_close(j);
}

static char trace_of_request[64];

static int start_one_of_a_trace(weir_req *req)
{
	(void)snprintf(trace_of_request, sizeof(trace_of_request), "%.*s",
		       WEIR_ARG(weir_traceparent(req)));
	return start_one(req);
}

Test(job_start, tells_the_carrier_whose_it_is)
{
	ask(start_one_of_a_trace);
	cr_assert_eq(strlen(j->calls[0].request_id), SITE_ID_LEN);
	cr_assert_eq(strlen(j->calls[0].traceparent), 55u);
	cr_assert_str_eq(j->calls[0].traceparent, trace_of_request);
	app_job_close(j);
}

Test(job_start, makes_a_trace_for_a_request_that_has_none)
{
	ask(start_one);
	cr_assert_eq(strlen(j->calls[0].traceparent), 55u);
	app_job_close(j);
}

Test(job_start, returns_when_the_job_waits_in_a_queue)
{
	ask(start_one);
	cr_assert_eq(n_seen, 0);
	app_job_queue(j, 0);
	cr_assert_eq(n_seen, 1);
	cr_assert_eq(seen, 0);
	app_job_close(j);
}

Test(job_start, returns_when_the_job_runs)
{
	ask(start_one);
	app_job_start(j, 0);
	cr_assert_eq(n_seen, 1);
	app_job_end(j, 0, 0, "168");
	cr_assert_not_null(strstr(client_text(c), "\r\n\r\n168"));
	app_job_close(j);
}

Test(job_start, keeps_a_copy_of_its_input_until_the_job_runs)
{
	static char bytes[] = "abc";

	opts.input = weir_strz(bytes);
	ask(start_one);
	app_job_queue(j, 0);
	memset(bytes, 'x', sizeof(bytes));
	cr_assert(weir_str_eq(j->calls[0].call->input, WEIR_STR("abc")));
	app_job_start(j, 0);
	cr_assert_null(j->calls[0].call->input.ptr);
	app_job_close(j);
}

Test(job_start, makes_a_full_queue_a_503_with_retry_after)
{
	ask(start_one);
	app_job_refuse(j, 0, -EAGAIN);
	cr_assert_eq(seen, -EAGAIN);
	cr_assert(has_status("503"), "%s", client_text(c));
	cr_assert_not_null(strstr(client_text(c), "\r\nretry-after: 1\r\n"), "%s", client_text(c));
	app_job_close(j);
}

Test(job_start, tells_what_the_carrier_says_at_once)
{
	a = app_world_new();
	j = app_job_new(a);
	j->submit_error = -EAGAIN;
	app_world_route(a, "/", start_one);
	c = client_new(a->w);
	(void)app_world_get(a, c, "/");
	cr_assert_eq(seen, -EAGAIN);
	cr_assert_eq(j->n_cancelled, 0);
	app_job_close(j);
}

Test(job_start, makes_an_unknown_pool_a_500)
{
	ask(start_one);
	app_job_refuse(j, 0, -ENOENT);
	cr_assert_eq(seen, -ENOENT);
	cr_assert(has_status("500"), "%s", client_text(c));
	app_job_close(j);
}

Test(job_start, says_in_the_log_which_jobs_there_are)
{
	opts.name = "cuont";
	ask(start_one);
	cr_assert_eq(seen, -ENOENT);
	cr_assert_eq(j->n_calls, 0);
	cr_assert_not_null(strstr(h1_world_log(a->w), "has no job 'cuont'; did you mean 'count'?"),
			   "%s", h1_world_log(a->w));
	app_job_close(j);
}

Test(job_start, needs_a_name)
{
	opts.name = NULL;
	ask(start_one);
	cr_assert_eq(seen, -EINVAL);
	app_job_close(j);
}

Test(job_start, knows_its_flags)
{
	opts.flags = 2;
	ask(start_one);
	cr_assert_eq(seen, -EINVAL);
	app_job_close(j);
}

Test(job_start, refuses_a_time_that_is_none)
{
	opts.max_run_ms = -1;
	ask(start_one);
	cr_assert_eq(seen, -EINVAL);
	app_job_close(j);
}

Test(job_start, needs_job_processes)
{
	a = app_world_new();
	j = app_job_new(a);
	a->site.jobs = NULL;
	app_world_route(a, "/", start_one);
	c = client_new(a->w);
	(void)app_world_get(a, c, "/");
	cr_assert_eq(seen, -ENOTSUP);
	app_job_close(j);
}

Test(job_start, takes_the_options_of_an_older_header)
{
	opts.size = offsetof(weir_job_opts, pool);
	opts.pool = (const char *)1;
	ask(start_one);
	cr_assert_eq(j->n_calls, 1);
	cr_assert_str_eq(j->calls[0].pool, "");
	app_job_close(j);
}

/* ---- large inputs */

Test(job_start, refuses_an_input_over_the_limit)
{
	opts.input = (weir_str){ calloc(1, (4 << 20) + 1), (4 << 20) + 1 };
	ask(start_one);
	cr_assert_eq(seen, -EMSGSIZE);
	cr_assert(has_status("413"));
	app_job_close(j);
	free((void *)(uintptr_t)opts.input.ptr);
}

static void fill(size_t len)
{
	char *bytes = malloc(len);

	memset(bytes, 'q', len);
	opts.input = (weir_str){ bytes, len };
}

Test(job_start, sends_as_it_is_what_fits_into_a_packet)
{
	fill(JOB_CARRIER_INLINE);
	ask(start_one);
	cr_assert_eq(j->n_calls, 1);
	cr_assert_eq(j->calls[0].call->input_fd, -1);
	cr_assert_eq(j->calls[0].call->input.len, JOB_CARRIER_INLINE);
	app_job_close(j);
	free((void *)(uintptr_t)opts.input.ptr);
}

Test(job_start, puts_a_larger_one_into_a_memfd)
{
	fill(JOB_CARRIER_INLINE + 1);
	ask(start_one);
	h1_world_pass(a->w, 1);
	cr_assert_eq(j->n_calls, 1);
	cr_assert_geq(j->calls[0].call->input_fd, 0);
	cr_assert_eq(j->calls[0].input_len, JOB_CARRIER_INLINE + 1);
	cr_assert_eq(j->calls[0].input[0], 'q');
	app_job_start(j, 0);
	cr_assert_eq(j->calls[0].call->input_fd, -1);
	app_job_close(j);
	free((void *)(uintptr_t)opts.input.ptr);
}

Test(job_start, leaves_nothing_of_it_when_the_client_goes_meanwhile)
{
	fill(3 << 20);
	ask(start_one);
	client_close(c);
	h1_world_pass(a->w, 1);
	cr_assert_eq(seen, -ECANCELED);
	app_job_close(j);
	free((void *)(uintptr_t)opts.input.ptr);
}

/* ---- cancelled and late */

Test(job_start, cancels_the_job_when_the_client_goes_before_it_is_taken)
{
	ask(start_one);
	client_close(c);
	h1_world_settle(a->w);
	cr_assert_eq(seen, -ECANCELED);
	cr_assert(j->calls[0].is_cancelled);
	/* Late words are about nothing any more. */
	app_job_start(j, 0);
	app_job_report(j, 0, "half");
	app_job_end(j, 0, 0, "result");
	app_job_close(j);
}

/* Nobody has its handle: so nobody would know that it finishes. */
Test(job_start, cancels_then_what_is_to_finish_anyway_too)
{
	opts.flags = WEIR_FINISH_ANYWAY;
	ask(start_one);
	client_close(c);
	h1_world_settle(a->w);
	cr_assert(j->calls[0].is_cancelled);
	cr_assert(site_is_quiet(&a->site));
	app_job_close(j);
}

static int start_within(weir_req *req)
{
	int r;

	r = weir_within(300, start_one(req));
	return r;
}

Test(job_start, gives_the_job_the_deadline_in_force)
{
	int64_t now_ms;

	ask(start_within);
	now_ms = loop_now_ms(a->w->loop);
	cr_assert_eq(j->calls[0].deadline_ms, now_ms + 300);
	h1_world_pass(a->w, 300);
	cr_assert_eq(seen, -ETIMEDOUT);
	cr_assert(j->calls[0].is_cancelled);
	cr_assert(has_status("504"));
	app_job_close(j);
}

Test(job_start, is_for_tasks_only)
{
	a = app_world_new();
	j = app_job_new(a);
	app_world_route(a, "/", start_within);
	cr_assert_eq(weir_job_start_with(NULL, &started, &opts), -EDEADLK);
	app_job_close(j);
}

/* ---- no memory */

Test(job_start, survives_every_failure_to_allocate)
{
	bool failed = true;
	unsigned n;

	a = app_world_new();
	j = app_job_new(a);
	app_world_route(a, "/", start_one);
	opts.input = WEIR_STR("some input");
	for (n = 1; failed && n < 60; n++) {
		unsigned n_before = j->n_calls;

		c = client_new(a->w);
		oom_fail_at(n);
		(void)client_push(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27);
		h1_world_settle(a->w);
		if (j->n_calls > n_before) {
			app_job_start(j, n_before);
			app_job_report(j, n_before, "half");
			app_job_end(j, n_before, 0, "result");
		}
		failed = oom_has_failed();
		client_close(c);
		h1_world_settle(a->w);
		cr_assert_eq(app_job_left(j), 0);
	}
	cr_assert_not(failed);
	cr_assert_gt(n, 3);
	app_job_close(j);
}

Test(job_start, survives_every_failure_to_allocate_for_a_large_input)
{
	bool failed = true;
	unsigned n;

	fill(JOB_CARRIER_INLINE * 2);
	a = app_world_new();
	j = app_job_new(a);
	app_world_route(a, "/", start_one);
	for (n = 1; failed && n < 60; n++) {
		unsigned n_before = j->n_calls;

		c = client_new(a->w);
		oom_fail_at(n);
		(void)client_push(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27);
		h1_world_pass(a->w, 1);
		if (j->n_calls > n_before)
			app_job_end(j, n_before, 0, "result");
		failed = oom_has_failed();
		client_close(c);
		h1_world_pass(a->w, 1);
		cr_assert_eq(app_job_left(j), 0);
	}
	cr_assert_not(failed);
	cr_assert_gt(n, 3);
	app_job_close(j);
	free((void *)(uintptr_t)opts.input.ptr);
}
