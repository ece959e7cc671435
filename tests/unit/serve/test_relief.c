/* test_relief.c - too much in buffers: who pays, who does not, and that it is said. */
#include "serve/relief.h"

#include <criterion/criterion.h>
#include <string.h>

#include "h1_world.h"

#define GET(target) "GET " target " HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"
#define OK(len, body) "HTTP/1.1 200 OK\r\ncontent-length: " len "\r\n\r\n" body
#define BLOCKS 32

static struct h1_world *small_world(void)
{
	struct h1_world *w = h1_world_new();

	w->server.blocks.budget = BLOCKS * BLOCK_SIZE;
	w->server.pace.limits.min_rate = 0;
	return w;
}

static void assert_within_budget(struct h1_world *w)
{
	h1_world_settle(w);
	cr_assert_leq(block_pool_bytes(&w->server.blocks), w->server.blocks.budget);
}

/* A client that reads nothing of what is poured out. */
static struct visit *stuff(struct h1_world *w)
{
	struct visit *v = &w->visits[w->n_visits];

	w->start = visit_nothing;
	w->writable = visit_pour;
	client_send(client_new(w), GET("/"));
	v->to_send = 8000000;
	visit_head(v, 200, -1);
	visit_pour(v);
	h1_world_settle(w);
	return v;
}

Test(relief, lets_readers_that_take_nothing_pay_the_oldest_first)
{
	struct h1_world *w = small_world();
	struct client *fine;
	unsigned n_gone = 0;

	for (int i = 0; i < 12; i++) {
		(void)stuff(w);
		h1_world_pass(w, 1000);
	}
	assert_within_budget(w);
	for (int i = 0; i < 12; i++)
		n_gone += w->visits[i].n_gone;
	cr_assert_gt(n_gone, 0);
	cr_assert_lt(n_gone, 8);
	for (unsigned i = 0; i < 12; i++)
		cr_assert_eq(w->visits[i].n_gone, i < n_gone, "%u of %u", i, n_gone);
	cr_assert_eq(w->server.relief.n_paid, n_gone);
	cr_assert(strstr(h1_world_log(w), "memory_budget (512 KiB) is used up: the "), "%s",
		  h1_world_log(w));
	cr_assert(strstr(h1_world_log(w), "first 192.0.2.7:51234: it held "));

	w->start = visit_at_once;
	fine = client_new(w);
	client_send(fine, GET("/a"));
	cr_assert_str_eq(client_text(fine), OK("2", "/a"));
	h1_world_free(w);
}

Test(relief, answers_half_a_head_with_503)
{
	struct h1_world *w = small_world();
	struct client *clients[BLOCKS + 1];

	w->start = visit_at_once;
	for (int i = 0; i <= BLOCKS; i++) {
		clients[i] = client_new(w);
		client_send(clients[i], "GET / HTTP/1.1\r\nHost: x\r\n");
		h1_world_pass(w, 10);
	}
	assert_within_budget(w);
	cr_assert(strstr(client_text(clients[0]), "HTTP/1.1 503 Service Unavailable\r\n"));
	cr_assert(client_is_closed(clients[0]));
	client_send(clients[BLOCKS], "\r\n");
	cr_assert_str_eq(client_text(clients[BLOCKS]), OK("1", "/"));
	h1_world_free(w);
}

Test(relief, lets_bodies_that_stand_still_pay)
{
	struct h1_world *w = small_world();

	w->start = visit_pull;
	for (int i = 0; i <= BLOCKS; i++) {
		client_send(client_new(w), POST "x");
		h1_world_pass(w, 10);
	}
	assert_within_budget(w);
	cr_assert_eq(w->visits[0].n_gone, 1);
	cr_assert_eq(w->visits[BLOCKS].n_gone, 0);
	h1_world_free(w);
}

Test(relief, leaves_to_handlers_what_they_hold_and_refuses_new_requests)
{
	struct h1_world *w = small_world();
	struct client *idle, *later;

	for (int i = 0; i <= BLOCKS; i++)
		client_send(client_new(w), GET("/"));
	h1_world_pass(w, 60000);
	for (int i = 0; i <= BLOCKS; i++)
		cr_assert_eq(w->visits[i].n_gone, 0, "%d", i);
	cr_assert(strstr(h1_world_log(w), "memory_budget (512 KiB) is used up by requests whose "
					  "handlers still run"));

	idle = client_new(w);
	later = client_new(w);
	client_send(idle, GET("/"));
	cr_assert(strstr(client_text(idle), "HTTP/1.1 503 "));
	cr_assert_eq(w->n_visits, BLOCKS + 1);

	visit_reply(&w->visits[0], 200, "");
	visit_reply(&w->visits[1], 200, "");
	h1_world_settle(w);
	w->start = visit_at_once;
	client_send(later, GET("/b"));
	cr_assert_str_eq(client_text(later), OK("2", "/b"));
	h1_world_free(w);
}

Test(relief, costs_nobody_anything_below_the_budget)
{
	struct h1_world *w = small_world();

	for (int i = 0; i < BLOCKS - 1; i++)
		client_send(client_new(w), "GET / HTTP/1.1\r\nHost: x\r\n");
	h1_world_settle(w);
	cr_assert_eq(w->server.n_conns, BLOCKS - 1);
	cr_assert_eq(w->server.relief.n_paid, 0);
	cr_assert_str_eq(h1_world_log(w), "");
	h1_world_free(w);
}
