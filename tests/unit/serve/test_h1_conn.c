/* test_h1_conn.c - a connection's life: buffers, time-outs, clients that leave. */
#include "serve/h1_conn.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "h1_world.h"
#include "oom.h"

#define GET(target) "GET " target " HTTP/1.1\r\nHost: x\r\n\r\n"
#define OK(len, body) "HTTP/1.1 200 OK\r\ncontent-length: " len "\r\n\r\n" body
#define CLOSE "Connection: close\r\n"

static struct visit *ask(struct h1_world *w, struct client *c, const char *request)
{
	unsigned n = w->n_visits;

	client_send(c, request);
	cr_assert_eq(w->n_visits, n + 1, "%s", client_text(c));
	return &w->visits[n];
}

/* ---- buffers */

Test(h1_conn, holds_no_buffer_while_it_is_idle)
{
	struct h1_world *w = h1_world_new();

	for (int i = 0; i < 20; i++)
		(void)client_new(w);
	h1_world_settle(w);
	cr_assert_eq(w->server.n_conns, 20);
	cr_assert_eq(w->server.blocks.n_taken, 0);
	cr_assert_eq(w->server.exchanges.n_live, 0);
	h1_world_free(w);
}

Test(h1_conn, reads_a_head_larger_than_a_buffer)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	char value[30000];
	struct visit *v;

	memset(value, 'a', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	client_send(c, "GET /large HTTP/1.1\r\nHost: x\r\nCookie: ");
	client_send(c, value);
	v = ask(w, c, "\r\n\r\n" GET("/behind"));
	cr_assert(weir_str_eq(v->ex->head.target, WEIR_STR("/large")));
	cr_assert_eq(v->ex->head.fields[1].value.len, sizeof(value) - 1);
	visit_reply(v, 200, "1");
	visit_reply(&w->visits[1], 200, "2");
	cr_assert_str_eq(client_text(c), OK("1", "1") OK("1", "2"));
	cr_assert_eq(w->server.blocks.n_taken, 0);
	h1_world_free(w);
}

/* A head whose start lies so far behind in a block that it has to move. */
Test(h1_conn, reads_a_pipeline_that_does_not_fit_in_a_buffer)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	char request[700];
	size_t len;

	w->start = visit_at_once;
	len = (size_t)snprintf(request, sizeof(request),
			       "GET / HTTP/1.1\r\nHost: x\r\nCookie: %0600d\r\n\r\n", 0);
	for (int i = 0; i < 100; i++)
		(void)client_push(c, request, len);
	for (int i = 0; i < 20; i++)
		h1_world_settle(w);
	cr_assert_eq(w->n_visits, 100);
	cr_assert_eq(w->server.blocks.n_taken, 0);
	h1_world_free(w);
}

Test(h1_conn, reads_ahead_one_buffer_while_a_handler_runs)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	char bytes[4096];
	size_t sent = 0, n;

	memset(bytes, 'x', sizeof(bytes));
	(void)ask(w, c, GET("/a"));
	do {
		n = client_push(c, bytes, sizeof(bytes));
		sent += n;
		h1_world_settle(w);
	} while (n > 0 && sent < 64u << 20);
	cr_assert_lt(sent, 8u << 20);
	cr_assert_leq(w->server.blocks.n_taken, 2);
	h1_world_free(w);
}

Test(h1_conn, leaves_the_head_where_it_is_while_it_reads_ahead)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	char padded[16300];
	struct visit *v;

	/* The head ends just before its block does. */
	(void)snprintf(padded, sizeof(padded), "GET /a HTTP/1.1\r\nHost: x\r\nA: %016200d\r\n\r\n",
		       7);
	v = ask(w, c, padded);
	client_send(c, GET("/b"));
	client_send(c, GET("/c"));
	client_send(c, GET("/d"));
	cr_assert(weir_str_eq(v->ex->head.target, WEIR_STR("/a")));
	cr_assert_eq(v->ex->head.fields[1].value.len, 16200);
	cr_assert_eq(v->ex->head.fields[1].value.ptr[16199], '7');
	w->start = visit_at_once;
	visit_reply(v, 200, "");
	cr_assert_str_eq(client_text(c), OK("0", "") OK("2", "/b") OK("2", "/c") OK("2", "/d"));
	h1_world_free(w);
}

