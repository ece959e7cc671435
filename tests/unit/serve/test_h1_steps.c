/* test_h1_steps.c - requests in order, and what becomes of those that are none. */
#include "serve/h1_steps.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "h1_world.h"

#define GET(target) "GET " target " HTTP/1.1\r\nHost: x\r\n\r\n"
#define OK(len, body) "HTTP/1.1 200 OK\r\ncontent-length: " len "\r\n\r\n" body
#define REFUSED(status, len, body)                                                \
	"HTTP/1.1 " status "\r\nconnection: close\r\ncontent-length: " len "\r\n" \
	"content-type: text/plain; charset=utf-8\r\n\r\n" body
#define BARE_LF REFUSED("400 Bad Request", "43", "400 Bad Request: a line ends with LF alone\n")

Test(h1_steps, answers_a_request)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	w->start = visit_at_once;
	client_send(c, GET("/a"));
	cr_assert_str_eq(client_text(c), OK("2", "/a"));
	cr_assert_eq(w->server.n_requests, 1);
	h1_world_free(w);
}

Test(h1_steps, keeps_the_connection_and_no_buffer_between_requests)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	w->start = visit_at_once;
	for (int i = 0; i < 3; i++) {
		client_send(c, GET("/a"));
		cr_assert_str_eq(client_text(c), OK("2", "/a"));
		client_forget(c);
		cr_assert_eq(w->server.blocks.n_taken, 0);
		cr_assert_eq(w->server.exchanges.n_live, 0);
	}
	cr_assert_eq(w->server.n_accepted, 1);
	h1_world_free(w);
}

Test(h1_steps, answers_a_pipeline_in_order_and_with_one_send)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_packets(w);

	w->start = visit_at_once;
	client_send(c, GET("/a") GET("/b") GET("/c"));
	cr_assert_gt(client_sip(c, SIZE_MAX), 0);
	cr_assert_eq(client_sip(c, SIZE_MAX), 0);
	cr_assert_str_eq(client_text(c), OK("2", "/a") OK("2", "/b") OK("2", "/c"));
	h1_world_free(w);
}

Test(h1_steps, starts_the_next_request_when_the_one_before_has_been_answered)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	client_send(c, GET("/a") GET("/b"));
	cr_assert_eq(w->n_visits, 1);
	visit_reply(&w->visits[0], 200, "1");
	cr_assert_eq(w->n_visits, 2);
	visit_reply(&w->visits[1], 200, "2");
	cr_assert_str_eq(client_text(c), OK("1", "1") OK("1", "2"));
	h1_world_free(w);
}

Test(h1_steps, goes_on_when_a_visit_ends_within_readable)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	w->start = visit_pull;
	client_send(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n");
	client_send(c, "hi" GET("/b") GET("/c"));
	cr_assert_str_eq(client_text(c), OK("2", "hi") OK("0", "") OK("0", ""));
	h1_world_free(w);
}

Test(h1_steps, reads_a_request_byte_by_byte)
{
	static const char request[] = "\r\n" GET("/a");
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	w->start = visit_at_once;
	for (const char *p = request; *p; p++)
		client_send_bytes(c, p, 1);
	cr_assert_str_eq(client_text(c), OK("2", "/a"));
	h1_world_free(w);
}

Test(h1_steps, delivers_the_good_answers_of_a_pipeline_before_a_refusal)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);

	w->start = visit_at_once;
	client_send(c, GET("/a") "GET / HTTP/1.1\nHost: x\r\n\r\n" GET("/never"));
	cr_assert_str_eq(client_text(c), OK("2", "/a") BARE_LF);
	cr_assert(c->has_ended);
	cr_assert_eq(w->n_visits, 1);
	cr_assert_eq(w->server.n_refused, 1);
	h1_world_free(w);
}

Test(h1_steps, delivers_a_slow_good_answer_before_a_refusal)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	client_send(c, GET("/a") "GET / HTTP/1.1\nHost: x\r\n\r\n");
	cr_assert_str_eq(client_text(c), "");
	visit_reply(&w->visits[0], 200, "slow");
	cr_assert_str_eq(client_text(c), OK("4", "slow") BARE_LF);
	h1_world_free(w);
}

struct refusal {
	const char *request, *answer, *log;
};

