/* test_test_jobs.c - jobs under weir/test.h; also an example of how handlers that start some are tested. */
#include "app/test_jobs.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir/test.h>

#include "base/log.h"
#include "io/loop.h"

static int seen[4], n_seen;
static unsigned n_alive; /* jobs that were called and have not returned */
static bool has_finished;

static int note(int r)
{
	if (n_seen < 4)
		seen[n_seen++] = r;
	return r;
}

static int upper(weir_work *work, weir_str input)
{
	char *text = weir_work_alloc(work, input.len);

	if (!text)
		return -ENOMEM;
	for (size_t i = 0; i < input.len; i++)
		text[i] = (char)(input.ptr[i] ^ 0x20);
	return weir_work_result(work, (weir_str){ text, input.len });
}

static int fail(weir_work *work, weir_str input)
{
	return -EBADMSG;
}

static int report(weir_work *work, weir_str input)
{
	for (int i = 1; i <= 40; i++) {
		if (weir_work_report(work, "%d", i) < 0)
			return -EIO;
	}
	return 0;
}

static int run_until_unwanted(weir_work *work, weir_str input)
{
	n_alive++;
	while (!weir_work_unwanted(work))
		;
	n_alive--;
	return -EINTR;
}

static int finish(weir_work *work, weir_str input)
{
	for (int i = 0; i < 5000; i++) {
		if (weir_work_unwanted(work))
			return -EINTR;
	}
	has_finished = true;
	return 0;
}

static int use_stack(weir_work *work, weir_str input)
{
	volatile char room[700 * 1024];

	for (size_t i = 0; i < sizeof(room); i += 512)
		room[i] = (char)i;
	return room[512] == 0 ? 0 : -EIO;
}

static int sleep_in_job(weir_work *work, weir_str input)
{
	return weir_sleep(1);
}

static int repeat(weir_work *work, weir_str input)
{
	char *text = malloc(input.len * 2);
	int r;

	memcpy(text, input.ptr, input.len);
	memcpy(text + input.len, input.ptr, input.len);
	r = weir_work_result(work, (weir_str){ text, input.len * 2 });
	free(text);
	return r;
}

static int whose(weir_work *work, weir_str input)
{
	weir_str id = weir_work_request_id(work), parent = weir_work_traceparent(work);
	char *text = weir_work_alloc(work, id.len + 1 + parent.len);

	if (!text)
		return -ENOMEM;
	weir_work_log(work, WEIR_LOG_INFO, "it is somebody's");
	memcpy(text, id.ptr, id.len);
	text[id.len] = ' ';
	memcpy(text + id.len + 1, parent.ptr, parent.len);
	return weir_work_result(work, (weir_str){ text, id.len + 1 + parent.len });
}

WEIR_MODULE(.name = "shop",
	    .jobs = WEIR_JOBS({ "upper", upper }, { "fail", fail }, { "report", report },
			      { "run", run_until_unwanted }, { "finish", finish },
			      { "use_stack", use_stack }, { "sleep", sleep_in_job },
			      { "repeat", repeat }, { "whose", whose }));

/* The query names the job; the body is its input. */
static int run_job(weir_req *req)
{
	weir_str body, result;
	weir_job *job;
	char name[16];
	int r;

	(void)snprintf(name, sizeof(name), "%.*s", WEIR_ARG(req->scope->query));
	r = weir_body(req, 1 << 20, &body);
	if (r >= 0)
		r = note(weir_job_start(req, &job, .name = name, .input = body));
	if (r >= 0)
		r = note(weir_job_await(job, &result));
	return r < 0 ? r : weir_respond(req, 200, NULL, result);
}

static const weir_reply *call(const char *path, weir_str body)
{
	return weir_test_call(run_job, .path = path, .method = "POST", .module = &weir_module_1,
			      .body = body);
}

Test(test_jobs, run_what_the_module_names)
{
	const weir_reply *r = call("/?upper", WEIR_STR("hello"));

	cr_assert_eq(r->status, 200);
	cr_assert(weir_str_eq(r->body, WEIR_STR("HELLO")), "%.*s", WEIR_ARG(r->body));
}

