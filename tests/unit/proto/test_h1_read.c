/*
 * test_h1_read.c - whole connections: what goes in is bytes, what comes out is
 * h1_feed's text. Every case is fed whole, byte by byte, and cut at every place.
 */
#include "proto/h1_read.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "base/arena.h"
#include "base/buf.h"
#include "h1_feed.h"
#include "oom.h"
#include "proto/h1_second.h"

struct row {
	const char *name;
	weir_str bytes;
	const char *text;
};

#define ROW(name, bytes, text)                           \
	{                                                \
		name, { bytes, sizeof(bytes) - 1 }, text \
	}
#define GET "GET / HTTP/1.1\r\nHost: a\r\n"
#define GET_TEXT "GET / 11 keep @a\n  host=a\n"
#define CHUNKED "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
#define CHUNKED_TEXT "POST / 11 keep chunked @a\n  host=a\n  transfer-encoding=chunked\n"

static const struct row rows[] = {
	/* heads */
	ROW("a GET", GET "\r\n", GET_TEXT "done\n"),
	ROW("an empty line in front", "\r\n" GET "\r\n", GET_TEXT "done\n"),
	ROW("only the empty line", "\r\n", "head...\n"),
	ROW("half a head", GET, "head...\n"),
	ROW("names become lower-case, values stay",
	    GET "X-AbC: DeF\r\nA-Rather-Long-NAME_Z: Q\r\nB:\r\n\r\n",
	    GET_TEXT "  x-abc=DeF\n  a-rather-long-name_z=Q\n  b=\ndone\n"),
	ROW("blanks around a value go", GET "x: \t a b\t \r\ny:z\r\n\r\n",
	    GET_TEXT "  x=a b\n  y=z\ndone\n"),
	ROW("a value of blanks is empty", GET "x: \t \r\ny: z\r\n\r\n",
	    GET_TEXT "  x=\n  y=z\ndone\n"),
	ROW("bytes over 127 in a value", GET "x: \xc3\xa4\xff\r\n\r\n",
	    GET_TEXT "  x=\xc3\xa4\xff\ndone\n"),
	ROW("1.0 without Host", "GET /x?y HTTP/1.0\r\n\r\n", "GET /x?y 10 close\nclosed\n"),
	ROW("absolute form", "GET http://b:80/x HTTP/1.1\r\nHost: B\r\n\r\n",
	    "GET http://b:80/x 11 keep @b:80\n  host=B\ndone\n"),
	ROW("asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
	    "OPTIONS * 11 keep @a\n  host=a\ndone\n"),
	ROW("M-SEARCH", "M-SEARCH / HTTP/1.1\r\nHost: a\r\n\r\n",
	    "M-SEARCH / 11 keep @a\n  host=a\ndone\n"),
	ROW("what browsers send raw", "GET /[]{}|^`?q=[a]|'() HTTP/1.1\r\nHost: a\r\n\r\n",
	    "GET /[]{}|^`?q=[a]|'() 11 keep @a\n  host=a\ndone\n"),
	ROW("IPv6 in Host", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
	    "GET / 11 keep @[::1]:80\n  host=[::1]:80\ndone\n"),

	/* keep-alive */
	ROW("close", GET "Connection: close\r\n\r\nGET",
	    "GET / 11 close @a\n  host=a\n"
	    "  connection=close\nclosed\n"),
	ROW("close and a tab", GET "Connection: close\t\r\n\r\nGET",
	    "GET / 11 close @a\n  host=a\n  connection=close\nclosed\n"),
	ROW("close behind a tab", GET "Connection:\tclose\r\n\r\n",
	    "GET / 11 close @a\n  host=a\n  connection=close\nclosed\n"),
	ROW("CLOSE in a list", GET "Connection: x,\tCLOSE\t,y\r\n\r\n",
	    "GET / 11 close @a\n  host=a\n  connection=x,\tCLOSE\t,y\nclosed\n"),
	ROW("close in a second field", GET "Connection: x\r\nConnection: close\r\n\r\n",
	    "GET / 11 close @a\n  host=a\n  connection=x\n  connection=close\nclosed\n"),
	ROW("close beats keep-alive", GET "Connection: keep-alive, close\r\n\r\n",
	    "GET / 11 close @a\n  host=a\n  connection=keep-alive, close\nclosed\n"),
	ROW("not quite close", GET "Connection: closed\r\n\r\n",
	    GET_TEXT "  connection=closed\ndone\n"),
	ROW("close is no field name", GET "close: connection\r\n\r\n",
	    GET_TEXT "  close=connection\ndone\n"),
	ROW("1.0 with keep-alive, twice",
	    "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\nGET / HTTP/1.0\r\n\r\n",
	    "GET / 10 keep\n  connection=Keep-Alive\nGET / 10 close\nclosed\n"),
	ROW("1.0 with keep-alive and close",
	    "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
	    "GET / 10 close\n  connection=keep-alive, close\nclosed\n"),
	ROW("three in one buffer", GET "\r\n" GET "\r\n" GET "x: y\r\n\r\n",
	    GET_TEXT GET_TEXT GET_TEXT "  x=y\ndone\n"),
	ROW("an empty line between", GET "\r\n\r\n" GET "\r\n", GET_TEXT GET_TEXT "done\n"),
	ROW("the good ones of a pipeline come first", GET "\r\n" GET "x : y\r\n\r\n",
	    GET_TEXT "fault field-name\n"),

	/* expectations and upgrades */
	ROW("Expect",
	    "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\nx",
	    "PUT / 11 keep length=1 continue @a\n  host=a\n  expect=100-Continue\n"
	    "  content-length=1\n  body 1 x\ndone\n"),
	ROW("Expect without body", GET "Expect: 100-continue\r\n\r\n",
	    GET_TEXT "  expect=100-continue\ndone\n"),
	ROW("another Expect", GET "Expect: 200-ok\r\n\r\n",
	    "GET / 11 keep bad-expect @a\n  host=a\n  expect=200-ok\ndone\n"),
	ROW("Expect on 1.0", "PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n",
	    "PUT / 10 close length=0\n  expect=100-continue\n  content-length=0\nclosed\n"),
	ROW("WebSocket", GET "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
	    "GET / 11 keep upgrade @a\n  host=a\n  connection=Upgrade\n  "
	    "upgrade=websocket\ndone\n"),
	ROW("an upgrade that is ignored",
	    GET "Connection: upgrade\r\nUpgrade: h2c\r\n\r\n" GET "\r\n",
	    "GET / 11 keep upgrade @a\n  host=a\n  connection=upgrade\n  upgrade=h2c\n" GET_TEXT
	    "done\n"),
	ROW("an ignored upgrade with a body",
	    "POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n"
	    "Content-Length: 3\r\n\r\nabc" GET "\r\n",
	    "POST / 11 keep length=3 upgrade @a\n  host=a\n  connection=upgrade\n  upgrade=h2c\n"
	    "  content-length=3\n  body 3 abc\n" GET_TEXT "done\n"),
	ROW("an ignored upgrade with chunks",
	    "POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n" GET "\r\n",
	    "POST / 11 keep chunked upgrade @a\n  host=a\n  connection=upgrade\n  upgrade=h2c\n"
	    "  transfer-encoding=chunked\n  body 1 x\n" GET_TEXT "done\n"),
	ROW("Upgrade without Connection", GET "Upgrade: h2c\r\n\r\n",
	    GET_TEXT "  upgrade=h2c\ndone\n"),

	/* bodies with a length */
	ROW("a length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" GET "\r\n",
	    "POST / 11 keep length=5 @a\n  host=a\n  content-length=5\n  body 5 hello\n" GET_TEXT
	    "done\n"),
	ROW("a length of zero",
	    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" GET "\r\n",
	    "POST / 11 keep length=0 @a\n  host=a\n  content-length=0\n" GET_TEXT "done\n"),
	ROW("a GET with a body", GET "Content-Length: 2\r\n\r\nhi",
	    "GET / 11 keep length=2 @a\n  host=a\n  content-length=2\n  body 2 hi\ndone\n"),
	ROW("a body and close",
	    "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
	    "Content-Length: 2\r\n\r\nhiGET",
	    "POST / 11 close length=2 @a\n  host=a\n  connection=close\n  content-length=2\n"
	    "  body 2 hi\nclosed\n"),
	ROW("a body that looks like a head",
	    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\n",
	    "POST / 11 keep length=18 @a\n  host=a\n  content-length=18\n"
	    "  body 18 GET / HTTP/1.1\r\n\r\n\ndone\n"),
	ROW("half a body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel",
	    "POST / 11 keep length=5 @a\n  host=a\n  content-length=5\nbody...\n"),
	ROW("a body on 1.0", "POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi",
	    "POST / 10 close length=2\n  content-length=2\n  body 2 hi\nclosed\n"),
	ROW("a body over the limit",
	    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\nhi",
	    "POST / 11 keep length=1048577 @a\n  host=a\n  content-length=1048577\n"
	    "fault body-too-large\n"),

	/* chunks */
	ROW("chunks", CHUNKED "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n" GET "\r\n",
	    CHUNKED_TEXT "  body 6 hello!\n" GET_TEXT "done\n"),
	ROW("no chunks", CHUNKED "0\r\n\r\n", CHUNKED_TEXT "done\n"),
	ROW("the last chunk in many digits", CHUNKED "0000000000000000\r\n\r\n",
	    CHUNKED_TEXT "done\n"),
	ROW("sizes in hex, of both cases",
	    CHUNKED "a\r\n0123456789\r\n0A\r\n0123456789\r\n0\r\n\r\n",
	    CHUNKED_TEXT "  body 20 01234567890123456789\ndone\n"),
	ROW("chunk data of CR and LF", CHUNKED "4\r\n\r\n\r\n\r\n0\r\n\r\n",
	    CHUNKED_TEXT "  body 4 \r\n\r\n\ndone\n"),
	ROW("extensions", CHUNKED "1;a\r\nx\r\n1;b;d=\"e ; f\";g=h\r\ny\r\n0;last\r\n\r\n",
	    CHUNKED_TEXT "  body 2 xy\ndone\n"),
	ROW("half a chunk", CHUNKED "5\r\nhel", CHUNKED_TEXT "body...\n"),
	ROW("chunks without last", CHUNKED "1\r\nx\r\n", CHUNKED_TEXT "body...\n"),
	ROW("chunks without the empty line", CHUNKED "1\r\nx\r\n0\r\n", CHUNKED_TEXT "body...\n"),
	ROW("chunk size with seventeen digits", CHUNKED "00000000000000001\r\nx\r\n0\r\n\r\n",
	    CHUNKED_TEXT "fault chunk-size\n"),
	ROW("the largest chunk size", CHUNKED "ffffffffffffffff\r\n",
	    CHUNKED_TEXT "fault body-too-large\n"),
	ROW("chunks over the limit together", CHUNKED "1\r\nx\r\n100000\r\n",
	    CHUNKED_TEXT "fault body-too-large\n"),
	ROW("chunk size that is empty", CHUNKED "\r\nx\r\n", CHUNKED_TEXT "fault chunk-size\n"),
	ROW("chunk size of an extension", CHUNKED ";a\r\n", CHUNKED_TEXT "fault chunk-size\n"),
	ROW("chunk size with 0x", CHUNKED "0x1\r\nx\r\n", CHUNKED_TEXT "fault chunk-size\n"),
	ROW("chunk size with plus", CHUNKED "+1\r\nx\r\n", CHUNKED_TEXT "fault chunk-size\n"),
	ROW("chunk size with minus", CHUNKED "-1\r\nx\r\n", CHUNKED_TEXT "fault chunk-size\n"),
	ROW("space before a chunk size", CHUNKED " 1\r\nx\r\n", CHUNKED_TEXT "fault chunk-size\n"),
	ROW("space behind a chunk size", CHUNKED "1 \r\nx\r\n", CHUNKED_TEXT "fault chunk-size\n"),
	ROW("bare LF behind a chunk size", CHUNKED "1\nx\r\n", CHUNKED_TEXT "fault bare-lf\n"),
	ROW("bare CR behind a chunk size", CHUNKED "1\rx\r\n", CHUNKED_TEXT "fault bare-cr\n"),
	ROW("bare LF behind an extension", CHUNKED "1;a\nx\r\n", CHUNKED_TEXT "fault bare-lf\n"),
	ROW("bare CR behind an extension", CHUNKED "1;a\r\rx\r\n", CHUNKED_TEXT "fault bare-cr\n"),
	ROW("bare LF behind the last size", CHUNKED "0\n\r\n", CHUNKED_TEXT "fault bare-lf\n"),
	ROW("bare LF behind chunk data", CHUNKED "1\r\nx\n", CHUNKED_TEXT "fault chunk-end\n"),
	ROW("bare CR behind chunk data", CHUNKED "1\r\nx\r1", CHUNKED_TEXT "fault chunk-end\n"),
	ROW("chunk data longer than said", CHUNKED "1\r\nxy\r\n", CHUNKED_TEXT "fault chunk-end\n"),
	ROW("extension without name", CHUNKED "1;\r\n", CHUNKED_TEXT "fault chunk-ext\n"),
	ROW("extension without value", CHUNKED "1;a=\r\n", CHUNKED_TEXT "fault chunk-ext\n"),
	ROW("extension with a space", CHUNKED "1; a\r\n", CHUNKED_TEXT "fault chunk-ext\n"),
	ROW("extension with a tab", CHUNKED "1;a\t\r\n", CHUNKED_TEXT "fault chunk-ext\n"),
	ROW("extension with an open quote", CHUNKED "1;a=\"b\r\n",
	    CHUNKED_TEXT "fault chunk-ext\n"),
	ROW("extension behind a value without quotes", CHUNKED "1;a=b;c\r\n",
	    CHUNKED_TEXT "fault chunk-ext\n"),
	ROW("extension with a backslash", CHUNKED "1;a=\"\\b\"\r\n",
	    CHUNKED_TEXT "fault chunk-ext\n"),
	ROW("extension with text behind a quote", CHUNKED "1;a=\"b\"c\r\n",
	    CHUNKED_TEXT "fault chunk-ext\n"),
	ROW("extension with a bare LF in quotes", CHUNKED "1;a=\"\n\"\r\n",
	    CHUNKED_TEXT "fault chunk-ext\n"),
	ROW("extension with two equal signs", CHUNKED "1;a==b\r\n",
	    CHUNKED_TEXT "fault chunk-ext\n"),

	/* trailers */
	ROW("trailers", CHUNKED "1\r\nx\r\n0\r\nX-Sum: 7 \r\nOther:\r\n\r\n" GET "\r\n",
	    CHUNKED_TEXT "  body 1 x\n  trailer x-sum=7\n  trailer other=\n" GET_TEXT "done\n"),
	ROW("trailers without body", CHUNKED "0\r\na: b\r\n\r\n",
	    CHUNKED_TEXT "  trailer a=b\ndone\n"),
	ROW("Connection in trailers changes nothing",
	    CHUNKED "0\r\nConnection: close\r\n\r\n" GET "\r\n",
	    CHUNKED_TEXT "  trailer connection=close\n" GET_TEXT "done\n"),
	ROW("keep-alive in trailers changes nothing",
	    "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "0\r\nConnection: keep-alive\r\n\r\nGET",
	    "POST / 11 close chunked @a\n  host=a\n  connection=close\n  "
	    "transfer-encoding=chunked\n"
	    "  trailer connection=keep-alive\nclosed\n"),
	ROW("Upgrade in trailers changes nothing",
	    CHUNKED "0\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n" GET "\r\n",
	    CHUNKED_TEXT "  trailer connection=upgrade\n  trailer upgrade=h2c\n" GET_TEXT "done\n"),
	ROW("half a trailer", CHUNKED "0\r\na: b\r\n", CHUNKED_TEXT "body...\n"),
	ROW("bare LF in trailers", CHUNKED "0\r\na: b\n\r\n", CHUNKED_TEXT "fault bare-lf\n"),
	ROW("bare LF as the last line", CHUNKED "0\r\n\n", CHUNKED_TEXT "fault bare-lf\n"),
	ROW("bare CR in trailers", CHUNKED "0\r\na: b\rc\r\n\r\n", CHUNKED_TEXT "fault bare-cr\n"),
	ROW("obs-fold in trailers", CHUNKED "0\r\na: b\r\n c\r\n\r\n",
	    CHUNKED_TEXT "fault obs-fold\n"),
	ROW("empty name in trailers", CHUNKED "0\r\n: b\r\n\r\n",
	    CHUNKED_TEXT "fault field-name\n"),
	ROW("space before a colon in trailers", CHUNKED "0\r\na : b\r\n\r\n",
	    CHUNKED_TEXT "fault field-name\n"),
	ROW("NUL in trailers", CHUNKED "0\r\na: \0\r\n\r\n", CHUNKED_TEXT "fault control-byte\n"),
	ROW("Content-Length in trailers", CHUNKED "0\r\nContent-Length: 5\r\n\r\n",
	    CHUNKED_TEXT "fault trailer\n"),
	ROW("Transfer-Encoding in trailers", CHUNKED "0\r\nTransfer-Encoding: chunked\r\n\r\n",
	    CHUNKED_TEXT "fault trailer\n"),
	ROW("Host in trailers", CHUNKED "0\r\nHost: b\r\n\r\n", CHUNKED_TEXT "fault trailer\n"),

	/* what never gets past the guard, seen from here */
	ROW("CONNECT", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nxyz", "fault connect\n"),
	ROW("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "fault version\n"),
};

ParameterizedTestParameters(h1_read, understands)
{
	static size_t index[ARRAY_LEN(rows)];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		index[i] = i;
	return cr_make_param_array(size_t, index, ARRAY_LEN(rows));
}

ParameterizedTest(size_t *index, h1_read, understands)
{
	const struct row *row = &rows[*index];
	struct h1_feed how = h1_feed_default();
	char *text = h1_feed_run(&how, row->bytes), *differs = h1_feed_differs(&how, row->bytes);

	cr_expect_str_eq(text, row->text, "%s:\n%s--- expected:\n%s", row->name, text, row->text);
	cr_expect_null(differs, "%s: %s", row->name, differs);
	free(text);
	free(differs);
}

/* A body of n one-byte chunks, each with an extension of ext_len bytes. */
static char *extended_chunks(size_t n, size_t ext_len)
{
	struct buf b;
	char *text;

	buf_init(&b, 0);
	cr_assert_eq(buf_append_str(&b, WEIR_STR(CHUNKED)), 0);
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(buf_printf(&b, "1;%0*d\r\nx\r\n", (int)ext_len - 1, 0), 0);
	cr_assert_eq(buf_printf(&b, "0\r\n\r\n"), 0);
	text = buf_steal(&b);
	return text;
}

Test(h1_read, takes_4_KiB_of_extensions_in_a_body)
{
	struct h1_feed how = h1_feed_default();
	char *bytes = extended_chunks(4, 1024), *text = h1_feed_run(&how, weir_strz(bytes));

	cr_expect_str_eq(text, CHUNKED_TEXT "  body 4 xxxx\ndone\n");
	free(text);
	free(bytes);
}

Test(h1_read, refuses_more_than_4_KiB_of_extensions_in_a_body)
{
	struct h1_feed how = h1_feed_default();
	char *bytes = extended_chunks(5, 1024), *text = h1_feed_run(&how, weir_strz(bytes));

	cr_expect_str_eq(text, CHUNKED_TEXT "fault chunk-ext\n");
	free(text);
	free(bytes);
}

Test(h1_read, limits_trailers_like_a_head)
{
	static const char big[] = CHUNKED
		"0\r\na: 0123456789012345678901234567890123456789"
		"01234567890123456789012345678901234567890123456789\r\n\r\n";
	static const char many[] = CHUNKED "0\r\na:1\r\nb:2\r\nc:3\r\n\r\n";
	struct h1_feed how = h1_feed_default();
	char *text, *differs;

	how.limits.max_head = 80;
	how.limits.max_fields = 2;
	text = h1_feed_run(&how, weir_strz(big));
	differs = h1_feed_differs(&how, weir_strz(big));
	cr_expect_str_eq(text, CHUNKED_TEXT "fault fields-too-large\n");
	cr_expect_null(differs, "%s", differs);
	free(text);
	text = h1_feed_run(&how, weir_strz(many));
	cr_expect_str_eq(text, CHUNKED_TEXT "fault fields-too-large\n");
	free(text);
}

Test(h1_read, takes_a_body_of_exactly_the_limit)
{
	struct h1_feed how = h1_feed_default();
	char *text;

	how.max_body = 3;
	text = h1_feed_run(&how, WEIR_STR(CHUNKED "1\r\nx\r\n2\r\nyz\r\n0\r\n\r\n"));
	cr_expect_str_eq(text, CHUNKED_TEXT "  body 3 xyz\ndone\n");
	free(text);
	how.max_body = 2;
	text = h1_feed_run(&how, WEIR_STR(CHUNKED "1\r\nx\r\n2\r\nyz\r\n0\r\n\r\n"));
	cr_expect_str_eq(text, CHUNKED_TEXT "fault body-too-large\n");
	free(text);
}

/* One request with trailers, from a buffer of its own; the first thing that went wrong. */
static int read_one(struct budget *budget, weir_str bytes)
{
	char *copy = strndup(bytes.ptr, bytes.len);
	const struct h1_limits limits = { 4096, 4096, 100 };
	enum fault fault = FAULT_NONE;
	size_t used = 0, at;
	weir_str piece;
	struct h1_field_at fields_at[100];
	struct h1_head head;
	struct h1_read r;
	struct arena arena;
	ssize_t n_head;
	int ret;

	h1_read_init(&r, &limits, fields_at);
	arena_init(&arena, budget);
	n_head = h1_read_head(&r, copy, bytes.len, &arena, &head, &fault);
	ret = n_head < 0 ? (int)n_head : 0;
	for (at = (size_t)n_head; ret >= 0 && ret != H1_READ_END; at += used) {
		/* Byte by byte, so that the trailers' buffer has to be made and filled. */
		size_t n = at < bytes.len ? 1 : 0;

		cr_assert_leq(at, bytes.len);
		ret = h1_read_body(&r, copy + at, n, &used, &piece, &fault);
	}
	h1_read_done(&r);
	arena_done(&arena);
	free(copy);
	return ret;
}

Test(h1_read, survives_every_allocation_that_fails)
{
	static const char bytes[] = CHUNKED "1\r\nx\r\n0\r\na: b\r\nc: d\r\n\r\n";
	bool has_failed = true;
	unsigned n;
	int r = 0;

	for (n = 1; has_failed; n++) {
		struct budget budget = { .limit = 1 << 20 };

		oom_fail_at(n);
		r = read_one(&budget, weir_strz(bytes));
		has_failed = oom_has_failed();
		cr_assert_eq(r, has_failed ? -ENOMEM : H1_READ_END, "allocation %u: %d", n, r);
		cr_assert_eq(budget.used, 0);
	}
	cr_expect_geq(n, 6u, "arena, trailers, their bytes, their fields: only %u", n - 2);
}

Test(h1_read, reports_a_spent_budget)
{
	struct budget budget = { .limit = 100 };

	cr_expect_eq(read_one(&budget, WEIR_STR(GET "\r\n")), -ENOMEM);
	cr_expect(budget.is_short);
}

Test(h1_read, frees_trailers_of_a_connection_that_dies)
{
	struct h1_feed how = h1_feed_default();
	char *text;

	how.step = 1;
	how.first = 1;
	text = h1_feed_run(&how, WEIR_STR(CHUNKED "0\r\na: b\r\nc"));
	cr_expect_str_eq(text, CHUNKED_TEXT "body...\n");
	free(text);
}

Test(h1_read, gives_views_into_the_callers_bytes)
{
	char bytes[] = "\r\n" GET "X-Y: z\r\n\r\n";
	const struct h1_limits limits = { 4096, 4096, 100 };
	struct budget budget = { .limit = 1 << 20 };
	enum fault fault = FAULT_NONE;
	struct h1_field_at fields_at[100];
	struct h1_head head;
	struct h1_read r;
	struct arena arena;

	h1_read_init(&r, &limits, fields_at);
	arena_init(&arena, &budget);
	cr_assert_eq(h1_read_head(&r, bytes, sizeof(bytes) - 1, &arena, &head, &fault),
		     sizeof(bytes) - 1);
	cr_expect_eq(head.method.ptr, bytes + 2);
	cr_expect_eq(head.target.ptr, bytes + 6);
	cr_expect_eq(head.host.ptr, strstr(bytes, "a\r\n"));
	cr_expect_eq(head.fields[1].name.ptr, strstr(bytes, "x-y"));
	cr_expect(!head.has_body);
	arena_done(&arena);
	h1_read_done(&r);
}

/* xorshift64: the same mutants on every machine. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

#define SEED(bytes)                      \
	{                                \
		bytes, sizeof(bytes) - 1 \
	}

static const weir_str seeds[] = {
	SEED(GET "\r\n" GET "Connection: close\r\n\r\n"),
	SEED(CHUNKED "5;a=\"b\"\r\nhello\r\n0\r\nx: y\r\n\r\n"),
	SEED("POST http://a:80/x?y=%20 HTTP/1.1\r\nhost: A\r\ncontent-length: 3\r\n"
	     "expect: 100-continue\r\n\r\nabc"),
	SEED("\r\nOPTIONS * HTTP/1.0\r\nconnection: keep-alive, upgrade\r\nupgrade: x\r\n\r\n"),
};

/* Up to four edits, mostly with the bytes that parsers disagree about. */
static size_t mutate(char *bytes, size_t len, size_t cap, uint64_t *rng)
{
	static const char spice[] = "\r\n\r\n\t :;,=\"%#/.0f5\x80\x7f\x01\x00Hh";
	size_t n_edits = 1 + next_random(rng) % 4;

	while (n_edits-- > 0 && len > 1) {
		size_t at = next_random(rng) % len;
		char c = spice[next_random(rng) % (sizeof(spice) - 1)];

		switch (next_random(rng) % 4) {
		case 0:
			bytes[at] = c;
			break;
		case 1:
			memmove(bytes + at, bytes + at + 1, len - at - 1);
			len--;
			break;
		case 2:
			bytes[at] = bytes[next_random(rng) % len];
			break;
		default:
			if (len == cap)
				break;
			memmove(bytes + at + 1, bytes + at, len - at);
			bytes[at] = c;
			len++;
			break;
		}
	}
	return len;
}

Test(h1_read, treats_mutants_the_same_however_they_are_cut)
{
	struct h1_feed how = h1_feed_default();
	uint64_t rng = 0x9e3779b97f4a7c15u;
	char bytes[256];

	how.limits = (struct h1_limits){ .max_head = 150, .max_target = 40, .max_fields = 4 };
	how.max_body = 8;
	for (int i = 0; i < 400; i++) {
		weir_str seed = seeds[next_random(&rng) % ARRAY_LEN(seeds)];
		char *differs, *text;
		size_t len;

		memcpy(bytes, seed.ptr, seed.len);
		len = mutate(bytes, seed.len, sizeof(bytes), &rng);
		differs = h1_feed_differs(&how, (weir_str){ bytes, len });
		cr_assert_null(differs, "mutant %d: %s", i, differs);
		text = h1_feed_run(&how, (weir_str){ bytes, len });
		cr_assert_null(strstr(text, "fault syntax"), "guard and llhttp disagree: %s", text);
		free(text);
	}
}

/* What is wrong with the body of a chunked request; *ret_foreseen: what was to be seen at once. */
static enum fault read_chunked(const char *bytes, size_t len, enum fault *ret_foreseen)
{
	const struct h1_limits limits = { 4096, 4096, 100 };
	struct budget budget = { .limit = 1 << 20 };
	size_t at, used = 0;
	enum fault fault = FAULT_NONE;
	struct h1_field_at fields_at[100];
	struct h1_read r;
	struct arena arena;
	struct h1_head head;
	weir_str piece;
	char copy[256];
	int ret;

	memcpy(copy, bytes, len);
	h1_read_init(&r, &limits, fields_at);
	arena_init(&arena, &budget);
	at = (size_t)h1_read_head(&r, copy, len, &arena, &head, &fault);
	cr_assert_eq(at, sizeof(CHUNKED) - 1);
	ret = h1_read_foresee(&r, copy + at, len - at, ret_foreseen);
	cr_expect_eq(ret, *ret_foreseen == FAULT_NONE ? 0 : -EPROTO);
	do {
		ret = h1_read_body(&r, copy + at, len - at, &used, &piece, &fault);
		at += used;
	} while (ret == 1);
	h1_read_done(&r);
	arena_done(&arena);
	return fault;
}

Test(h1_read, foresees_what_is_wrong_with_a_body_and_nothing_else)
{
	static const char seed[] = "5;a=\"b\"\r\nhello\r\n01\r\n!\r\n0\r\nx: y\r\n\r\nGET";
	const size_t head_len = sizeof(CHUNKED) - 1;
	uint64_t rng = 0x9e3779b97f4a7c15u;
	int n_sound = 0;

	for (int i = 0; i < 20000; i++) {
		enum fault foreseen = FAULT_NONE, fault;
		char bytes[256];
		size_t len;

		memcpy(bytes, CHUNKED, head_len);
		memcpy(bytes + head_len, seed, sizeof(seed) - 1);
		len = head_len +
		      mutate(bytes + head_len, sizeof(seed) - 1, sizeof(bytes) - head_len, &rng);
		fault = read_chunked(bytes, len, &foreseen);
		cr_assert_eq(foreseen, fault, "%s, then %s:\n%.*s", fault_name(foreseen),
			     fault_name(fault), (int)len, bytes);
		n_sound += fault == FAULT_NONE;
	}
	cr_expect(n_sound > 1000 && n_sound < 19000, "%d", n_sound);
}

/* What is promised about every head that is accepted. */
static void check_promises(const struct h1_head *head)
{
	size_t n_hosts = 0;

	cr_assert(head->version == 10 || head->version == 11);
	cr_assert(head->method_id != HTTP_METHOD_UNKNOWN && head->method_id != HTTP_METHOD_CONNECT);
	cr_assert(head->version == 10 || head->host.len > 0);
	cr_assert(!(head->is_chunked && head->content_length >= 0));
	cr_assert_eq(head->has_body, head->is_chunked || head->content_length > 0);
	cr_assert(!head->expects_continue || head->has_body);
	for (size_t i = 0; i < head->n_fields; i++) {
		weir_str name = head->fields[i].name, value = head->fields[i].value;

		cr_assert(http_is_token(name) && http_is_value(value));
		for (size_t k = 0; k < name.len; k++)
			cr_assert(name.ptr[k] < 'A' || name.ptr[k] > 'Z');
		n_hosts += weir_str_eq(name, WEIR_STR("host"));
	}
	cr_assert_leq(n_hosts, 1);
}

/* Where no body follows, the reader does not ask llhttp: so this test does. */
static void check_second(const char *bytes, size_t len, const struct h1_head *head)
{
	struct h1_second second = { .start = bytes };
	enum fault fault = FAULT_NONE;
	llhttp_t parser;

	h1_second_expect(&second, head->fields, head->n_fields);
	h1_second_begin(&parser);
	cr_assert_eq(h1_second_run(&parser, &second, len, &fault), 0,
		     "the guard accepts what llhttp calls %s:\n%.*s", fault_name(fault), (int)len,
		     bytes);
	cr_assert(h1_second_saw_all(&second) && second.is_head_over);
	cr_assert_eq(second.is_message_over, !head->has_body);
	cr_assert_eq(second.target.ptr, head->target.ptr);
	cr_assert_eq(second.target.len, head->target.len);
}

Test(h1_read, keeps_its_promises_about_mutants_it_accepts)
{
	const struct h1_limits limits = { 4096, 4096, 100 };
	struct budget budget = { .limit = 1 << 20 };
	uint64_t rng = 0xda942042e4dd58b5u;
	struct h1_field_at fields_at[100];
	struct arena arena;
	int n_accepted = 0;
	char bytes[256];

	arena_init(&arena, &budget);
	for (int i = 0; i < 100000; i++) {
		weir_str seed = seeds[next_random(&rng) % ARRAY_LEN(seeds)];
		enum fault fault = FAULT_NONE;
		struct h1_head head;
		struct h1_read r;
		size_t len, skip;
		ssize_t ret;

		memcpy(bytes, seed.ptr, seed.len);
		len = mutate(bytes, seed.len, sizeof(bytes), &rng);
		h1_read_init(&r, &limits, fields_at);
		ret = h1_read_head(&r, bytes, len, &arena, &head, &fault);
		cr_assert(ret != -EPROTO || fault != FAULT_H1_SYNTAX,
			  "the guard accepts what llhttp refuses:\n%.*s", (int)len, bytes);
		if (ret <= 0)
			continue;
		skip = h1_guard_skipped(bytes);
		check_second(bytes + skip, (size_t)ret - skip, &head);
		check_promises(&head);
		arena_reset(&arena);
		n_accepted++;
	}
	cr_expect_gt(n_accepted, 10000);
	arena_done(&arena);
}
