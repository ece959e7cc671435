/* test_server.c - what all connections share: their number, the date, the end. */
#include "serve/server.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "h1_world.h"
#include "oom.h"

#define GET(target) "GET " target " HTTP/1.1\r\nHost: x\r\n\r\n"
#define OK(len, body) "HTTP/1.1 200 OK\r\ncontent-length: " len "\r\n\r\n" body
#define OK_CLOSE(len, body) \
	"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: " len "\r\n\r\n" body

/* ---- too many */

Test(server, answers_503_when_there_are_too_many_connections)
{
	struct h1_world *w = h1_world_new();
	struct client *first, *second;

	w->server.limits.max_connections = 1;
	w->start = visit_at_once;
	first = client_new_tcp(w);
	second = client_new_tcp(w);
	client_send(second, GET("/b"));
	cr_assert(strstr(client_text(second), "HTTP/1.1 503 Service Unavailable\r\n"));
	cr_assert(second->has_ended);
	cr_assert_not(second->was_reset);
	cr_assert(strstr(h1_world_log(w), "refused with 503 overloaded"));
	client_send(first, GET("/a"));
	cr_assert_str_eq(client_text(first), OK("2", "/a"));
	h1_world_free(w);
}

Test(server, takes_new_connections_when_others_have_gone)
{
	struct h1_world *w = h1_world_new();
	struct client *c;

	w->server.limits.max_connections = 1;
	w->start = visit_at_once;
	client_close(client_new(w));
	c = client_new(w);
	client_send(c, GET("/a"));
	cr_assert_str_eq(client_text(c), OK("2", "/a"));
	h1_world_free(w);
}

Test(server, says_nothing_to_the_most_of_a_crowd)
{
	struct h1_world *w = h1_world_new();
	struct client *c = NULL;

	w->server.limits.max_connections = 1;
	for (int i = 0; i < 70; i++)
		c = client_new_tcp(w);
	cr_assert_str_eq(client_text(c), "");
	cr_assert(client_is_closed(c));
	cr_assert_eq(w->server.n_conns, 65);
	cr_assert_eq(w->server.n_accepted, 70);
	cr_assert_eq(w->server.n_refused, 69);
	cr_assert(strstr(h1_world_log(w), "refused without an answer"));
	h1_world_pass(w, 2100);
	cr_assert_eq(w->server.n_conns, 1);
	h1_world_free(w);
}