static const struct refusal refusals[] = {
	{ "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ", "400 host-missing" },
	{ "GET / HTTP/2.0\r\nHost: x\r\n\r\n", "HTTP/1.1 505 ", "505 version" },
	{ "BREW / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 501 ", "501 method" },
	{ "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 ", "400 target" },
	{ "GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 ", "400 target" },
	{ "GET / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n", "HTTP/1.1 417 ", "417 expectation" },
	{ "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 501 ",
	  "501 te-unknown" },
	{ "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
	  "HTTP/1.1 400 ", "400 cl-twice" },
};

Test(h1_steps, says_why_it_refuses_to_the_client_and_to_the_log)
{
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		struct h1_world *w = h1_world_new();
		struct client *c = client_new(w);

		client_send(c, refusals[i].request);
		cr_assert_eq(strncmp(client_text(c), refusals[i].answer, 13), 0, "%s: %s",
			     refusals[i].log, client_text(c));
		cr_assert(strstr(client_text(c), "\r\nconnection: close\r\n"));
		cr_assert(strstr(h1_world_log(w), refusals[i].log), "%s: %s", refusals[i].log,
			  h1_world_log(w));
		cr_assert(strstr(h1_world_log(w), "192.0.2.7:51234: refused with "));
		cr_assert(client_is_closed(c));
		h1_world_free(w);
	}
}

Test(h1_steps, refuses_a_target_that_is_too_long)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	char target[9000];

	memset(target, 'a', sizeof(target) - 1);
	target[sizeof(target) - 1] = '\0';
	client_send(c, "GET /");
	client_send(c, target);
	cr_assert(strstr(client_text(c), "HTTP/1.1 414 "), "%s", client_text(c));
	h1_world_free(w);
}

Test(h1_steps, refuses_fields_that_are_too_large)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);
	char value[40000];

	memset(value, 'a', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	client_send(c, "GET / HTTP/1.1\r\nHost: x\r\nCookie: ");
	client_send(c, value);
	cr_assert(strstr(client_text(c), "HTTP/1.1 431 "), "%s", client_text(c));
	h1_world_free(w);
}

Test(h1_steps, refuses_too_many_fields)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	client_send(c, "GET / HTTP/1.1\r\nHost: x\r\n");
	for (int i = 0; i < 100; i++)
		(void)client_push(c, "a: b\r\n", 6);
	client_send(c, "\r\n");
	cr_assert(strstr(client_text(c), "HTTP/1.1 431 "), "%s", client_text(c));
	h1_world_free(w);
}

static const char *const refused_heads[] = {
	"HEAD / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n", /* a whole head */
	"HEAD /%ff HTTP/1.1\r\nHost: x\r\n\r\n",
	"HEAD / HTTP/1.1\r\nHost: x\r\nHost: x\r\n", /* a part of one */
	"\r\nHEAD / HTTP/3.0\r\n",
	"HEAD / HTTP/1.1\n",
};

Test(h1_steps, sends_no_body_when_it_refuses_a_head_request)
{
	for (size_t i = 0; i < ARRAY_LEN(refused_heads); i++) {
		struct h1_world *w = h1_world_new();
		struct client *c = client_new(w);

		client_send(c, refused_heads[i]);
		cr_expect_str_eq(strstr(client_text(c), "\r\n\r\n"), "\r\n\r\n", "%s",
				 refused_heads[i]);
		h1_world_free(w);
	}
}

Test(h1_steps, sends_no_body_when_a_head_request_comes_too_slowly)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	client_send(c, "HEAD / HTTP/1.1\r\nHost: x\r\n");
	h1_world_pass(w, 10001);
	cr_assert(strstr(client_text(c), "HTTP/1.1 408 "));
	cr_assert_str_eq(strstr(client_text(c), "\r\n\r\n"), "\r\n\r\n");
	h1_world_free(w);
}

#define CHUNKED "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

static const char *const malformed_bodies[] = {
	"zz\r\n",
	"1\r\na\n",
	"1\r\na\r\n0\r\nX : y\r\n",
	"1\r\na\r\n0\r\nX: y\r\nHost: y\r\n\r\n" GET("/b"),
};

