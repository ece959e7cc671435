/* test_ws_turns.c - a short-lived task for each message, and nothing in between. */
#include "app/ws.h"

#include <criterion/criterion.h>
#include <string.h>
#include <weir/coro.h>

#include "app_ws.h"
#include "oom.h"

/* What the functions leave for their test; each test is a process of its own. */
static int n_opened, n_closed, seen, seen_code;
static weir_reason seen_reason;

struct state {
	unsigned n;
};

static int repeat(weir_req *req, weir_ws *ws, void *state, weir_str message)
{
	return weir_ws_is_text(ws) ? weir_ws_send(ws, message) : weir_ws_send_binary(ws, message);
}

static void count_close(weir_req *req, weir_ws *ws, void *state)
{
	n_closed++;
	seen_code = weir_ws_close_code(ws);
}

WEIR_WS_HANDLERS(parrot, .message = repeat, .close = count_close);

Test(ws_turns, echoes)
{
	struct app_world *a = app_ws_turns_world(&parrot);
	struct client *c = app_ws_open(a, "/", "");

	app_ws_say(c, "a");
	app_ws_frame(c, 0x82, "b", 1);
	app_ws_frame(c, 0x01, "c", 1);
	app_ws_frame(c, 0x80, "d", 1);
	cr_assert_str_eq(app_ws_text(c), "101 text:a binary:b text:cd");
	app_ws_frame(c, 0x88, "\x0f\xa0", 2);
	cr_assert_str_eq(app_ws_text(c), "101 text:a binary:b text:cd close:4000 end");
	cr_assert_eq(n_closed, 1);
	cr_assert_eq(seen_code, 4000);
	cr_assert_eq(a->site.n_sessions, 0);
	app_world_free(a);
}

Test(ws_turns, owns_no_task_and_no_block_between_two_messages)
{
	struct app_world *a = app_ws_turns_world(&parrot);
	struct client *c = app_ws_open(a, "/", "");

	app_ws_say(c, "a");
	(void)app_ws_text(c);
	cr_assert_eq(sched_n_tasks(a->sched), 0);
	cr_assert_eq(a->w->server.blocks.n_taken, 0);
	cr_assert_eq(a->w->server.exchanges.n_live, 0);
	app_world_free(a);
}

/* ---- state and order */

static int count(weir_req *req, weir_ws *ws, void *state, weir_str message)
{
	struct state *st = state;
	unsigned n = ++st->n;
	int r;

	/* Later ones are faster: they must not overtake. */
	r = n < 3 ? weir_sleep(100 / n) : 0;
	if (r < 0)
		return r;
	return weir_ws_send(ws, weir_printf(req, "%u:%.*s", n, WEIR_ARG(message)));
}

static void tell_count(weir_req *req, weir_ws *ws, void *state)
{
	const struct state *st = state;

	n_closed++;
	seen = (int)st->n;
}

WEIR_WS_HANDLERS(counter, .state_size = sizeof(struct state), .message = count,
		 .close = tell_count);

Test(ws_turns, handles_messages_one_after_the_other)
{
	struct app_world *a = app_ws_turns_world(&counter);
	struct client *c = app_ws_open(a, "/", "");

	app_ws_say(c, "x");
	app_ws_say(c, "y");
	app_ws_say(c, "z");
	cr_assert_str_eq(app_ws_text(c), "101");
	h1_world_pass(a->w, 1000);
	cr_assert_str_eq(app_ws_text(c), "101 text:1:x text:2:y text:3:z");
	app_ws_close(c);
	cr_assert_eq(seen, 3);
	cr_assert_eq(n_closed, 1);
	app_world_free(a);
}

Test(ws_turns, gives_each_session_its_own_state)
{
	struct app_world *a = app_ws_turns_world(&counter);
	struct client *c, *d;

	c = app_ws_open(a, "/", "");
	d = app_ws_open(a, "/", "");
	app_ws_say(c, "x");
	app_ws_say(c, "y");
	app_ws_say(d, "z");
	h1_world_pass(a->w, 1000);
	cr_assert_str_eq(app_ws_text(c), "101 text:1:x text:2:y");
	cr_assert_str_eq(app_ws_text(d), "101 text:1:z");
	app_world_free(a);
}

/* ---- open() */

static int refuse(weir_req *req, void *state)
{
	return weir_respond(req, 403, "text/plain", WEIR_STR("not you"));
}

WEIR_WS_HANDLERS(refuser, .open = refuse, .message = repeat, .close = count_close);

