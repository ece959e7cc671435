/* test_h1_answer.c - how an answer looks on the wire, and how fast it may come. */
#include "serve/h1_answer.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "h1_world.h"

#define GET(target) "GET " target " HTTP/1.1\r\nHost: x\r\n\r\n"
#define OK(len, body) "HTTP/1.1 200 OK\r\ncontent-length: " len "\r\n\r\n" body

static struct visit *ask(struct h1_world *w, struct client *c, const char *request)
{
	unsigned n = w->n_visits;

	client_send(c, request);
	cr_assert_eq(w->n_visits, n + 1, "%s", client_text(c));
	return &w->visits[n];
}

Test(h1_answer, has_a_date_and_a_server_unless_the_handler_has)
{
	const weir_header fields[] = { { WEIR_STR("Date"), WEIR_STR("today") },
				       { WEIR_STR("SERVER"), WEIR_STR("me") } };
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	struct visit *v = ask(w, c, GET("/"));

	visit_reply(v, 200, "");
	(void)client_text(c);
	cr_assert(memmem(c->bytes.data, c->bytes.len, "\r\ndate: ", 8));
	cr_assert(memmem(c->bytes.data, c->bytes.len, "\r\nserver: weir\r\n", 16));
	client_forget(c);
	v = ask(w, c, GET("/"));
	cr_assert_eq(exchange_head(v->ex, 200, 0, fields, 2), 0);
	visit_end(v);
	visit_finish(v);
	cr_assert_str_eq(client_text(c), "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n"
					 "Date: today\r\nSERVER: me\r\n\r\n");
	h1_world_free(w);
}

Test(h1_answer, goes_out_in_one_call)
{
	const weir_str type = WEIR_STR("text/plain"), none = { NULL, 0 };
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	struct visit *v = ask(w, c, GET("/"));

	cr_assert_eq(exchange_respond(v->ex, 200, type, NULL, 0, WEIR_STR("hello")), 0);
	visit_finish(v);
	v = ask(w, c, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_eq(exchange_respond(v->ex, 200, none, NULL, 0, WEIR_STR("hello")), 0);
	visit_finish(v);
	v = ask(w, c, GET("/"));
	cr_assert_eq(exchange_respond(v->ex, 204, none, NULL, 0, WEIR_STR("")), 0);
	visit_finish(v);
	cr_assert_str_eq(client_text(c), "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n"
					 "content-type: text/plain\r\n\r\nhello"
					 "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"
					 "HTTP/1.1 204 No Content\r\n\r\n");
	h1_world_free(w);
}

Test(h1_answer, goes_out_in_chunks_when_its_length_is_open)
{
	const weir_header trailer = { WEIR_STR("x-sum"), WEIR_STR("1") };
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	struct visit *v = ask(w, c, GET("/"));

	visit_head(v, 200, -1);
	visit_piece(v, "hello");
	visit_piece(v, "");
	visit_piece(v, ", a somewhat longer piece");
	cr_assert_eq(exchange_end(v->ex, &trailer, 1), 0);
	visit_finish(v);
	cr_assert_str_eq(client_text(c), "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
					 "5\r\nhello\r\n19\r\n, a somewhat longer piece\r\n"
					 "0\r\nx-sum: 1\r\n\r\n");
	cr_assert_not(client_is_closed(c));
	h1_world_free(w);
}

Test(h1_answer, leaves_at_the_end_of_the_turn_in_one_send)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_packets(w);
	struct visit *v = ask(w, c, GET("/"));

	visit_head(v, 200, -1);
	visit_piece(v, "a");
	visit_piece(v, "b");
	cr_assert_eq(client_sip(c, SIZE_MAX), 0);
	h1_world_settle(w);
	cr_assert_gt(client_sip(c, SIZE_MAX), 0);
	cr_assert_eq(client_sip(c, SIZE_MAX), 0);
	cr_assert(strstr(client_text(c), "1\r\na\r\n1\r\nb\r\n"));
	h1_world_free(w);
}

