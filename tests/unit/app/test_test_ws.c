/* test_test_ws.c - weir/test.h's WebSockets: does a handler meet what it would meet in a worker? */
#include <weir/test.h>

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <weir/coro.h>

static int seen;
static weir_reason seen_reason;

#define OPEN(handler, ...)           \
	weir_test_ws_open((handler), \
			  &(weir_test_opts){ .size = sizeof(weir_test_opts), __VA_ARGS__ })

static void recv_is(weir_test_ws *t, const char *expected)
{
	weir_str message = { NULL, 0 };

	cr_assert_eq(weir_test_ws_recv(t, &message), 1);
	cr_assert(weir_str_eq(message, weir_strz(expected)), "%.*s", WEIR_ARG(message));
}

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
	return r;
}

Test(test_ws, sends_and_receives)
{
	weir_test_ws *t = OPEN(echo, .path = "/echo");

	cr_assert_eq(weir_test_ws_reply(t)->status, 101);
	cr_assert_eq(weir_test_ws_send(t, WEIR_STR("hello")), 0);
	cr_assert_eq(weir_test_ws_send_binary(t, WEIR_STR("\xff")), 0);
	recv_is(t, "hello");
	cr_assert(weir_test_ws_is_text(t));
	recv_is(t, "\xff");
	cr_assert_not(weir_test_ws_is_text(t));
	cr_assert_eq(weir_test_ws_close(t), 1000);
	cr_assert_eq(seen, 0);
}

Test(test_ws, may_be_opened_many_times)
{
	for (int i = 0; i < 50; i++)
		cr_assert_eq(weir_test_ws_close(OPEN(echo)), 1000);
}

Test(test_ws, carries_messages_of_any_size)
{
	static const size_t sizes[] = { 0, 125, 126, 65535, 65536, 3000000 };
	weir_test_ws *t = OPEN(echo);
	char *bytes = malloc(3000000);
	weir_str message;

	for (size_t i = 0; i < 3000000; i++)
		bytes[i] = (char)(i % 251);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		weir_str sent = { bytes, sizes[i] };

		cr_assert_eq(weir_test_ws_send_binary(t, sent), 0);
		cr_assert_eq(weir_test_ws_recv(t, &message), 1);
		cr_assert(weir_str_eq(message, sent), "%zu", sizes[i]);
	}
	cr_assert_eq(weir_test_ws_close(t), 1000);
	free(bytes);
}

static int tick(weir_req *req)
{
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	for (int i = 0; r >= 0 && i < 3; i++) {
		r = weir_sleep(3600000);
		if (r >= 0)
			r = weir_ws_send_piece(ws, WEIR_STR("ti"), true, false);
		if (r >= 0)
			r = weir_ws_send_piece(ws, WEIR_STR("ck"), true, true);
	}
	return r < 0 ? r : weir_ws_close(ws, 4000, "enough");
}

Test(test_ws, lets_virtual_time_pass_until_something_comes)
{
	weir_test_ws *t = OPEN(tick);
	weir_str message;

	recv_is(t, "tick");
	recv_is(t, "tick");
	recv_is(t, "tick");
	cr_assert_eq(weir_test_ws_recv(t, &message), 0);
	cr_assert_eq(weir_test_ws_send(t, WEIR_STR("late")), -EPIPE);
	cr_assert_eq(weir_test_ws_close(t), 4000);
}

Test(test_ws, waits_no_longer_than_a_day)
{
	weir_test_ws *t = OPEN(echo);
	weir_str message;

	cr_assert_eq(weir_test_ws_recv(t, &message), -ETIMEDOUT);
	cr_assert_eq(weir_test_ws_send(t, WEIR_STR("hello")), 0);
	recv_is(t, "hello");
	cr_assert_eq(weir_test_ws_close(t), 1000);
}

static int refuse(weir_req *req)
{
	return weir_respond(req, 403, "text/plain", WEIR_STR("not you\n"));
}

Test(test_ws, shows_how_it_was_refused)
{
	weir_test_ws *t = OPEN(refuse);
	weir_str message;

	cr_assert_eq(weir_test_ws_reply(t)->status, 403);
	cr_assert(weir_str_eq(weir_test_ws_reply(t)->body, WEIR_STR("not you\n")));
	cr_assert_eq(weir_test_ws_send(t, WEIR_STR("x")), -EPIPE);
	cr_assert_eq(weir_test_ws_recv(t, &message), -EPIPE);
	cr_assert_eq(weir_test_ws_close(t), 0);
}

static int choose(weir_req *req)
{
	weir_ws *ws;
	int r;

	r = weir_set_header(req, "x-room", weir_param(req, "room"));
	return r < 0 ? r : weir_ws_accept(req, "chat", &ws);
}

Test(test_ws, shows_how_it_was_accepted)
{
	const weir_header protocols = { WEIR_STR("sec-websocket-protocol"), WEIR_STR("a, chat") };
	weir_test_ws *t = OPEN(choose, .route = "/rooms/{room}", .path = "/rooms/blue",
			       .headers = &protocols, .n_headers = 1);
	const weir_reply *reply = weir_test_ws_reply(t);

	cr_assert_eq(reply->status, 101);
	cr_assert(weir_str_eq(weir_reply_header(reply, "x-room"), WEIR_STR("blue")));
	cr_assert(
		weir_str_eq(weir_reply_header(reply, "sec-websocket-protocol"), WEIR_STR("chat")));
	cr_assert_eq(weir_test_ws_close(t), 1000);
}

static int fail(weir_req *req)
{
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	return r < 0 ? r : -ERANGE;
}

Test(test_ws, closes_with_what_the_handler_failed_with)
{
	cr_assert_eq(weir_test_ws_close(OPEN(fail)), 1011);
}

