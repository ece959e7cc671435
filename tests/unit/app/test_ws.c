/* test_ws.c - what handlers do with a session: accept, receive; test_ws_sending.c has the rest. */
#include "app/ws.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <weir/asgi.h>
#include <weir/coro.h>

#include "app_ws.h"
#include "oom.h"

/* What a handler leaves for its test; each test is a process of its own. */
static int seen, seen_too;
static weir_reason seen_reason;
static weir_ws *session;

static int echo(weir_req *req)
{
	weir_str message;
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	if (r < 0)
		return r;
	session = ws;
	while ((r = weir_ws_recv(ws, &message)) > 0) {
		r = weir_ws_is_text(ws) ? weir_ws_send(ws, message)
					: weir_ws_send_binary(ws, message);
		if (r < 0)
			break;
	}
	seen = r;
	seen_reason = weir_cancel_reason();
	seen_too = weir_ws_close_code(ws);
	return r;
}

/* ---- accepting */

Test(ws, accepts_and_echoes)
{
	struct app_world *a = app_world_new();
	struct client *c;

	app_ws_route(a, "/echo", echo);
	c = app_ws_open(a, "/echo", "");
	cr_assert(strstr(client_text(c), "HTTP/1.1 101 Switching Protocols\r\n"));
	cr_assert(strstr(client_text(c), "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
	app_ws_say(c, "hello");
	app_ws_frame(c, 0x82, "\0\1", 2);
	app_ws_frame(c, 0x81, "", 0);
	cr_assert_str_eq(app_ws_text(c), "101 text:hello binary: text:");
	app_ws_close(c);
	cr_assert_str_eq(app_ws_text(c), "101 text:hello binary: text: close:1000 end");
	cr_assert_eq(seen, 0);
	cr_assert_eq(seen_too, 1000);
	app_world_free(a);
}

static int say_no(weir_req *req)
{
	int r;

	r = weir_set_header(req, "x-why", WEIR_STR("full"));
	if (r < 0)
		return r;
	return weir_respond(req, 402, "text/plain", WEIR_STR("pay first\n"));
}

/* The session lies on its task's stack, so that says which. */
Test(ws, a_task_that_sleeps_lets_its_tunnel_know_where)
{
	struct app_world *a = app_world_new();
	const struct tunnel_ahead *ahead;
	struct client *c;
	ptrdiff_t distance;

	app_ws_route(a, "/", echo);
	c = app_ws_open(a, "/", "");
	ahead = &session->session.tunnel->ahead;
	cr_assert_not_null(ahead->around);
	distance = (const char *)session - ahead->around;
	cr_assert(distance > 0 && distance < 1024 * (ptrdiff_t)sizeof(void *));
	cr_assert_not_null(ahead->also[0]);
	cr_assert_not_null(ahead->also[1]);
	app_ws_close(c);
	app_world_free(a);
}

Test(ws, may_be_refused_with_any_status_and_body)
{
	struct app_world *a = app_world_new();
	struct client *c;

	app_ws_route(a, "/no", say_no);
	c = app_ws_open(a, "/no", "");
	cr_assert_str_eq(client_text(c),
			 "HTTP/1.1 402 Payment Required\r\ncontent-length: 10\r\n"
			 "x-why: full\r\ncontent-type: text/plain\r\n\r\npay first\n");
	/* The connection is one of HTTP still. */
	cr_assert_not(client_is_closed(c));
	client_forget(c);
	cr_assert_str_eq(app_world_get(a, c, "/nowhere") + 9,
			 "404 Not Found\r\ncontent-length: 14\r\n"
			 "content-type: text/plain; charset=utf-8\r\n\r\n404 Not Found\n");
	app_world_free(a);
}

static int stream_no(weir_req *req)
{
	int r;

	r = weir_start(req, 404, "text/plain");
	if (r < 0)
		return r;
	r = weir_write(req, WEIR_STR("one "));
	if (r < 0)
		return r;
	r = weir_sleep(10);
	if (r < 0)
		return r;
	seen = weir_ws_accept(req, NULL, &session);
	return weir_write(req, WEIR_STR("two"));
}

Test(ws, may_be_refused_piece_by_piece)
{
	struct app_world *a = app_world_new();
	struct client *c;

	app_ws_route(a, "/no", stream_no);
	c = app_ws_open(a, "/no", "");
	h1_world_pass(a->w, 20);
	cr_assert(strstr(client_text(c), "4\r\none \r\n3\r\ntwo\r\n0\r\n\r\n"), "%s",
		  client_text(c));
	cr_assert_eq(seen, -EPROTO);
	app_world_free(a);
}

static int return_code(weir_req *req)
{
	const int *code = req->state;

	return *code;
}

Test(ws, turns_a_result_without_an_answer_into_a_status)
{
	struct app_world *a = app_world_new();
	int code = WEIR_STATUS(403);

	a->app.state = &code;
	app_ws_route(a, "/no", return_code);
	cr_assert_str_eq(app_ws_text(app_ws_open(a, "/no", "")), "403 403 Forbidden\n");
	code = 0;
	cr_assert_str_eq(app_ws_text(app_ws_open(a, "/no", "")), "500 500 Internal Server Error\n");
	cr_assert(strstr(h1_world_log(a->w), "it returned without having answered"));
	code = -ETIMEDOUT;
	cr_assert_str_eq(app_ws_text(app_ws_open(a, "/no", "")), "504 504 Gateway Timeout\n");
	app_world_free(a);
}

static int accept_with_fields(weir_req *req)
{
	weir_ws *ws;
	int r;

	r = weir_set_header(req, "X-Server", WEIR_STR("7"));
	if (r < 0)
		return r;
	r = weir_add_header(req, "set-cookie", WEIR_STR("a=1"));
	if (r < 0)
		return r;
	r = weir_add_header(req, "set-cookie", WEIR_STR("b=2"));
	if (r < 0)
		return r;
	return weir_ws_accept(req, NULL, &ws);
}

Test(ws, sends_the_fields_that_were_set_before)
{
	struct app_world *a = app_ws_world(accept_with_fields);
	struct client *c = app_ws_open(a, "/", "");

	cr_assert(strstr(client_text(c), "X-Server: 7\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n"),
		  "%s", client_text(c));
	app_world_free(a);
}

static int forbidden_field(weir_req *req)
{
	weir_ws *ws;

	cr_assert_eq(weir_set_header(req, "Sec-WebSocket-Accept", WEIR_STR("x")), 0);
	seen = weir_ws_accept(req, NULL, &ws);
	return seen;
}

Test(ws, does_not_take_fields_that_the_protocol_says_itself)
{
	struct app_world *a = app_ws_world(forbidden_field);

	cr_assert_eq(strncmp(app_ws_text(app_ws_open(a, "/", "")), "500", 3), 0);
	cr_assert_eq(seen, -EINVAL);
	app_world_free(a);
}

static int choose(weir_req *req)
{
	const char *choice = req->state;
	weir_ws *ws;

	seen = weir_ws_accept(req, choice, &ws);
	return seen;
}

Test(ws, answers_with_a_subprotocol_that_was_offered_only)
{
	struct app_world *a = app_ws_world(choose);
	struct client *c;

	a->app.state = (void *)(uintptr_t) "chat.v2";
	c = app_ws_open(a, "/", "Sec-WebSocket-Protocol: chat, chat.v2\r\n");
	cr_assert_eq(seen, 0);
	cr_assert(strstr(client_text(c), "sec-websocket-protocol: chat.v2\r\n"));
	c = app_ws_open(a, "/", "Sec-WebSocket-Protocol: chat\r\n");
	cr_assert_eq(seen, -EINVAL);
	c = app_ws_open(a, "/", "");
	cr_assert_eq(seen, -EINVAL);
	a->app.state = (void *)(uintptr_t) "CHAT";
	c = app_ws_open(a, "/", "Sec-WebSocket-Protocol: chat\r\n");
	cr_assert_eq(seen, -EINVAL, "they are case-sensitive");
	a->app.state = NULL;
	c = app_ws_open(a, "/", "Sec-WebSocket-Protocol: chat\r\n");
	cr_assert_eq(seen, 0);
	cr_assert_null(strstr(client_text(c), "sec-websocket-protocol"));
	app_world_free(a);
}

static int accept_twice(weir_req *req)
{
	weir_ws *ws, *again;

	seen = weir_ws_accept(req, NULL, &ws);
	seen_too = weir_ws_accept(req, NULL, &again);
	return 0;
}

Test(ws, is_accepted_once)
{
	struct app_world *a = app_ws_world(accept_twice);

	cr_assert_str_eq(app_ws_text(app_ws_open(a, "/", "")), "101 close:1000");
	cr_assert_eq(seen, 0);
	cr_assert_eq(seen_too, -EPROTO);
	app_world_free(a);
}

static int accept_http(weir_req *req)
{
	weir_ws *ws;

	seen = weir_ws_accept(req, NULL, &ws);
	return seen;
}

Test(ws, is_not_for_ordinary_requests)
{
	struct app_world *a = app_world_new();

	app_world_route(a, "/", accept_http);
	(void)app_world_ask(a, "/");
	cr_assert_eq(seen, -EOPNOTSUPP);
	app_world_free(a);
}

static int answer_after(weir_req *req)
{
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	if (r < 0)
		return r;
	seen = weir_respond(req, 200, NULL, WEIR_STR("?"));
	seen_too = weir_set_header(req, "x-late", WEIR_STR("1"));
	return 0;
}

Test(ws, leaves_no_http_behind)
{
	struct app_world *a = app_ws_world(answer_after);

	cr_assert_str_eq(app_ws_text(app_ws_open(a, "/", "")), "101 close:1000");
	cr_assert_lt(seen, 0);
	cr_assert_lt(seen_too, 0);
	app_world_free(a);
}

static int late(weir_req *req)
{
	weir_ws *ws;

	seen_too = weir_sleep(1000);
	seen = weir_ws_accept(req, NULL, &ws);
	seen_reason = weir_cancel_reason();
	return seen;
}

Test(ws, is_cancelled_when_the_client_goes_before_it_is_accepted)
{
	struct app_world *a = app_ws_world(late);
	struct client *c = app_ws_open(a, "/", "");

	client_close(c);
	cr_assert_eq(seen_too, -ECANCELED);
	cr_assert_eq(seen, -ECANCELED);
	cr_assert_eq(seen_reason, WEIR_DISCONNECT);
	app_world_free(a);
}

Test(ws, says_epipe_to_who_may_finish_anyway)
{
	struct app_world *a = app_world_new();
	struct client *c;

	app_ws_route(a, "/", late)->flags = WEIR_FINISH_ANYWAY;
	c = app_ws_open(a, "/", "");
	client_close(c);
	h1_world_pass(a->w, 2000);
	cr_assert_eq(seen_too, 0);
	cr_assert_eq(seen, -EPIPE);
	app_world_free(a);
}

/* All that accepting allocates fails once: the client has an answer, or its end, and nothing leaks. */
Test(ws, survives_every_failure_to_allocate)
{
	struct app_world *a = app_ws_world(accept_with_fields);
	unsigned n;
	bool failed = true;

	app_ws_route(a, "/echo", echo);
	for (n = 1; failed && n < 60; n++) {
		struct client *c = client_new(a->w);
		const char *request =
			"GET /echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: "
			"websocket\r\n"
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: a, b\r\n"
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
		const char *text;

		oom_fail_at(n);
		(void)client_push(c, request, strlen(request));
		h1_world_settle(a->w);
		failed = oom_has_failed();
		text = app_ws_text(c);
		cr_assert(strcmp(text, "101") == 0 || strncmp(text, "503", 3) == 0 ||
				  strncmp(text, "500", 3) == 0 || strcmp(text, " end") == 0 ||
				  strcmp(text, "101 end") == 0,
			  "%u: %s", n, text);
		client_close(c);
	}
	cr_assert_not(failed);
	cr_assert_gt(n, 3);
	app_world_free(a);
}

/* ---- receiving */

static int receive_pieces(weir_req *req)
{
	weir_str piece;
	bool is_last;
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	if (r < 0)
		return r;
	while ((r = weir_ws_recv_piece(ws, &piece, &is_last)) > 0) {
		r = weir_ws_send_piece(ws, piece, weir_ws_is_text(ws), is_last);
		if (r < 0)
			return r;
	}
	return r;
}

Test(ws, receives_and_sends_pieces)
{
	struct app_world *a = app_ws_world(receive_pieces);
	struct client *c = app_ws_open(a, "/", "");

	app_ws_frame(c, 0x01, "ab", 2);
	app_ws_frame(c, 0x89, "p", 1);
	app_ws_frame(c, 0x80, "cd", 2);
	cr_assert_str_eq(app_ws_text(c), "101 more:ab pong:p rest:cd");
	app_world_free(a);
}

struct second {
	weir_ws *ws;
	int result;
};

static int receive_too(void *arg)
{
	struct second *second = arg;
	weir_str message;

	second->result = weir_ws_recv(second->ws, &message);
	return 0;
}

static int two_receivers(weir_req *req)
{
	struct second second;
	weir_str message;
	int r;

	r = weir_ws_accept(req, NULL, &second.ws);
	if (r < 0)
		return r;
	WEIR_GROUP(g, WEIR_ALL);
	weir_spawn(g, receive_too, &second);
	r = weir_yield();
	if (r < 0)
		return r;
	seen = weir_ws_recv(second.ws, &message);
	r = weir_join(g);
	seen_too = second.result;
	return r;
}

Test(ws, has_one_receiver_at_a_time)
{
	struct app_world *a = app_ws_world(two_receivers);
	struct client *c = app_ws_open(a, "/", "");

	cr_assert_eq(seen, -EBUSY);
	app_ws_say(c, "x");
	cr_assert_eq(seen_too, 1);
	app_world_free(a);
}

static int recv_with_deadline(weir_req *req)
{
	weir_str message;
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	if (r < 0)
		return r;
	seen = weir_within(100, weir_ws_recv(ws, &message));
	r = weir_ws_recv(ws, &message);
	return r > 0 ? weir_ws_send(ws, message) : r;
}

Test(ws, receives_until_a_deadline_and_goes_on_afterwards)
{
	struct app_world *a = app_ws_world(recv_with_deadline);
	struct client *c = app_ws_open(a, "/", "");

	app_ws_frame(c, 0x01, "la", 2);
	h1_world_pass(a->w, 200);
	cr_assert_eq(seen, -ETIMEDOUT);
	app_ws_frame(c, 0x80, "te", 2);
	cr_assert_str_eq(app_ws_text(c), "101 text:late close:1000");
	app_world_free(a);
}

Test(ws, is_cancelled_when_the_client_vanishes)
{
	struct app_world *a = app_world_new();
	struct client *c;

	app_ws_route(a, "/echo", echo);
	c = app_ws_open(a, "/echo", "");
	client_close(c);
	cr_assert_eq(seen, -ECANCELED);
	cr_assert_eq(seen_reason, WEIR_DISCONNECT);
	cr_assert_eq(seen_too, 1006);
	app_world_free(a);
}

Test(ws, receives_epipe_where_it_may_finish_anyway)
{
	struct app_world *a = app_world_new();
	struct client *c;

	app_ws_route(a, "/echo", echo)->flags = WEIR_FINISH_ANYWAY;
	c = app_ws_open(a, "/echo", "");
	client_close(c);
	cr_assert_eq(seen, -EPIPE);
	cr_assert_eq(seen_reason, WEIR_RUNNING);
	app_world_free(a);
}

/* The client has left behind its handshake: that is found out by the first call. */
static int recv_then_sleep(weir_req *req)
{
	weir_str message;
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	if (r < 0)
		return r;
	seen = weir_ws_recv(ws, &message);
	seen_reason = weir_cancel_reason();
	return weir_sleep(1000);
}

Test(ws, is_cancelled_before_it_has_ever_suspended)
{
	struct app_world *a = app_world_new();
	struct client *c = client_new(a->w);
	const char *request =
		"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
		/* a frame that is no client's: the session fails while it is read */
		"\x81\x01x";

	app_ws_route(a, "/", recv_then_sleep);
	(void)client_push(c, request, strlen(request));
	client_half_close(c);
	cr_assert_eq(seen, 0);
	h1_world_pass(a->w, 2000);
	c = client_new(a->w);
	(void)client_push(c, request, strlen(request) - 3);
	client_half_close(c);
	cr_assert_eq(seen, -ECANCELED);
	cr_assert_eq(seen_reason, WEIR_DISCONNECT);
	app_world_free(a);
}

/* A message is in use, and the task waits for something else. */
static int work_on_message(weir_req *req)
{
	weir_str message;
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	if (r < 0)
		return r;
	r = weir_ws_recv(ws, &message);
	if (r <= 0)
		return r;
	seen = weir_sleep(3600000);
	seen_reason = weir_cancel_reason();
	seen_too = weir_str_eq(message, WEIR_STR("work"));
	return seen;
}

Test(ws, is_cancelled_while_it_works_on_a_message)
{
	struct app_world *a = app_ws_world(work_on_message);
	struct client *c = app_ws_open(a, "/", "");

	app_ws_say(c, "work");
	client_half_close(c);
	cr_assert_eq(seen, -ECANCELED);
	cr_assert_eq(seen_reason, WEIR_DISCONNECT);
	cr_assert(seen_too);
	app_world_free(a);
}

/* ---- a worker that stops */

Test(ws, is_closed_with_1012_when_the_worker_stops)
{
	struct app_world *a = app_world_new();
	struct client *c;

	app_ws_route(a, "/echo", echo);
	c = app_ws_open(a, "/echo", "");
	a->site.is_draining = true;
	server_drain(&a->w->server);
	cr_assert_str_eq(app_ws_text(c), "101 close:1012");
	cr_assert_eq(seen, 0);
	cr_assert_eq(seen_too, 1012);
	app_ws_frame(c, 0x88, "\x03\xf4", 2);
	cr_assert(client_is_closed(c));
	cr_assert_eq(a->site.n_sessions, 0);
	app_world_free(a);
}

static int late_echo(weir_req *req)
{
	int r;

	r = weir_sleep(100);
	return r < 0 ? r : echo(req);
}

Test(ws, is_closed_at_once_when_it_is_accepted_while_the_worker_stops)
{
	struct app_world *a = app_world_new();
	struct client *c;

	app_ws_route(a, "/echo", late_echo);
	c = app_ws_open(a, "/echo", "");
	a->site.is_draining = true;
	server_drain(&a->w->server);
	h1_world_pass(a->w, 200);
	cr_assert_str_eq(app_ws_text(c), "101 close:1012");
	app_world_free(a);
}
