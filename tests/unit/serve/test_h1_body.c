/* test_h1_body.c - bodies of requests: pulled, refused, cut, and held back. */
#include "serve/h1_body.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "h1_world.h"

#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"
#define OK(len, body) "HTTP/1.1 200 OK\r\ncontent-length: " len "\r\n\r\n" body
#define GET(target) "GET " target " HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST(fields) "POST / HTTP/1.1\r\nHost: x\r\n" fields "\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"
#define EXPECT "Expect: 100-continue\r\n"

static struct h1_world *pulling_world(void)
{
	struct h1_world *w = h1_world_new();

	w->start = visit_pull;
	return w;
}

Test(h1_body, comes_with_the_head)
{
	struct h1_world *w = pulling_world();
	struct client *c = client_new(w);

	client_send(c, POST("Content-Length: 5\r\n") "hello");
	cr_assert_str_eq(client_text(c), OK("5", "hello"));
	cr_assert_eq(w->visits[0].n_readable, 0);
	h1_world_free(w);
}

Test(h1_body, comes_byte_by_byte)
{
	struct h1_world *w = pulling_world();
	struct client *c = client_new(w);

	client_send(c, POST("Content-Length: 5\r\n"));
	for (const char *p = "hello"; *p; p++)
		client_send_bytes(c, p, 1);
	cr_assert_str_eq(client_text(c), OK("5", "hello"));
	cr_assert_eq(w->visits[0].n_readable, 5);
	h1_world_free(w);
}

static const char chunked[] = POST(
	CHUNKED) "5\r\nhello\r\n7;x=y\r\n, world\r\n0\r\nX-Sum: 1\r\n\r\n" GET("/next");

Test(h1_body, comes_in_chunks_with_trailers)
{
	struct h1_world *w = pulling_world();
	struct client *c = client_new(w);

	client_send(c, chunked);
	cr_assert_str_eq(client_text(c), OK("12", "hello, world") OK("0", ""));
	h1_world_free(w);
}

Test(h1_body, fails_when_its_trailers_find_no_memory)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	w->start = visit_drink;
	w->readable = visit_drink;
	w->server.exchanges.memory_limit = 4096;
	client_send(c, POST(CHUNKED) "0\r\n");
	for (int i = 0; i < 100; i++)
		client_send(c, "X: 0123456789\r\n");
	client_send(c, "\r\n");
	cr_assert_eq(w->visits[0].error, -ENOMEM);
	cr_assert_eq(w->visits[0].ex->n_trailers, 0);
	visit_reply(&w->visits[0], 500, "");
	cr_assert(strstr(client_text(c), "connection: close\r\n"));
	cr_assert(c->has_ended);
	h1_world_free(w);
}

Test(h1_body, comes_in_chunks_split_at_every_place)
{
	for (size_t i = 1; i < sizeof(chunked) - 1; i++) {
		struct h1_world *w = pulling_world();
		struct client *c = client_new(w);

		client_send_bytes(c, chunked, i);
		client_send(c, chunked + i);
		cr_assert_str_eq(client_text(c), OK("12", "hello, world") OK("0", ""),
				 "split at %zu", i);
		h1_world_free(w);
	}
}

Test(h1_body, is_over_again_and_again)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	weir_str piece;

	w->start = visit_drink;
	client_send(c, POST("Content-Length: 5\r\n") "hello");
	cr_assert_eq(w->visits[0].error, 0);
	cr_assert_eq(exchange_next(w->visits[0].ex, &piece), 0);
	h1_world_free(w);
}

Test(h1_body, can_be_read_behind_the_answer)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	struct visit *v = &w->visits[0];

	w->readable = visit_drink;
	client_send(c, POST("Content-Length: 5\r\n"));
	visit_head(v, 200, 0);
	visit_end(v);
	visit_drink(v);
	client_send(c, "hello");
	cr_assert_eq(v->body.len, 5);
	visit_finish(v);
	cr_assert_str_eq(client_text(c), OK("0", ""));
	cr_assert_not(client_is_closed(c));
	h1_world_free(w);
}

/* ---- 100-continue */

Test(h1_body, hears_100_when_it_is_asked_for)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	client_send(c, POST(EXPECT "Content-Length: 5\r\n"));
	cr_assert_str_eq(client_text(c), "");
	visit_pull(&w->visits[0]);
	cr_assert_str_eq(client_text(c), CONTINUE);
	client_send(c, "he");
	client_send(c, "llo");
	cr_assert_str_eq(client_text(c), CONTINUE OK("5", "hello"));
	h1_world_free(w);
}

Test(h1_body, hears_no_100_when_it_is_here_already)
{
	struct h1_world *w = pulling_world();
	struct client *c = client_new(w);

	client_send(c, POST(EXPECT "Content-Length: 5\r\n") "he");
	client_send(c, "llo");
	cr_assert_str_eq(client_text(c), OK("5", "hello"));
	h1_world_free(w);
}

