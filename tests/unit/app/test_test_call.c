/*
 * test_test_call.c - weir/test.h: does a handler under test meet what it would
 * meet in a worker? Also an example of how handlers are tested.
 */
#include <weir/test.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void body_is(const weir_reply *r, const char *expected)
{
	cr_assert(weir_str_eq(r->body, weir_strz(expected)), "%.*s", WEIR_ARG(r->body));
}

static int hello(weir_req *req)
{
	return weir_respond(req, 200, "text/plain", WEIR_STR("hello, world\n"));
}

Test(test_call, gives_what_the_handler_answered)
{
	const weir_reply *r = weir_test_call(hello, .path = "/hello");

	cr_assert_eq(r->status, 200);
	cr_assert(weir_str_eq(weir_reply_header(r, "content-type"), WEIR_STR("text/plain")));
	cr_assert_null(weir_reply_header(r, "x-absent").ptr);
	cr_assert_not(r->is_cut);
	body_is(r, "hello, world\n");
}

Test(test_call, may_be_called_many_times)
{
	for (int i = 0; i < 50; i++)
		cr_assert_eq(weir_test_call(hello)->status, 200);
}

static int describe(weir_req *req)
{
	const weir_scope *s = req->scope;

	return weir_respond(req, 200, "text/plain",
			    weir_printf(req, "%.*s %.*s ?%.*s host=%.*s x=%.*s",
					WEIR_ARG(s->method), WEIR_ARG(s->path), WEIR_ARG(s->query),
					WEIR_ARG(weir_header_get(req, "host")),
					WEIR_ARG(weir_header_get(req, "x-given"))));
}

Test(test_call, asks_for_the_root_when_nothing_is_said)
{
	body_is(weir_test_call(describe), "GET / ? host=test x=");
}

Test(test_call, hands_on_method_path_query_and_headers)
{
	const weir_header headers[] = {
		{ WEIR_STR("x-given"), WEIR_STR("7") },
		{ WEIR_STR("host"), WEIR_STR("shop.example") },
	};

	body_is(weir_test_call(describe, .method = "DELETE", .path = "/a%20b?c=d",
			       .headers = headers, .n_headers = 2),
		"DELETE /a b ?c=d host=shop.example x=7");
}

static int user(weir_req *req)
{
	return weir_respond(req, 200, "text/plain", weir_param(req, "id"));
}

Test(test_call, takes_parameters_out_of_the_path)
{
	body_is(weir_test_call(user, .route = "/users/{id}", .path = "/users/seven"), "seven");
}

Test(test_call, answers_404_when_the_path_is_not_the_routes)
{
	cr_assert_eq(weir_test_call(user, .route = "/users/{id}", .path = "/carts/7")->status, 404);
}

Test(test_call, says_what_is_wrong_with_a_route)
{
	const weir_reply *r = weir_test_call(user, .route = "users");

	cr_assert_eq(r->status, 0);
	cr_assert_gt(r->body.len, 0);
}

Test(test_call, says_what_is_wrong_with_a_path)
{
	const weir_reply *r = weir_test_call(hello, .path = "/no spaces");

	cr_assert_eq(r->status, 0);
	cr_assert_gt(r->body.len, 0);
}

Test(test_call, says_when_a_header_would_break_the_request)
{
	const weir_header header = { WEIR_STR("x-given"), WEIR_STR("a\r\n\r\nb") };
	const weir_reply *r = weir_test_call(describe, .headers = &header, .n_headers = 1);

	cr_assert_eq(r->status, 0);
	body_is(r, "the message is malformed");
}

static int echo(weir_req *req)
{
	weir_str piece;
	int r;

	r = weir_start(req, 200, "text/plain");
	if (r < 0)
		return r;
	while ((r = weir_body_next(req, &piece)) > 0) {
		r = weir_write(req, piece);
		if (r < 0)
			return r;
	}
	return r;
}

Test(test_call, streams_a_body_both_ways)
{
	size_t len = 100000;
	char *body = malloc(len);
	const weir_reply *r;

	for (size_t i = 0; i < len; i++)
		body[i] = (char)(i % 251);
	r = weir_test_call(echo, .method = "POST", .body = { body, len });
	cr_assert_eq(r->status, 200);
	cr_assert(weir_str_eq(r->body, (weir_str){ body, len }));
	free(body);
}

