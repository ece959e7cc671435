/* test_conn.c - from the accept to the first request with TLS, and all that may come instead. */
#include "serve/conn.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "h1_world.h"
#include "io/tls_ctx.h"
#include "tls_made.h"

struct scene {
	struct h1_world *w;
	struct made made;
	struct tls_ctx *ctx;
	struct peer peer;
};

static void hear(void *arg, const struct tls_problem *problem)
{
	cr_assert_fail("%s", problem->words);
}

static void scene_init(struct scene *s)
{
	struct tls_ctx_spec spec = { .n_pairs = 1, .has_tickets = true, .now_s = time(NULL) };
	struct tls_ctx_pair pair;
	int fds[2];

	s->w = h1_world_new();
	s->w->start = visit_at_once;
	made_new(&s->made, &(struct made_spec){ .name = "a.test" });
	pair = (struct tls_ctx_pair){ weir_strz(s->made.pem), weir_strz(s->made.key_pem) };
	spec.pairs = &pair;
	cr_assert_eq(tls_ctx_new(&spec, hear, NULL, &s->ctx), 0);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	peer_init(&s->peer, fds[0], "a.test", &s->made);
	server_accept_secure(&s->w->server, s->ctx, fds[1], WEIR_STR("192.0.2.7:1"),
			     WEIR_STR("192.0.2.1:443"));
}

static void scene_done(struct scene *s)
{
	peer_done(&s->peer);
	h1_world_close(s->w);
	tls_ctx_unref(s->ctx);
	made_done(&s->made);
	h1_world_free(s->w);
}

static void shake(struct scene *s)
{
	bool is_over = false;

	for (int i = 0; i < 10 && !is_over; i++) {
		is_over = peer_shake(&s->peer);
		h1_world_settle(s->w);
	}
	cr_assert(is_over);
}

static void expect_logged(struct scene *s, const char *words)
{
	const char *log = h1_world_log(s->w);

	cr_expect_not_null(strstr(log, words), "%s", log);
}

Test(conn, becomes_a_connection_that_speaks_http)
{
	struct scene s;
	char text[1000];

	scene_init(&s);
	shake(&s);
	peer_write(&s.peer, "GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n", 34 - 1);
	h1_world_settle(s.w);
	cr_assert_gt(peer_read(&s.peer, text, sizeof(text)), 0);
	cr_expect_not_null(strstr(text, "HTTP/1.1 200 OK\r\n"), "%s", text);
	cr_expect_eq(s.w->server.n_handshakes, 1);
	cr_expect_eq(s.w->server.n_conns, 1);
	scene_done(&s);
}

static void note_scheme(struct visit *v)
{
	cr_expect(weir_str_eq(v->ex->scheme, WEIR_STR("https")));
	cr_assert_not_null(v->ex->tls);
	visit_at_once(v);
}

static void note_no_scheme(struct visit *v)
{
	cr_expect(weir_str_eq(v->ex->scheme, WEIR_STR("http")));
	cr_expect_null(v->ex->tls);
	visit_at_once(v);
}

Test(conn, its_exchanges_are_https_and_others_stay_http)
{
	static const char get[] = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
	struct client *plain;
	struct scene s;

	scene_init(&s);
	shake(&s);
	plain = client_new(s.w);
	for (int i = 0; i < 3; i++) {
		s.w->start = note_scheme;
		peer_write(&s.peer, get, sizeof(get) - 1);
		h1_world_settle(s.w);
		s.w->start = note_no_scheme;
		client_send(plain, get);
	}
	cr_expect_eq(s.w->n_visits, 6);
	scene_done(&s);
}

Test(conn, plain_http_is_answered_400)
{
	struct scene s;
	char text[1000];
	ssize_t n;

	scene_init(&s);
	cr_assert_gt(send(s.peer.fd, "GET / HTTP/1.1\r\n\r\n", 18, 0), 0);
	h1_world_settle(s.w);
	n = recv(s.peer.fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	cr_assert_gt(n, 0);
	text[n] = '\0';
	cr_expect_not_null(strstr(text, "HTTP/1.1 400 "), "%s", text);
	cr_expect_not_null(strstr(text, "plain HTTP on a port for HTTPS"), "%s", text);
	expect_logged(&s, "192.0.2.7:1: refused with 400 plain-on-tls");
	cr_expect_eq(s.w->server.n_handshakes_failed, 1);
	scene_done(&s);
}

Test(conn, what_is_nothing_we_know_is_closed)
{
	struct scene s;

	scene_init(&s);
	cr_assert_eq(send(s.peer.fd, "\x80\x2e\x01", 3, 0), 3);
	h1_world_settle(s.w);
	expect_logged(&s, "TLS handshake failed: what the client sends is no TLS");
	cr_expect_eq(s.w->server.n_conns, 0);
	scene_done(&s);
}

Test(conn, who_leaves_before_a_byte_is_not_worth_a_word)
{
	struct scene s;

	scene_init(&s);
	(void)shutdown(s.peer.fd, SHUT_WR);
	h1_world_settle(s.w);
	cr_expect_str_eq(h1_world_log(s.w), "");
	cr_expect_eq(s.w->server.n_conns, 0);
	scene_done(&s);
}

Test(conn, has_a_deadline_for_all_of_it)
{
	struct scene s;

	scene_init(&s);
	h1_world_settle(s.w);
	h1_world_pass(s.w, s.w->server.limits.handshake_ms - 1);
	cr_expect_eq(s.w->server.n_conns, 1);
	(void)peer_shake(&s.peer);
	h1_world_settle(s.w);
	h1_world_pass(s.w, 2);
	cr_expect_eq(s.w->server.n_conns, 0);
	expect_logged(&s, "TLS handshake failed: it took too long");
	scene_done(&s);
}

Test(conn, a_drain_lets_go_who_has_said_nothing)
{
	struct scene s;

	scene_init(&s);
	server_drain(&s.w->server);
	h1_world_settle(s.w);
	cr_expect_eq(s.w->server.n_conns, 0);
	cr_expect_eq(s.w->n_drained, 1);
	scene_done(&s);
}

Test(conn, a_drain_lets_a_handshake_end)
{
	struct scene s;

	scene_init(&s);
	(void)peer_shake(&s.peer);
	h1_world_settle(s.w);
	server_drain(&s.w->server);
	cr_expect_eq(s.w->server.n_conns, 1);
	(void)peer_shake(&s.peer);
	h1_world_settle(s.w);
	cr_expect_eq(s.w->server.n_handshakes, 1);
	cr_expect_eq(s.w->n_drained, 1);
	scene_done(&s);
}

Test(conn, beyond_the_limit_it_is_closed_at_once)
{
	struct scene s;
	int fds[2];
	char byte;

	scene_init(&s);
	s.w->server.limits.max_connections = 1;
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	server_accept_secure(&s.w->server, s.ctx, fds[1], WEIR_STR("a"), WEIR_STR("b"));
	cr_expect_eq(recv(fds[0], &byte, 1, 0), 0);
	cr_expect_eq(s.w->server.n_conns, 1);
	(void)close(fds[0]);
	scene_done(&s);
}
