/* test_response_api.c - how a handler answers. */
#include "app/response_api.h"

#include <criterion/criterion.h>
#include <string.h>
#include <weir/http.h>

#include "app/asgi.h"
#include "app_world.h"

static int seen[16];

/* What came back, over a layer of middleware or without. */
static const char *ask_method(weir_handler *fn, const char *method, const weir_io *io)
{
	static char text[200000];
	struct app_world *a = app_world_new();
	struct client *c = client_new(a->w);

	app_world_route(a, "/x", fn)->io = io;
	client_send(c, method);
	client_send(c, " /x HTTP/1.1\r\nHost: x\r\n\r\n");
	(void)strcpy(text, client_text(c));
	app_world_free(a);
	return text;
}

static const char *ask(weir_handler *fn)
{
	return ask_method(fn, "GET", NULL);
}

static int respond(weir_req *req)
{
	return weir_respond(req, 201, "text/plain", WEIR_STR("made\n"));
}

Test(response_api, answers_in_one_call)
{
	cr_assert_str_eq(ask(respond), "HTTP/1.1 201 Created\r\ncontent-length: 5\r\n"
				       "content-type: text/plain\r\n\r\nmade\n");
	cr_assert_str_eq(ask_method(respond, "HEAD", NULL),
			 "HTTP/1.1 201 Created\r\ncontent-length: 5\r\n"
			 "content-type: text/plain\r\n\r\n");
}

static int respond_large(weir_req *req)
{
	static char large[100000];

	memset(large, 'x', sizeof(large));
	return weir_respond(req, 200, NULL, (weir_str){ large, sizeof(large) });
}

Test(response_api, answers_with_large_bodies_too)
{
	const char *text = ask(respond_large);

	cr_assert(strstr(text, "content-length: 100000\r\n\r\nxxx"));
	cr_assert_eq(strlen(strstr(text, "\r\n\r\n") + 4), 100000);
}

static int respond_without(weir_req *req)
{
	return weir_respond(req, 204, NULL, WEIR_STR("not sent"));
}

Test(response_api, sends_no_body_with_204)
{
	cr_assert_str_eq(ask(respond_without), "HTTP/1.1 204 No Content\r\n\r\n");
}

/* ---- fields */

static int set_fields(weir_req *req)
{
	char value[] = "first", name[] = "x-a";

	seen[0] = weir_add_header(req, name, weir_strz(value));
	memset(value, '?', 5);
	memset(name, '?', 3);
	seen[1] = weir_add_header(req, "x-b", WEIR_STR("1"));
	seen[2] = weir_add_header(req, "X-A", WEIR_STR("second"));
	seen[3] = weir_add_header(req, "x-b", WEIR_STR("2"));
	seen[4] = weir_add_header(req, "x-c", WEIR_STR("3"));
	seen[5] = weir_set_header(req, "x-B", WEIR_STR("only"));
	seen[6] = weir_set_header(req, "x-d", WEIR_STR(""));
	seen[7] = weir_set_header(req, "content-type", WEIR_STR("text/css"));
	return weir_respond(req, 200, "text/html", WEIR_STR(""));
}

Test(response_api, sets_and_adds_fields)
{
	cr_assert_str_eq(ask(set_fields),
			 "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-a: first\r\nx-b: only\r\n"
			 "X-A: second\r\nx-c: 3\r\nx-d: \r\ncontent-type: text/html\r\n\r\n");
	for (int i = 0; i < 8; i++)
		cr_assert_eq(seen[i], 0);
}

static int set_forbidden(weir_req *req)
{
	seen[0] = weir_set_header(req, "connection", WEIR_STR("close"));
	seen[1] = weir_set_header(req, "Transfer-Encoding", WEIR_STR("chunked"));
	seen[2] = weir_set_header(req, "upgrade", WEIR_STR("x"));
	seen[3] = weir_set_header(req, "a b", WEIR_STR("x"));
	seen[4] = weir_set_header(req, "", WEIR_STR("x"));
	seen[5] = weir_add_header(req, "x", WEIR_STR("a\r\nset-cookie: b"));
	seen[6] = weir_set_header(req, "content-length", WEIR_STR("1x"));
	seen[7] = weir_respond(req, 99, NULL, WEIR_STR(""));
	seen[8] = weir_respond(req, 1000, NULL, WEIR_STR(""));
	seen[9] = weir_start(req, 101, NULL);
	seen[10] = weir_respond(req, 200, "a\nb", WEIR_STR(""));
	return weir_respond(req, 200, NULL, WEIR_STR(""));
}

