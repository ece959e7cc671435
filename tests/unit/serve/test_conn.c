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

/* One more, over TLS, from that client. */
static void join(struct scene *s, struct peer *peer, const char *client)
{
	int fds[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	peer_init(peer, fds[0], "a.test", &s->made);
	server_accept_secure(&s->w->server, s->ctx, fds[1], weir_strz(client), WEIR_STR("b"));
}

Test(conn, beyond_the_limit_it_is_told_after_its_handshake)
{
	bool is_over = false;
	struct peer peer;
	struct scene s;
	char text[1000];

	scene_init(&s);
	s.w->server.limits.max_connections = 1;
	join(&s, &peer, "192.0.2.8:1");
	for (int i = 0; i < 10 && !is_over; i++) {
		is_over = peer_shake(&peer);
		h1_world_settle(s.w);
	}
	cr_assert(is_over);
	cr_assert_gt(peer_read(&peer, text, sizeof(text)), 0);
	cr_expect_not_null(strstr(text, "HTTP/1.1 503 "), "%s", text);
	expect_logged(&s, "192.0.2.8:1: refused with 503 overloaded");
	cr_expect_eq(s.w->server.n_unwelcome, 1);
	peer_done(&peer);
	h1_world_settle(s.w);
	cr_expect_eq(s.w->server.n_unwelcome, 0);
	cr_expect_eq(s.w->server.n_conns, 1);
	scene_done(&s);
}

Test(conn, only_so_many_are_told)
{
	enum { MANY = 70 };
	struct scene s;
	int fds[MANY][2];
	char byte;

	scene_init(&s);
	s.w->server.limits.max_connections = 1;
	for (int i = 0; i < MANY; i++) {
		cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds[i]), 0);
		server_accept_secure(&s.w->server, s.ctx, fds[i][1], WEIR_STR("a"), WEIR_STR("b"));
	}
	cr_expect_eq(s.w->server.n_unwelcome, 64);
	cr_expect_eq(recv(fds[MANY - 1][0], &byte, 1, 0), 0);
	expect_logged(&s, "a: refused without an answer");
	for (int i = 0; i < MANY; i++)
		(void)close(fds[i][0]);
	h1_world_settle(s.w);
	cr_expect_eq(s.w->server.n_unwelcome, 0);
	scene_done(&s);
}

/* ---- the PROXY header */

#define GET "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
#define HEADER "PROXY TCP4 203.0.113.9 198.51.100.1 4711 80\r\n"

struct proxied {
	struct h1_world *w;
	struct tls_ctx *ctx; /* borrowed; NULL: plain */
	int fd;
	char text[2000]; /* what has come */
};

static void proxied_init(struct proxied *p, const char *from)
{
	int fds[2];

	if (!p->w)
		p->w = h1_world_new();
	p->w->start = visit_at_once;
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	p->fd = fds[0];
	server_accept_proxied(&p->w->server, p->ctx, fds[1], weir_strz(from),
			      WEIR_STR("10.0.0.1:80"));
}

static void proxied_done(struct proxied *p)
{
	(void)close(p->fd);
	h1_world_settle(p->w);
	cr_expect_eq(p->w->server.n_unjudged, 0);
	h1_world_free(p->w);
}

