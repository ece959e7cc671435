/* test_asgi.c - scope, receive, send; and layers between. */
#include "app/asgi.h"

#include <criterion/criterion.h>
#include <string.h>
#include <weir/http.h>

#include "app_world.h"

#define TEXT                                                     \
	{                                                        \
		WEIR_STR("content-type"), WEIR_STR("text/plain") \
	}

static int results[16];
static char trace[512];

static void note(const char *what)
{
	strncat(trace, what, sizeof(trace) - strlen(trace) - 1);
}

static int start(weir_req *req, int status, const weir_header *headers, size_t n)
{
	return weir_send(req, &(weir_event){ .type = WEIR_HTTP_START,
					     .status = status,
					     .headers = headers,
					     .n_headers = n });
}

static int body(weir_req *req, const char *text, bool more)
{
	return weir_send(
		req,
		&(weir_event){ .type = WEIR_HTTP_BODY, .body = weir_strz(text), .more = more });
}

static const char *ask(struct app_world *a, weir_handler *fn)
{
	app_world_route(a, "/x", fn);
	return app_world_ask(a, "/x");
}

/* ---- sending */

static int in_order(weir_req *req)
{
	weir_header type = TEXT;

	results[0] = start(req, 200, &type, 1);
	results[1] = body(req, "hello", true);
	results[2] = body(req, "", true);
	results[3] = body(req, "!", false);
	return 0;
}

Test(asgi, sends_start_and_bodies)
{
	struct app_world *a = app_world_new();

	cr_assert_str_eq(ask(a, in_order),
			 "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n"
			 "content-type: text/plain\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n");
	for (int i = 0; i < 4; i++)
		cr_assert_eq(results[i], 0);
	app_world_free(a);
}

static int with_length(weir_req *req)
{
	weir_header fields[] = { { WEIR_STR("Content-Length"), WEIR_STR("2") }, TEXT };

	results[0] = start(req, 201, fields, 2);
	results[1] = body(req, "ok", false);
	return 0;
}

Test(asgi, takes_a_content_length_for_a_promise)
{
	struct app_world *a = app_world_new();

	cr_assert_str_eq(ask(a, with_length), "HTTP/1.1 201 Created\r\ncontent-length: 2\r\n"
					      "content-type: text/plain\r\n\r\nok");
	app_world_free(a);
}

static int out_of_order(weir_req *req)
{
	results[0] = body(req, "x", false);
	results[1] = weir_send(req, &(weir_event){ .type = WEIR_WS_ACCEPT });
	results[2] = start(req, 199, NULL, 0);
	results[3] = start(req, 1000, NULL, 0);
	results[4] = start(req, 200, NULL, 0);
	results[5] = start(req, 200, NULL, 0);
	results[6] = body(req, "x", false);
	results[7] = body(req, "y", false);
	return 0;
}

Test(asgi, refuses_what_is_out_of_order_and_logs_handler_and_event)
{
	const int expected[] = { -EINVAL, -EINVAL, -EINVAL, -EINVAL, 0, -EINVAL, 0, -EINVAL };
	const char *const words[] = {
		"error: test.handler: sent http.response.body before http.response.start\n",
		"error: test.handler: sent an event of another protocol on an HTTP request\n",
		"error: test.handler: sent http.response.start with a status outside 200 to 999\n",
		"error: test.handler: sent http.response.start twice\n",
		"error: test.handler: sent http.response.body after the last body\n",
	};
	struct app_world *a = app_world_new();

	cr_assert(strstr(ask(a, out_of_order), "1\r\nx\r\n0\r\n\r\n"));
	for (size_t i = 0; i < ARRAY_LEN(expected); i++)
		cr_assert_eq(results[i], expected[i], "%zu: %d", i, results[i]);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		cr_assert(strstr(h1_world_log(a->w), words[i]), "%s", h1_world_log(a->w));
	app_world_free(a);
}

static int forbidden_fields(weir_req *req)
{
	const weir_header fields[] = {
		{ WEIR_STR("connection"), WEIR_STR("close") },
		{ WEIR_STR("x"), WEIR_STR("a\r\nb: c") },
		{ WEIR_STR("x y"), WEIR_STR("z") },
		{ WEIR_STR("content-length"), WEIR_STR("-1") },
	};

	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		results[i] = start(req, 200, &fields[i], 1);
	return WEIR_STATUS(404);
}

Test(asgi, refuses_fields_that_may_not_be_set)
{
	struct app_world *a = app_world_new();

	cr_assert(strstr(ask(a, forbidden_fields), "HTTP/1.1 404 "));
	for (int i = 0; i < 4; i++)
		cr_assert_eq(results[i], -EINVAL);
	cr_assert(strstr(h1_world_log(a->w), "with a field that may not be set"));
	cr_assert(strstr(h1_world_log(a->w), "with a content-length that is none"));
	app_world_free(a);
}

/* ---- receiving */

static int receive_all(weir_req *req)
{
	weir_event ev;

	for (int i = 0; i < 8; i++) {
		results[i] = weir_receive(req, &ev);
		if (results[i] < 0 || ev.type != WEIR_HTTP_REQUEST)
			break;
		note(ev.more ? "+" : ".");
		strncat(trace, ev.body.len ? ev.body.ptr : "", ev.body.len);
		for (size_t k = 0; k < ev.n_headers; k++)
			strncat(trace, ev.headers[k].name.ptr, ev.headers[k].name.len);
		if (!ev.more)
			break;
	}
	results[7] = start(req, 200, NULL, 0);
	results[7] = body(req, "", false);
	results[6] = weir_receive(req, &ev);
	note(ev.type == WEIR_HTTP_DISCONNECT ? "|" : "?");
	return 0;
}

