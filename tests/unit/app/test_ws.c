/* test_ws.c - what handlers do with a session: accept, receive, send, close. */
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
	struct app_world *a = app_world_new();
	struct client *c;

	app_ws_route(a, "/", accept_with_fields);
	c = app_ws_open(a, "/", "");
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
	struct app_world *a = app_world_new();

	app_ws_route(a, "/", forbidden_field);
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
	struct app_world *a = app_world_new();
	struct client *c;

	app_ws_route(a, "/", choose);
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
	struct app_world *a = app_world_new();

	app_ws_route(a, "/", accept_twice);
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
	struct app_world *a = app_world_new();

	app_ws_route(a, "/", answer_after);
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
	struct app_world *a = app_world_new();
	struct client *c;

	app_ws_route(a, "/", late);
	c = app_ws_open(a, "/", "");
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
	struct app_world *a = app_world_new();
	unsigned n;
	bool failed = true;

	app_ws_route(a, "/", accept_with_fields);
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
	struct app_world *a = app_world_new();
	struct client *c;

	app_ws_route(a, "/", receive_pieces);
	c = app_ws_open(a, "/", "");
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
	struct app_world *a = app_world_new();
	struct client *c;

	app_ws_route(a, "/", two_receivers);
	c = app_ws_open(a, "/", "");
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
	struct app_world *a = app_world_new();
	struct client *c;

	app_ws_route(a, "/", recv_with_deadline);
	c = app_ws_open(a, "/", "");
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
	struct app_world *a = app_world_new();
	struct client *c;

	app_ws_route(a, "/", work_on_message);
	c = app_ws_open(a, "/", "");
	app_ws_say(c, "work");
	client_half_close(c);
	cr_assert_eq(seen, -ECANCELED);
	cr_assert_eq(seen_reason, WEIR_DISCONNECT);
	cr_assert(seen_too);
	app_world_free(a);
}

/* ---- sending */

static int send_as_told(weir_req *req)
{
	int (*fn)(weir_ws * ws) = (int (*)(weir_ws *))req->state;
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	if (r < 0)
		return r;
	r = fn(ws);
	return r;
}

static struct client *told(struct app_world *a, int (*fn)(weir_ws *ws))
{
	app_ws_route(a, "/", send_as_told);
	a->app.state = (void *)fn;
	return app_ws_open(a, "/", "");
}

static int send_bad_text(weir_ws *ws)
{
	seen = weir_ws_send(ws, WEIR_STR("\xff"));
	seen_too = weir_ws_send_binary(ws, WEIR_STR("\xff"));
	return weir_ws_send(ws, (weir_str){ NULL, 0 });
}

Test(ws, sends_as_text_only_what_is_utf8)
{
	struct app_world *a = app_world_new();
	struct client *c = told(a, send_bad_text);

	cr_assert_str_eq(app_ws_text(c), "101 binary:\xff text: close:1000");
	cr_assert_eq(seen, -EBADMSG);
	cr_assert_eq(seen_too, 0);
	app_world_free(a);
}

struct sender {
	weir_ws *ws;
	const char *word;
	size_t len; /* of a message of so many of that letter; 0: the word */
};

static int send_one(void *arg)
{
	const struct sender *s = arg;
	char *letters;
	int r;

	if (s->len == 0)
		return weir_ws_send(s->ws, weir_strz(s->word));
	letters = malloc(s->len);
	memset(letters, s->word[0], s->len);
	r = weir_ws_send(s->ws, (weir_str){ letters, s->len });
	free(letters);
	return r;
}

static int send_in_order(weir_ws *ws)
{
	struct sender senders[] = {
		{ ws, "a", 400000 },
		{ ws, "b", 0 },
		{ ws, "c", 300000 },
		{ ws, "d", 0 },
	};

	return weir_gather(send_one, senders, 4);
}

Test(ws, sends_in_call_order)
{
	struct app_world *a = app_world_new();
	struct client *c;

	app_ws_route(a, "/", send_as_told);
	a->app.state = (void *)send_in_order;
	c = app_ws_open(a, "/", "");
	/* client_text() holds less: the bytes are looked at by themselves. */
	for (int i = 0; i < 2000; i++) {
		h1_world_settle(a->w);
		(void)client_sip(c, SIZE_MAX);
	}
	cr_assert_gt(c->bytes.len, 700000);
	buf_say(&c->bytes, "%c", 0);
	{
		const char *head = memmem(c->bytes.data, c->bytes.len, "\r\n\r\n", 4);
		const char *b, *cc, *d;

		cr_assert_eq(memcmp(head + 4,
				    "\x81\x7f\0\0\0\0\0\x06\x1a\x80"
				    "aaa",
				    13),
			     0);
		b = head + 4 + 10 + 400000;
		cr_assert_eq(memcmp(b,
				    "\x81\x01"
				    "b",
				    3),
			     0);
		cc = b + 3;
		cr_assert_eq(memcmp(cc,
				    "\x81\x7f\0\0\0\0\0\x04\x93\xe0"
				    "ccc",
				    13),
			     0);
		d = cc + 10 + 300000;
		cr_assert_eq(memcmp(d,
				    "\x81\x01"
				    "d\x88\x02\x03\xe8",
				    7),
			     0);
	}
	app_world_free(a);
}