Test(ws_turns, may_refuse_in_open_and_then_does_not_close)
{
	struct app_world *a = app_ws_turns_world(&refuser);

	cr_assert_str_eq(app_ws_text(app_ws_open(a, "/", "")), "403 not you");
	cr_assert_eq(n_closed, 0);
	cr_assert_eq(a->site.n_sessions, 0);
	app_world_free(a);
}

static int fail_to_open(weir_req *req, void *state)
{
	return WEIR_STATUS(429);
}

WEIR_WS_HANDLERS(failing_opener, .open = fail_to_open, .message = repeat, .close = count_close);

Test(ws_turns, turns_a_failure_of_open_into_a_status)
{
	struct app_world *a = app_ws_turns_world(&failing_opener);

	cr_assert_eq(strncmp(app_ws_text(app_ws_open(a, "/", "")), "429", 3), 0);
	cr_assert_eq(n_closed, 0);
	app_world_free(a);
}

static int open_fully(weir_req *req, void *state)
{
	struct state *st = state;
	weir_ws *ws;
	int r;

	st->n = 10;
	n_opened++;
	r = weir_set_header(req, "x-room", weir_param(req, "room"));
	if (r < 0)
		return r;
	r = weir_ws_accept(req, "chat", &ws);
	if (r < 0)
		return r;
	cr_assert(weir_str_eq(weir_header_get(req, "host"), WEIR_STR("x")));
	cr_assert_eq(req->scope->type, WEIR_SCOPE_WEBSOCKET);
	return weir_ws_send(ws, WEIR_STR("welcome"));
}

WEIR_WS_HANDLERS(opener, .state_size = sizeof(struct state), .open = open_fully, .message = count,
		 .close = tell_count);

Test(ws_turns, may_accept_in_open_with_all_that_belongs_to_it)
{
	struct app_world *a = app_world_new();
	struct client *c;

	app_ws_turns(a, "/rooms/{room}", &opener);
	c = app_ws_open(a, "/rooms/blue", "Sec-WebSocket-Protocol: chat\r\n");
	cr_assert(strstr(client_text(c), "x-room: blue\r\n"));
	cr_assert(strstr(client_text(c), "sec-websocket-protocol: chat\r\n"));
	app_ws_say(c, "x");
	h1_world_pass(a->w, 1000);
	cr_assert_str_eq(app_ws_text(c), "101 text:welcome text:11:x");
	app_world_free(a);
}

static int open_and_fail(weir_req *req, void *state)
{
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	return r < 0 ? r : -ERANGE;
}

WEIR_WS_HANDLERS(broken_opener, .open = open_and_fail, .message = repeat, .close = count_close);

Test(ws_turns, closes_with_1011_when_open_fails_behind_accept)
{
	struct app_world *a = app_ws_turns_world(&broken_opener);
	struct client *c = app_ws_open(a, "/", "");

	cr_assert_str_eq(app_ws_text(c), "101 close:1011");
	app_ws_close(c);
	cr_assert_eq(n_closed, 1);
	app_world_free(a);
}

static int open_slowly(weir_req *req, void *state)
{
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	if (r < 0)
		return r;
	n_opened++;
	seen = weir_sleep(1000);
	seen_reason = weir_cancel_reason();
	cr_assert_eq(n_closed, 0);
	return seen;
}

WEIR_WS_HANDLERS(slow_opener, .open = open_slowly, .message = repeat, .close = count_close);

Test(ws_turns, closes_once_when_the_client_dies_while_open_runs)
{
	struct app_world *a = app_ws_turns_world(&slow_opener);
	struct client *c = app_ws_open(a, "/", "");

	cr_assert_eq(n_opened, 1);
	client_close(c);
	cr_assert_eq(seen, -ECANCELED);
	cr_assert_eq(seen_reason, WEIR_DISCONNECT);
	cr_assert_eq(n_closed, 1);
	cr_assert_eq(seen_code, 1006);
	app_world_free(a);
}

Test(ws_turns, handles_what_came_while_open_ran)
{
	struct app_world *a = app_ws_turns_world(&slow_opener);
	struct client *c = app_ws_open(a, "/", "");

	app_ws_say(c, "early");
	cr_assert_str_eq(app_ws_text(c), "101");
	h1_world_pass(a->w, 2000);
	cr_assert_str_eq(app_ws_text(c), "101 text:early");
	app_world_free(a);
}

static int open_and_begin(weir_req *req, void *state)
{
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	return r < 0 ? r : weir_ws_send_piece(ws, WEIR_STR("half"), true, false);
}

WEIR_WS_HANDLERS(half_opener, .open = open_and_begin, .message = repeat, .close = count_close);

