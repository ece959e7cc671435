/* test_req.c - how a request becomes a running handler, and its result an answer. */
#include "app/req.h"

#include <criterion/criterion.h>
#include <string.h>
#include <weir/http.h>

#include "app_world.h"

#define OK(len, type, body) \
	"HTTP/1.1 200 OK\r\ncontent-length: " len "\r\ncontent-type: " type "\r\n\r\n" body
#define PAGE(status, len, body)                       \
	"HTTP/1.1 " status "\r\ncontent-length: " len \
	"\r\ncontent-type: text/plain; charset=utf-8\r\n\r\n" body

/* What a handler leaves for its test; each test is a process of its own. */
static int seen;
static weir_reason seen_reason;

static int hello(weir_req *req)
{
	return weir_respond(req, 200, "text/plain", WEIR_STR("hello\n"));
}

static int say_scope(weir_req *req)
{
	const weir_scope *s = req->scope;

	return weir_respond(req, 200, NULL,
			    weir_printf(req, "%u %u %.*s %.*s %.*s %.*s %.*s %.*s %.*s", s->type,
					s->http_version, WEIR_ARG(s->method), WEIR_ARG(s->scheme),
					WEIR_ARG(s->path), WEIR_ARG(s->raw_path),
					WEIR_ARG(s->query), WEIR_ARG(s->client),
					WEIR_ARG(s->server)));
}

static int say_id(weir_req *req)
{
	return weir_respond(req, 200, NULL, req->scope->request_id);
}

static int return_code(weir_req *req)
{
	int *code = req->state;

	return *code;
}

static int sleep_and_say(weir_req *req)
{
	int r;

	r = weir_sleep(1000);
	seen = r;
	seen_reason = weir_cancel_reason();
	if (r < 0)
		return r;
	return hello(req);
}

/* ---- routes */

Test(req, runs_the_handler_of_its_route)
{
	struct app_world *a = app_world_new();
	struct client *c = client_new(a->w);

	app_world_route(a, "/hello", hello);
	cr_assert_str_eq(app_world_get(a, c, "/hello"), OK("6", "text/plain", "hello\n"));
	cr_assert_str_eq(app_world_get(a, c, "/hello"), OK("6", "text/plain", "hello\n"));
	app_world_free(a);
}

Test(req, fills_the_scope)
{
	struct app_world *a = app_world_new();

	app_world_route(a, "/a%20b/{x}", say_scope);
	cr_assert(strstr(app_world_ask(a, "/a%20b/%41?q=%20"),
			 "\r\n\r\n1 11 GET http /a b/A /a%20b/%41 q=%20 192.0.2.7:51234 "
			 "192.0.2.1:80"),
		  "%s", a->w->clients[0]->text);
	app_world_free(a);
}

Test(req, has_an_id_of_sixteen_digits_and_never_the_same)
{
	struct app_world *a = app_world_new();
	struct client *c = client_new(a->w);
	char first[17], second[17];

	a->site.id_seed = 0x123456789abcdef;
	app_world_route(a, "/id", say_id);
	memcpy(first, strstr(app_world_get(a, c, "/id"), "\r\n\r\n") + 4, 17);
	memcpy(second, strstr(app_world_get(a, c, "/id"), "\r\n\r\n") + 4, 17);
	cr_assert_eq(strspn(first, "0123456789abcdef"), 16);
	cr_assert_eq(strspn(second, "0123456789abcdef"), 16);
	cr_assert_str_neq(first, second);
	app_world_free(a);
}

Test(req, counts_its_ids_in_hex_digits)
{
	static const struct {
		uint64_t seed;
		const char *id;
	} ids[] = {
		{ 0x9000000000000001, "100000000000000a" },
		{ 0xff80000000000001, "1000000000000900" },
		{ 0xffffffffffffffff, "0000000000000000" },
	};

	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		struct app_world *a = app_world_new();
		struct client *c = client_new(a->w);

		a->site.id_seed = ids[i].seed;
		app_world_route(a, "/id", say_id);
		cr_assert_str_eq(strstr(app_world_get(a, c, "/id"), "\r\n\r\n") + 4, ids[i].id);
		app_world_free(a);
	}
}

