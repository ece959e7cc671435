/* test_gzip.c - which answers are compressed on their way, and that they are the same. */
#include "app/gzip.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "app_world.h"
#include "oom.h"

static const weir_str types[] = { { "text/", 5 }, { "application/json", 16 } };

struct world {
	struct app_world *a;
	struct client *c;
	struct gzip *gzip;
};

static void init(struct world *w, weir_handler *fn)
{
	struct gzip_rules rules = { 100, 4, types, 2 };
	struct route *route;

	w->a = app_world_new();
	w->c = client_new(w->a->w);
	cr_assert_eq(gzip_new(&rules, &w->gzip), 0);
	route = app_world_route(w->a, "/", fn);
	route->gzip = w->gzip;
	route->io = gzip_layer(w->gzip);
}

static void done(struct world *w)
{
	app_world_free(w->a);
	(void)gzip_free(w->gzip);
}

static const char *ask(struct world *w, const char *method, const char *accept)
{
	char text[256];

	(void)snprintf(text, sizeof(text),
		       "%s / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: %s\r\n\r\n", method, accept);
	client_forget(w->c);
	client_send(w->c, text);
	return client_text(w->c);
}

/* What stands behind the head, inflated; a chunked body without its chunks. */
static size_t inflate_body(struct world *w, char *out, size_t room)
{
	char *body, *end, *flat = malloc(w->c->bytes.len);
	z_stream z = { .next_out = (Bytef *)out, .avail_out = (uInt)room };
	size_t n = 0;

	cr_assert_not_null(flat);
	body = memmem(w->c->bytes.data, w->c->bytes.len, "\r\n\r\n", 4);
	cr_assert_not_null(body);
	body += 4;
	end = w->c->bytes.data + w->c->bytes.len;
	if (strstr(client_text(w->c), "transfer-encoding: chunked")) {
		for (size_t len; (len = strtoul(body, &body, 16)) > 0; body += len + 2) {
			body += 2;
			cr_assert_leq(len, (size_t)(end - body));
			memcpy(flat + n, body, len);
			n += len;
		}
	} else {
		n = (size_t)(end - body);
		memcpy(flat, body, n);
	}
	z.next_in = (Bytef *)flat;
	z.avail_in = (uInt)n;
	cr_assert_eq(inflateInit2(&z, 15 + 16), Z_OK);
	cr_assert_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
	cr_assert_eq(z.avail_in, 0);
	(void)inflateEnd(&z);
	free(flat);
	return room - z.avail_out;
}

static char large[50000];

static void fill(void)
{
	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (char)('a' + i % 23);
}

static int respond_short(weir_req *req)
{
	return weir_respond(req, 200, "text/plain", (weir_str){ large, 1000 });
}

Test(gzip, a_short_answer_keeps_a_length)
{
	char out[2000];
	struct world w;

	fill();
	init(&w, respond_short);
	cr_expect(strstr(ask(&w, "GET", "gzip"), "content-encoding: gzip\r\n"));
	cr_expect(strstr(client_text(w.c), "vary: accept-encoding\r\n"));
	cr_expect(strstr(client_text(w.c), "content-length: "));
	cr_assert_eq(inflate_body(&w, out, sizeof(out)), 1000);
	cr_expect_eq(memcmp(out, large, 1000), 0);
	done(&w);
}

static int respond_long(weir_req *req)
{
	return weir_respond(req, 200, "application/json; charset=utf-8",
			    (weir_str){ large, sizeof(large) });
}

static int respond_in_pieces(weir_req *req)
{
	int r = weir_set_header(req, "content-length", WEIR_STR("50000"));

	if (r >= 0)
		r = weir_start(req, 200, "text/html");
	for (size_t i = 0; i < sizeof(large) && r >= 0; i += 1000)
		r = weir_write(req, (weir_str){ large + i, 1000 });
	return r;
}

static int respond_openly(weir_req *req)
{
	int r = weir_start(req, 200, "text/html");

	for (size_t i = 0; i < sizeof(large) && r >= 0; i += 1000)
		r = weir_write(req, (weir_str){ large + i, 1000 });
	return r;
}

static void expect_large(weir_handler *fn)
{
	static char out[60000];
	struct world w;

	fill();
	init(&w, fn);
	for (int i = 0; i < 3; i++) {
		cr_expect(strstr(ask(&w, "GET", "br;q=0.5, gzip"), "content-encoding: gzip\r\n"));
		cr_assert_eq(inflate_body(&w, out, sizeof(out)), sizeof(large));
		cr_expect_eq(memcmp(out, large, sizeof(large)), 0);
	}
	done(&w);
}

Test(gzip, a_long_answer_is_the_same)
{
	expect_large(respond_long);
}

Test(gzip, so_is_one_in_pieces)
{
	expect_large(respond_in_pieces);
}