Test(server, survives_a_connection_it_has_no_memory_for)
{
	struct h1_world *w = h1_world_new();
	int fds[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	oom_fail_at(1);
	server_accept(&w->server, fds[1], WEIR_STR("192.0.2.9:1"), WEIR_STR("192.0.2.1:80"));
	cr_assert(oom_has_failed());
	cr_assert_eq(w->server.n_conns, 0);
	cr_assert_eq(recv(fds[0], &(char){ 0 }, 1, 0), 0);
	cr_assert(strstr(h1_world_log(w), "192.0.2.9:1: no memory for this connection"));
	(void)close(fds[0]);
	h1_world_free(w);
}

Test(server, refuses_one_that_it_has_no_descriptor_for)
{
	struct h1_world *w = h1_world_new();
	char text[1000] = "";
	int fds[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	cr_assert_eq(write(fds[0], GET("/"), strlen(GET("/"))), (ssize_t)strlen(GET("/")));
	server_refuse(&w->server, fds[1], WEIR_STR("192.0.2.9:1"));
	cr_assert_gt(recv(fds[0], text, sizeof(text) - 1, 0), 0);
	cr_assert(strstr(text, "HTTP/1.1 503 Service Unavailable\r\n"));
	cr_assert(strstr(text, "connection: close\r\n"));
	cr_assert_eq(recv(fds[0], text, sizeof(text), 0), 0);
	cr_assert_eq(w->server.n_refused, 1);
	cr_assert(strstr(h1_world_log(w), "192.0.2.9:1: refused with 503: no descriptor is left"));
	(void)close(fds[0]);
	h1_world_free(w);
}

/* ---- the date */

Test(server, formats_the_date_once_a_second)
{
	struct h1_world *w = h1_world_new();
	const struct h1_own *own = server_own(&w->server);

	cr_assert_eq(memcmp(own->date + 31, " GMT\r\n", 6), 0);
	w->server.own.date[0] = '!';
	h1_world_pass(w, 0);
	cr_assert_eq(server_own(&w->server)->date[0], '!');
	h1_world_pass(w, 1000);
	cr_assert_eq(server_own(&w->server)->date[0], 'd');
	h1_world_free(w);
}

/* ---- draining */

Test(server, is_drained_at_once_without_connections)
{
	struct h1_world *w = h1_world_new();

	server_drain(&w->server);
	h1_world_settle(w);
	cr_assert_eq(w->n_drained, 1);
	server_drain(&w->server);
	h1_world_settle(w);
	cr_assert_eq(w->n_drained, 1);
	h1_world_free(w);
}

Test(server, closes_idle_connections_at_once)
{
	struct h1_world *w = h1_world_new();
	struct client *fresh = client_new(w), *used = client_new(w);

	w->start = visit_at_once;
	client_send(used, GET("/a"));
	server_drain(&w->server);
	cr_assert_eq(w->server.n_conns, 0);
	h1_world_settle(w);
	cr_assert_eq(w->n_drained, 1);
	cr_assert(client_is_closed(fresh));
	cr_assert(client_is_closed(used));
	h1_world_free(w);
}

Test(server, gently_lets_who_is_idle_be_until_the_next_answer)
{
	struct h1_world *w = h1_world_new();
	struct client *fresh = client_new(w), *used = client_new(w);

	w->start = visit_at_once;
	client_send(used, GET("/a"));
	server_drain_gently(&w->server);
	h1_world_settle(w);
	cr_assert_eq(w->server.n_conns, 2);
	client_send(fresh, GET("/b"));
	cr_assert_str_eq(client_text(fresh), OK_CLOSE("2", "/b"));
	client_close(fresh);
	cr_assert_not(client_is_closed(used));
	cr_assert_eq(w->n_drained, 0);
	server_close_idle(&w->server);
	h1_world_settle(w);
	cr_assert(client_is_closed(used));
	cr_assert_eq(w->n_drained, 1);
	h1_world_free(w);
}

static unsigned n_told;

static void ignore(struct tunnel *t)
{
}

static void count_drain(struct tunnel *t)
{
	n_told++;
}

static void ignore_gone(struct tunnel *t, const char *why)
{
}

static const struct tunnel_up counting = { ignore, ignore, count_drain, ignore_gone };

static void upgrade(struct visit *v)
{
	static const weir_header fields[] = { { { "upgrade", 7 }, { "test", 4 } } };
	struct tunnel *t;

	cr_assert_eq(exchange_upgrade(v->ex, fields, 1, &t), 0);
	t->up = &counting;
	visit_finish(v);
}

Test(server, tells_tunnels_a_part_at_a_time)
{
	struct h1_world *w = h1_world_new();

	w->start = upgrade;
	for (int i = 0; i < 5; i++)
		client_send(client_new(w), "GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\n"
					   "Upgrade: test\r\n\r\n");
	server_drain_gently(&w->server);
	cr_assert_eq(n_told, 0);
	h1_tunnel_drain_part(&w->server.tunnels, 3);
	cr_assert_eq(n_told, 2);
	h1_tunnel_drain_part(&w->server.tunnels, 2);
	cr_assert_eq(n_told, 4);
	server_drain(&w->server);
	cr_assert_eq(n_told, 5);
	server_close_all(&w->server);
	h1_world_settle(w);
	h1_world_free(w);
}

Test(server, still_answers_a_request_that_waits_in_the_kernel)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);

	w->start = visit_at_once;
	h1_world_settle(w);
	(void)client_push(c, GET("/a"), strlen(GET("/a")));
	server_drain(&w->server);
	cr_assert_str_eq(client_text(c), OK_CLOSE("2", "/a"));
	cr_assert(c->has_ended);
	client_close(c);
	cr_assert_eq(w->n_drained, 1);
	h1_world_free(w);
}