Test(req, answers_404_405_and_options_itself)
{
	struct app_world *a = app_world_new();
	struct client *c = client_new(a->w);

	app_world_route_for(a, "/hello", ROUTER_METHOD(HTTP_METHOD_GET), hello);
	cr_assert_str_eq(app_world_get(a, c, "/nowhere"),
			 PAGE("404 Not Found", "14", "404 Not Found\n"));
	client_forget(c);
	client_send(c, "POST /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_str_eq(client_text(c),
			 "HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 23\r\n"
			 "content-type: text/plain; charset=utf-8\r\n"
			 "allow: GET, HEAD, OPTIONS\r\n\r\n405 Method Not Allowed\n");
	client_forget(c);
	client_send(c, "OPTIONS /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_str_eq(client_text(c),
			 "HTTP/1.1 204 No Content\r\nallow: GET, HEAD, OPTIONS\r\n\r\n");
	client_forget(c);
	client_send(c, "HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_str_eq(client_text(c), OK("6", "text/plain", ""));
	app_world_free(a);
}

/* ---- results */

struct result {
	int code;
	const char *status, *log; /* NULL: nothing is logged */
};

static const struct result results[] = {
	{ 0, "500 Internal Server Error", "it returned without having answered" },
	{ 7, "500 Internal Server Error", "it returned without having answered" },
	{ WEIR_STATUS(404), "404 Not Found", NULL },
	{ WEIR_STATUS(503), "503 Service Unavailable", NULL },
	{ WEIR_STATUS(204), "204 No Content", NULL },
	{ WEIR_STATUS(999), "999 ", NULL },
	{ WEIR_STATUS(100), "500 Internal Server Error", "an unknown error" },
	{ WEIR_STATUS(1000), "500 Internal Server Error", "an unknown error" },
	{ -EMSGSIZE, "413 Content Too Large", NULL },
	{ -EBADMSG, "400 Bad Request", NULL },
	{ -ETIMEDOUT, "504 Gateway Timeout", "ETIMEDOUT" },
	{ -EAGAIN, "503 Service Unavailable", "EAGAIN" },
	{ -EIO, "500 Internal Server Error", "EIO" },
	{ -ENOMEM, "500 Internal Server Error", "ENOMEM" },
	{ -ECANCELED, "503 Service Unavailable", "ECANCELED" },
};

Test(req, makes_an_answer_of_what_the_handler_returned)
{
	for (size_t i = 0; i < ARRAY_LEN(results); i++) {
		struct app_world *a = app_world_new();
		int code = results[i].code;
		const char *text;

		a->app.state = &code;
		app_world_route(a, "/x", return_code);
		text = app_world_ask(a, "/x");
		cr_assert_eq(strncmp(text + 9, results[i].status, strlen(results[i].status)), 0,
			     "%d: %s", code, text);
		if (results[i].log)
			cr_assert(strstr(h1_world_log(a->w), results[i].log), "%d: %s", code,
				  h1_world_log(a->w));
		else
			cr_assert_str_eq(h1_world_log(a->w), "", "%d", code);
		cr_assert_eq(a->site.n_failed, results[i].log != NULL);
		app_world_free(a);
	}
}

Test(req, asks_to_come_again_with_503)
{
	struct app_world *a = app_world_new();
	int code = -EAGAIN;

	a->app.state = &code;
	app_world_route(a, "/x", return_code);
	cr_assert(strstr(app_world_ask(a, "/x"), "\r\nretry-after: 1\r\n"));
	app_world_free(a);
}

static int fail_with_words(weir_req *req)
{
	WEIR_SCRATCH(req);

	return weir_fail(req, -EIO, "cart said %d\n", 42);
}

Test(req, logs_why_it_failed_and_does_not_tell_the_client)
{
	struct app_world *a = app_world_new();

	app_world_route(a, "/cart", fail_with_words);
	cr_assert_str_eq(app_world_ask(a, "/cart"),
			 PAGE("500 Internal Server Error", "26", "500 Internal Server Error\n"));
	cr_assert(strstr(h1_world_log(a->w), "error: test.handler: GET /cart: failed (500): EIO: "
					     "cart said 42\\x0a\n"),
		  "%s", h1_world_log(a->w));
	app_world_free(a);
}

static int break_off(weir_req *req)
{
	int *code = req->state, r;

	r = weir_start(req, 200, "text/plain");
	if (r == 0)
		r = weir_write(req, WEIR_STR("half"));
	return r < 0 ? r : *code;
}

Test(req, breaks_a_started_answer_off_when_the_handler_fails)
{
	const int codes[] = { -EIO, WEIR_STATUS(404) };
	const char *const logs[] = { "broke off its answer (200): EIO",
				     "broke off its answer (200): WEIR_STATUS, too late" };

	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		struct app_world *a = app_world_new();
		int code = codes[i];

		a->app.state = &code;
		app_world_route(a, "/x", break_off);
		cr_assert_str_eq(app_world_ask(a, "/x"),
				 "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n"
				 "content-type: text/plain\r\n\r\n4\r\nhalf\r\n");
		cr_assert(a->w->clients[0]->has_ended);
		cr_assert(strstr(h1_world_log(a->w), logs[i]), "%s", h1_world_log(a->w));
		app_world_free(a);
	}
}