Test(asgi, receives_the_body_its_end_and_a_disconnect)
{
	struct app_world *a = app_world_new();
	struct client *c = client_new(a->w);

	app_world_route(a, "/x", receive_all);
	client_send(c, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab");
	client_send(c, "cd");
	cr_assert_str_eq(trace, "+ab+cd.|");
	cr_assert_eq(results[6], 0);
	cr_assert(strstr(client_text(c), "HTTP/1.1 200 OK\r\n"));
	app_world_free(a);
}

Test(asgi, receives_trailers_with_the_end_of_the_body)
{
	struct app_world *a = app_world_new();
	struct client *c = client_new(a->w);

	app_world_route(a, "/x", receive_all);
	client_send(c, "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
		       "2\r\nab\r\n0\r\nX: 1\r\nY: 2\r\n\r\n");
	cr_assert_str_eq(trace, "+ab.xy|");
	app_world_free(a);
}

Test(asgi, receives_an_empty_body_as_one_event)
{
	struct app_world *a = app_world_new();

	(void)ask(a, receive_all);
	cr_assert_str_eq(trace, ".|");
	app_world_free(a);
}

static int wait_for_disconnect(void *arg)
{
	weir_event ev = { 0 };
	int r;

	r = weir_receive(arg, &ev);
	if (r < 0)
		return r;
	note("first ");
	r = weir_receive(arg, &ev);
	note(ev.type == WEIR_HTTP_DISCONNECT ? "disconnect" : "?");
	return r;
}

static int listen_while_sending(weir_req *req)
{
	int r;

	WEIR_GROUP(g, WEIR_ALL);
	(void)weir_spawn(g, wait_for_disconnect, req);
	r = weir_sleep(1000);
	if (r == 0)
		r = start(req, 200, NULL, 0);
	if (r == 0)
		r = body(req, "done", false);
	if (r == 0)
		r = weir_within(10, weir_join(g));
	results[0] = r;
	return r;
}

Test(asgi, tells_a_task_that_waits_for_the_disconnect_of_the_answers_end)
{
	struct app_world *a = app_world_new();

	(void)ask(a, listen_while_sending);
	cr_assert_str_eq(trace, "first ");
	h1_world_pass(a->w, 1000);
	cr_assert_str_eq(trace, "first disconnect");
	cr_assert_eq(results[0], 0);
	app_world_free(a);
}

/* ---- middleware */

static int shout(const weir_io *io, weir_req *req, const weir_event *ev)
{
	weir_event loud = *ev;

	note(ev->type == WEIR_HTTP_START ? "S" : ev->more ? "b" : "B");
	if (ev->type == WEIR_HTTP_BODY && ev->body.len > 0) {
		weir_str copy = weir_copy(req, ev->body);

		for (size_t i = 0; i < copy.len; i++)
			((char *)(uintptr_t)copy.ptr)[i] &= (char)~0x20;
		loud.body = copy;
	}
	return io->next->send(io->next, req, &loud);
}

static int halve(const weir_io *io, weir_req *req, weir_event *ret_ev)
{
	int r;

	r = io->next->receive(io->next, req, ret_ev);
	if (r == 0 && ret_ev->type == WEIR_HTTP_REQUEST)
		ret_ev->body.len /= 2;
	return r;
}

static int pass_send(const weir_io *io, weir_req *req, const weir_event *ev)
{
	return io->next->send(io->next, req, ev);
}

static int pass_receive(const weir_io *io, weir_req *req, weir_event *ret_ev)
{
	return io->next->receive(io->next, req, ret_ev);
}

static int say_hello(weir_req *req)
{
	return weir_respond(req, 200, "text/plain", WEIR_STR("hello"));
}

static int write_hello(weir_req *req)
{
	int r;

	r = weir_start(req, 200, NULL);
	if (r == 0)
		r = weir_write(req, WEIR_STR("hel"));
	return r < 0 ? r : weir_write(req, WEIR_STR("lo"));
}

static int echo(weir_req *req)
{
	weir_str whole;
	int r;

	r = weir_body(req, 1000, &whole);
	return r < 0 ? r : weir_respond(req, 200, NULL, whole);
}

Test(asgi, shows_a_layer_the_events_of_an_everyday_answer)
{
	struct app_world *a = app_world_new();
	const weir_io layer = { pass_receive, shout, &asgi_io };

	app_world_route(a, "/x", say_hello)->io = &layer;
	cr_assert_str_eq(app_world_ask(a, "/x"), "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n"
						 "content-type: text/plain\r\n\r\nHELLO");
	cr_assert_str_eq(trace, "SB");
	app_world_free(a);
}

Test(asgi, shows_a_layer_the_end_that_a_handler_left_out)
{
	struct app_world *a = app_world_new();
	const weir_io layer = { pass_receive, shout, &asgi_io };

	app_world_route(a, "/x", write_hello)->io = &layer;
	cr_assert(strstr(app_world_ask(a, "/x"), "3\r\nHEL\r\n2\r\nLO\r\n0\r\n\r\n"));
	cr_assert_str_eq(trace, "SbbB");
	app_world_free(a);
}

Test(asgi, lets_a_layer_change_what_is_received)
{
	struct app_world *a = app_world_new();
	const weir_io layer = { halve, pass_send, &asgi_io };
	struct client *c = client_new(a->w);

	app_world_route(a, "/x", echo)->io = &layer;
	client_send(c, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabcdef");
	cr_assert(strstr(client_text(c), "\r\n\r\nabc"));
	cr_assert_null(strstr(client_text(c), "abcd"));
	app_world_free(a);
}