Test(test_jobs, hand_on_the_jobs_error)
{
	cr_assert_eq(call("/?fail", WEIR_STR(""))->status, 400);
	cr_assert_eq(seen[1], -EBADMSG);
}

Test(test_jobs, refuse_what_the_module_does_not_name)
{
	cr_assert_eq(call("/?nothing", WEIR_STR(""))->status, 500);
	cr_assert_eq(seen[0], -ENOENT);
}

Test(test_jobs, have_a_stack_for_blocking_c)
{
	cr_assert_eq(call("/?use_stack", WEIR_STR(""))->status, 200);
}

Test(test_jobs, cannot_wait_as_handlers_do)
{
	(void)call("/?sleep", WEIR_STR(""));
	cr_assert_eq(seen[1], -EDEADLK);
}

Test(test_jobs, take_and_give_what_needs_a_memfd)
{
	char *large = calloc(1, 300000);
	const weir_reply *r;

	memset(large, 'a', 300000);
	r = call("/?repeat", (weir_str){ large, 300000 });
	cr_assert_eq(r->status, 200);
	cr_assert_eq(r->body.len, 600000);
	cr_assert_eq(r->body.ptr[599999], 'a');
	free(large);
}

static int follow(weir_req *req)
{
	weir_job *job;
	weir_str text, last = { NULL, 0 };
	int r, n = 0;

	r = weir_job_start(req, &job, .name = "report");
	if (r < 0)
		return r;
	while ((r = weir_job_progress(job, &text)) > 0) {
		n++;
		last = weir_copy(req, text);
	}
	return r < 0 ? r
		     : weir_respond(req, 200, NULL, weir_printf(req, "%d %.*s", n, WEIR_ARG(last)));
}

Test(test_jobs, let_each_report_be_read)
{
	const weir_reply *r = weir_test_call(follow, .module = &weir_module_1);

	cr_assert(weir_str_eq(r->body, WEIR_STR("40 40")), "%.*s", WEIR_ARG(r->body));
}

static int run_for_a_second(weir_req *req)
{
	int64_t began_ms = weir_now_ms();
	int r;

	r = weir_within(1000, run_job(req));
	cr_assert_eq(weir_now_ms() - began_ms, 1000);
	return r;
}

Test(test_jobs, end_when_the_deadline_passes_that_was_in_force)
{
	const weir_reply *r = weir_test_call(run_for_a_second, .path = "/?run",
					     .module = &weir_module_1);

	cr_assert_eq(r->status, 504);
	cr_assert_eq(n_alive, 0);
}

static int run_for_10_ms(weir_req *req)
{
	weir_str result;
	weir_job *job;
	int r;

	r = weir_job_start(req, &job, .name = "run", .max_run_ms = 10);
	if (r >= 0)
		r = note(weir_job_await(job, &result));
	return r;
}

Test(test_jobs, end_when_they_have_run_for_too_long)
{
	cr_assert_eq(weir_test_call(run_for_10_ms, .module = &weir_module_1)->status, 504);
	cr_assert_eq(seen[0], -ETIMEDOUT);
	cr_assert_eq(n_alive, 0);
}

Test(test_jobs, end_when_the_client_leaves)
{
	const weir_reply *r = weir_test_call(run_job, .path = "/?run", .module = &weir_module_1,
					     .disconnect_after_ms = 300);

	cr_assert_eq(r->status, 499);
	cr_assert_eq(seen[1], -ECANCELED);
	cr_assert_eq(n_alive, 0);
}

static int cancel_it(weir_req *req)
{
	weir_str result;
	weir_job *job;
	int r;

	r = weir_job_start(req, &job, .name = "run");
	if (r >= 0)
		r = weir_sleep(20);
	if (r < 0)
		return r;
	weir_job_cancel(job);
	(void)note(weir_job_await(job, &result));
	return weir_respond(req, 200, NULL, WEIR_STR("x"));
}

Test(test_jobs, end_when_they_are_cancelled)
{
	cr_assert_eq(weir_test_call(cancel_it, .module = &weir_module_1)->status, 200);
	cr_assert_eq(seen[0], -ECANCELED);
	cr_assert_eq(n_alive, 0);
}