Test(req, ends_a_started_answer_when_the_handler_is_done)
{
	struct app_world *a = app_world_new();
	int code = 0;

	a->app.state = &code;
	app_world_route(a, "/x", break_off);
	cr_assert(strstr(app_world_ask(a, "/x"), "4\r\nhalf\r\n0\r\n\r\n"));
	cr_assert_not(client_is_closed(a->w->clients[0]));
	app_world_free(a);
}

static int promise_too_much(weir_req *req)
{
	int r;

	r = weir_set_header(req, "content-length", WEIR_STR("10"));
	if (r == 0)
		r = weir_start(req, 200, NULL);
	return r < 0 ? r : weir_write(req, WEIR_STR("half"));
}

Test(req, breaks_an_answer_off_that_is_shorter_than_promised)
{
	struct app_world *a = app_world_new();

	app_world_route(a, "/x", promise_too_much);
	cr_assert(strstr(app_world_ask(a, "/x"), "content-length: 10\r\n\r\nhalf"));
	cr_assert(a->w->clients[0]->has_ended);
	cr_assert(strstr(h1_world_log(a->w), "the body is shorter than its content-length"));
	app_world_free(a);
}

static int fail_afterwards(weir_req *req)
{
	int r;

	r = hello(req);
	return r < 0 ? r : -EIO;
}

Test(req, logs_a_failure_behind_the_answer)
{
	struct app_world *a = app_world_new();

	app_world_route(a, "/x", fail_afterwards);
	cr_assert_str_eq(app_world_ask(a, "/x"), OK("6", "text/plain", "hello\n"));
	cr_assert(strstr(h1_world_log(a->w), "failed after its answer (200): EIO"));
	cr_assert_not(client_is_closed(a->w->clients[0]));
	app_world_free(a);
}

/* ---- suspended, and left */

Test(req, waits_for_a_handler_that_suspends)
{
	struct app_world *a = app_world_new();

	app_world_route(a, "/x", sleep_and_say);
	cr_assert_str_eq(app_world_ask(a, "/x"), "");
	cr_assert_not(list_is_empty(&a->site.running));
	h1_world_pass(a->w, 1000);
	cr_assert_str_eq(client_text(a->w->clients[0]), OK("6", "text/plain", "hello\n"));
	app_world_free(a);
}

Test(req, cancels_the_handler_when_the_client_is_gone)
{
	struct app_world *a = app_world_new();

	app_world_route(a, "/x", sleep_and_say);
	(void)app_world_ask(a, "/x");
	client_close(a->w->clients[0]);
	cr_assert_eq(seen, -ECANCELED);
	cr_assert_eq(seen_reason, WEIR_DISCONNECT);
	cr_assert_str_eq(h1_world_log(a->w), "");
	app_world_free(a);
}