static int cut(weir_req *req)
{
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	return r < 0 ? r : weir_ws_send_piece(ws, WEIR_STR("half"), true, false);
}

Test(test_ws, sees_a_session_that_is_cut_off)
{
	weir_test_ws *t = OPEN(cut);
	weir_str message;

	cr_assert_eq(weir_test_ws_recv(t, &message), -EPIPE);
	cr_assert_eq(weir_test_ws_close(t), 1006);
}

Test(test_ws, stays_for_as_long_as_can_be_said)
{
	weir_test_ws *t = OPEN(echo, .disconnect_after_ms = INT64_MAX);
	weir_str message;

	cr_assert_eq(weir_test_ws_send(t, WEIR_STR("hello")), 0);
	cr_assert_eq(weir_test_ws_recv(t, &message), 1);
	cr_assert_eq(weir_test_ws_close(t), 1000);
}

Test(test_ws, leaves_when_it_is_told_to)
{
	weir_test_ws *t = OPEN(echo, .disconnect_after_ms = 1000);
	weir_str message;

	cr_assert_eq(weir_test_ws_recv(t, &message), -EPIPE);
	cr_assert_eq(weir_test_ws_close(t), 1006);
	cr_assert_eq(seen, -ECANCELED);
	cr_assert_eq(seen_reason, WEIR_DISCONNECT);
}

static int never_answers(weir_req *req)
{
	seen = weir_sleep(7 * 24 * 3600 * 1000);
	return seen;
}

Test(test_ws, leaves_before_it_is_accepted)
{
	weir_test_ws *t = OPEN(never_answers, .disconnect_after_ms = 1000);

	cr_assert_eq(weir_test_ws_reply(t)->status, 499);
	cr_assert_eq(seen, -ECANCELED);
	cr_assert_eq(weir_test_ws_close(t), 0);
}

Test(test_ws, says_that_nothing_was_answered)
{
	weir_test_ws *t = OPEN(never_answers);

	cr_assert_eq(weir_test_ws_reply(t)->status, 0);
	cr_assert_gt(weir_test_ws_reply(t)->body.len, 0);
	cr_assert_eq(weir_test_ws_close(t), 0);
	cr_assert_eq(seen, -ECANCELED);
}

static int stays(weir_req *req)
{
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	if (r < 0)
		return r;
	seen = weir_sleep(7 * 24 * 3600 * 1000);
	return seen;
}

Test(test_ws, cancels_a_handler_that_does_not_hear_of_the_end)
{
	cr_assert_eq(weir_test_ws_close(OPEN(stays)), 1000);
	cr_assert_eq(seen, -ECANCELED);
}

static int ignores(weir_req *req)
{
	int r = stays(req);

	while (r != 1)
		r = weir_sleep(1000);
	return 0;
}

Test(test_ws, says_that_the_handler_never_ends)
{
	cr_assert_eq(weir_test_ws_close(OPEN(ignores)), -ETIMEDOUT);
}

Test(test_ws, says_what_is_wrong_with_a_path)
{
	weir_test_ws *t = OPEN(echo, .path = "/no spaces");

	cr_assert_eq(weir_test_ws_reply(t)->status, 0);
	cr_assert_gt(weir_test_ws_reply(t)->body.len, 0);
	cr_assert_eq(weir_test_ws_close(t), 0);
	cr_assert_eq(weir_test_ws_close(OPEN(NULL)), 0);
}

Test(test_ws, takes_a_session_that_is_none)
{
	weir_str message;

	cr_assert_eq(weir_test_ws_reply(NULL)->status, 0);
	cr_assert_eq(weir_test_ws_send(NULL, WEIR_STR("x")), -ENOMEM);
	cr_assert_eq(weir_test_ws_recv(NULL, &message), -ENOMEM);
	cr_assert_not(weir_test_ws_is_text(NULL));
	cr_assert_eq(weir_test_ws_close(NULL), -ENOMEM);
}

/* ---- functions for messages */

static int count(weir_req *req, weir_ws *ws, void *state, weir_str message)
{
	int *n = state;

	++*n;
	return weir_ws_send(ws, weir_printf(req, "%d %.*s", *n, WEIR_ARG(message)));
}

static void note_close(weir_req *req, weir_ws *ws, void *state)
{
	seen = weir_ws_close_code(ws);
}

WEIR_WS_HANDLERS(counter, .state_size = sizeof(int), .message = count, .close = note_close);

Test(test_ws, calls_functions_for_messages)
{
	weir_test_ws *t = OPEN(NULL, .ws = &counter);

	cr_assert_eq(weir_test_ws_send(t, WEIR_STR("a")), 0);
	cr_assert_eq(weir_test_ws_send(t, WEIR_STR("b")), 0);
	recv_is(t, "1 a");
	recv_is(t, "2 b");
	cr_assert_eq(weir_test_ws_close(t), 1000);
	cr_assert_eq(seen, 1000);
}

/* ---- what is published */

static int chat(weir_req *req)
{
	weir_str message;
	weir_sub *sub;
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	if (r < 0)
		return r;
	r = weir_subscribe(req, &sub, .topic = WEIR_STR("room"));
	if (r < 0)
		return r;
	r = weir_ws_relay(ws, sub, 0);
	while (r >= 0 && (r = weir_ws_recv(ws, &message)) > 0)
		r = weir_publish(req, WEIR_STR("room"), message, 0);
	return r;
}

Test(test_ws, hears_what_it_publishes)
{
	weir_test_ws *t = OPEN(chat);

	cr_assert_eq(weir_test_ws_send(t, WEIR_STR("to all")), 0);
	recv_is(t, "to all");
	cr_assert_eq(weir_test_ws_close(t), 1000);
}