Test(h1_body, hears_no_100_behind_an_answer)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	client_send(c, POST(EXPECT "Content-Length: 5\r\n"));
	visit_reply(&w->visits[0], 403, "no");
	cr_assert_str_eq(client_text(c), "HTTP/1.1 403 Forbidden\r\nconnection: close\r\n"
					 "content-length: 2\r\n\r\nno");
	cr_assert(client_is_closed(c));
	h1_world_free(w);
}

Test(h1_body, hears_no_100_when_the_handler_said_it)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	client_send(c, POST(EXPECT "Content-Length: 5\r\n"));
	cr_assert_eq(exchange_interim(w->visits[0].ex, 100, NULL, 0), 0);
	visit_pull(&w->visits[0]);
	client_send(c, "hello");
	cr_assert_str_eq(client_text(c), CONTINUE OK("5", "hello"));
	h1_world_free(w);
}

Test(h1_body, hears_no_100_on_http_1_0)
{
	struct h1_world *w = pulling_world();
	struct client *c = client_new(w);

	client_send(c, "POST / HTTP/1.0\r\n" EXPECT "Content-Length: 5\r\n\r\n");
	cr_assert_str_eq(client_text(c), "");
	client_send(c, "hello");
	cr_assert(strstr(client_text(c), "hello"));
	h1_world_free(w);
}

/* ---- limits and mistakes */

static void pull_up_to_ten(struct visit *v)
{
	v->ex->max_body = 10;
	visit_pull(v);
}

Test(h1_body, may_be_as_large_as_its_limit)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	w->start = pull_up_to_ten;
	client_send(c, POST("Content-Length: 10\r\n") "0123456789" POST(
			       CHUNKED) "a\r\n0123456789\r\n0\r\n\r\n");
	cr_assert_str_eq(client_text(c), OK("10", "0123456789") OK("10", "0123456789"));
	h1_world_free(w);
}

Test(h1_body, is_refused_by_its_length)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	w->start = pull_up_to_ten;
	client_send(c, POST("Content-Length: 11\r\n"));
	cr_assert_eq(w->visits[0].error, -EMSGSIZE);
	cr_assert_str_eq(client_text(c),
			 "HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n");
	h1_world_free(w);
}

Test(h1_body, is_refused_by_its_chunks_before_they_are_here)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);

	w->start = pull_up_to_ten;
	client_send(c, POST(CHUNKED) "a\r\n0123456789\r\n1\r\n");
	cr_assert_eq(w->visits[0].error, -EMSGSIZE);
	cr_assert_str_eq(client_text(c), "HTTP/1.1 413 Content Too Large\r\nconnection: close\r\n"
					 "content-length: 0\r\n\r\n");
	cr_assert(c->has_ended);
	h1_world_free(w);
}

Test(h1_body, fails_for_good_when_it_is_malformed)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	weir_str piece;

	w->start = visit_drink;
	w->readable = visit_drink;
	client_send(c, POST(CHUNKED) "5\r\nhello");
	client_send(c, "XX");
	cr_assert_eq(w->visits[0].error, -EBADMSG);
	cr_assert_eq(w->visits[0].ex->fault, FAULT_H1_CHUNK_END);
	cr_assert_eq(exchange_next(w->visits[0].ex, &piece), -EBADMSG);
	visit_reply(&w->visits[0], 400, "");
	cr_assert(strstr(client_text(c), "connection: close\r\n"));
	cr_assert(c->has_ended);
	h1_world_free(w);
}

Test(h1_body, is_cut_when_the_client_ends_and_is_not_gone)
{
	struct h1_world *w = pulling_world();
	struct client *c = client_new(w);

	client_send(c, POST("Connection: close\r\nContent-Length: 10\r\n") "01234");
	client_half_close(c);
	cr_assert_eq(w->visits[0].error, -EBADMSG);
	cr_assert_eq(w->visits[0].body.len, 5);
	cr_assert(strstr(client_text(c), "HTTP/1.1 400 "));
	cr_assert(client_is_closed(c));
	h1_world_free(w);
}

Test(h1_body, is_waited_for_twenty_seconds_between_two_bytes)
{
	struct h1_world *w = pulling_world();
	struct client *c = client_new(w);

	w->server.pace.limits.min_rate = 0;
	client_send(c, POST("Content-Length: 10\r\n") "01");
	for (int i = 0; i < 3; i++) {
		h1_world_pass(w, 19000);
		client_send(c, "x");
	}
	cr_assert_str_eq(client_text(c), "");
	h1_world_pass(w, 20001);
	cr_assert_eq(w->visits[0].error, -EBADMSG);
	cr_assert(strstr(client_text(c), "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n"));
	cr_assert(client_is_closed(c));
	h1_world_free(w);
}

Test(h1_body, is_not_waited_for_while_nobody_reads_it)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);

	client_send(c, POST("Content-Length: 10\r\n") "01");
	h1_world_pass(w, 3600 * 1000);
	client_send(c, "23456789");
	visit_pull(&w->visits[0]);
	cr_assert_str_eq(client_text(c), OK("10", "0123456789"));
	h1_world_free(w);
}