Test(server, still_answers_a_connection_accepted_while_it_drains)
{
	struct h1_world *w = h1_world_new();
	struct client *busy = client_new(w), *late;

	client_send(busy, GET("/busy"));
	server_drain(&w->server);
	late = client_new(w);
	cr_assert(client_is_closed(late));
	visit_reply(&w->visits[0], 200, "");
	client_close(busy);
	cr_assert_eq(w->n_drained, 1);
	h1_world_free(w);
}

Test(server, says_close_to_what_is_in_flight)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	client_send(c, GET("/a"));
	server_drain(&w->server);
	h1_world_settle(w);
	cr_assert_eq(w->n_drained, 0);
	visit_reply(&w->visits[0], 200, "last");
	cr_assert_str_eq(client_text(c), OK_CLOSE("4", "last"));
	cr_assert(c->has_ended);
	client_close(c);
	cr_assert_eq(w->n_drained, 1);
	h1_world_free(w);
}

Test(server, finishes_a_head_that_has_begun)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	w->start = visit_at_once;
	client_send(c, "GET /a HT");
	server_drain(&w->server);
	client_send(c, "TP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_str_eq(client_text(c), OK_CLOSE("2", "/a"));
	h1_world_free(w);
}

Test(server, closes_behind_an_answer_that_promised_to_stay)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	struct visit *v;

	client_send(c, GET("/a"));
	v = &w->visits[0];
	visit_head(v, 200, 1);
	server_drain(&w->server);
	visit_piece(v, "x");
	visit_end(v);
	visit_finish(v);
	cr_assert_str_eq(client_text(c), OK("1", "x"));
	cr_assert(c->has_ended);
	h1_world_settle(w);
	cr_assert_eq(w->n_drained, 1);
	h1_world_free(w);
}

Test(server, is_not_drained_before_a_handler_whose_client_left)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	client_send(c, GET("/a"));
	w->visits[0].is_left = true;
	server_drain(&w->server);
	client_close(c);
	h1_world_pass(w, 10000);
	cr_assert_eq(w->server.n_conns, 0);
	cr_assert_eq(w->n_drained, 0);
	visit_finish(&w->visits[0]);
	h1_world_settle(w);
	cr_assert_eq(w->n_drained, 1);
	h1_world_free(w);
}

/* ---- the end */

Test(server, closes_everything_whatever_it_does)
{
	struct h1_world *w = h1_world_new();
	struct client *idle = client_new(w), *busy = client_new(w), *half = client_new(w);
	struct client *pouring = client_new_tcp(w);

	client_send(busy, GET("/busy"));
	client_send(half, "GET /");
	client_send(pouring, GET("/pour"));
	w->visits[1].to_send = 1000000;
	visit_head(&w->visits[1], 200, -1);
	visit_pour(&w->visits[1]);
	h1_world_settle(w);
	server_close_all(&w->server);
	cr_assert_eq(w->server.n_conns, 0);
	cr_assert_eq(w->visits[0].n_gone, 1);
	cr_assert_eq(w->visits[1].n_gone, 1);
	cr_assert(client_is_closed(idle));
	cr_assert(client_is_closed(half));
	h1_world_free(w);
}

/* Its proper end would be an answer that looks complete. */
Test(server, resets_an_answer_that_ends_with_the_connection)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);

	client_send(c, "GET / HTTP/1.0\r\n\r\n");
	visit_head(&w->visits[0], 200, -1);
	visit_piece(&w->visits[0], "half of it");
	h1_world_settle(w);
	server_close_all(&w->server);
	cr_assert(client_is_closed(c));
	cr_assert(c->was_reset);
	h1_world_free(w);
}
