/* test_trust.c - whose word counts, and that it is forgotten with the request that it was about. */
#include "serve/trust.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "h1_world.h"

#define HEAD "GET /a HTTP/1.1\r\nHost: x\r\n"

static struct inet_net net(const char *text)
{
	const char *words = "";
	struct inet_net net;

	cr_assert_eq(inet_net_parse(weir_strz(text), &net, &words), 0);
	return net;
}

struct scene {
	struct h1_world *w;
	struct inet_net net;
	struct trust trust;
	char seen[256]; /* of the last visit: client, scheme, host */
};

static struct scene *the_scene;

static void note(struct visit *v)
{
	(void)snprintf(the_scene->seen, sizeof(the_scene->seen), "%.*s %.*s %.*s",
		       WEIR_ARG(v->ex->client), WEIR_ARG(v->ex->scheme),
		       WEIR_ARG(v->ex->head.host));
	visit_at_once(v);
}

static void scene_init(struct scene *s)
{
	struct forwarded_trust proxies = { .nets = &s->net, .n_nets = 1, .kind = FORWARDED_X };

	s->net = net("10.0.0.0/8");
	s->w = h1_world_new();
	s->w->start = note;
	the_scene = s;
	trust_init(&s->trust, &s->w->server, &proxies, true);
}

/* What the application sees of a request from there. */
static const char *ask(struct scene *s, const char *from, const char *request)
{
	static char answer[1000];
	int fds[2];
	ssize_t n;

	s->seen[0] = '\0';
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	server_accept(&s->w->server, fds[1], weir_strz(from), WEIR_STR("10.0.0.1:80"));
	cr_assert_gt(send(fds[0], request, strlen(request), 0), 0);
	h1_world_settle(s->w);
	n = recv(fds[0], answer, sizeof(answer) - 1, MSG_DONTWAIT);
	answer[n > 0 ? n : 0] = '\0';
	(void)close(fds[0]);
	h1_world_settle(s->w);
	return s->seen[0] ? s->seen : answer;
}

Test(trust, is_in_networks_and_unix_sockets)
{
	struct scene s;

	scene_init(&s);
	cr_expect(trust_has(&s.trust, WEIR_STR("10.1.2.3:80")));
	cr_expect(trust_has(&s.trust, WEIR_STR("[::ffff:10.1.2.3]:80")));
	cr_expect(trust_has(&s.trust, WEIR_STR("unix:")));
	cr_expect_not(trust_has(&s.trust, WEIR_STR("192.0.2.7:80")));
	cr_expect_not(trust_has(&s.trust, WEIR_STR("[::1]:80")));
	s.trust.has_unix = false;
	cr_expect_not(trust_has(&s.trust, WEIR_STR("unix:")));
	h1_world_free(s.w);
}

Test(trust, a_proxy_says_who_asks_and_how)
{
	struct scene s;

	scene_init(&s);
	cr_expect_str_eq(ask(&s, "10.0.0.2:1",
			     HEAD "X-Forwarded-For: 6.6.6.6, 203.0.113.9\r\nX-Forwarded-Proto: "
				  "https\r\nX-Forwarded-Host: shop.test\r\n\r\n"),
			 "203.0.113.9:0 https shop.test");
	h1_world_free(s.w);
}

Test(trust, others_may_say_what_they_like)
{
	struct scene s;

	scene_init(&s);
	cr_expect_str_eq(ask(&s, "192.0.2.7:1",
			     HEAD "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n"
				  "X-Forwarded-Host: shop.test\r\n\r\n"),
			 "192.0.2.7:1 http x");
	h1_world_free(s.w);
}

Test(trust, nothing_of_it_stays_in_an_exchange)
{
	struct scene s;

	scene_init(&s);
	for (int i = 0; i < 3; i++) {
		cr_expect_str_eq(ask(&s, "10.0.0.2:1", HEAD "X-Forwarded-Proto: https\r\n\r\n"),
				 "10.0.0.2:1 https x");
		cr_expect_str_eq(ask(&s, "10.0.0.2:1", HEAD "\r\n"), "10.0.0.2:1 http x");
		cr_expect_str_eq(ask(&s, "192.0.2.7:1", HEAD "X-Forwarded-Proto: https\r\n\r\n"),
				 "192.0.2.7:1 http x");
		cr_expect_str_eq(ask(&s, "unix:", HEAD "X-Forwarded-Proto: https\r\n\r\n"),
				 "unix: https x");
	}
	h1_world_free(s.w);
}

Test(trust, a_proxy_that_talks_nonsense_is_answered_400)
{
	const char *answer;
	struct scene s;

	scene_init(&s);
	answer = ask(&s, "10.0.0.2:1", HEAD "X-Forwarded-For: 203.0.113.9, <x>\r\n\r\n");
	cr_expect_not_null(strstr(answer, "HTTP/1.1 400 "), "%s", answer);
	cr_expect_not_null(strstr(h1_world_log(s.w), "10.0.0.2:1: refused with 400 forwarded: "));
	cr_expect_eq(s.w->n_visits, 0);
	cr_expect_eq(s.w->server.n_refused, 1);
	h1_world_free(s.w);
}

Test(trust, who_sends_proxy_headers_has_to_be_trusted_if_anybody_is)
{
	struct scene s;
	int fds[2];
	char byte;

	scene_init(&s);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	server_accept_proxied(&s.w->server, NULL, fds[1], WEIR_STR("192.0.2.7:1"), WEIR_STR("b"));
	cr_expect_eq(recv(fds[0], &byte, 1, 0), 0);
	cr_expect_not_null(strstr(h1_world_log(s.w), "192.0.2.7:1: closed: it is none of "));
	(void)close(fds[0]);
	h1_world_free(s.w);
}