static int read_all(weir_req *req)
{
	weir_str body;
	int r;

	r = weir_body(req, 10, &body);
	if (r < 0)
		return r;
	return weir_respond(req, 200, "text/plain", body);
}

Test(test_call, answers_413_for_a_body_that_the_handler_finds_too_large)
{
	cr_assert_eq(
		weir_test_call(read_all, .method = "POST", .body = WEIR_STR("0123456789"))->status,
		200);
	cr_assert_eq(
		weir_test_call(read_all, .method = "POST", .body = WEIR_STR("0123456789a"))->status,
		413);
}

static int sleep_an_hour(weir_req *req)
{
	int64_t began_ms = weir_now_ms();
	int r;

	r = weir_sleep(3600 * 1000);
	if (r < 0)
		return r;
	return weir_respond(req, 200, "text/plain",
			    weir_printf(req, "%lld", (long long)(weir_now_ms() - began_ms)));
}

Test(test_call, lets_hours_pass_in_no_time)
{
	body_is(weir_test_call(sleep_an_hour), "3600000");
}

Test(test_call, says_499_when_the_client_left_before_the_answer)
{
	const weir_reply *r = weir_test_call(sleep_an_hour, .disconnect_after_ms = 1000);

	cr_assert_eq(r->status, 499);
	cr_assert_eq(r->body.len, 0);
}

Test(test_call, has_clients_that_wait_for_as_long_as_can_be_said)
{
	body_is(weir_test_call(sleep_an_hour, .disconnect_after_ms = INT64_MAX), "3600000");
}

static int ticks(weir_req *req)
{
	int r;

	r = weir_start(req, 200, "text/event-stream");
	while (r >= 0) {
		r = weir_writef(req, "tick ");
		if (r >= 0)
			r = weir_sleep(1000);
	}
	return r;
}

Test(test_call, keeps_what_was_sent_before_the_client_left)
{
	const weir_reply *r = weir_test_call(ticks, .disconnect_after_ms = 2500);

	cr_assert_eq(r->status, 200);
	cr_assert(r->is_cut);
	body_is(r, "tick tick tick ");
}

static int wait_for_nothing(weir_req *req)
{
	weir_future *f = weir_future_new();
	int r;

	if (!f)
		return -ENOMEM;
	r = weir_future_await(f);
	weir_future_drop(f);
	(void)weir_future_set(f, 0);
	return r;
}

Test(test_call, ends_a_handler_that_waits_for_what_never_comes)
{
	cr_assert_eq(weir_test_call(wait_for_nothing)->status, 499);
}

static int fail(weir_req *req)
{
	return weir_fail(req, -EIO, "the disk is full");
}

Test(test_call, says_500_when_the_handler_failed)
{
	cr_assert_eq(weir_test_call(fail)->status, 500);
}

static int fail_in_a_scratch(weir_req *req)
{
	WEIR_SCRATCH(req);
	return weir_fail(req, -EIO, "disk %s is full", "sda");
}

/* What weir_test_call() writes to stderr meanwhile. */
static void call_and_read_log(weir_handler *handler, char *ret_text, size_t size)
{
	int fds[2], kept = dup(STDERR_FILENO);
	ssize_t n;

	cr_assert_eq(pipe(fds), 0);
	(void)dup2(fds[1], STDERR_FILENO);
	(void)weir_test_call(handler);
	(void)dup2(kept, STDERR_FILENO);
	close(fds[1]);
	close(kept);
	n = read(fds[0], ret_text, size - 1);
	ret_text[n > 0 ? n : 0] = '\0';
	close(fds[0]);
}

Test(test_call, logs_a_reason_that_was_given_inside_a_scratch)
{
	char text[512];

	call_and_read_log(fail_in_a_scratch, text, sizeof(text));
	cr_assert_not_null(strstr(text, "disk sda is full"), "%s", text);
}

static int choose(weir_req *req)
{
	return WEIR_STATUS(403);
}

Test(test_call, shows_the_error_page_that_the_handler_chose)
{
	cr_assert_eq(weir_test_call(choose)->status, 403);
}

static int break_off(weir_req *req)
{
	int r;

	r = weir_start(req, 200, "text/plain");
	if (r >= 0)
		r = weir_write(req, WEIR_STR("half"));
	return r < 0 ? r : -EIO;
}