Test(h1_answer, ends_with_the_connection_on_http_1_0)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	struct visit *v = ask(w, c, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");

	visit_head(v, 200, -1);
	visit_piece(v, "hello");
	visit_end(v);
	visit_finish(v);
	cr_assert_str_eq(client_text(c), "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello");
	cr_assert(client_is_closed(c));
	h1_world_free(w);
}

/* ---- without a body */

struct bare {
	const char *method;
	int status;
	int64_t length;
	const char *head;
};

static const struct bare bares[] = {
	{ "HEAD", 200, 5, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n" },
	{ "HEAD", 200, -1, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" },
	{ "GET", 204, -1, "HTTP/1.1 204 No Content\r\n\r\n" },
	{ "GET", 204, 5, "HTTP/1.1 204 No Content\r\n\r\n" },
	{ "GET", 304, -1, "HTTP/1.1 304 Not Modified\r\n\r\n" },
	{ "GET", 304, 5, "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n" },
};

Test(h1_answer, has_no_body_where_there_may_be_none)
{
	for (size_t i = 0; i < ARRAY_LEN(bares); i++) {
		const struct bare *bare = &bares[i];
		struct h1_world *w = h1_world_new();
		struct client *c = client_new(w);
		struct visit *v;
		char request[64];

		(void)snprintf(request, sizeof(request), "%s / HTTP/1.1\r\nHost: x\r\n\r\n",
			       bare->method);
		v = ask(w, c, request);
		visit_head(v, bare->status, bare->length);
		visit_piece(v, "hello");
		visit_end(v);
		visit_finish(v);
		cr_assert_str_eq(client_text(c), bare->head);
		cr_assert_not(client_is_closed(c));
		h1_world_free(w);
	}
}

Test(h1_answer, to_a_head_request_may_leave_its_body_out)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	struct visit *v = ask(w, c, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");

	visit_head(v, 200, 5);
	visit_end(v);
	visit_finish(v);
	cr_assert_str_eq(client_text(c), "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n");
	cr_assert_not(client_is_closed(c));
	h1_world_free(w);
}

/* ---- interim */

Test(h1_answer, comes_behind_interim_ones)
{
	const weir_header link = { WEIR_STR("link"), WEIR_STR("</a.css>") };
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	struct visit *v = ask(w, c, GET("/"));

	cr_assert_eq(exchange_interim(v->ex, 103, &link, 1), 0);
	cr_assert_str_eq(client_text(c), "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n");
	client_forget(c);
	visit_reply(v, 200, "");
	cr_assert_str_eq(client_text(c), OK("0", ""));
	h1_world_free(w);
}

Test(h1_answer, is_never_interim_on_http_1_0)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	struct visit *v = ask(w, c, "GET / HTTP/1.0\r\n\r\n");

	cr_assert_eq(exchange_interim(v->ex, 103, NULL, 0), 0);
	cr_assert_str_eq(client_text(c), "");
	h1_world_free(w);
}

Test(h1_answer, holds_interim_ones_back_that_nobody_reads)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);
	struct visit *v = ask(w, c, GET("/"));
	int r = 0;

	for (int i = 0; i < 100000 && r == 0; i++) {
		r = exchange_interim(v->ex, 102, NULL, 0);
		if (i % 100 == 0)
			h1_world_settle(w);
	}
	cr_assert_eq(r, -EAGAIN);
	while (v->n_writable == 0 && client_sip(c, SIZE_MAX) > 0)
		h1_world_settle(w);
	cr_assert_eq(v->n_writable, 1);
	cr_assert_eq(exchange_interim(v->ex, 102, NULL, 0), 0);
	h1_world_free(w);
}

/* ---- keep-alive, when the body is still to come */