/* ---- clients that leave */

Test(h1_conn, tells_at_once_that_the_client_has_ended)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);
	struct visit *v = ask(w, c, GET("/a"));

	cr_assert_eq(shutdown(c->fd, SHUT_WR), 0);
	loop_turn(w->loop, false);
	cr_assert_eq(v->n_gone, 1);
	h1_world_settle(w);
	cr_assert_eq(w->server.n_conns, 0);
	h1_world_free(w);
}

Test(h1_conn, tells_at_once_that_the_client_has_reset)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);
	struct visit *v = ask(w, c, GET("/a"));

	client_reset(c);
	cr_assert_eq(v->n_gone, 1);
	cr_assert_eq(w->server.n_conns, 0);
	h1_world_free(w);
}

struct half_closed {
	const char *request;
	enum half_close half_close;
	bool is_gone;
};

static const struct half_closed half_closes[] = {
	{ GET("/"), HALF_CLOSE_CANCEL, true },
	{ GET("/"), HALF_CLOSE_FINISH, false },
	{ "GET / HTTP/1.1\r\nHost: x\r\n" CLOSE "\r\n", HALF_CLOSE_CANCEL, false },
	{ "GET / HTTP/1.0\r\n\r\n", HALF_CLOSE_CANCEL, false },
	{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", HALF_CLOSE_CANCEL, false },
};

Test(h1_conn, understands_a_half_close_as_the_route_and_the_request_say)
{
	for (size_t i = 0; i < ARRAY_LEN(half_closes); i++) {
		struct h1_world *w = h1_world_new();
		struct client *c = client_new_tcp(w);
		struct visit *v = ask(w, c, half_closes[i].request);

		v->ex->half_close = half_closes[i].half_close;
		client_half_close(c);
		h1_world_pass(w, 5000);
		cr_assert_eq(v->n_gone, half_closes[i].is_gone, "case %zu", i);
		if (!half_closes[i].is_gone) {
			visit_reply(v, 200, "still");
			cr_assert(strstr(client_text(c), "\r\n\r\nstill"));
			cr_assert(client_is_closed(c));
		}
		cr_assert_eq(w->server.n_conns, 0);
		h1_world_free(w);
	}
}

Test(h1_conn, finishes_what_a_half_closed_client_is_still_there_for)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);
	struct visit *v;

	(void)client_push(c, GET("/a") GET("/b"), strlen(GET("/a") GET("/b")));
	h1_world_settle(w);
	v = &w->visits[0];
	v->ex->half_close = HALF_CLOSE_FINISH;
	client_half_close(c);
	cr_assert_eq(v->n_gone, 0);

	/* The next one does not say finish: it is cancelled, but the first answer goes out. */
	visit_reply(v, 200, "first");
	h1_world_settle(w);
	cr_assert_eq(w->n_visits, 2);
	cr_assert_eq(w->visits[1].n_gone, 1);
	cr_assert_str_eq(client_text(c), OK("5", "first"));
	cr_assert_eq(w->server.n_conns, 0);
	h1_world_free(w);
}

Test(h1_conn, notices_within_a_second_that_a_half_closed_client_is_gone)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);
	struct visit *v = ask(w, c, "GET / HTTP/1.0\r\n\r\n");

	client_half_close(c);
	h1_world_pass(w, 3000);
	cr_assert_eq(v->n_gone, 0);
	client_reset(c);
	h1_world_pass(w, 1001);
	cr_assert_eq(v->n_gone, 1);
	h1_world_free(w);
}

static void fill(struct client *c)
{
	char bytes[4096];

	memset(bytes, 'x', sizeof(bytes));
	for (int i = 0; i < 4000 && client_push(c, bytes, sizeof(bytes)) > 0; i++)
		h1_world_settle(c->world);
}