static void say(struct proxied *p, const char *bytes, size_t len)
{
	cr_assert_eq(send(p->fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
	h1_world_settle(p->w);
}

static const char *heard(struct proxied *p)
{
	ssize_t n = recv(p->fd, p->text, sizeof(p->text) - 1, MSG_DONTWAIT);

	p->text[n > 0 ? n : 0] = '\0';
	return p->text;
}

static void note_client(struct visit *v)
{
	cr_expect(weir_str_eq(v->ex->client, WEIR_STR("203.0.113.9:4711")));
	cr_expect(weir_str_eq(v->ex->server, WEIR_STR("198.51.100.1:80")));
	visit_at_once(v);
}

Test(conn, a_proxy_names_both_ends)
{
	struct proxied p = { .w = NULL };

	proxied_init(&p, "10.0.0.2:1");
	p.w->start = note_client;
	say(&p, HEADER GET, sizeof(HEADER GET) - 1);
	cr_expect_not_null(strstr(heard(&p), "HTTP/1.1 200 "), "%s", p.text);
	say(&p, GET, sizeof(GET) - 1);
	cr_expect_not_null(strstr(heard(&p), "HTTP/1.1 200 "), "%s", p.text);
	cr_expect_eq(p.w->n_visits, 2);
	proxied_done(&p);
}

Test(conn, a_proxy_may_speak_byte_by_byte)
{
	struct proxied p = { .w = NULL };

	proxied_init(&p, "10.0.0.2:1");
	p.w->start = note_client;
	for (size_t i = 0; i < sizeof(HEADER GET) - 1; i++)
		say(&p, &(HEADER GET)[i], 1);
	cr_expect_not_null(strstr(heard(&p), "HTTP/1.1 200 "), "%s", p.text);
	proxied_done(&p);
}

static void note_own_names(struct visit *v)
{
	cr_expect(weir_str_eq(v->ex->client, WEIR_STR("10.0.0.2:1")));
	cr_expect(weir_str_eq(v->ex->server, WEIR_STR("10.0.0.1:80")));
	visit_at_once(v);
}

Test(conn, a_proxy_may_speak_for_itself)
{
	struct proxied p = { .w = NULL };

	proxied_init(&p, "10.0.0.2:1");
	p.w->start = note_own_names;
	say(&p, "PROXY UNKNOWN\r\n" GET, sizeof("PROXY UNKNOWN\r\n" GET) - 1);
	cr_expect_not_null(strstr(heard(&p), "HTTP/1.1 200 "), "%s", p.text);
	proxied_done(&p);
}

static void expect_closed(struct proxied *p, const char *words)
{
	char byte;

	cr_expect_eq(p->w->server.n_conns, 0);
	cr_expect_leq(recv(p->fd, &byte, 1, MSG_DONTWAIT), 0); /* an end, or a reset */
	if (words)
		cr_expect_not_null(strstr(h1_world_log(p->w), words), "%s", h1_world_log(p->w));
	else
		cr_expect_str_eq(h1_world_log(p->w), "");
}

Test(conn, who_does_not_begin_with_it_is_closed)
{
	struct proxied p = { .w = NULL };

	proxied_init(&p, "10.0.0.2:1");
	say(&p, GET, sizeof(GET) - 1);
	expect_closed(&p, "10.0.0.2:1: closed: it does not begin with a PROXY header");
	proxied_done(&p);
}

Test(conn, who_ends_within_it_is_closed)
{
	struct proxied p = { .w = NULL };

	proxied_init(&p, "10.0.0.2:1");
	say(&p, "PROXY", 5);
	cr_expect_eq(p.w->server.n_conns, 1);
	(void)shutdown(p.fd, SHUT_WR);
	h1_world_settle(p.w);
	expect_closed(&p, "10.0.0.2:1: closed: it ended within its PROXY header");
	proxied_done(&p);
}

Test(conn, who_only_looks_whether_somebody_listens_is_not_worth_a_word)
{
	struct proxied p = { .w = NULL };

	proxied_init(&p, "10.0.0.2:1");
	(void)shutdown(p.fd, SHUT_WR);
	h1_world_settle(p.w);
	expect_closed(&p, NULL);
	proxied_done(&p);
}

Test(conn, it_has_to_come_in_time)
{
	struct proxied p = { .w = NULL };

	proxied_init(&p, "10.0.0.2:1");
	say(&p, "PROXY", 5);
	h1_world_pass(p.w, p.w->server.limits.handshake_ms + 1);
	expect_closed(&p, "10.0.0.2:1: closed: its PROXY header did not come in time");
	proxied_done(&p);
}

Test(conn, a_drain_lets_go_whose_header_is_not_here)
{
	struct proxied p = { .w = NULL };

	proxied_init(&p, "10.0.0.2:1");
	say(&p, "PROXY", 5);
	server_drain(&p.w->server);
	h1_world_settle(p.w);
	expect_closed(&p, NULL);
	cr_expect_eq(p.w->n_drained, 1);
	proxied_done(&p);
}

Test(conn, the_limit_is_judged_when_the_client_is_known)
{
	struct proxied p = { .w = NULL }, second = { .w = NULL };

	proxied_init(&p, "10.0.0.2:1");
	p.w->server.limits.max_connections = 1;
	say(&p, HEADER GET, sizeof(HEADER GET) - 1);
	cr_expect_not_null(strstr(heard(&p), "HTTP/1.1 200 "), "%s", p.text);
	second.w = p.w;
	proxied_init(&second, "10.0.0.2:2");
	say(&second, HEADER GET, sizeof(HEADER GET) - 1);
	cr_expect_not_null(strstr(heard(&second), "HTTP/1.1 503 "), "%s", second.text);
	(void)close(second.fd);
	proxied_done(&p);
}

Test(conn, tls_follows_the_header)
{
	bool is_over = false;
	struct proxied p;
	struct peer peer;
	struct scene s;
	char text[1000];

	scene_init(&s);
	p = (struct proxied){ .w = s.w, .ctx = s.ctx };
	proxied_init(&p, "10.0.0.2:1");
	s.w->start = note_client;
	say(&p, HEADER, sizeof(HEADER) - 1);
	peer_init(&peer, p.fd, "a.test", &s.made);
	for (int i = 0; i < 10 && !is_over; i++) {
		is_over = peer_shake(&peer);
		h1_world_settle(s.w);
	}
	cr_assert(is_over);
	peer_write(&peer, GET, sizeof(GET) - 1);
	h1_world_settle(s.w);
	cr_assert_gt(peer_read(&peer, text, sizeof(text)), 0);
	cr_expect_not_null(strstr(text, "HTTP/1.1 200 "), "%s", text);
	peer_done(&peer);
	scene_done(&s);
}
