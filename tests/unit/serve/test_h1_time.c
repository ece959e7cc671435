/* test_h1_time.c - slow clients and slow handlers: only the first pay for it. */
#include "serve/h1_time.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "h1_world.h"

#define OK(len, body) "HTTP/1.1 200 OK\r\ncontent-length: " len "\r\n\r\n" body
#define GET(target) "GET " target " HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST(fields) "POST / HTTP/1.1\r\nHost: x\r\n" fields "\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"
#define BODY_MS 20000
#define AVERAGE_MS 20000

static struct h1_world *pulling_world(void)
{
	struct h1_world *w = h1_world_new();

	w->start = visit_pull;
	return w;
}

/* The text again and again, after a pause each, while the server waits for more. How long it did. */
static int64_t drip(struct client *c, const char *text, int64_t pause_ms, int max)
{
	struct h1_world *w = c->world;
	int64_t start_ms = loop_now_ms(w->loop);

	for (int i = 0; i < max && w->visits[0].ex; i++) {
		h1_world_pass(w, pause_ms);
		if (w->visits[0].ex)
			client_send(c, text);
	}
	return loop_now_ms(w->loop) - start_ms;
}

/* ---- bodies */

Test(h1_time, refuses_a_body_that_drips)
{
	struct h1_world *w = pulling_world();
	struct client *c = client_new(w);

	client_send(c, POST("Content-Length: 100000\r\n"));
	cr_assert_eq(drip(c, "x", 5000, 100), AVERAGE_MS);
	cr_assert_eq(w->visits[0].error, -EBADMSG);
	cr_assert(strstr(client_text(c), "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n"));
	cr_assert(client_is_closed(c));
	h1_world_free(w);
}

Test(h1_time, refuses_a_chunked_body_that_drips)
{
	struct h1_world *w = pulling_world();
	struct client *c = client_new(w);

	client_send(c, POST(CHUNKED));
	cr_assert_eq(drip(c, "1\r\nx\r\n", 1000, 100), AVERAGE_MS);
	cr_assert(strstr(client_text(c), "HTTP/1.1 408 "));
	h1_world_free(w);
}

Test(h1_time, refuses_a_body_that_drips_nothing_but_chunk_extensions)
{
	struct h1_world *w = pulling_world();
	struct client *c = client_new(w);

	client_send(c, POST(CHUNKED) "1;x=");
	cr_assert_eq(drip(c, "y", 1000, 100), AVERAGE_MS);
	cr_assert(strstr(client_text(c), "HTTP/1.1 408 "));
	h1_world_free(w);
}

Test(h1_time, does_not_remember_a_good_start_for_ever)
{
	struct h1_world *w = pulling_world();
	struct client *c = client_new(w);
	char start[24000];

	memset(start, 'x', sizeof(start));
	client_send(c, POST("Content-Length: 1000000\r\n"));
	client_send_bytes(c, start, sizeof(start));
	cr_assert_eq(drip(c, "x", 10000, 100), 110000, "24 000 bytes are 100 s of 240");
	cr_assert(strstr(client_text(c), "HTTP/1.1 408 "));
	h1_world_free(w);
}

Test(h1_time, takes_a_body_that_is_just_fast_enough)
{
	struct h1_world *w = pulling_world();
	struct client *c = client_new(w);
	char part[251];

	memset(part, 'x', sizeof(part) - 1);
	part[sizeof(part) - 1] = '\0';
	client_send(c, POST("Content-Length: 12500\r\n"));
	cr_assert_eq(drip(c, part, 1000, 100), 50000);
	cr_assert(strstr(client_text(c), "content-length: 12500\r\n\r\nxxx"));
	h1_world_free(w);
}