Test(h1_steps, refuses_a_chunked_body_that_came_malformed_with_its_head)
{
	for (size_t i = 0; i < ARRAY_LEN(malformed_bodies); i++) {
		struct h1_world *w = h1_world_new();
		struct client *c = client_new(w);
		char text[512];

		(void)snprintf(text, sizeof(text), "%s%s", CHUNKED, malformed_bodies[i]);
		w->start = visit_at_once;
		client_send(c, text);
		cr_expect_eq(w->n_visits, 0, "%s", text);
		cr_expect(strstr(client_text(c), "HTTP/1.1 400 "), "%s", client_text(c));
		cr_expect(c->has_ended);
		h1_world_free(w);
	}
}

Test(h1_steps, foresees_nothing_of_the_next_request)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	w->start = visit_at_once;
	client_send(c, CHUNKED "1\r\na\r\n0\r\nX: y\r\n\r\nnonsense\r\n");
	cr_expect_eq(w->n_visits, 1);
	cr_expect(strstr(client_text(c), "200 OK\r\n"));
	cr_expect(strstr(client_text(c), "HTTP/1.1 400 "));
	h1_world_free(w);
}

Test(h1_steps, refuses_with_503_a_request_whose_fields_find_no_memory)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	w->server.exchanges.memory_limit = 16;
	client_send(c, GET("/a"));
	cr_assert(strstr(client_text(c), "HTTP/1.1 503 "), "%s", client_text(c));
	h1_world_free(w);
}

/* ---- the end of a connection */

Test(h1_steps, closes_after_an_answer_to_http_1_0)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	w->start = visit_at_once;
	client_send(c, "GET /a HTTP/1.0\r\n\r\n");
	cr_assert_str_eq(client_text(c),
			 "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n/a");
	cr_assert(client_is_closed(c));
	h1_world_free(w);
}

Test(h1_steps, keeps_an_http_1_0_connection_that_asked_for_it)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	w->start = visit_at_once;
	client_send(c, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	cr_assert_str_eq(
		client_text(c),
		"HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\n/a");
	cr_assert_not(client_is_closed(c));
	h1_world_free(w);
}

Test(h1_steps, answers_nothing_behind_a_request_that_said_close)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);

	w->start = visit_at_once;
	client_send(c, "GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" GET("/b"));
	cr_assert_str_eq(client_text(c),
			 "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n/a");
	cr_assert(c->has_ended);
	cr_assert_eq(w->n_visits, 1);
	h1_world_free(w);
}

Test(h1_steps, closes_in_silence_when_the_client_ends_between_requests)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	client_half_close(c);
	cr_assert_str_eq(client_text(c), "");
	cr_assert(client_is_closed(c));
	cr_assert_eq(w->server.n_conns, 0);
	h1_world_free(w);
}

Test(h1_steps, closes_in_silence_when_the_client_ends_within_a_head)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	client_send(c, "GET / HT");
	client_half_close(c);
	cr_assert_str_eq(client_text(c), "");
	cr_assert_eq(w->server.n_conns, 0);
	h1_world_free(w);
}

Test(h1_steps, answers_all_of_a_pipeline_behind_which_the_client_ended)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	w->start = visit_at_once;
	(void)client_push(c, GET("/a") GET("/b"), 2 * strlen(GET("/a")));
	client_half_close(c);
	cr_assert_str_eq(client_text(c), OK("2", "/a") OK("2", "/b"));
	cr_assert_eq(w->server.n_conns, 0);
	h1_world_free(w);
}

/* ---- a body nobody read */

static void reply_unread(struct visit *v)
{
	visit_reply(v, 200, "no");
}

Test(h1_steps, throws_a_small_body_away_and_keeps_the_connection)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	w->start = reply_unread;
	client_send(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234");
	cr_assert_str_eq(client_text(c), OK("2", "no"));
	client_send(c, "56789" GET("/b"));
	cr_assert_str_eq(client_text(c), OK("2", "no") OK("2", "no"));
	h1_world_free(w);
}

Test(h1_steps, throws_a_chunked_body_away_and_keeps_the_connection)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	w->start = reply_unread;
	client_send(c, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc");
	client_send(c, "\r\n0\r\nx: y\r\n\r\n" GET("/b"));
	cr_assert_str_eq(client_text(c), OK("2", "no") OK("2", "no"));
	h1_world_free(w);
}

