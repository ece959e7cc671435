/* test_request_api.c - what a handler reads of its request. */
#include "app/request_api.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <weir/http.h>

#include "app_world.h"

static char text[4096];
static int seen[8];

static void say(const char *what, weir_str s)
{
	size_t len = strlen(text);

	if (s.ptr)
		(void)snprintf(text + len, sizeof(text) - len, "%s=%.*s;", what, WEIR_ARG(s));
	else
		(void)snprintf(text + len, sizeof(text) - len, "%s absent;", what);
}

static int done(weir_req *req)
{
	return weir_respond(req, 200, NULL, WEIR_STR("ok"));
}

static void ask(weir_handler *fn, const char *pattern, const char *request)
{
	struct app_world *a = app_world_new();
	struct client *c = client_new(a->w);

	app_world_route(a, pattern, fn);
	client_send(c, request);
	cr_assert(strstr(client_text(c), "\r\n\r\nok"), "%s%s", client_text(c), h1_world_log(a->w));
	app_world_free(a);
}

static int headers(weir_req *req)
{
	say("host", weir_header_get(req, "host"));
	say("Host", weir_header_get(req, "Host"));
	say("accept", weir_header_get(req, "accept"));
	say("empty", weir_header_get(req, "x-empty"));
	say("none", weir_header_get(req, "none"));
	return done(req);
}

Test(request_api, finds_header_fields_in_any_case)
{
	ask(headers, "/x",
	    "GET /x HTTP/1.1\r\nHOST: a\r\nAccept: 1\r\naccept: 2\r\nX-Empty:\r\n\r\n");
	cr_assert_str_eq(text, "host=a;Host=a;accept=1;empty=;none absent;");
}

static int params(weir_req *req)
{
	say("id", weir_param(req, "id"));
	say("rest", weir_param(req, "rest"));
	say("none", weir_param(req, "none"));
	return done(req);
}