Test(h1_time, cuts_an_answer_that_has_begun_when_its_body_drips)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	struct visit *v = &w->visits[0];

	w->readable = visit_drink;
	client_send(c, POST("Content-Length: 100000\r\n"));
	visit_head(v, 200, -1);
	visit_drink(v);
	for (int i = 0; i < 10 && v->error == -EAGAIN; i++) {
		h1_world_pass(w, 5000);
		client_send(c, "x");
	}
	cr_assert_eq(v->error, -EBADMSG);
	cr_assert_eq(v->ex->fault, FAULT_BODY_TOO_SLOW);
	exchange_abort(v->ex);
	visit_finish(v);
	cr_assert_str_eq(client_text(c), "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
	cr_assert(client_is_closed(c));
	h1_world_free(w);
}

Test(h1_time, does_not_count_a_slow_handler_against_a_body)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	struct visit *v = &w->visits[0];

	w->readable = visit_nothing;
	client_send(c, POST("Content-Length: 20\r\n"));
	for (int i = 0; i < 20; i++) {
		weir_str piece;

		cr_assert_eq(exchange_next(v->ex, &piece), -EAGAIN, "after %d", i);
		h1_world_pass(w, 100);
		client_send(c, "x");
		h1_world_pass(w, 3600 * 1000);
		cr_assert_eq(exchange_next(v->ex, &piece), 1);
	}
	visit_reply(v, 200, "");
	cr_assert_str_eq(client_text(c), OK("0", ""));
	h1_world_free(w);
}

Test(h1_time, begins_anew_with_each_body)
{
	struct h1_world *w = pulling_world();
	struct client *c = client_new(w);

	for (int i = 0; i < 5; i++) {
		client_send(c, POST("Content-Length: 3\r\n"));
		for (int k = 0; k < 3; k++) {
			h1_world_pass(w, 5000);
			client_send(c, "x");
		}
		cr_assert_str_eq(client_text(c), OK("3", "xxx"));
		client_forget(c);
	}
	h1_world_free(w);
}

/* ---- what routes say */

static void start_with_another_pace(struct visit *v)
{
	static const struct pace_limits limits = { .body_ms = 3000 };
	struct pace *pace;

	cr_assert_eq(server_pace(&v->world->server, &limits, &pace), 0);
	if (weir_str_eq(v->ex->head.target, WEIR_STR("/other")))
		exchange_set_pace(v->ex, pace);
	visit_pull(v);
}

Test(h1_time, has_what_the_route_says_for_its_requests_only)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	w->start = start_with_another_pace;
	client_send(c, "POST /other HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n");
	for (int i = 0; i < 50; i++) {
		h1_world_pass(w, 2900);
		client_send(c, "x"); /* there is no average */
	}
	cr_assert(strstr(client_text(c), "HTTP/1.1 200 OK"));
	client_forget(c);
	client_send(c, "POST /other HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n");
	client_send(c, "x");
	h1_world_pass(w, 3000);
	cr_assert(strstr(client_text(c), "HTTP/1.1 408 "));

	c = client_new(w);
	client_send(c, POST("Content-Length: 50\r\n") "x");
	h1_world_pass(w, BODY_MS - 1);
	cr_assert_str_eq(client_text(c), "");
	h1_world_pass(w, 1);
	cr_assert(strstr(client_text(c), "HTTP/1.1 408 "));
	h1_world_free(w);
}

Test(h1_time, shares_the_lists_of_routes_that_say_the_same)
{
	struct pace_limits limits = { .body_ms = 1, .send_ms = 2, .min_rate = 3, .average_ms = 4 };
	struct h1_world *w = h1_world_new();
	struct pace *one, *two, *three, *usual;

	cr_assert_eq(server_pace(&w->server, &limits, &one), 0);
	cr_assert_eq(server_pace(&w->server, &limits, &two), 0);
	limits.send_ms = 20;
	cr_assert_eq(server_pace(&w->server, &limits, &three), 0);
	cr_assert_eq(server_pace(&w->server, &w->server.limits.pace, &usual), 0);
	cr_assert_eq(one, two);
	cr_assert_neq(one, three);
	cr_assert_eq(usual, &w->server.pace);
	h1_world_free(w);
}

/* ---- answers */

static struct visit *pour(struct h1_world *w, struct client *c, size_t n)
{
	struct visit *v = &w->visits[w->n_visits];