static int leave_one_behind(weir_req *req)
{
	weir_job *job;
	int r;

	r = weir_job_start(req, &job, .name = "finish", .flags = WEIR_FINISH_ANYWAY);
	return r < 0 ? r : weir_respond(req, 200, NULL, WEIR_STR("x"));
}

Test(test_jobs, finish_anyway_if_they_are_to)
{
	cr_assert_eq(weir_test_call(leave_one_behind, .module = &weir_module_1)->status, 200);
	cr_assert(has_finished);
}

static int ask_whose(weir_req *req)
{
	weir_str result, want;
	weir_job *job;
	int r;

	r = weir_job_start(req, &job, .name = "whose");
	if (r >= 0)
		r = weir_job_await(job, &result);
	if (r < 0)
		return r;
	want = weir_printf(req, "%.*s %.*s", WEIR_ARG(req->scope->request_id),
			   WEIR_ARG(weir_traceparent(req)));
	return weir_respond(req, weir_str_eq(result, want) ? 200 : 500, NULL, result);
}

Test(test_jobs, know_whose_they_are)
{
	const weir_reply *r = weir_test_call(ask_whose, .module = &weir_module_1);

	cr_assert_eq(r->status, 200, "%.*s", WEIR_ARG(r->body));
	cr_assert_gt(r->body.len, 55u);
}

static int map(weir_req *req)
{
	weir_job_item items[] = { { .input = WEIR_STR("a") }, { .input = WEIR_STR("b") } };
	int r;

	r = weir_job_map(req, items, 2, .name = "upper");
	if (r < 0)
		return r;
	return weir_respond(
		req, 200, NULL,
		weir_printf(req, "%.*s%.*s", WEIR_ARG(items[0].result), WEIR_ARG(items[1].result)));
}

Test(test_jobs, run_many_at_once)
{
	const weir_reply *r = weir_test_call(map, .module = &weir_module_1);

	cr_assert(weir_str_eq(r->body, WEIR_STR("AB")), "%.*s", WEIR_ARG(r->body));
}

/* A session's handler starts them as well. */
static int answer_by_job(weir_req *req)
{
	weir_str message, result;
	weir_job *job;
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	while (r >= 0 && (r = weir_ws_recv(ws, &message)) > 0) {
		r = weir_job_start(req, &job, .name = "upper", .input = message);
		if (r < 0)
			break;
		r = weir_job_await(job, &result);
		if (r >= 0)
			r = weir_ws_send(ws, result);
		weir_job_release(job);
	}
	return r;
}

Test(test_jobs, serve_sessions_too)
{
	weir_test_ws *t = weir_test_ws_open(
		answer_by_job,
		&(weir_test_opts){ .size = sizeof(weir_test_opts), .module = &weir_module_1 });
	weir_str message;

	cr_assert_eq(weir_test_ws_send(t, WEIR_STR("abc")), 0);
	cr_assert_eq(weir_test_ws_recv(t, &message), 1);
	cr_assert(weir_str_eq(message, WEIR_STR("ABC")));
	cr_assert_eq(weir_test_ws_close(t), 1000);
}

/* ---- what weir_test_call() cannot bring about */

static int ended = 1;

static void ignore_started(struct job_call *call)
{
}

static void note_ended(struct job_call *call, const struct job_end *end)
{
	ended = end->result;
}

Test(test_jobs, say_why_one_could_not_begin)
{
	static const struct job_call_ops ops = { .started = ignore_started, .ended = note_ended };
	/* No memfd: nothing that an input could be mapped from. */
	struct job_call job = { .up = &ops,
				.input_fd = open("/dev/null", O_RDONLY | O_CLOEXEC),
				.input_len = 1,
				.deadline_ms = INT64_MAX };
	struct log log = { .fd = STDERR_FILENO };
	struct test_jobs jobs;
	struct loop *loop;

	cr_assert_eq(loop_new_virtual(&loop), 0);
	test_jobs_init(&jobs, loop, &log, 1000);
	cr_assert_eq(jobs.carrier.ops->submit(&jobs.carrier, &job), 0);
	loop_turn(loop, false);
	cr_assert_eq(ended, -EPROTO);
	test_jobs_done(&jobs);
	(void)loop_free(loop);
	(void)close(job.input_fd);
}
