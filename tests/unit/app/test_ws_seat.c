/* test_ws_seat.c - one handler for all of a session: what it keeps, who outlives whom. */
#include <criterion/criterion.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <weir/coro.h>

#include "app/ws.h"
#include "app_ws.h"

static int seen;

/* ---- what the handler sees of its request, the exchange being gone */

static int describe(weir_req *req)
{
	const weir_scope *s = req->scope;
	weir_str message;
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	if (r < 0)
		return r;
	while ((r = weir_ws_recv(ws, &message)) > 0) {
		cr_assert_eq(s->type, WEIR_SCOPE_WEBSOCKET);
		cr_assert_eq(s->http_version, 11);
		cr_assert_eq(s->request_id.len, 16);
		r = weir_ws_send(ws, weir_printf(req, "%.*s %.*s %.*s", WEIR_ARG(s->method),
						 WEIR_ARG(s->scheme), WEIR_ARG(s->path)));
		if (r < 0)
			return r;
		r = weir_ws_send(ws, weir_printf(req, "%.*s ?%.*s", WEIR_ARG(s->raw_path),
						 WEIR_ARG(s->query)));
		if (r < 0)
			return r;
		r = weir_ws_send(ws, weir_printf(req, "%.*s %.*s", WEIR_ARG(s->client),
						 WEIR_ARG(s->server)));
		if (r < 0)
			return r;
		r = weir_ws_send(ws, weir_printf(req, "%.*s+%.*s %zu %.*s/%.*s",
						 WEIR_ARG(weir_header_get(req, "x-given")),
						 WEIR_ARG(weir_header_get(req, "x-empty")),
						 s->n_subprotocols, WEIR_ARG(s->subprotocols[0]),
						 WEIR_ARG(s->subprotocols[1])));
		if (r < 0)
			return r;
		r = weir_ws_send(ws,
				 weir_printf(req, "%.*s:%.*s", WEIR_ARG(weir_param(req, "room")),
					     WEIR_ARG(weir_param(req, "rest"))));
		if (r < 0)
			return r;
	}
	return r;
}

static const char described[] = "101 text:GET ws /rooms/a b/x/y text:/rooms/a%20b/x/y ?q=1 "
				"text:192.0.2.7:51234 192.0.2.1:80 "
				"text:7+ 2 chat/v2 text:a b:x/y";

Test(ws_seat, keeps_all_of_its_requests_head)
{
	struct app_world *a = app_world_new();
	struct client *c, *others[20];

	app_ws_route(a, "/rooms/{room}/{rest...}", describe);
	c = app_ws_open(a, "/rooms/a%20b/x/y?q=1",
			"X-Given: 7\r\nX-Empty:\r\nSec-WebSocket-Protocol: chat, v2\r\n");
	cr_assert_eq(a->w->server.exchanges.n_live, 0);
	cr_assert_eq(a->w->server.blocks.n_taken, 0);
	/* Others use the memory that it had. */
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		others[i] = client_new(a->w);
		client_send(others[i], "GET /nowhere?zzzzzzzzzzzzzzzzzzzzzzzzzzzz HTTP/1.1\r\n"
				       "Host: zzzzzzzzzzz\r\nX: zzzzzzzzzzzzzzzzzz\r\n\r\n");
	}
	app_ws_say(c, "?");
	cr_assert_str_eq(app_ws_text(c), described);
	app_world_free(a);
}

/* ---- lives */

static int outlive(weir_req *req)
{
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	if (r < 0)
		return r;
	seen = weir_sleep(4000);
	cr_assert_eq(weir_ws_close_code(ws), 4000);
	cr_assert_eq(weir_ws_send(ws, WEIR_STR("x")), -EPIPE);
	cr_assert_eq(weir_ws_close(ws, 1000, NULL), 0);
	cr_assert(weir_str_eq(weir_param(req, "room"), WEIR_STR("a")));
	seen = 7;
	return 0;
}

Test(ws_seat, lets_a_handler_outlive_its_session)
{
	struct app_world *a = app_world_new();
	struct client *c;

	app_ws_route(a, "/rooms/{room}", outlive);
	c = app_ws_open(a, "/rooms/a", "");
	app_ws_frame(c, 0x88, "\x0f\xa0", 2);
	cr_assert_str_eq(app_ws_text(c), "101 close:4000 end");
	client_close(c);
	cr_assert_eq(a->site.n_sessions, 1);
	h1_world_pass(a->w, 11000);
	cr_assert_eq(seen, 7);
	cr_assert_eq(a->site.n_sessions, 0);
	app_world_free(a);
}

static int leave(weir_req *req)
{
	weir_ws *ws;

	return weir_ws_accept(req, NULL, &ws);
}