Test(h1_answer, keeps_a_connection_whose_body_is_read_behind_its_head)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	struct visit *v;
	char body[100000];

	memset(body, 'x', sizeof(body));
	w->readable = visit_drink;
	v = ask(w, c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
	visit_head(v, 200, -1);
	visit_drink(v);
	client_send_bytes(c, body, sizeof(body));
	cr_assert_eq(v->body.len, sizeof(body));
	visit_end(v);
	visit_finish(v);
	cr_assert_str_eq(client_text(c), "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
					 "0\r\n\r\n");
	cr_assert_not(client_is_closed(c));
	h1_world_free(w);
}

Test(h1_answer, closes_when_that_body_was_not_read_after_all)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	struct visit *v;

	v = ask(w, c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
	visit_reply(v, 200, "fine");
	cr_assert_str_eq(client_text(c), OK("4", "fine"));
	cr_assert(client_is_closed(c));
	h1_world_free(w);
}

/* ---- too much for the client */

Test(h1_answer, waits_when_the_client_does_not_read)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);
	struct visit *v;
	size_t rest;

	w->writable = visit_pour;
	v = ask(w, c, GET("/"));
	v->to_send = 1000000;
	visit_head(v, 200, 1000000);
	visit_pour(v);
	for (int i = 0; i < 10; i++)
		h1_world_settle(w);
	rest = v->to_send;
	cr_assert_gt(rest, 0);
	cr_assert_leq(w->server.blocks.n_taken, 4);
	h1_world_settle(w);
	cr_assert_eq(v->to_send, rest);

	while (client_sip(c, 4096) > 0 || v->ex || w->server.blocks.n_taken > 0)
		h1_world_settle(w);
	cr_assert_null(v->ex);
	cr_assert_gt(c->bytes.len, 1000000);
	cr_assert_lt(c->bytes.len, 1000200);
	cr_assert_gt(v->n_writable, 3);
	h1_world_free(w);
}

Test(h1_answer, never_queues_more_than_the_high_water_and_a_little)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);
	struct visit *v = ask(w, c, GET("/"));
	size_t queued = 0;

	visit_head(v, 200, -1);
	for (int i = 0; i < 100000; i++) {
		struct h1_conn *conn = v->ex->conn;

		if (exchange_piece(v->ex, WEIR_STR("x")) == 0)
			break;
		if (conn->stream.out.queued > queued)
			queued = conn->stream.out.queued;
		if (i % 100 == 0)
			h1_world_settle(w);
	}
	cr_assert_geq(queued, 16384);
	cr_assert_leq(queued, 16384 + 32);
	h1_world_free(w);
}

static void pour_one(struct visit *v)
{
	v->to_send = 1;
	visit_head(v, 200, 1);
	visit_pour(v);
}

Test(h1_answer, stops_a_pipeline_whose_answers_are_not_read)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);
	char requests[8192];
	size_t len = 0, sent = 0, n;
	unsigned n_before;

	while (len + 30 < sizeof(requests))
		len += (size_t)sprintf(requests + len, GET("/"));
	w->start = pour_one;
	do {
		n = client_push(c, requests, len);
		sent += n;
		h1_world_settle(w);
		n_before = w->n_visits;
		w->n_visits = 0;
	} while (n == len && n_before > 0 && sent < 32u << 20);
	cr_assert_lt(sent, 32u << 20);
	cr_assert_leq(w->server.blocks.n_taken, 4);
	h1_world_free(w);
}

Test(h1_answer, gives_up_a_client_that_takes_nothing_for_thirty_seconds)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);
	struct visit *v;

	w->writable = visit_pour;
	v = ask(w, c, GET("/"));
	v->to_send = 8000000;
	w->server.pace.limits.min_rate = 0;
	visit_head(v, 200, -1);
	visit_pour(v);
	h1_world_pass(w, 29000);
	cr_assert_eq(v->n_gone, 0);
	h1_world_pass(w, 2000);
	cr_assert_eq(v->n_gone, 1);
	cr_assert_eq(w->server.n_conns, 0);
	h1_world_free(w);
}