Test(test_call, tells_a_cut_answer_from_a_whole_one)
{
	const weir_reply *r = weir_test_call(break_off);

	cr_assert_eq(r->status, 200);
	cr_assert(r->is_cut);
	body_is(r, "half");
}

static int send_itself(weir_req *req)
{
	char file[] = "/tmp/weir-test-call-XXXXXX";
	int r, fd = mkstemp(file);

	cr_assert_geq(fd, 0);
	(void)unlink(file);
	cr_assert_eq(write(fd, "0123456789", 10), 10);
	r = weir_start(req, 200, "text/plain");
	if (r >= 0)
		r = weir_sendfile(req, fd, 2, 5);
	close(fd);
	return r;
}

Test(test_call, keeps_what_a_file_held)
{
	body_is(weir_test_call(send_itself), "23456");
}

/* Three allocations, none of which is looked at before the answer. */
static int allocate(weir_req *req)
{
	char *one = weir_alloc(req, 10), *two = weir_alloc(req, 10), *three = weir_alloc(req, 10);

	return weir_respond(req, 200, "text/plain",
			    weir_strz(!one     ? "first"
				      : !two   ? "second"
				      : !three ? "third"
					       : "none"));
}

static int allocate_and_tell(weir_req *req)
{
	int r;

	r = allocate(req);
	if (r != -ENOMEM)
		return r;
	return allocate(req);
}

Test(test_call, fails_no_allocation_unless_told_to)
{
	body_is(weir_test_call(allocate), "none");
}

Test(test_call, reports_a_failed_allocation_at_the_next_send)
{
	for (size_t n = 1; n <= 3; n++)
		cr_assert_eq(weir_test_call(allocate, .fail_alloc_at = n)->status, 500, "%zu", n);
}

Test(test_call, fails_exactly_one_allocation)
{
	for (size_t n = 1; n <= 3; n++)
		body_is(weir_test_call(allocate_and_tell, .fail_alloc_at = n), "none");
}

/* ---- with a module */

static int count(weir_req *req, void *arg)
{
	int *n = arg, r;

	while ((r = weir_sleep(1000)) >= 0)
		(*n)++;
	return r;
}

static int begin(weir_app *app)
{
	int *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	weir_app_set_state(app, n);
	return weir_app_spawn(app, count, n);
}

static void finish(weir_app *app)
{
	free(weir_app_state(app));
}

static int show(weir_req *req)
{
	const int *n = req->state;
	int r;

	r = weir_sleep(3500);
	if (r < 0)
		return r;
	return weir_respond(req, 200, "text/plain", weir_printf(req, "%d", *n));
}

Test(test_call, starts_and_stops_the_module_around_the_call)
{
	const weir_module module = {
		.size = sizeof(weir_module),
		.handler_size = sizeof(weir_handler_entry),
		.abi_major = WEIR_ABI_MAJOR,
		.abi_minor = WEIR_ABI_MINOR,
		.name = "counter",
		.startup = begin,
		.shutdown = finish,
	};

	body_is(weir_test_call(show, .module = &module), "3");
}

static int refuse_to_begin(weir_app *app)
{
	return weir_fail(weir_app_req(app), -EINVAL, "not today");
}

Test(test_call, says_why_a_module_did_not_start)
{
	const weir_module module = {
		.size = sizeof(weir_module),
		.handler_size = sizeof(weir_handler_entry),
		.abi_major = WEIR_ABI_MAJOR,
		.abi_minor = WEIR_ABI_MINOR,
		.name = "counter",
		.startup = refuse_to_begin,
	};
	const weir_reply *r = weir_test_call(show, .module = &module);

	cr_assert_eq(r->status, 0);
	body_is(r, "module 'counter' could not start: not today (EINVAL)");
}

Test(test_call, says_what_is_wrong_with_a_module)
{
	const weir_module module = { .size = 1, .abi_major = 9 };
	const weir_reply *r = weir_test_call(show, .module = &module);

	cr_assert_eq(r->status, 0);
	cr_assert_gt(r->body.len, 0);
}

Test(test_call, takes_the_options_of_an_older_header)
{
	weir_test_opts opts = { .size = offsetof(weir_test_opts, fail_alloc_at),
				.path = "/hello",
				.fail_alloc_at = 1 };

	body_is(weir_test_call_with(allocate, &opts), "none");
}