Test(gzip, so_is_one_of_unknown_length)
{
	expect_large(respond_openly);
}

static int write_and_wait(weir_req *req)
{
	int r = weir_start(req, 200, "text/plain");

	if (r >= 0)
		r = weir_write(req, WEIR_STR("now"));
	return r < 0 ? r : weir_sleep(1000);
}

/* With a sync flush the bytes end with an empty stored block. */
Test(gzip, what_is_written_is_on_its_way)
{
	struct world w;

	init(&w, write_and_wait);
	(void)ask(&w, "GET", "gzip");
	cr_expect(memmem(w.c->bytes.data, w.c->bytes.len, "\0\0\xff\xff\r\n", 6));
	h1_world_pass(w.a->w, 1001);
	(void)client_text(w.c);
	cr_expect(memmem(w.c->bytes.data, w.c->bytes.len, "\r\n0\r\n\r\n", 7));
	done(&w);
}

struct row {
	char what[32], field[32], value[40], type[32];
	int status;
	unsigned len;
	bool is_coded, has_vary;
};

static struct row *asked;

static int respond_as_asked(weir_req *req)
{
	int r = asked->field[0] ? weir_set_header(req, asked->field, weir_strz(asked->value)) : 0;

	return r < 0 ? r
		     : weir_respond(req, asked->status, asked->type,
				    (weir_str){ large, asked->len });
}

ParameterizedTestParameters(gzip, codes)
{
	static struct row rows[] = {
		{ "text", "", "", "text/plain", 200, 1000, true, true },
		{ "an error", "", "", "text/plain", 404, 1000, true, true },
		{ "a strong tag", "etag", "\"a\"", "text/plain", 200, 1000, true, true },
		{ "vary", "vary", "accept-encoding", "text/plain", 200, 1000, true, true },
		{ "short", "", "", "text/plain", 200, 99, false, false },
		{ "nothing", "", "", "text/plain", 200, 0, false, false },
		{ "an image", "", "", "image/png", 200, 1000, false, false },
		{ "events", "", "", "text/event-stream", 200, 1000, false, false },
		{ "a part", "", "", "text/plain", 206, 1000, false, true },
		{ "a part too", "content-range", "bytes 0-999/2000", "text/plain", 200, 1000, false,
		  true },
		{ "a part of an image", "", "", "image/png", 206, 1000, false, false },
		{ "what has not changed", "", "", "text/plain", 304, 0, false, true },
		{ "coded already", "content-encoding", "br", "text/plain", 200, 1000, false,
		  false },
		{ "forbidden", "cache-control", "private, no-transform", "text/plain", 200, 1000,
		  false, false },
		{ "no body", "", "", "text/plain", 204, 1000, false, false },
	};

	return cr_make_param_array(struct row, rows, sizeof(rows) / sizeof(*rows));
}

ParameterizedTest(struct row *row, gzip, codes)
{
	const char *text;
	struct world w;

	fill();
	asked = row;
	init(&w, respond_as_asked);
	text = ask(&w, "GET", "gzip");
	cr_expect_eq(!!strstr(text, "content-encoding: gzip\r\n"), row->is_coded, "%s", row->what);
	cr_expect_eq(!!strstr(text, "vary: accept-encoding\r\n"), row->has_vary, "%s", row->what);
	cr_expect_eq(!!strstr(text, "etag: W/\"a\"\r\n"), !strcmp(row->field, "etag"), "%s",
		     row->what);
	text = ask(&w, "GET", "br, gzip;q=0");
	cr_expect_not(strstr(text, "content-encoding: gzip"), "%s", row->what);
	cr_expect_eq(!!strstr(text, "vary: accept-encoding\r\n"), row->has_vary, "%s", row->what);
	cr_expect_not(strstr(text, "W/"), "%s", row->what);
	done(&w);
}

static int not_modified(weir_req *req)
{
	int r = weir_set_header(req, "etag", WEIR_STR("\"a\""));

	return r < 0 ? r : weir_respond(req, 304, NULL, WEIR_STR(""));
}

/* RFC 9111, section 4.3.4: a strong tag that a cache does not have would refresh nothing there. */
Test(gzip, what_has_not_changed_has_the_tag_that_was_asked_for)
{
	struct world w;

	init(&w, not_modified);
	client_send(w.c, "GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n"
			 "If-None-Match: \"b\", W/\"a\"\r\n\r\n");
	cr_expect(strstr(client_text(w.c), "etag: W/\"a\"\r\n"));
	client_forget(w.c);
	client_send(w.c, "GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n"
			 "If-None-Match: W/\"b\", \"a\"\r\n\r\n");
	cr_expect(strstr(client_text(w.c), "etag: \"a\"\r\n"));
	done(&w);
}