Test(h1_answer, is_patient_with_a_client_that_takes_some_in_time)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);
	struct visit *v;

	w->writable = visit_pour;
	v = ask(w, c, GET("/"));
	v->to_send = 8000000;
	visit_head(v, 200, -1);
	visit_pour(v);
	for (int i = 0; i < 5; i++) {
		h1_world_pass(w, 19000);
		for (int k = 0; k < 64; k++) {
			(void)client_sip(c, 65536);
			h1_world_settle(w);
		}
	}
	cr_assert_eq(v->n_gone, 0);
	h1_world_free(w);
}

/* ---- broken off */

Test(h1_answer, lacks_its_last_chunk_when_it_is_broken_off)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);
	struct visit *v = ask(w, c, GET("/") GET("/never"));

	visit_head(v, 200, -1);
	visit_piece(v, "hello");
	exchange_abort(v->ex);
	cr_assert_eq(exchange_piece(v->ex, WEIR_STR("more")), -EPIPE);
	cr_assert_eq(exchange_end(v->ex, NULL, 0), -EPIPE);
	visit_finish(v);
	cr_assert_str_eq(client_text(c), "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
					 "5\r\nhello\r\n");
	cr_assert(c->has_ended);
	cr_assert_eq(w->n_visits, 1);
	h1_world_free(w);
}

Test(h1_answer, is_broken_off_when_it_is_not_ended)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);
	struct visit *v = ask(w, c, GET("/"));

	visit_head(v, 200, 10);
	visit_piece(v, "hello");
	visit_finish(v);
	cr_assert_str_eq(client_text(c), OK("10", "hello"));
	cr_assert(c->has_ended);
	h1_world_free(w);
}

Test(h1_answer, is_broken_off_when_it_is_shorter_than_promised)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);
	struct visit *v = ask(w, c, GET("/"));

	visit_head(v, 200, 10);
	visit_piece(v, "hello");
	cr_assert_eq(exchange_end(v->ex, NULL, 0), -EPROTO);
	visit_finish(v);
	cr_assert_str_eq(client_text(c), OK("10", "hello"));
	cr_assert(c->has_ended);
	h1_world_free(w);
}

Test(h1_answer, ends_with_a_reset_when_its_end_would_look_proper)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);
	struct visit *v = ask(w, c, "GET / HTTP/1.0\r\n\r\n");

	visit_head(v, 200, -1);
	visit_piece(v, "hello");
	exchange_abort(v->ex);
	visit_finish(v);
	cr_assert(client_is_closed(c));
	cr_assert(c->was_reset);
	h1_world_free(w);
}

Test(h1_answer, that_never_began_closes_the_connection)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	struct visit *v = ask(w, c, GET("/"));

	visit_finish(v);
	cr_assert_str_eq(client_text(c), "");
	cr_assert(c->has_ended);
	h1_world_free(w);
}

/* ---- files */

static int file_of(size_t len)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	cr_assert_geq(fd, 0);
	for (size_t i = 0; i < len; i++)
		cr_assert_eq(write(fd, &"0123456789"[i % 10], 1), 1);
	return fd;
}

Test(h1_answer, sends_a_part_of_a_file)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	struct visit *v = ask(w, c, GET("/"));
	int fd = file_of(20);

	visit_head(v, 200, 12);
	visit_piece(v, "<");
	cr_assert_eq(exchange_file(v->ex, fd, 5, 10), 1);
	cr_assert_eq(exchange_piece(v->ex, WEIR_STR(">")), 0);
	h1_world_settle(w);
	cr_assert_eq(v->n_writable, 1);
	visit_piece(v, ">");
	visit_end(v);
	visit_finish(v);
	cr_assert_str_eq(client_text(c), OK("12", "<5678901234>"));
	(void)close(fd);
	h1_world_free(w);
}

Test(h1_answer, cannot_end_before_its_file_has_left)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	struct visit *v = ask(w, c, GET("/"));
	int fd = file_of(10);

	visit_head(v, 200, 10);
	cr_assert_eq(exchange_file(v->ex, fd, 0, 10), 1);
	cr_assert_eq(exchange_end(v->ex, NULL, 0), -EAGAIN);
	h1_world_settle(w);
	visit_end(v);
	visit_finish(v);
	cr_assert_str_eq(client_text(c), OK("10", "0123456789"));
	(void)close(fd);
	h1_world_free(w);
}