Test(h1_conn, notices_within_a_second_a_client_that_left_while_reading_was_paused)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);
	struct visit *v = ask(w, c, GET("/a"));

	fill(c);
	client_reset(c);
	cr_assert_eq(v->n_gone, 0);
	h1_world_pass(w, 1001);
	cr_assert_eq(v->n_gone, 1);
	h1_world_free(w);
}

Test(h1_conn, notices_within_a_second_a_client_that_ended_while_reading_was_paused)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	struct visit *v = ask(w, c, GET("/a"));

	fill(c);
	client_half_close(c);
	cr_assert_eq(v->n_gone, 0);
	h1_world_pass(w, 1001);
	cr_assert_eq(v->n_gone, 1);
	h1_world_free(w);
}

/* The pause outlives the exchange it began in. */
Test(h1_conn, notices_it_in_the_next_request_too)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);
	struct visit *v;

	v = ask(w, c, GET("/a"));
	(void)client_push(c, GET("/b"), strlen(GET("/b")));
	h1_world_settle(w);
	fill(c);
	visit_reply(v, 200, "");
	cr_assert_eq(w->n_visits, 2);
	h1_world_settle(w);
	client_reset(c);
	h1_world_pass(w, 1001);
	cr_assert_eq(w->visits[1].n_gone, 1);
	h1_world_free(w);
}

Test(h1_conn, stays_as_long_as_a_handler_reads_its_names)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	struct visit *v = ask(w, c, GET("/a"));

	v->is_left = true;
	client_close(c);
	cr_assert_eq(v->n_gone, 1);
	cr_assert_eq(w->server.n_conns, 0);
	h1_world_pass(w, 60000);
	cr_assert(exchange_is_gone(v->ex));
	cr_assert(weir_str_eq(v->ex->client, WEIR_STR("192.0.2.7:51234")));
	cr_assert(weir_str_eq(v->ex->server, WEIR_STR("192.0.2.1:80")));
	cr_assert(weir_str_eq(v->ex->head.host, WEIR_STR("x")));
	cr_assert_eq(exchange_head(v->ex, 200, 0, NULL, 0), -EPIPE);
	visit_finish(v);
	cr_assert_eq(w->server.exchanges.n_live, 0);
	h1_world_free(w);
}

Test(h1_conn, tells_of_a_client_that_left_behind_its_answer)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	struct visit *v = ask(w, c, GET("/a"));

	visit_head(v, 200, 0);
	visit_end(v);
	cr_assert_str_eq(client_text(c), OK("0", ""));
	client_close(c);
	cr_assert_eq(v->n_gone, 1);
	h1_world_free(w);
}

/* ---- time */

Test(h1_conn, gives_a_new_client_ten_seconds_for_its_first_head)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	h1_world_pass(w, 9900);
	cr_assert_not(client_is_closed(c));
	h1_world_pass(w, 200);
	cr_assert(client_is_closed(c));
	cr_assert_str_eq(client_text(c), "");
	h1_world_free(w);
}

Test(h1_conn, gives_a_head_ten_seconds_however_it_drips)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	client_send(c, "GET / HTTP/1.1\r\nHost: x\r\n");
	for (int i = 0; i < 9; i++) {
		h1_world_pass(w, 1000);
		client_send(c, "a: b\r\n");
	}
	cr_assert_str_eq(client_text(c), "");
	h1_world_pass(w, 1001);
	cr_assert(strstr(client_text(c), "HTTP/1.1 408 Request Timeout\r\n"));
	cr_assert(strstr(h1_world_log(w), "refused with 408 head-timeout"));
	cr_assert(client_is_closed(c));
	h1_world_free(w);
}

Test(h1_conn, waits_seventy_five_seconds_for_the_next_request)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	w->start = visit_at_once;
	client_send(c, GET("/a"));
	h1_world_pass(w, 74900);
	client_send(c, GET("/a"));
	h1_world_pass(w, 74900);
	cr_assert_not(client_is_closed(c));
	h1_world_pass(w, 200);
	cr_assert(client_is_closed(c));
	h1_world_free(w);
}