Test(response_api, refuses_fields_and_statuses_that_may_not_be)
{
	cr_assert_str_eq(ask(set_forbidden), "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
	for (int i = 0; i < 11; i++)
		cr_assert_eq(seen[i], -EINVAL, "%d: %d", i, seen[i]);
}

static int set_late(weir_req *req)
{
	int r;

	r = weir_start(req, 200, NULL);
	seen[0] = weir_set_header(req, "x", WEIR_STR("y"));
	return r;
}

Test(response_api, sets_no_field_behind_the_start)
{
	(void)ask(set_late);
	cr_assert_eq(seen[0], -EPROTO);
}

/* ---- in pieces */

static int write_pieces(weir_req *req)
{
	int r;

	r = weir_start(req, 200, "text/plain");
	if (r == 0)
		r = weir_write(req, WEIR_STR("a"));
	if (r == 0)
		r = weir_write(req, (weir_str){ NULL, 0 });
	return r < 0 ? r : weir_writef(req, "%s-%0400d", "b", 7);
}

Test(response_api, answers_in_pieces)
{
	static const char start[] = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n"
				    "content-type: text/plain\r\n\r\n1\r\na\r\n192\r\nb-000";
	const char *text = ask(write_pieces);

	cr_assert_eq(strncmp(text, start, sizeof(start) - 1), 0, "%s", text);
	cr_assert(strstr(text, "007\r\n0\r\n\r\n"));
}

static int promise(weir_req *req)
{
	int r;

	r = weir_set_header(req, "content-length", WEIR_STR("5"));
	if (r < 0)
		return r;
	return weir_respond(req, 200, NULL, WEIR_STR("hello"));
}

Test(response_api, takes_a_content_length_for_a_promise)
{
	cr_assert_str_eq(ask(promise), "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
}

static int hint(weir_req *req)
{
	const weir_header good = { WEIR_STR("link"), WEIR_STR("</a>") };
	const weir_header length = { WEIR_STR("Content-Length"), WEIR_STR("5") };
	const weir_header bad = { WEIR_STR("x"), WEIR_STR("\n") };

	seen[0] = weir_interim(req, 103, &good, 1);
	seen[1] = weir_interim(req, 101, NULL, 0);
	seen[2] = weir_interim(req, 200, NULL, 0);
	seen[3] = weir_interim(req, 103, &length, 1);
	seen[4] = weir_interim(req, 103, &bad, 1);
	return weir_respond(req, 200, NULL, WEIR_STR(""));
}

Test(response_api, sends_interim_answers)
{
	cr_assert_str_eq(ask(hint), "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
				    "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
	cr_assert_eq(seen[0], 0);
	for (int i = 1; i < 5; i++)
		cr_assert_eq(seen[i], -EINVAL);
}

/* ---- through a layer */

static int pass_send(const weir_io *io, weir_req *req, const weir_event *ev)
{
	return io->next->send(io->next, req, ev);
}

static int pass_receive(const weir_io *io, weir_req *req, weir_event *ret_ev)
{
	return io->next->receive(io->next, req, ret_ev);
}

static int no_file(weir_req *req)
{
	int r;

	r = weir_start(req, 200, NULL);
	seen[0] = weir_sendfile(req, 0, 0, 10);
	return r;
}

Test(response_api, looks_the_same_through_a_layer)
{
	const weir_io layer = { pass_receive, pass_send, &asgi_io };
	weir_handler *const handlers[] = { respond,    respond_large, respond_without,
					   set_fields, write_pieces,  promise };

	for (size_t i = 0; i < ARRAY_LEN(handlers); i++) {
		char *direct = strdup(ask(handlers[i]));

		cr_assert_str_eq(ask_method(handlers[i], "GET", &layer), direct, "%zu", i);
		free(direct);
	}
}

Test(response_api, sends_no_file_through_a_layer)
{
	const weir_io layer = { pass_receive, pass_send, &asgi_io };

	(void)ask_method(no_file, "GET", &layer);
	cr_assert_eq(seen[0], -EOPNOTSUPP);
}