Test(h1_answer, sends_files_as_chunks)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	struct visit *v = ask(w, c, GET("/"));
	int fd = file_of(20);

	visit_head(v, 200, -1);
	cr_assert_eq(exchange_file(v->ex, fd, 0, 3), 1);
	h1_world_settle(w);
	cr_assert_eq(exchange_file(v->ex, fd, 3, 4), 1);
	h1_world_settle(w);
	visit_piece(v, "!");
	cr_assert_eq(exchange_file(v->ex, fd, 0, 1), 1);
	h1_world_settle(w);
	visit_end(v);
	visit_finish(v);
	cr_assert_str_eq(client_text(c), "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
					 "3\r\n012\r\n4\r\n3456\r\n1\r\n!\r\n1\r\n0\r\n0\r\n\r\n");
	(void)close(fd);
	h1_world_free(w);
}

Test(h1_answer, sends_nothing_of_a_file_to_a_head_request)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w);
	struct visit *v = ask(w, c, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");

	visit_head(v, 200, 10);
	cr_assert_eq(exchange_file(v->ex, -1, 0, 10), 0);
	visit_end(v);
	visit_finish(v);
	cr_assert_str_eq(client_text(c), OK("10", ""));
	h1_world_free(w);
}

Test(h1_answer, is_broken_off_by_a_file_that_is_too_short)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);
	struct visit *v = ask(w, c, GET("/"));
	int fd = file_of(5);

	visit_head(v, 200, 10);
	cr_assert_eq(exchange_file(v->ex, fd, 0, 10), 1);
	h1_world_settle(w);
	cr_assert_eq(v->n_gone, 1);
	cr_assert_str_eq(client_text(c), OK("10", "01234"));
	cr_assert(c->has_ended);
	cr_assert(strstr(h1_world_log(w), "a file is shorter than the answer promised"));
	(void)close(fd);
	h1_world_free(w);
}

Test(h1_answer, is_broken_off_when_its_file_is_left_behind)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new_tcp(w);
	struct visit *v;
	int fd = file_of(10);

	cr_assert_eq(ftruncate(fd, 100000000), 0);
	v = ask(w, c, GET("/"));
	visit_head(v, 200, 100000000);
	cr_assert_eq(exchange_file(v->ex, fd, 0, 100000000), 1);
	h1_world_settle(w);
	cr_assert_eq(v->n_writable, 0);
	exchange_abort(v->ex);
	visit_finish(v);
	(void)close(fd);
	(void)client_sip(c, 1000);
	for (int i = 0; i < 2000 && !c->has_ended; i++) {
		(void)client_sip(c, 65536);
		h1_world_settle(w);
	}
	cr_assert(c->has_ended);
	h1_world_free(w);
}

Test(h1_answer, shares_the_loop_while_a_large_file_leaves)
{
	struct h1_world *w = h1_world_new();
	struct client *c = client_new(w), *other = client_new(w);
	struct visit *v = ask(w, c, GET("/"));
	int fd = file_of(10);
	size_t got = 0;

	cr_assert_eq(ftruncate(fd, 20000000), 0);
	visit_head(v, 200, 20000000);
	cr_assert_eq(exchange_file(v->ex, fd, 0, 20000000), 1);
	w->start = visit_at_once;
	client_send(other, GET("/b"));
	cr_assert_str_eq(client_text(other), OK("2", "/b"));
	for (size_t n = 1; n > 0 || v->n_writable == 0; got += n) {
		h1_world_settle(w);
		n = client_sip(c, 65536);
	}
	cr_assert_eq(v->n_writable, 1);
	visit_end(v);
	visit_finish(v);
	cr_assert_gt(got, 20000000);
	(void)close(fd);
	h1_world_free(w);
}