Test(h1_body, times_out_nothing_behind_its_end)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	struct visit *v = &w->visits[0];

	w->start = visit_drink;
	w->readable = visit_drink;
	client_send(c, POST("Content-Length: 2\r\n"));
	client_send(c, "01");
	cr_assert_eq(v->error, 0);
	h1_world_pass(w, 3600 * 1000);
	visit_reply(v, 200, "late");
	cr_assert_str_eq(client_text(c), OK("4", "late"));
	h1_world_free(w);
}

/* ---- back-pressure */

static size_t push_until_it_stands(struct client *c)
{
	char bytes[4096];
	size_t sent = 0, n;

	memset(bytes, 'x', sizeof(bytes));
	do {
		n = client_push(c, bytes, sizeof(bytes));
		sent += n;
		h1_world_settle(c->world);
	} while (n > 0 && sent < 64u << 20);
	return sent;
}

Test(h1_body, stands_in_the_socket_while_nobody_reads_it)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	size_t sent;

	client_send(c, POST("Content-Length: 100000000\r\n"));
	sent = push_until_it_stands(c);
	cr_assert_lt(sent, 8u << 20);
	cr_assert_leq(w->server.blocks.n_taken, 2);

	w->readable = visit_drink;
	visit_drink(&w->visits[0]);
	h1_world_settle(w);
	for (int i = 0; i < 200; i++)
		h1_world_settle(w);
	cr_assert_eq(w->visits[0].body.len, sent);
	h1_world_free(w);
}

Test(h1_body, stands_again_when_its_reader_pauses)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	struct visit *v = &w->visits[0];
	weir_str piece;

	w->readable = visit_nothing;
	client_send(c, POST("Content-Length: 100000000\r\n"));
	(void)push_until_it_stands(c);
	for (int i = 0; i < 50; i++) {
		int r = exchange_next(v->ex, &piece);

		cr_assert(r == 1 || r == -EAGAIN);
		cr_assert_leq(w->server.blocks.n_taken, 2);
		h1_world_settle(w);
	}
	cr_assert_gt(v->n_readable, 10);
	h1_world_free(w);
}

Test(h1_body, keeps_a_piece_until_the_next_is_asked_for)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	char body[40000];
	weir_str piece;

	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (char)('a' + i % 26);
	w->readable = visit_nothing;
	client_send(c, POST("Content-Length: 40000\r\n"));
	cr_assert_eq(exchange_next(w->visits[0].ex, &piece), -EAGAIN);
	(void)client_push(c, body, sizeof(body));
	h1_world_settle(w);
	for (size_t got = 0; got < sizeof(body); got += piece.len) {
		int r;

		while ((r = exchange_next(w->visits[0].ex, &piece)) == -EAGAIN)
			h1_world_settle(w);
		cr_assert_eq(r, 1);
		h1_world_settle(w);
		cr_assert_eq(memcmp(piece.ptr, body + got, piece.len), 0);
	}
	visit_reply(&w->visits[0], 200, "");
	h1_world_free(w);
}

Test(h1_body, keeps_a_piece_even_when_the_client_has_gone)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	struct visit *v = &w->visits[0];
	weir_str piece, again;

	client_send(c, POST("Content-Length: 10\r\n"));
	w->readable = visit_nothing;
	cr_assert_eq(exchange_next(v->ex, &piece), -EAGAIN);
	h1_world_pass(w, 1);
	client_send(c, "01234");
	cr_assert_eq(exchange_next(v->ex, &piece), 1);
	v->is_left = true;
	client_close(c);
	cr_assert_eq(v->n_gone, 1);
	cr_assert(weir_str_eq(piece, WEIR_STR("01234")));
	cr_assert(weir_str_eq(v->ex->client, WEIR_STR("192.0.2.7:51234")));
	cr_assert(weir_str_eq(v->ex->head.target, WEIR_STR("/")));
	cr_assert_eq(exchange_next(v->ex, &again), -EPIPE);
	visit_finish(v);
	h1_world_free(w);
}

Test(h1_body, keeps_a_piece_that_is_not_behind_its_head_when_the_client_has_gone)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	struct visit *v = &w->visits[0];
	char body[30000];
	weir_str piece;
	int r;

	memset(body, 'y', sizeof(body));
	w->readable = visit_nothing;
	client_send(c, POST("Content-Length: 100000\r\n"));
	(void)client_push(c, body, sizeof(body));
	for (size_t got = 0; got < sizeof(body); got += r == 1 ? piece.len : 0) {
		h1_world_settle(w);
		r = exchange_next(v->ex, &piece);
	}
	v->is_left = true;
	client_close(c);
	cr_assert_eq(v->n_gone, 1);
	cr_assert_eq(piece.ptr[piece.len - 1], 'y');
	visit_finish(v);
	h1_world_free(w);
}