Test(ws_turns, cuts_off_what_open_leaves_half_sent)
{
	struct app_world *a = app_ws_turns_world(&half_opener);
	struct client *c = app_ws_open(a, "/", "");

	cr_assert(client_is_closed(c));
	cr_assert_eq(n_closed, 1);
	app_world_free(a);
}

static int open_late(weir_req *req, void *state)
{
	seen = weir_sleep(1000);
	seen_reason = weir_cancel_reason();
	return seen;
}

WEIR_WS_HANDLERS(late_opener, .open = open_late, .message = repeat, .close = count_close);

Test(ws_turns, does_not_close_what_died_before_it_was_accepted)
{
	struct app_world *a = app_ws_turns_world(&late_opener);
	struct client *c = app_ws_open(a, "/", "");

	client_close(c);
	cr_assert_eq(seen, -ECANCELED);
	cr_assert_eq(n_closed, 0);
	cr_assert_eq(a->site.n_sessions, 0);
	app_world_free(a);
}

/* ---- errors, back-pressure, the end */

static int fail_on_message(weir_req *req, weir_ws *ws, void *state, weir_str message)
{
	return -ERANGE;
}

WEIR_WS_HANDLERS(failing, .message = fail_on_message, .close = count_close);

Test(ws_turns, closes_with_1011_when_message_fails)
{
	struct app_world *a = app_ws_turns_world(&failing);
	struct client *c = app_ws_open(a, "/", "");

	app_ws_say(c, "x");
	app_ws_say(c, "y");
	cr_assert_str_eq(app_ws_text(c), "101 close:1011");
	cr_assert_eq(a->site.n_failed, 1);
	cr_assert_eq(n_closed, 0, "not before the handshake is over");
	app_ws_close(c);
	cr_assert_eq(n_closed, 1);
	cr_assert_eq(seen_code, 1011);
	app_world_free(a);
}

static int begin_only(weir_req *req, weir_ws *ws, void *state, weir_str message)
{
	return weir_ws_send_piece(ws, WEIR_STR("half"), true, false);
}

static void send_in_close(weir_req *req, weir_ws *ws, void *state)
{
	n_closed++;
	seen = weir_ws_send(ws, WEIR_STR("?"));
	seen_code = weir_ws_close(ws, 1000, NULL);
}

WEIR_WS_HANDLERS(beginner, .message = begin_only, .close = send_in_close);

Test(ws_turns, cuts_off_what_a_message_leaves_half_sent)
{
	struct app_world *a = app_ws_turns_world(&beginner);
	struct client *c = app_ws_open(a, "/", "");

	app_ws_say(c, "x");
	cr_assert(client_is_closed(c));
	cr_assert_eq(n_closed, 1);
	cr_assert_eq(seen, -EPIPE);
	cr_assert_eq(seen_code, 0);
	app_world_free(a);
}

static int work(weir_req *req, weir_ws *ws, void *state, weir_str message)
{
	n_opened++;
	seen = weir_sleep(10000);
	seen_reason = weir_cancel_reason();
	cr_assert(weir_str_eq(message, WEIR_STR("work")));
	return seen;
}

WEIR_WS_HANDLERS(worker, .message = work, .close = count_close);

Test(ws_turns, is_cancelled_when_the_client_dies_while_a_message_is_handled)
{
	struct app_world *a = app_ws_turns_world(&worker);
	struct client *c = app_ws_open(a, "/", "");

	app_ws_say(c, "work");
	cr_assert_eq(n_opened, 1);
	client_close(c);
	cr_assert_eq(seen, -ECANCELED);
	cr_assert_eq(seen_reason, WEIR_DISCONNECT);
	cr_assert_eq(n_closed, 1);
	app_world_free(a);
}

Test(ws_turns, finishes_its_message_anyway_where_it_may)
{
	struct app_world *a = app_world_new();
	struct client *c;

	app_ws_turns(a, "/", &worker)->flags = WEIR_FINISH_ANYWAY;
	c = app_ws_open(a, "/", "");
	app_ws_say(c, "work");
	client_close(c);
	cr_assert_eq(n_closed, 0);
	h1_world_pass(a->w, 11000);
	cr_assert_eq(seen, 0);
	cr_assert_eq(n_closed, 1);
	app_world_free(a);
}

Test(ws_turns, holds_the_client_back_while_a_message_is_handled)
{
	struct app_world *a = app_ws_turns_world(&worker);
	struct client *c = app_ws_open(a, "/", "");
	char junk[4096];
	size_t pushed = 0, n;

	app_ws_say(c, "work");
	memset(junk, 0, sizeof(junk));
	for (int i = 0; i < 1000; i++) {
		n = client_push(c, junk, sizeof(junk));
		pushed += n;
		h1_world_settle(a->w);
	}
	cr_assert_lt(pushed, 1000 * sizeof(junk));
	cr_assert_leq(a->w->server.blocks.n_taken, 2);
	cr_assert_eq(n_opened, 1);
	app_world_free(a);
}