Test(gzip, a_head_says_the_same_without_a_body)
{
	const char *text;
	struct world w;

	fill();
	init(&w, respond_long);
	text = ask(&w, "HEAD", "gzip");
	cr_expect(strstr(text, "content-encoding: gzip\r\n"));
	cr_expect_not(strstr(text, "content-length"));
	cr_expect_str_eq(text + strlen(text) - 4, "\r\n\r\n");
	cr_expect(strstr(ask(&w, "GET", "gzip"), "HTTP/1.1 200"));
	done(&w);
}

static char huge[1000000];
static unsigned n_answered, n_before_it;

static int respond_hugely(weir_req *req)
{
	return weir_respond(req, 200, "text/plain", (weir_str){ huge, sizeof(huge) });
}

static int write_hugely(weir_req *req)
{
	int r = weir_start(req, 200, "text/plain");

	return r < 0 ? r : weir_write(req, (weir_str){ huge, sizeof(huge) });
}

static int (*hugely)(weir_req *req);

static int answer_hugely(weir_req *req)
{
	int r = hugely(req);

	n_before_it = n_answered;
	return r;
}

static int answer_at_once(weir_req *req)
{
	n_answered++;
	return weir_respond(req, 200, "text/plain", WEIR_STR("x"));
}

static unsigned others_answered(int (*fn)(weir_req *req))
{
	static const char coded[] = "GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n";
	static const char plain[] = "GET /other HTTP/1.1\r\nHost: x\r\n\r\n";
	struct client *others[2];
	struct world w;

	n_answered = n_before_it = 0;
	hugely = fn;
	init(&w, answer_hugely);
	app_world_route(w.a, "/other", answer_at_once);
	for (size_t i = 0; i < sizeof(huge); i++)
		huge[i] = (char)('a' + i % 23);
	/* One of them is read before it, the other one behind it. */
	others[0] = client_new(w.a->w);
	w.c = client_new(w.a->w);
	others[1] = client_new(w.a->w);
	(void)client_push(others[0], plain, strlen(plain));
	(void)client_push(w.c, coded, strlen(coded));
	(void)client_push(others[1], plain, strlen(plain));
	h1_world_pass(w.a->w, 1);
	cr_expect(strstr(client_text(w.c), "content-encoding: gzip\r\n"));
	done(&w);
	return n_before_it;
}

/* A megabyte takes tens of milliseconds. */
Test(gzip, others_have_their_turn_meanwhile)
{
	cr_expect_eq(others_answered(respond_hugely), 2);
	cr_expect_eq(others_answered(write_hugely), 2);
}

static int promise_more(weir_req *req)
{
	int r = weir_set_header(req, "content-length", WEIR_STR("50000"));

	if (r >= 0)
		r = weir_start(req, 200, "text/html");
	return r < 0 ? r : weir_write(req, (weir_str){ large, 1000 });
}

Test(gzip, a_body_shorter_than_promised_is_cut)
{
	struct world w;

	fill();
	init(&w, promise_more);
	(void)ask(&w, "GET", "gzip");
	cr_expect(client_is_closed(w.c));
	cr_expect_not(memmem(w.c->bytes.data, w.c->bytes.len, "\r\n0\r\n\r\n", 7));
	done(&w);
}

static int forget(weir_req *req)
{
	return WEIR_STATUS(418);
}

Test(gzip, who_does_not_answer_has_a_page)
{
	struct world w;

	init(&w, forget);
	cr_expect(strstr(ask(&w, "GET", "gzip"), "HTTP/1.1 418 "));
	done(&w);
}

/* ---- memory */

static struct {
	weir_handler *fn;
	unsigned at;
	bool has_failed;
} oom;

static int run_without_memory(weir_req *req)
{
	int r;

	oom_fail_at(oom.at);
	r = oom.fn(req);
	oom.has_failed = oom_has_failed();
	return r;
}

/* Whatever became of the first answer, there is nothing left of it for the next one. */
static bool expect_large_after(unsigned n)
{
	static char out[60000];
	bool has_failed;
	struct world w;

	oom.at = n;
	init(&w, run_without_memory);
	(void)ask(&w, "GET", "gzip");
	has_failed = oom.has_failed;
	oom.at = 0;
	w.c = client_new(w.a->w);
	cr_assert(strstr(ask(&w, "GET", "gzip"), "content-encoding: gzip\r\n"), "after %u", n);
	cr_assert_eq(inflate_body(&w, out, sizeof(out)), sizeof(large));
	cr_assert_eq(memcmp(out, large, sizeof(large)), 0);
	done(&w);
	return has_failed;
}

static void expect_survival(weir_handler *fn)
{
	unsigned n = 0;

	fill();
	oom.fn = fn;
	while (expect_large_after(++n))
		cr_assert_lt(n, 100);
	cr_expect_gt(n, 1);
}

Test(gzip, survives_when_any_allocation_fails)
{
	expect_survival(respond_long);
	expect_survival(respond_in_pieces);
	expect_survival(respond_openly);
}