static int send_piece_by_piece(void *arg)
{
	weir_ws *ws = arg;
	int r;

	r = weir_ws_send_piece(ws, WEIR_STR("one"), true, false);
	if (r < 0)
		return r;
	r = weir_sleep(10);
	if (r < 0)
		return r;
	return weir_ws_send_piece(ws, WEIR_STR("two"), true, true);
}

static int send_whole(void *arg)
{
	seen = weir_ws_send(arg, WEIR_STR("whole"));
	return seen;
}

static int send_beside_pieces(weir_ws *ws)
{
	WEIR_GROUP(g, WEIR_ALL);
	weir_spawn(g, send_piece_by_piece, ws);
	weir_spawn(g, send_whole, ws);
	return weir_join(g);
}

Test(ws, holds_others_off_until_the_last_piece)
{
	struct app_world *a = app_world_new();
	struct client *c = told(a, send_beside_pieces);

	cr_assert_str_eq(app_ws_text(c), "101 more:one");
	h1_world_pass(a->w, 20);
	cr_assert_str_eq(app_ws_text(c), "101 more:one rest:two text:whole close:1000");
	app_world_free(a);
}

static int send_whole_in_pieces(weir_ws *ws)
{
	int r;

	r = weir_ws_send_piece(ws, WEIR_STR("one"), true, false);
	if (r < 0)
		return r;
	seen = weir_ws_send(ws, WEIR_STR("whole"));
	return weir_ws_send_piece(ws, WEIR_STR("two"), true, true);
}

Test(ws, does_not_wait_for_itself)
{
	struct app_world *a = app_world_new();
	struct client *c = told(a, send_whole_in_pieces);

	cr_assert_str_eq(app_ws_text(c), "101 more:one rest:two close:1000");
	cr_assert_eq(seen, -EDEADLK);
	app_world_free(a);
}

/* Who began a message in pieces is gone: nobody can go on with it. */
static int begin_and_go(void *arg)
{
	return weir_ws_send_piece(arg, WEIR_STR("one"), true, false);
}

static int send_behind_who_has_gone(weir_ws *ws)
{
	int r;

	WEIR_GROUP(g, WEIR_ALL);
	weir_spawn(g, begin_and_go, ws);
	r = weir_join(g);
	if (r < 0)
		return r;
	seen = weir_within(1000, weir_ws_send(ws, WEIR_STR("whole")));
	return 0;
}

Test(ws, is_cut_off_in_the_middle_of_a_message)
{
	struct app_world *a = app_world_new();
	struct client *c = told(a, send_behind_who_has_gone);

	h1_world_pass(a->w, 2000);
	cr_assert_str_eq(app_ws_text(c), "101 more:one end");
	cr_assert_lt(seen, 0);
	app_world_free(a);
}

static char much[1 << 20];

static int send_with_deadline(weir_ws *ws)
{
	memset(much, 'x', sizeof(much));
	seen = weir_within(1000, weir_ws_send(ws, (weir_str){ much, sizeof(much) }));
	seen_too = weir_ws_send(ws, WEIR_STR("more"));
	return 0;
}

Test(ws, is_cut_off_by_a_deadline_within_a_frame)
{
	struct app_world *a = app_world_new();
	struct client *c = told(a, send_with_deadline);

	h1_world_pass(a->w, 2000);
	cr_assert_eq(seen, -ETIMEDOUT);
	cr_assert_lt(seen_too, 0);
	(void)c;
	app_world_free(a);
}

static int wait_with_deadline(weir_ws *ws)
{
	int r;

	memset(much, 'x', sizeof(much));
	/* Fills what there is without waiting, each a frame of its own. */
	while ((r = weir_within(1, weir_ws_send(ws, (weir_str){ much, 4000 }))) == 0)
		;
	seen = r;
	r = weir_sleep(1000);
	if (r < 0)
		return r;
	seen_too = weir_ws_send(ws, WEIR_STR("again"));
	return seen_too;
}

Test(ws, waits_for_room_until_a_deadline_and_goes_on_afterwards)
{
	struct app_world *a = app_world_new();
	struct client *c = told(a, wait_with_deadline);

	h1_world_pass(a->w, 100);
	cr_assert_eq(seen, -ETIMEDOUT);
	for (int i = 0; i < 500; i++) {
		(void)client_sip(c, SIZE_MAX);
		h1_world_settle(a->w);
	}
	h1_world_pass(a->w, 2000);
	(void)client_sip(c, SIZE_MAX);
	cr_assert_eq(seen_too, 0);
	cr_assert_eq(memcmp(c->bytes.data + c->bytes.len - 11,
			    "\x81\x05"
			    "again\x88\x02\x03\xe8",
			    11),
		     0);
	app_world_free(a);
}