static int close_in_message(weir_req *req, weir_ws *ws, void *state, weir_str message)
{
	n_opened++;
	return weir_ws_close(ws, 4001, "enough");
}

WEIR_WS_HANDLERS(closer, .message = close_in_message, .close = count_close);

Test(ws_turns, handles_no_message_behind_its_own_close)
{
	struct app_world *a = app_ws_turns_world(&closer);
	struct client *c = app_ws_open(a, "/", "");

	(void)client_push(c, "\x81\x81\0\0\0\0x\x81\x81\0\0\0\0y", 14);
	h1_world_settle(a->w);
	cr_assert_str_eq(app_ws_text(c), "101 close:4001 enough");
	cr_assert_eq(n_opened, 1);
	app_ws_frame(c, 0x88, "\x0f\xa1", 2);
	cr_assert_str_eq(app_ws_text(c), "101 close:4001 enough end");
	cr_assert_eq(n_closed, 1);
	cr_assert_eq(seen_code, 4001);
	app_world_free(a);
}

Test(ws_turns, handles_messages_that_came_before_the_clients_close)
{
	struct app_world *a = app_ws_turns_world(&counter);
	struct client *c = app_ws_open(a, "/", "");

	(void)client_push(c, "\x81\x81\0\0\0\0x\x81\x81\0\0\0\0y\x88\x80\0\0\0\0", 20);
	h1_world_pass(a->w, 1000);
	cr_assert_str_eq(app_ws_text(c), "101 text:1:x text:2:y close: end");
	cr_assert_eq(n_closed, 1);
	app_world_free(a);
}

static void close_slowly(weir_req *req, weir_ws *ws, void *state)
{
	n_closed++;
	seen = weir_sleep(1000);
	seen_reason = weir_cancel_reason();
}

WEIR_WS_HANDLERS(slow_closer, .message = repeat, .close = close_slowly);

Test(ws_turns, may_suspend_in_close)
{
	struct app_world *a = app_ws_turns_world(&slow_closer);
	struct client *c = app_ws_open(a, "/", "");

	client_close(c);
	cr_assert_eq(n_closed, 1);
	cr_assert_eq(a->site.n_sessions, 1);
	h1_world_pass(a->w, 2000);
	cr_assert_eq(seen, 0);
	cr_assert_eq(a->site.n_sessions, 0);
	app_world_free(a);
}

/* ---- a worker that stops */

Test(ws_turns, closes_with_1012_and_calls_close_when_the_worker_stops)
{
	struct app_world *a = app_ws_turns_world(&parrot);
	struct client *c = app_ws_open(a, "/", "");

	a->site.is_draining = true;
	server_drain(&a->w->server);
	cr_assert_str_eq(app_ws_text(c), "101 close:1012");
	cr_assert_eq(n_closed, 0);
	app_ws_frame(c, 0x88, "\x03\xf4", 2);
	cr_assert_eq(n_closed, 1);
	cr_assert_eq(seen_code, 1012);
	app_world_free(a);
}

Test(ws_turns, calls_close_when_the_grace_is_over)
{
	struct app_world *a = app_ws_turns_world(&worker);
	struct client *c = app_ws_open(a, "/", "");

	app_ws_say(c, "work");
	a->site.is_draining = true;
	server_drain(&a->w->server);
	cr_assert_str_eq(app_ws_text(c), "101 close:1012");
	site_cancel(&a->site);
	h1_world_settle(a->w);
	cr_assert_eq(seen, -ECANCELED);
	cr_assert_eq(seen_reason, WEIR_SHUTDOWN);
	server_close_all(&a->w->server);
	h1_world_settle(a->w);
	cr_assert_eq(n_closed, 1);
	cr_assert_eq(a->site.n_sessions, 0);
	app_world_free(a);
}

static int close_for_ever_result;

static void close_for_ever(weir_req *req, weir_ws *ws, void *state)
{
	n_closed++;
	close_for_ever_result = weir_sleep(3600000);
}

WEIR_WS_HANDLERS(endless_closer, .message = repeat, .close = close_for_ever);