Test(h1_steps, does_not_count_what_was_read_as_thrown_away)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	char body[60000];

	memset(body, 'x', sizeof(body));
	w->start = visit_drink;
	w->readable = visit_drink;
	client_send(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 120000\r\n\r\n");
	client_send_bytes(c, body, sizeof(body));
	cr_assert_eq(w->visits[0].body.len, sizeof(body));
	visit_reply(&w->visits[0], 200, "no");
	w->start = visit_at_once;
	client_send_bytes(c, body, sizeof(body));
	client_send(c, GET("/b"));
	cr_assert_str_eq(client_text(c), OK("2", "no") OK("2", "/b"));
	h1_world_free(w);
}

Test(h1_steps, says_close_when_it_will_not_read_a_large_body)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);
	char body[100000];

	memset(body, 'x', sizeof(body));
	w->start = visit_nothing;
	client_send(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
	visit_reply(&w->visits[0], 403, "no");
	h1_world_settle(w);
	client_send_bytes(c, body, sizeof(body));
	cr_assert_str_eq(client_text(c), "HTTP/1.1 403 Forbidden\r\nconnection: close\r\n"
					 "content-length: 2\r\n\r\nno");
	cr_assert(c->has_ended);
	cr_assert_not(c->was_reset);
	cr_assert_eq(w->server.n_conns, 1);
	client_half_close(c);
	cr_assert_eq(w->server.n_conns, 0);
	h1_world_free(w);
}

Test(h1_steps, gives_up_a_chunked_body_that_goes_on)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);
	char body[100000];

	memset(body, 'x', sizeof(body));
	w->start = reply_unread;
	client_send(c, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n");
	client_send_bytes(c, body, sizeof(body));
	cr_assert_str_eq(client_text(c), OK("2", "no"));
	cr_assert(c->has_ended);
	h1_world_free(w);
}

Test(h1_steps, closes_when_the_body_it_throws_away_is_malformed)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	w->start = reply_unread;
	client_send(c, CHUNKED);
	client_send(c, "zz\r\n" GET("/b"));
	cr_assert_str_eq(client_text(c), OK("2", "no"));
	cr_assert(c->has_ended);
	cr_assert(strstr(h1_world_log(w), "192.0.2.7:51234: closed behind its answer: chunk-size"));
	h1_world_free(w);
}

Test(h1_steps, closes_when_the_body_it_throws_away_is_cut)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	w->start = reply_unread;
	client_send(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01");
	client_half_close(c);
	cr_assert_eq(w->server.n_conns, 0);
	h1_world_free(w);
}

Test(h1_steps, does_not_wait_forever_for_a_body_to_throw_away)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	w->start = reply_unread;
	client_send(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01");
	h1_world_pass(w, 19000);
	cr_assert_not(client_is_closed(c));
	h1_world_pass(w, 2000);
	cr_assert(client_is_closed(c));
	h1_world_free(w);
}

/* ---- lingering */

static struct client *lingering(struct h1_world *w)
{
	struct client *c = client_new_tcp(w);

	client_send(c, "GET / HTTP/1.1\n");
	cr_assert_str_eq(client_text(c), BARE_LF);
	cr_assert(c->has_ended);
	cr_assert_eq(w->server.n_conns, 1);
	return c;
}

Test(h1_steps, lingers_until_the_client_has_ended_too)
{
	struct h1_world *w = h1_world_new();
	struct client *c = lingering(w);

	client_half_close(c);
	cr_assert_eq(w->server.n_conns, 0);
	h1_world_free(w);
}

Test(h1_steps, lingers_for_two_seconds)
{
	struct h1_world *w = h1_world_new();

	(void)lingering(w);
	h1_world_pass(w, 1900);
	cr_assert_eq(w->server.n_conns, 1);
	h1_world_pass(w, 200);
	cr_assert_eq(w->server.n_conns, 0);
	h1_world_free(w);
}

Test(h1_steps, lingers_for_a_megabyte)
{
	struct h1_world *w = h1_world_new();
	struct client *c = lingering(w);
	char bytes[16384] = { 0 };
	size_t sent = 0;

	while (w->server.n_conns > 0 && sent < 4u << 20) {
		sent += client_push(c, bytes, sizeof(bytes));
		h1_world_settle(w);
		cr_assert_leq(w->server.blocks.n_taken, 1);
	}
	cr_assert_geq(sent, 1u << 20);
	cr_assert_eq(w->server.n_conns, 0);
	h1_world_free(w);
}