Test(request_api, decodes_parameters_of_the_path)
{
	ask(params, "/{id}/{rest...}", "GET /a%2Fb%20c/d/%C3%A9 HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_str_eq(text, "id=a/b c;rest=d/\xc3\xa9;none absent;");
}

static int query(weir_req *req)
{
	weir_str name, value;
	size_t iter = 0;
	int r;

	say("b", weir_query_get(req, "b"));
	say("e", weir_query_get(req, "e"));
	say("f", weir_query_get(req, "f"));
	while ((r = weir_query_next(req, &iter, &name, &value)) > 0) {
		say("name", name);
		say("value", value);
	}
	seen[0] = r;
	return done(req);
}

Test(request_api, decodes_the_query)
{
	ask(query, "/x", "GET /x?a=1&b=%41+c&b=2&e HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_str_eq(text, "b=A c;e=;f absent;name=a;value=1;name=b;value=A c;name=b;value=2;"
			       "name=e;value=;");
	cr_assert_eq(seen[0], 0);
}

Test(request_api, has_no_query_where_there_is_none)
{
	ask(query, "/x", "GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_str_eq(text, "b absent;e absent;f absent;");
}

/* ---- memory */

static int print(weir_req *req)
{
	weir_str shorter = weir_printf(req, "%d-%s", 7, "x"), longer;

	longer = weir_printf(req, "%0600d", 1);
	say("short", shorter);
	seen[0] = (int)longer.len;
	seen[1] = longer.ptr[599];
	seen[2] = longer.ptr[600];
	say("copy", weir_copy(req, shorter));
	say("copy of nothing", weir_copy(req, (weir_str){ NULL, 0 }));
	memset(weir_alloc(req, 100000), 'x', 100000);
	return done(req);
}

Test(request_api, prints_and_copies_into_request_memory)
{
	ask(print, "/x", "GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_str_eq(text, "short=7-x;copy=7-x;copy of nothing=;");
	cr_assert_eq(seen[0], 600);
	cr_assert_eq(seen[1], '1');
	cr_assert_eq(seen[2], '\0');
}

/* ---- bodies */

#define POST(length) "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: " length "\r\n\r\n"
#define CHUNKED "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

static int whole_body(weir_req *req)
{
	weir_str body;

	seen[0] = weir_body(req, 5, &body);
	if (seen[0] == 0)
		say("body", body);
	seen[1] = weir_body(req, 5, &body);
	seen[2] = weir_body(req, 4, &body);
	seen[3] = weir_body_next(req, &body);
	return done(req);
}

Test(request_api, puts_the_body_together)
{
	ask(whole_body, "/x", POST("5") "hello");
	cr_assert_str_eq(text, "body=hello;");
	cr_assert_eq(seen[0], 0);
	cr_assert_eq(seen[1], 0);
	cr_assert_eq(seen[2], -EMSGSIZE);
	cr_assert_eq(seen[3], 0);
}

Test(request_api, puts_chunks_together)
{
	ask(whole_body, "/x", CHUNKED "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n");
	cr_assert_str_eq(text, "body=hello;");
}

static int trailers(weir_req *req)
{
	weir_str body;
	int r;

	say("early", weir_trailer_get(req, "x-sum"));
	r = weir_body(req, 5, &body);
	if (r < 0)
		return r;
	say("X-Sum", weir_trailer_get(req, "X-Sum"));
	say("empty", weir_trailer_get(req, "x-empty"));
	say("none", weir_trailer_get(req, "x-none"));
	say("header", weir_header_get(req, "x-sum"));
	say("host", weir_trailer_get(req, "host"));
	return done(req);
}

Test(request_api, finds_trailers_behind_the_body_and_apart_from_the_head)
{
	ask(trailers, "/x", CHUNKED "2\r\nhe\r\n0\r\nx-sum:  7 \r\nX-Empty:\r\n\r\n");
	cr_assert_str_eq(text,
			 "early absent;X-Sum=7;empty=;none absent;header absent;host absent;");
}

Test(request_api, has_no_trailers_where_there_are_none)
{
	struct app_world *a = app_world_new();
	struct client *c = client_new(a->w);

	app_world_route(a, "/x", trailers);
	client_send(c, CHUNKED "2\r\nhe\r\n0\r\nX-Sum: 7\r\n\r\n");
	text[0] = '\0';
	client_send(c, POST("2") "he");
	client_send(c, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_null(strchr(text, '='), "%s", text);
	app_world_free(a);
}

/* Asks for them when nobody is there any more. */
static int trailers_late(weir_req *req)
{
	weir_str body;
	int r;

	r = weir_body(req, 5, &body);
	if (r < 0)
		return r;
	seen[0] = weir_shielded(1000, weir_sleep(500));
	say("X-Sum", weir_trailer_get(req, "X-Sum"));
	return 0;
}

Test(request_api, keeps_trailers_when_the_client_has_gone)
{
	struct app_world *a = app_world_new();
	struct client *c = client_new(a->w);

	app_world_route(a, "/x", trailers_late);
	client_send(c, CHUNKED "2\r\nhe\r\n0\r\nX-Sum: 7\r\n\r\n");
	client_close(c);
	h1_world_pass(a->w, 501);
	cr_assert_str_eq(text, "X-Sum=7;");
	app_world_free(a);
}

Test(request_api, has_an_empty_body_where_there_is_none)
{
	ask(whole_body, "/x", "GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_str_eq(text, "body=;");
}

Test(request_api, refuses_a_body_larger_than_the_handler_allows)
{
	ask(whole_body, "/x", POST("6") "hello!");
	cr_assert_eq(seen[0], -EMSGSIZE);
	ask(whole_body, "/x", CHUNKED "6\r\nhello!\r\n0\r\n\r\n");
	cr_assert_eq(seen[0], -EMSGSIZE);
}

static int no_body_at_all(weir_req *req)
{
	weir_str body;

	seen[0] = weir_body(req, 0, &body);
	return done(req);
}

Test(request_api, may_allow_no_body_at_all)
{
	ask(no_body_at_all, "/x", CHUNKED "0\r\n\r\n");
	cr_assert_eq(seen[0], 0);
	ask(no_body_at_all, "/x", CHUNKED "1\r\na\r\n0\r\n\r\n");
	cr_assert_eq(seen[0], -EMSGSIZE);
}

/* A deadline ends the call, not the body. */
static int body_in_time(weir_req *req)
{
	weir_str body;
	int r;

	seen[0] = weir_within(100, weir_body(req, 10, &body));
	r = weir_body(req, 10, &body);
	if (r < 0)
		return r;
	say("body", body);
	return done(req);
}

Test(request_api, loses_nothing_of_a_body_that_came_too_late)
{
	struct app_world *a = app_world_new();
	struct client *c = client_new(a->w);

	app_world_route(a, "/x", body_in_time);
	client_send(c, POST("5") "he");
	h1_world_pass(a->w, 101);
	cr_assert_eq(seen[0], -ETIMEDOUT);
	client_send(c, "llo");
	cr_assert(strstr(client_text(c), "\r\n\r\nok"));
	cr_assert_str_eq(text, "body=hello;");
	app_world_free(a);
}

/* ---- the log */

static int log_lines(weir_req *req)
{
	weir_log(req, WEIR_LOG_INFO, "got %d of\n%s", 3, "x");
	weir_log(req, WEIR_LOG_DEBUG, "unseen");
	return done(req);
}

Test(request_api, logs_with_the_handlers_name)
{
	struct app_world *a = app_world_new();

	a->w->log.level = LOG_AT_INFO;
	app_world_route(a, "/x", log_lines);
	(void)app_world_ask(a, "/x");
	cr_assert_str_eq(h1_world_log(a->w), "info: test.handler: got 3 of\\x0ax\n");
	app_world_free(a);
}