/* What begins when the grace is over has none. */
Test(ws_turns, is_not_kept_by_a_close_that_begins_when_the_grace_is_over)
{
	struct app_world *a = app_ws_turns_world(&endless_closer);

	(void)app_ws_open(a, "/", "");
	a->site.is_draining = true;
	server_drain(&a->w->server);
	h1_world_settle(a->w);
	site_cancel(&a->site);
	server_close_all(&a->w->server);
	h1_world_settle(a->w);
	cr_assert_eq(n_closed, 1);
	cr_assert_eq(close_for_ever_result, -ECANCELED);
	cr_assert_eq(a->site.n_sessions, 0);
	app_world_free(a);
}

/* ---- subscriptions */

struct subscribed {
	weir_sub *sub;
};

static int subscribe(weir_req *req, weir_ws *ws, void *state, weir_str message)
{
	struct subscribed *st = state;
	int r;

	r = weir_subscribe(req, &st->sub, .topic = message);
	if (r < 0)
		return r;
	return weir_ws_relay(ws, st->sub, 0);
}

static void look_at_sub(weir_req *req, weir_ws *ws, void *state)
{
	struct subscribed *st = state;

	/* The session has ended, and its subscription; asking for it is still allowed. */
	n_closed++;
	cr_assert_eq(weir_sub_lost(st->sub), 0);
	cr_assert_eq(weir_publish(req, WEIR_STR("closed"), WEIR_STR("x"), 0), 0);
	weir_unsubscribe(st->sub);
}

WEIR_WS_HANDLERS(subscriber, .state_size = sizeof(struct subscribed), .message = subscribe,
		 .close = look_at_sub);

static int publish(weir_req *req)
{
	int r;

	r = weir_publish(req, WEIR_STR("news"), WEIR_STR("hot"), 0);
	return r < 0 ? r : weir_respond(req, 204, NULL, (weir_str){ NULL, 0 });
}

Test(ws_turns, relays_what_a_message_subscribed_to_until_the_session_ends)
{
	struct app_world *a = app_ws_turns_world(&subscriber);
	struct client *c, *d;

	app_world_route(a, "/publish", publish);
	c = app_ws_open(a, "/", "");
	d = app_ws_open(a, "/", "");
	app_ws_say(c, "news");
	app_ws_say(d, "closed");
	(void)app_world_ask(a, "/publish");
	cr_assert_str_eq(app_ws_text(c), "101 text:hot");
	client_close(c);
	cr_assert_eq(n_closed, 1);
	cr_assert_str_eq(app_ws_text(d), "101 text:x");
	(void)app_world_ask(a, "/publish");
	client_close(d);
	app_world_free(a);
}

/* ---- memory */

/* Accepts, or says why not, and then is gone: whether the client saw the session accepted. */
static bool try_session(struct app_world *a, bool fail_later, unsigned n, bool *ret_failed)
{
	static const char request[] = "GET /rooms/a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
				      "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
				      "Sec-WebSocket-Protocol: chat\r\n"
				      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
	static const char message[] = "\x81\x80\0\0\0\0";
	struct client *c = client_new(a->w);
	bool is_accepted;

	if (!fail_later)
		oom_fail_at(n);
	(void)client_push(c, request, strlen(request));
	h1_world_settle(a->w);
	if (!fail_later)
		*ret_failed = oom_has_failed();
	is_accepted = strncmp(app_ws_text(c), "101", 3) == 0;
	if (fail_later)
		oom_fail_at(n);
	(void)client_push(c, message, sizeof(message) - 1);
	h1_world_pass(a->w, 1000);
	client_close(c);
	h1_world_settle(a->w);
	if (fail_later)
		*ret_failed = oom_has_failed();
	return is_accepted;
}

Test(ws_turns, survives_every_failure_to_allocate_while_it_opens)
{
	struct app_world *a = app_world_new();
	bool failed = true;
	unsigned n;

	app_ws_turns(a, "/rooms/{room}", &opener);
	for (n = 1; failed && n < 60; n++) {
		int closed_before = n_closed;
		bool is_accepted = try_session(a, false, n, &failed);

		cr_assert_leq(n_closed - closed_before, 1);
		cr_assert(!is_accepted || n_closed == closed_before + 1, "%u", n);
		cr_assert_eq(a->site.n_sessions, 0);
	}
	cr_assert_not(failed);
	cr_assert_gt(n, 5);
	app_world_free(a);
}

Test(ws_turns, survives_every_failure_to_allocate_afterwards)
{
	struct app_world *a = app_world_new();
	bool failed = true;
	unsigned n;

	app_ws_turns(a, "/rooms/{room}", &opener);
	for (n = 1; failed && n < 60; n++) {
		ws_turns_free_unused(&a->site);
		cr_assert(try_session(a, true, n, &failed));
		cr_assert_eq(a->site.n_sessions, 0);
	}
	cr_assert_not(failed);
	cr_assert_gt(n, 1);
	app_world_free(a);
}