Test(req, finishes_anyway_if_the_handler_says_so)
{
	struct app_world *a = app_world_new();

	app_world_route(a, "/x", sleep_and_say)->flags = WEIR_FINISH_ANYWAY;
	(void)app_world_ask(a, "/x");
	seen = 1;
	client_close(a->w->clients[0]);
	cr_assert_eq(seen, 1);
	h1_world_pass(a->w, 1000);
	cr_assert_eq(seen, 0);
	cr_assert_eq(seen_reason, WEIR_RUNNING);
	cr_assert_str_eq(h1_world_log(a->w), "");
	app_world_free(a);
}

static int fail_late(weir_req *req)
{
	seen = weir_sleep(1000);
	return weir_fail(req, -EIO, "disk");
}

Test(req, logs_what_failed_when_nobody_was_there_any_more)
{
	struct app_world *a = app_world_new();

	app_world_route(a, "/x", fail_late)->flags = WEIR_FINISH_ANYWAY;
	(void)app_world_ask(a, "/x");
	client_close(a->w->clients[0]);
	h1_world_pass(a->w, 1000);
	cr_assert(strstr(h1_world_log(a->w), "failed after its client (0): EIO: disk"), "%s",
		  h1_world_log(a->w));
	app_world_free(a);
}

static int read_to_the_end(weir_req *req)
{
	weir_str piece;

	do
		seen = weir_body_next(req, &piece);
	while (seen > 0);
	return seen;
}

Test(req, wakes_a_reader_whose_client_is_gone)
{
	const uint32_t flags[] = { 0, WEIR_FINISH_ANYWAY };
	const int errors[] = { -ECANCELED, -EPIPE };

	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		struct app_world *a = app_world_new();
		struct client *c = client_new(a->w);

		app_world_route(a, "/x", read_to_the_end)->flags = flags[i];
		client_send(c, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab");
		client_close(c);
		cr_assert_eq(seen, errors[i]);
		app_world_free(a);
	}
}

Test(req, half_closed_may_finish_where_the_route_allows)
{
	struct app_world *a = app_world_new();

	app_world_route(a, "/x", sleep_and_say)->half_close = HALF_CLOSE_FINISH;
	(void)app_world_ask(a, "/x");
	client_half_close(a->w->clients[0]);
	h1_world_pass(a->w, 1000);
	cr_assert_str_eq(client_text(a->w->clients[0]), OK("6", "text/plain", "hello\n"));
	app_world_free(a);
}

/* ---- limits */

static int read_body(weir_req *req)
{
	weir_str body;
	int r;

	r = weir_body(req, 1 << 20, &body);
	return r < 0 ? r : weir_respond(req, 200, NULL, body);
}

