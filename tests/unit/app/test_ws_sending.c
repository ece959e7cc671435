/* test_ws_sending.c - what handlers do with a session: send, close. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <weir/coro.h>

#include "app/ws.h"
#include "app_ws.h"

/* What a handler leaves for its test; each test is a process of its own. */
static int seen, seen_too;
static weir_reason seen_reason;

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

Test(ws_sending, sends_as_text_only_what_is_utf8)
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

Test(ws_sending, sends_in_call_order)
{
	struct app_world *a = app_ws_world(send_as_told);
	struct client *c;

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

Test(ws_sending, holds_others_off_until_the_last_piece)
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

Test(ws_sending, does_not_wait_for_itself)
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

Test(ws_sending, is_cut_off_in_the_middle_of_a_message)
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

Test(ws_sending, is_cut_off_by_a_deadline_within_a_frame)
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

Test(ws_sending, waits_for_room_until_a_deadline_and_goes_on_afterwards)
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

/* ---- beside a subscription that is always behind */

#define N_PUBLISHED 150

static int publish_much(weir_ws *ws)
{
	weir_req *req = &ws->req->pub;
	weir_sub *sub;
	int r;

	memset(much, 'x', sizeof(much));
	r = weir_subscribe(req, &sub, .topic = WEIR_STR("news"), .queue = N_PUBLISHED);
	if (r < 0)
		return r;
	r = weir_ws_relay(ws, sub, 0);
	for (int i = 0; i < N_PUBLISHED && r >= 0; i++)
		r = weir_publish(req, WEIR_STR("news"), (weir_str){ much, 20000 }, 0);
	/* Until it has filled what there is. */
	return r < 0 ? r : weir_sleep(10);
}

static int send_beside_a_relay(weir_ws *ws)
{
	int r;

	r = publish_much(ws);
	if (r < 0)
		return r;
	seen = weir_within(1000, weir_ws_send(ws, WEIR_STR("late")));
	seen_too = -EAGAIN;
	seen_too = weir_ws_send(ws, WEIR_STR("mine"));
	return weir_sleep(1000000);
}

/* So much at a time, as long as there is some. */
static void take_all(struct app_world *a, struct client *c)
{
	for (int i = 0; i < 3 && !c->has_ended; i++) {
		h1_world_settle(a->w);
		if (client_sip(c, SIZE_MAX) > 0)
			i = -1;
	}
}

Test(ws_sending, has_its_turn_beside_a_subscription_that_is_behind)
{
	struct app_world *a = app_world_new();
	struct client *c = told(a, send_beside_a_relay);

	h1_world_pass(a->w, 2000);
	cr_assert_eq(seen, -ETIMEDOUT);
	cr_assert_eq(seen_too, -EAGAIN);
	for (int i = 0; i < 500 && seen_too != 0; i++) {
		(void)client_sip(c, SIZE_MAX);
		h1_world_settle(a->w);
	}
	cr_assert_eq(seen_too, 0);
	cr_assert_lt(c->bytes.len, (size_t)N_PUBLISHED / 2 * 20000, "it was still behind");
	take_all(a, c);
	cr_assert_gt(c->bytes.len, (size_t)N_PUBLISHED * 20000);
	app_world_free(a);
}

static int give_up_beside_a_relay(weir_ws *ws)
{
	int r;

	r = publish_much(ws);
	if (r < 0)
		return r;
	seen = weir_within(1000, weir_ws_send(ws, WEIR_STR("late")));
	return weir_sleep(1000000);
}

Test(ws_sending, does_not_stop_a_subscription_when_it_gives_up)
{
	struct app_world *a = app_world_new();
	struct client *c = told(a, give_up_beside_a_relay);

	h1_world_pass(a->w, 2000);
	cr_assert_eq(seen, -ETIMEDOUT);
	take_all(a, c);
	cr_assert_gt(c->bytes.len, (size_t)N_PUBLISHED * 20000);
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

Test(ws_sending, is_cancelled_while_it_only_sends)
{
	struct app_world *a = app_world_new();
	struct client *c = told(a, send_until_gone);

	client_close(c);
	h1_world_pass(a->w, 100);
	cr_assert_eq(seen, -ECANCELED);
	cr_assert_eq(seen_reason, WEIR_DISCONNECT);
	app_world_free(a);
}

/* ---- on a route that does not wait for its clients */

static int say_one(void *arg)
{
	seen = weir_ws_send_piece(arg, WEIR_STR("mine"), true, true);
	return seen;
}

/* Without an end, and without ever waiting for the client. */
static int send_and_let_another_send(weir_ws *ws)
{
	int r;

	memset(much, 'x', sizeof(much));
	seen = -EAGAIN;
	WEIR_GROUP(g, WEIR_ALL);
	for (int i = 0; i < 100; i++) {
		r = weir_ws_send(ws, (weir_str){ much, 20000 });
		if (r < 0)
			return r;
	}
	weir_spawn(g, say_one, ws);
	for (;;) {
		r = weir_ws_send(ws, (weir_str){ much, 20000 });
		if (r >= 0)
			r = weir_sleep(1);
		if (r < 0)
			return r;
	}
}

Test(ws_sending, nobody_overtakes_for_ever_who_sends_in_pieces)
{
	struct app_world *a = app_world_new();
	struct ws_policy *policy = app_ws_route(a, "/", send_as_told)->ws;
	struct client *c;

	policy->limits.slow = WS_SLOW_DROP_OLDEST;
	policy->limits.queue_bytes = 1 << 20;
	a->app.state = (void *)send_and_let_another_send;
	c = app_ws_open(a, "/", "");
	for (int i = 0; i < 3000 && seen != 0; i++) {
		(void)client_sip(c, 20000);
		h1_world_pass(a->w, 1);
	}
	cr_assert_eq(seen, 0);
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

Test(ws_sending, closes_with_codes_that_may_be_sent)
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

Test(ws_sending, says_nothing_once_it_has_closed)
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

Test(ws_sending, tells_the_clients_code_and_reason)
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

Test(ws_sending, closes_with_1011_what_a_failed_handler_leaves_open)
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
Test(ws_sending, closes_in_order_between_pieces)
{
	struct app_world *a = app_world_new();
	struct client *c = told(a, close_between_pieces);

	cr_assert_str_eq(app_ws_text(c), "101 more:one close:1001");
	app_ws_close(c);
	cr_assert_str_eq(app_ws_text(c), "101 more:one close:1001 end");
	app_world_free(a);
}