	w->writable = visit_pour;
	client_send(c, GET("/"));
	v->to_send = n;
	visit_head(v, 200, -1);
	visit_pour(v);
	h1_world_settle(w);
	return v;
}

/* What it may take, every time; how long it is let do so. */
static int64_t sip_along(struct client *c, size_t n, int64_t pause_ms, int max)
{
	struct h1_world *w = c->world;
	int64_t start_ms = loop_now_ms(w->loop);

	for (int i = 0; i < max && w->server.n_conns > 0; i++) {
		h1_world_pass(w, pause_ms);
		(void)client_sip(c, n);
	}
	return loop_now_ms(w->loop) - start_ms;
}

Test(h1_time, cuts_off_who_takes_its_answer_by_drops)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);
	struct visit *v = pour(w, c, 8000000);

	cr_assert_eq(sip_along(c, 200, 1000, 100), AVERAGE_MS);
	cr_assert_eq(v->n_gone, 1);
	cr_assert_eq(w->server.n_slow, 1);
	cr_assert(strstr(h1_world_log(w), "127.0.0.1:51234: cut off: it takes its answer too "
					  "slowly"));
	h1_world_free(w);
}

Test(h1_time, cuts_off_who_does_so_behind_its_handler)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);

	w->server.limits.high_water = 16000000;
	cr_assert_null(pour(w, c, 8000000)->ex);
	cr_assert_eq(sip_along(c, 200, 1000, 100), AVERAGE_MS);
	cr_assert_eq(w->server.n_conns, 0);
	h1_world_free(w);
}

Test(h1_time, cuts_off_who_does_so_on_a_unix_socket)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	struct visit *v = pour(w, c, 8000000);

	cr_assert_eq(sip_along(c, 200, 1000, 100), AVERAGE_MS);
	cr_assert_eq(v->n_gone, 1);
	h1_world_free(w);
}

Test(h1_time, is_patient_with_who_takes_enough)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);
	struct visit *v = pour(w, c, 8000000);

	cr_assert_eq(sip_along(c, 20000, 1000, 600), 600000);
	cr_assert_eq(v->n_gone, 0);
	h1_world_free(w);
}

Test(h1_time, cuts_off_who_stops_in_the_middle)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);
	struct visit *v = pour(w, c, 8000000);

	/* So much that the average would do for an hour. */
	for (int i = 0; i < 2000 && c->bytes.len < 1000000; i++) {
		(void)client_sip(c, 65536);
		h1_world_settle(w);
	}
	cr_assert_geq(c->bytes.len, 1000000);
	h1_world_pass(w, 29000);
	cr_assert_eq(v->n_gone, 0);
	h1_world_pass(w, 2000);
	cr_assert_eq(v->n_gone, 1);
	cr_assert(strstr(h1_world_log(w), "cut off: it has stopped taking its answer"));
	h1_world_free(w);
}

Test(h1_time, counts_nothing_against_who_waits_for_a_slow_handler)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);
	struct visit *v = &w->visits[0];

	client_send(c, GET("/"));
	visit_head(v, 200, -1);
	for (int i = 0; i < 100; i++) {
		h1_world_pass(w, 60000);
		visit_piece(v, "tick");
		(void)client_text(c);
	}
	cr_assert_eq(v->n_gone, 0);
	visit_end(v);
	visit_finish(v);
	h1_world_free(w);
}

/* The kernel takes a burst each time, so the queue is empty in between: one answer, one average. */
Test(h1_time, adds_up_the_waits_of_one_answer)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);
	struct visit *v;

	w->server.pace.limits.min_rate = 100000;
	v = pour(w, c, 8000000);
	w->writable = visit_nothing;
	for (int i = 0; i < 30 && v->n_gone == 0; i++) {
		(void)sip_along(c, 65536, 2500, 1);
		for (int k = 0; k < 20; k++) {
			(void)client_sip(c, 65536);
			h1_world_settle(w);
		}
		if (v->n_gone == 0)
			visit_pour(v);
		h1_world_settle(w);
	}
	cr_assert_eq(v->n_gone, 1);
	h1_world_free(w);
}