Test(req, refuses_a_body_beyond_the_limit_of_its_route)
{
	struct app_world *a = app_world_new();
	struct client *c = client_new(a->w);

	app_world_route(a, "/x", read_body)->max_body = 4;
	client_send(c, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde");
	cr_assert(strstr(client_text(c), "HTTP/1.1 413 Content Too Large\r\n"));
	cr_assert(strstr(h1_world_log(a->w), "192.0.2.7:51234: test.handler: refused with 413 "
					     "body-too-large: "),
		  "%s", h1_world_log(a->w));
	cr_assert_eq(a->site.n_failed, 0);
	app_world_free(a);
}

static int count_call(weir_req *req)
{
	seen++;
	return weir_respond(req, 200, NULL, WEIR_STR("ok\n"));
}

Test(req, refuses_a_body_that_says_it_is_too_large_before_its_handler_runs)
{
	struct app_world *a = app_world_new();
	struct client *c = client_new(a->w);

	app_world_route(a, "/x", count_call)->max_body = 70000;
	client_send(c, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 70001\r\n\r\nabcde");
	cr_assert_eq(seen, 0);
	cr_assert(strstr(client_text(c), "HTTP/1.1 413 Content Too Large\r\n"));
	cr_assert(strstr(client_text(c), "connection: close\r\n"));
	cr_assert(strstr(h1_world_log(a->w), "192.0.2.7:51234: test.handler: refused with 413 "
					     "body-too-large: "),
		  "%s", h1_world_log(a->w));
	app_world_free(a);
}

Test(req, answers_408_when_the_body_stops_coming)
{
	struct app_world *a = app_world_new();
	struct client *c = client_new(a->w);

	app_world_route(a, "/x", read_body);
	client_send(c, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab");
	h1_world_pass(a->w, 20001);
	cr_assert(strstr(client_text(c), "HTTP/1.1 408 "), "%s", client_text(c));
	app_world_free(a);
}

static int take_much(weir_req *req)
{
	seen = weir_alloc(req, 20000) != NULL;
	return weir_respond(req, 200, NULL, WEIR_STR("got it"));
}

Test(req, limits_its_memory_and_reports_it_once)
{
	struct app_world *a = app_world_new();

	app_world_route(a, "/x", take_much)->request_memory = 10000;
	cr_assert(strstr(app_world_ask(a, "/x"), "HTTP/1.1 500 "));
	cr_assert_eq(seen, 0);
	cr_assert(strstr(h1_world_log(a->w), "failed (500): ENOMEM"));
	app_world_free(a);
}

Test(req, answers_503_when_there_is_no_memory_to_begin_with)
{
	struct app_world *a = app_world_new();

	app_world_route(a, "/x", hello);
	a->w->server.exchanges.memory_limit = 300;
	cr_assert(strstr(app_world_ask(a, "/x"), "HTTP/1.1 503 "));
	app_world_free(a);
}

Test(req, of_a_closed_route_is_answered_503_and_others_are_served)
{
	struct app_world *a = app_world_new();
	struct route *closed = app_world_route(a, "/a", hello);
	const char *answer;

	app_world_route(a, "/b", hello);
	closed->has_rules = closed->is_closed = true;
	answer = app_world_ask(a, "/a");
	cr_assert(strstr(answer, "HTTP/1.1 503 "), "%s", answer);
	cr_assert_not(strcasestr(answer, "retry-after"), "%s", answer);
	cr_assert(strstr(app_world_ask(a, "/b"), "HTTP/1.1 200 "));
	app_world_free(a);
}

Test(req, says_which_route_ran_last)
{
	struct app_world *a = app_world_new();
	uint32_t last = 0;

	a->site.last_route = &last;
	app_world_route(a, "/a", hello);
	app_world_route(a, "/b", hello);
	(void)app_world_ask(a, "/b");
	cr_assert_eq(last, 2);
	app_world_free(a);
}

/* ---- without a client */

static int task_result;

static void on_ended(struct req *req, int result)
{
	task_result = result;
	req_free_task(req);
}

static int background(weir_req *req, void *arg)
{
	int r;

	cr_assert_eq(req->scope->type, WEIR_SCOPE_TASK);
	cr_assert_not_null(weir_alloc(req, 100));
	cr_assert_eq(weir_respond(req, 200, NULL, WEIR_STR("")), -EOPNOTSUPP);
	cr_assert_eq(weir_body_next(req, &(weir_str){ 0 }), -EOPNOTSUPP);
	r = weir_sleep(1000);
	return r < 0 ? r : *(int *)arg;
}

Test(req, may_be_a_background_task)
{
	struct app_world *a = app_world_new();
	struct req *req;
	int arg = -7;

	task_result = 1;
	cr_assert_eq(
		req_new_task(&a->site, &a->app, "sweeper", background, &arg, on_ended, NULL, &req),
		0);
	cr_assert_eq(req_start_task(req), 0);
	cr_assert_eq(task_result, 1);
	h1_world_pass(a->w, 1000);
	cr_assert_eq(task_result, -7);
	app_world_free(a);
}