static int deaf_reason;

/* It hears nothing of its session's end. */
static int deaf(weir_req *req)
{
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	if (r < 0)
		return r;
	r = weir_sleep(3600000);
	deaf_reason = weir_cancel_reason();
	return r;
}

Test(ws_seat, does_not_wait_for_ever_for_who_does_not_know_that_its_session_is_closed)
{
	struct app_world *a = app_ws_world(deaf);
	struct client *c = app_ws_open(a, "/", "");

	app_ws_close(c);
	cr_assert_str_eq(app_ws_text(c), "101 close:1000 end");
	h1_world_pass(a->w, 4900);
	cr_assert_eq(a->site.n_sessions, 1u);
	h1_world_pass(a->w, 200);
	cr_assert_eq(a->site.n_sessions, 0u);
	cr_assert_eq(deaf_reason, WEIR_DISCONNECT);
	app_world_free(a);
}

Test(ws_seat, lets_a_session_outlive_its_handler)
{
	struct app_world *a = app_ws_world(leave);
	struct client *c = app_ws_open(a, "/", "");

	cr_assert_eq(sched_n_tasks(a->sched), 0);
	cr_assert_eq(a->site.n_sessions, 1);
	/* What the client still sends is nobody's. */
	app_ws_say(c, "late");
	app_ws_close(c);
	cr_assert_str_eq(app_ws_text(c), "101 close:1000 end");
	cr_assert_eq(a->site.n_sessions, 0);
	app_world_free(a);
}

Test(ws_seat, waits_for_the_clients_close_only_so_long)
{
	struct app_world *a = app_ws_world(leave);
	struct client *c = app_ws_open(a, "/", "");

	h1_world_pass(a->w, 4000);
	cr_assert_eq(a->site.n_sessions, 1);
	h1_world_pass(a->w, 2000);
	cr_assert_eq(a->site.n_sessions, 0);
	cr_assert(client_is_closed(c));
	app_world_free(a);
}

static unsigned n_quiet;

static void on_quiet(struct site *site)
{
	n_quiet++;
}

Test(ws_seat, tells_a_site_that_stops_when_the_last_has_gone)
{
	struct app_world *a = app_ws_world(leave);
	struct client *c, *d;

	a->site.quiet = on_quiet;
	c = app_ws_open(a, "/", "");
	d = app_ws_open(a, "/", "");
	a->site.is_draining = true;
	client_close(c);
	cr_assert_eq(n_quiet, 0);
	client_close(d);
	cr_assert_eq(n_quiet, 1);
	app_world_free(a);
}

/* ---- memory */

#define BATCH 1000
#define BATCHES 1000

/* Echoes, and has a subscription that comes and goes. */
static int echo(weir_req *req)
{
	weir_str message;
	weir_sub *sub = NULL;
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	if (r < 0)
		return r;
	while ((r = weir_ws_recv(ws, &message)) > 0) {
		seen++;
		if (seen % BATCH == 0) {
			weir_unsubscribe(sub);
			r = weir_subscribe(req, &sub, .topic = WEIR_STR("t"));
			if (r < 0)
				return r;
			r = weir_ws_relay(ws, sub, 0);
			if (r < 0)
				return r;
			r = weir_publish(req, WEIR_STR("t"), message, 0);
			if (r < 0)
				return r;
		}
		r = weir_ws_send(ws, message);
		if (r < 0)
			return r;
	}
	return r;
}

/* So many messages there and back; what is in use afterwards. */
static size_t run_batches(struct client *c, const char *frames, size_t len, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		size_t want = c->bytes.len + (BATCH + 1) * 4;

		cr_assert_eq(client_push(c, frames, len), len);
		while (c->bytes.len < want) {
			loop_turn(c->world->loop, false);
			(void)client_sip(c, SIZE_MAX);
		}
		buf_clear(&c->bytes);
	}
	return mallinfo2().uordblks;
}

Test(ws_seat, is_where_it_was_after_a_million_messages)
{
	struct app_world *a = app_world_new();
	char frames[BATCH * 8];
	struct client *c;
	size_t before, after;

	for (size_t i = 0; i < BATCH; i++)
		memcpy(frames + i * 8, "\x81\x82\0\0\0\0hi", 8);
	app_ws_route(a, "/", echo);
	c = app_ws_open(a, "/", "");
	client_forget(c);
	before = run_batches(c, frames, sizeof(frames), 10);
	after = run_batches(c, frames, sizeof(frames), BATCHES);
	cr_assert_eq(seen, (BATCHES + 10) * BATCH);
	cr_assert_eq(after, before, "%zu bytes before, %zu after", before, after);
	app_world_free(a);
}