Test(h1_conn, lets_a_handler_take_its_time)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	struct visit *v = ask(w, c, GET("/a"));

	h1_world_pass(w, 24 * 3600 * 1000);
	visit_reply(v, 200, "");
	cr_assert_str_eq(client_text(c), OK("0", ""));
	h1_world_free(w);
}

/* A limit that is off must not leave the one before it running. */
Test(h1_conn, may_have_no_limit_between_requests)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	w->server.keep_alives.after_ms = 0;
	w->start = visit_at_once;
	client_send(c, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n");
	client_send(c, "x");
	cr_assert_str_eq(client_text(c), OK("2", "/a"));
	h1_world_pass(w, 24 * 3600 * 1000);
	cr_assert_not(client_is_closed(c));
	h1_world_free(w);
}

/* ---- memory */

/* An application that takes no for an answer. */
static void careful(struct visit *v)
{
	weir_str piece;
	int r;

	while ((r = exchange_next(v->ex, &piece)) == 1)
		continue;
	if (r == -EAGAIN)
		return;
	r = exchange_head(v->ex, 200, -1, NULL, 0);
	if (r == 0)
		r = (int)exchange_piece(v->ex, WEIR_STR("abc"));
	if (r > 0)
		r = exchange_end(v->ex, NULL, 0);
	v->error = r;
	visit_finish(v);
}

static void push(struct client *c, const char *text)
{
	(void)client_push(c, text, strlen(text));
	h1_world_settle(c->world);
}

/* Everything that allocates: two blocks, a large one, trailers, exchanges and their arenas. */
static void whole_story(struct h1_world *w, struct client *c)
{
	char cookie[20000];

	memset(cookie, 'c', sizeof(cookie) - 1);
	cookie[sizeof(cookie) - 1] = '\0';
	w->start = careful;
	w->readable = careful;
	push(c, GET("/a"));
	push(c, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
	push(c, "1\r\na\r\n0\r\nt: ");
	push(c, "u\r\n\r\n");
	push(c, "GET / HTTP/1.1\r\nHost: x\r\nA: ");
	push(c, cookie);
	push(c, "\r\n\r\n");
}

Test(h1_conn, tells_the_whole_story)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	whole_story(w, c);
	cr_assert_eq(w->n_visits, 3);
	cr_assert_eq(w->visits[2].error, 0);
	cr_assert_eq(w->server.n_refused, 0);
	cr_assert_not(client_is_closed(c));
	h1_world_free(w);
}

Test(h1_conn, survives_every_allocation_that_fails)
{
	bool has_failed = true;
	unsigned n = 0;

	while (has_failed) {
		struct h1_world *w = h1_world_new();
		struct client *c = client_new(w);

		h1_world_settle(w);
		oom_fail_at(++n);
		whole_story(w, c);
		has_failed = oom_has_failed();
		h1_world_free(w);
	}
	cr_assert_gt(n, 6);
}

/* ---- anything, in any order */

#define CHUNKED_HELLO                                                      \
	"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" \
	"5\r\nhello\r\n0\r\nt: u\r\n\r\n"

struct dice {
	uint64_t state;
};

static unsigned roll(struct dice *d, unsigned sides)
{
	d->state = d->state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(d->state >> 33) % sides;
}

static struct dice dice;
static int some_file;

/* One thing an application may do with an exchange, whether or not it is its time. */
static void act(struct visit *v)
{
	static const char bytes[30000];
	weir_str piece = { bytes, roll(&dice, sizeof(bytes)) };
	int r = 0;

	switch (roll(&dice, 9)) {
	case 0:
		r = (int)exchange_head(v->ex, roll(&dice, 4) ? 200 : 404,
				       roll(&dice, 2) ? -1 : (int64_t)piece.len, NULL, 0);
		break;
	case 1:
	case 2:
		r = (int)exchange_piece(v->ex, piece);
		break;
	case 3:
		r = (int)exchange_end(v->ex, NULL, 0);
		break;
	case 4:
		r = (int)exchange_next(v->ex, &piece);
		break;
	case 5:
		r = (int)exchange_file(v->ex, some_file, roll(&dice, 10), roll(&dice, 500000));
		break;
	case 6:
		r = (int)exchange_interim(v->ex, 103, NULL, 0);
		break;
	case 7:
		if (roll(&dice, 4) == 0)
			exchange_abort(v->ex);
		break;
	default:
		visit_finish(v);
		break;
	}
	(void)r; /* the answer is allowed to be no */
}