static int send_until_gone(weir_ws *ws)
{
	int r;

	while ((r = weir_ws_send(ws, WEIR_STR("x"))) == 0) {
		r = weir_sleep(10);
		if (r < 0)
			break;
	}
	seen = r;
	seen_reason = weir_cancel_reason();
	return r;
}

Test(ws, is_cancelled_while_it_only_sends)
{
	struct app_world *a = app_world_new();
	struct client *c = told(a, send_until_gone);

	client_close(c);
	h1_world_pass(a->w, 100);
	cr_assert_eq(seen, -ECANCELED);
	cr_assert_eq(seen_reason, WEIR_DISCONNECT);
	app_world_free(a);
}

/* ---- closing */

static int close_wrongly(weir_ws *ws)
{
	static const int codes[] = { 0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000 };
	char reason[200];

	memset(reason, 'r', sizeof(reason));
	reason[124] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		cr_assert_eq(weir_ws_close(ws, codes[i], NULL), -EINVAL, "%d", codes[i]);
	cr_assert_eq(weir_ws_close(ws, 1000, reason), -EINVAL);
	cr_assert_eq(weir_ws_close(ws, 1000, "\xff"), -EINVAL);
	cr_assert_eq(weir_ws_close_code(ws), 0);
	return weir_ws_close(ws, 4999, "bye");
}

Test(ws, closes_with_codes_that_may_be_sent)
{
	struct app_world *a = app_world_new();
	struct client *c = told(a, close_wrongly);

	cr_assert_str_eq(app_ws_text(c), "101 close:4999 bye");
	app_world_free(a);
}

static int close_and_go_on(weir_ws *ws)
{
	weir_str message;

	cr_assert_eq(weir_ws_close(ws, 4000, "over"), 0);
	cr_assert_eq(weir_ws_close(ws, 4001, "again"), 0);
	cr_assert_eq(weir_ws_send(ws, WEIR_STR("late")), -EPIPE);
	cr_assert_eq(weir_ws_send_piece(ws, WEIR_STR("late"), true, true), -EPIPE);
	cr_assert_eq(weir_ws_recv(ws, &message), 0);
	cr_assert_eq(weir_ws_close_code(ws), 4000);
	cr_assert_eq(weir_ws_close_reason(ws).len, 0);
	seen = 1;
	return 0;
}

Test(ws, says_nothing_once_it_has_closed)
{
	struct app_world *a = app_world_new();
	struct client *c = told(a, close_and_go_on);

	cr_assert_str_eq(app_ws_text(c), "101 close:4000 over");
	cr_assert_eq(seen, 1);
	app_ws_frame(c, 0x88, "\x0f\xa0", 2);
	cr_assert(client_is_closed(c));
	app_world_free(a);
}

static int tell_close(weir_ws *ws)
{
	weir_str message, reason;

	seen = weir_ws_recv(ws, &message);
	seen_too = weir_ws_close_code(ws);
	reason = weir_ws_close_reason(ws);
	cr_assert(weir_str_eq(reason, WEIR_STR("enough")) || reason.len == 0);
	return 0;
}

Test(ws, tells_the_clients_code_and_reason)
{
	struct app_world *a = app_world_new();
	struct client *c = told(a, tell_close);

	app_ws_frame(c, 0x88,
		     "\x0f\xa1"
		     "enough",
		     8);
	cr_assert_eq(seen, 0);
	cr_assert_eq(seen_too, 4001);
	cr_assert_str_eq(app_ws_text(c), "101 close:4001 end");
	c = app_ws_open(a, "/", "");
	app_ws_frame(c, 0x88, "", 0);
	cr_assert_eq(seen_too, 1005);
	cr_assert_str_eq(app_ws_text(c), "101 close: end");
	app_world_free(a);
}

static int fail_with_error(weir_ws *ws)
{
	return -ERANGE;
}

Test(ws, closes_with_1011_what_a_failed_handler_leaves_open)
{
	struct app_world *a = app_world_new();
	struct client *c = told(a, fail_with_error);

	cr_assert_str_eq(app_ws_text(c), "101 close:1011");
	cr_assert(strstr(h1_world_log(a->w),
			 "test.handler: GET /: failed in its session (101): ERANGE"),
		  "%s", h1_world_log(a->w));
	cr_assert_eq(a->site.n_failed, 1);
	app_world_free(a);
}

static int close_between_pieces(weir_ws *ws)
{
	int r;

	r = weir_ws_send_piece(ws, WEIR_STR("one"), true, false);
	if (r < 0)
		return r;
	return weir_ws_close(ws, 1001, NULL);
}

/* A close frame may stand between the fragments of a message (RFC 6455, section 5.4). */
Test(ws, closes_in_order_between_pieces)
{
	struct app_world *a = app_world_new();
	struct client *c = told(a, close_between_pieces);

	cr_assert_str_eq(app_ws_text(c), "101 more:one close:1001");
	app_ws_close(c);
	cr_assert_str_eq(app_ws_text(c), "101 more:one close:1001 end");
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