static void act_some(struct visit *v)
{
	for (unsigned n = roll(&dice, 6); n > 0 && v->ex; n--)
		act(v);
}

static void start_anyhow(struct visit *v)
{
	v->is_left = roll(&dice, 2);
	v->ex->half_close = roll(&dice, 2) ? HALF_CLOSE_CANCEL : HALF_CLOSE_FINISH;
	v->ex->max_body = roll(&dice, 3) ? UINT64_MAX : roll(&dice, 20000);
	act_some(v);
}

static void send_something(struct client *c)
{
	static const char *const good[] = {
		GET("/"),
		GET("/a") GET("/b") GET("/c"),
		"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789",
		(CHUNKED_HELLO),
		("\r\n" GET("/d")),
	};
	static const char *const odd[] = {
		"GET / HTTP/1.0\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\n" CLOSE "\r\n",
		"PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n",
		"5\r\nhello\r\n",
		"GET / HT",
		"\n",
	};
	const char *word = good[roll(&dice, ARRAY_LEN(good))];
	char filler[20000];

	memset(filler, 'f', sizeof(filler));
	if (roll(&dice, 30) == 0)
		word = odd[roll(&dice, ARRAY_LEN(odd))];
	if (roll(&dice, 60) == 0)
		(void)client_push(c, filler, roll(&dice, sizeof(filler)));
	else
		(void)client_push(c, word, strlen(word));
}

static void leave_somehow(struct client *c)
{
	switch (roll(&dice, 3)) {
	case 0:
		client_close(c);
		break;
	case 1:
		client_reset(c);
		break;
	default:
		(void)shutdown(c->fd, SHUT_WR);
		break;
	}
}

static void do_something(struct h1_world *w)
{
	struct client *c = w->clients[roll(&dice, w->n_clients)];
	unsigned recent = w->n_visits < 20 ? w->n_visits : 20;
	struct visit *v = recent ? &w->visits[w->n_visits - 1 - roll(&dice, recent)] : NULL;
	unsigned what = roll(&dice, 100);

	if (what < 2 && c->fd >= 0)
		leave_somehow(c);
	else if (what < 5 && w->n_clients < H1_WORLD_CLIENTS)
		(void)(roll(&dice, 2) ? client_new(w) : client_new_tcp(w));
	else if (what < 7)
		h1_world_pass(w, 1 + roll(&dice, roll(&dice, 8) ? 1500 : 40000));
	else if (what < 40)
		loop_turn(w->loop, false);
	else if (what < 55)
		(void)client_sip(c, 1 + roll(&dice, 60000));
	else if (what < 80 && v && v->ex)
		act_some(v);
	else if (c->fd >= 0)
		send_something(c);
}

Test(h1_conn, survives_anything_in_any_order)
{
	some_file = memfd_create("file", MFD_CLOEXEC);
	cr_assert_eq(ftruncate(some_file, 300000), 0);
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct h1_world *w = h1_world_new();

		dice.state = seed;
		w->start = start_anyhow;
		w->readable = act_some;
		w->writable = act_some;
		w->server.limits.max_connections = 30;
		for (int i = 0; i < 4; i++)
			(void)(i % 2 ? client_new(w) : client_new_tcp(w));
		for (int i = 0; i < 1000 && w->n_visits < H1_WORLD_VISITS - 100; i++)
			do_something(w);
		if (seed % 2)
			server_drain(&w->server);
		h1_world_free(w);
	}
	(void)close(some_file);
}
