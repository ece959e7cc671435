/* test_ws_hello.c - handshakes as bytes, through h1_read, so that the heads are real ones. */
#include "proto/ws_hello.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <dlfcn.h>
#include <openssl/evp.h>

#include "base/arena.h"
#include "base/buf.h"
#include "proto/h1_read.h"

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define GET "GET /chat HTTP/1.1\r\nHost: server.example.com\r\n"
#define HELLO GET UPGRADE KEY VERSION

struct world {
	struct budget budget;
	struct arena arena;
	struct h1_field_at fields_at[256];
	struct h1_limits limits;
	struct h1_read reader;
	struct h1_head head;
	struct ws_hello hello;
	enum fault fault;
	char text[32768];
};

static struct world w;

static void setup(void)
{
	w = (struct world){ .budget = { .limit = 1 << 20 },
			    .limits = { .max_target = 1024,
					.max_fields = ARRAY_LEN(w.fields_at),
					.max_head = sizeof(w.text) } };
	arena_init(&w.arena, &w.budget);
	h1_read_init(&w.reader, &w.limits, w.fields_at);
}

static void teardown(void)
{
	h1_read_done(&w.reader);
	arena_done(&w.arena);
}

TestSuite(ws_hello, .init = setup, .fini = teardown);

static void read_head(const char *head)
{
	int len = snprintf(w.text, sizeof(w.text), "%s\r\n", head);

	cr_assert_eq(h1_read_head(&w.reader, w.text, (size_t)len, &w.arena, &w.head, &w.fault), len,
		     "%s: %s", head, fault_name(w.fault));
}

static int hello_of(const char *head)
{
	read_head(head);
	return ws_hello_read(&w.head, &w.arena, &w.hello, &w.fault);
}

static void expect_str(weir_str is, const char *should)
{
	cr_expect(weir_str_eq(is, weir_strz(should)), "%.*s, not %s", WEIR_ARG(is), should);
}

Test(ws_hello, takes_the_example_of_the_rfc)
{
	cr_assert_eq(hello_of(HELLO "Origin: http://example.com\r\n"
				    "Sec-WebSocket-Protocol: chat, superchat\r\n"),
		     0);
	expect_str(w.hello.key, "dGhlIHNhbXBsZSBub25jZQ==");
	expect_str(w.hello.origin, "http://example.com");
	cr_assert_eq(w.hello.n_subprotocols, 2);
	expect_str(w.hello.subprotocols[0], "chat");
	expect_str(w.hello.subprotocols[1], "superchat");
}

Test(ws_hello, needs_neither_origin_nor_subprotocols)
{
	cr_assert_eq(hello_of(HELLO), 0);
	cr_expect_null(w.hello.origin.ptr);
	cr_expect_null(w.hello.subprotocols);
	cr_expect_eq(w.hello.n_subprotocols, 0);
}

struct row {
	enum fault fault;
	char head[320];
};

static void check(const struct row *row)
{
	int r = hello_of(row->head);

	cr_expect_eq(r, row->fault == FAULT_NONE ? 0 : -EPROTO, "%s", row->head);
	cr_expect_eq(w.fault, row->fault, "%s: %s, not %s", row->head, fault_name(w.fault),
		     fault_name(row->fault));
}

ParameterizedTestParameters(ws_hello, judges_requests)
{
	static struct row rows[] = {
		{ FAULT_NONE,
		  GET "Upgrade: WebSocket\r\nConnection: keep-alive, UPGRADE\r\n" KEY VERSION },
		{ FAULT_NONE,
		  GET "Upgrade: h2c, websocket\r\nConnection: upgrade\r\n" KEY VERSION },
		{ FAULT_NONE, GET "Upgrade: h2c\r\nUpgrade: websocket\r\n"
				  "Connection: a\r\nConnection: upgrade\r\n" KEY VERSION },
		{ FAULT_NONE, HELLO "Content-Length: 0\r\n" },
		{ FAULT_NONE,
		  GET UPGRADE VERSION "SEC-WEBSOCKET-KEY: \tAAAAAAAAAAAAAAAAAAAA/+== \r\n" },
		/* The last letter's spare bits. */
		{ FAULT_NONE,
		  GET UPGRADE VERSION "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAB==\r\n" },
		{ FAULT_NONE, HELLO "Origin: null\r\n" },
		{ FAULT_NONE, HELLO "Origin: file://\r\n" },
		{ FAULT_NONE, HELLO "Origin: chrome-extension://abcdef\r\n" },
		{ FAULT_NONE, HELLO "Origin: http://[::1]:8000\r\n" },
		{ FAULT_NONE, HELLO "Sec-WebSocket-Protocol: ,a,,b,\r\n" },
		/* An extension nobody knows is ws_deflate's business. */
		{ FAULT_NONE, HELLO "Sec-WebSocket-Extensions: ;;;\r\n" },

		{ FAULT_WS_METHOD, "POST / HTTP/1.1\r\nHost: a\r\n" UPGRADE KEY VERSION },
		{ FAULT_WS_METHOD, "HEAD / HTTP/1.1\r\nHost: a\r\n" UPGRADE KEY VERSION },
		{ FAULT_WS_METHOD, "DELETE / HTTP/1.1\r\nHost: a\r\n" },
		{ FAULT_WS_ON_10, "GET / HTTP/1.0\r\nHost: a\r\n" UPGRADE KEY VERSION },
		{ FAULT_WS_ON_10, "GET / HTTP/1.0\r\n" },

		{ FAULT_WS_NO_UPGRADE, GET },
		{ FAULT_WS_NO_UPGRADE, GET KEY VERSION },
		{ FAULT_WS_NO_UPGRADE, GET "Upgrade: websocket\r\n" KEY VERSION },
		{ FAULT_WS_NO_UPGRADE, GET "Connection: upgrade\r\n" KEY VERSION },
		{ FAULT_WS_NO_UPGRADE,
		  GET "Upgrade: websocket\r\nConnection: close\r\n" KEY VERSION },
		{ FAULT_WS_NO_UPGRADE, GET "Upgrade: h2c\r\nConnection: upgrade\r\n" KEY VERSION },
		{ FAULT_WS_NO_UPGRADE,
		  GET "Upgrade: websocket/13\r\nConnection: upgrade\r\n" KEY VERSION },
		{ FAULT_WS_NO_UPGRADE,
		  GET "Upgrade: \"a, websocket\"\r\nConnection: upgrade\r\n" KEY VERSION },

		{ FAULT_WS_BODY, HELLO "Content-Length: 1\r\n" },
		{ FAULT_WS_BODY, HELLO "Transfer-Encoding: chunked\r\n" },
	};

	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, ws_hello, judges_requests, .init = setup, .fini = teardown)
{
	check(row);
}

ParameterizedTestParameters(ws_hello, judges_version_and_key)
{
	static struct row rows[] = {
		{ FAULT_WS_NO_VERSION, GET UPGRADE KEY },
		{ FAULT_WS_NO_VERSION, HELLO VERSION },
		{ FAULT_WS_NO_VERSION, HELLO "Sec-WebSocket-Version: 8\r\n" },
		{ FAULT_WS_VERSION, GET UPGRADE KEY "Sec-WebSocket-Version: 8\r\n" },
		{ FAULT_WS_VERSION, GET UPGRADE "Sec-WebSocket-Version: 8\r\n" },
		{ FAULT_WS_VERSION, GET UPGRADE KEY "Sec-WebSocket-Version: 13, 8\r\n" },
		{ FAULT_WS_VERSION, GET UPGRADE KEY "Sec-WebSocket-Version: 013\r\n" },
		{ FAULT_WS_VERSION, GET UPGRADE KEY "Sec-WebSocket-Version: 130\r\n" },
		{ FAULT_WS_VERSION, GET UPGRADE KEY "Sec-WebSocket-Version: \r\n" },
		{ FAULT_WS_VERSION, GET UPGRADE KEY "Sec-WebSocket-Version: x\r\n" },

		{ FAULT_WS_KEY, GET UPGRADE VERSION },
		{ FAULT_WS_KEY, HELLO KEY },
		{ FAULT_WS_KEY, GET UPGRADE VERSION "Sec-WebSocket-Key:\r\n" },
		{ FAULT_WS_KEY,
		  GET UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n" },
		{ FAULT_WS_KEY,
		  GET UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n" },
		{ FAULT_WS_KEY,
		  GET UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ===\r\n" },
		/* 17, 18 and 15 bytes. */
		{ FAULT_WS_KEY,
		  GET UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTA=\r\n" },
		{ FAULT_WS_KEY,
		  GET UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTAx\r\n" },
		{ FAULT_WS_KEY, GET UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n" },
		{ FAULT_WS_KEY,
		  GET UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSB=b25jZQ==\r\n" },
		{ FAULT_WS_KEY,
		  GET UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSB-b25jZQ==\r\n" },
		{ FAULT_WS_KEY,
		  GET UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSB b25jZQ==\r\n" },
		{ FAULT_WS_KEY,
		  GET UPGRADE VERSION "Sec-WebSocket-Key: \"dGhlIHNhbXBsZSBub25jZQ==\"\r\n" },
	};

	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, ws_hello, judges_version_and_key, .init = setup,
		  .fini = teardown)
{
	check(row);
}

ParameterizedTestParameters(ws_hello, judges_lists_and_origins)
{
	static struct row rows[] = {
		{ FAULT_WS_SUBPROTOCOL, HELLO "Sec-WebSocket-Protocol:\r\n" },
		{ FAULT_WS_SUBPROTOCOL, HELLO "Sec-WebSocket-Protocol: ,\r\n" },
		{ FAULT_WS_SUBPROTOCOL, HELLO "Sec-WebSocket-Protocol: a, a\r\n" },
		{ FAULT_WS_SUBPROTOCOL,
		  HELLO "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b, a\r\n" },
		{ FAULT_WS_SUBPROTOCOL, HELLO "Sec-WebSocket-Protocol: a b\r\n" },
		{ FAULT_WS_SUBPROTOCOL, HELLO "Sec-WebSocket-Protocol: \"a\"\r\n" },
		{ FAULT_WS_SUBPROTOCOL, HELLO "Sec-WebSocket-Protocol: a;b\r\n" },
		{ FAULT_WS_SUBPROTOCOL, HELLO "Sec-WebSocket-Protocol: b, \xc3\xa4\r\n" },

		{ FAULT_WS_ORIGIN_TWICE, HELLO "Origin: http://a\r\nOrigin: http://a\r\n" },
		{ FAULT_WS_ORIGIN_INVALID, HELLO "Origin:\r\n" },
		{ FAULT_WS_ORIGIN_INVALID, HELLO "Origin: *\r\n" },
		{ FAULT_WS_ORIGIN_INVALID, HELLO "Origin: NULL\r\n" },
		{ FAULT_WS_ORIGIN_INVALID, HELLO "Origin: example.com\r\n" },
		{ FAULT_WS_ORIGIN_INVALID, HELLO "Origin: example.com:80\r\n" },
		{ FAULT_WS_ORIGIN_INVALID, HELLO "Origin: http:/a\r\n" },
		{ FAULT_WS_ORIGIN_INVALID, HELLO "Origin: ://a\r\n" },
		{ FAULT_WS_ORIGIN_INVALID, HELLO "Origin: 1http://a\r\n" },
		{ FAULT_WS_ORIGIN_INVALID, HELLO "Origin: http://a/\r\n" },
		{ FAULT_WS_ORIGIN_INVALID, HELLO "Origin: http://a?b\r\n" },
		{ FAULT_WS_ORIGIN_INVALID, HELLO "Origin: http://u@a\r\n" },
		{ FAULT_WS_ORIGIN_INVALID, HELLO "Origin: http://a:65536\r\n" },
		{ FAULT_WS_ORIGIN_INVALID, HELLO "Origin: http://a http://b\r\n" },
		{ FAULT_WS_ORIGIN_INVALID, HELLO "Origin: http://a, http://b\r\n" },
	};

	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, ws_hello, judges_lists_and_origins, .init = setup,
		  .fini = teardown)
{
	check(row);
}

Test(ws_hello, is_one_that_asks_for_a_websocket_though_wrongly)
{
	read_head(GET "Connection: upgrade\r\nUpgrade: websocket\r\n");
	cr_expect(ws_hello_is_one(&w.head));
}

Test(ws_hello, is_none_that_asks_for_another_protocol)
{
	read_head(GET "Connection: upgrade\r\nUpgrade: h2c\r\n");
	cr_expect_not(ws_hello_is_one(&w.head));
}

Test(ws_hello, is_none_that_asks_for_nothing)
{
	read_head(GET "Upgrade: websocket\r\n");
	cr_expect_not(ws_hello_is_one(&w.head));
}

Test(ws_hello, knows_the_statuses)
{
	cr_expect_eq(fault_status(FAULT_WS_METHOD), 405);
	cr_expect_eq(fault_status(FAULT_WS_NO_UPGRADE), 426);
	cr_expect_eq(fault_status(FAULT_WS_VERSION), 426);
	cr_expect_eq(fault_status(FAULT_WS_NO_VERSION), 400);
	cr_expect_eq(fault_status(FAULT_WS_ORIGIN_TWICE), 400);
	cr_expect_eq(fault_status(FAULT_WS_ORIGIN_INVALID), 403);
	cr_expect_eq(fault_status(FAULT_WS_ORIGIN), 403);
}

/* As section 4.2.2 has it, and two that another implementation computed. */
Test(ws_hello, proves_that_it_understood)
{
	static const char *const rows[][2] = {
		{ "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" },
		{ "AAAAAAAAAAAAAAAAAAAAAA==", "ICX+Yqv66kxgM0FcWaLWlFLwTAI=" },
		{ "x3JJHMbDL1EzLkh9GBhXDw==", "HSmrc0sMlYUkAGmm5OPpG2HaGWk=" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char accept[WS_HELLO_ACCEPT_LEN];

		cr_assert_eq(ws_hello_accept(weir_strz(rows[i][0]), accept), 0);
		expect_str((weir_str){ accept, sizeof(accept) }, rows[i][1]);
	}
}

static bool is_short;

/* Before libcrypto's, whose own memory no test can count: it was in use before main(). */
int EVP_Digest(const void *data, size_t len, unsigned char *md, unsigned *size, const EVP_MD *type,
	       ENGINE *engine)
{
	__typeof__(&EVP_Digest) next = (__typeof__(&EVP_Digest))dlsym(RTLD_NEXT, "EVP_Digest");

	return is_short ? 0 : next(data, len, md, size, type, engine);
}

Test(ws_hello, proves_nothing_without_memory)
{
	char accept[WS_HELLO_ACCEPT_LEN];

	is_short = true;
	cr_assert_eq(ws_hello_accept(WEIR_STR("dGhlIHNhbXBsZSBub25jZQ=="), accept), -ENOMEM);
}

Test(ws_hello, combines_subprotocols_of_several_fields)
{
	cr_assert_eq(hello_of(HELLO "Sec-WebSocket-Protocol: b\r\nX: y\r\n"
				    "Sec-WebSocket-Protocol:\r\n"
				    "Sec-WebSocket-Protocol: a,B\r\n"),
		     0);
	cr_assert_eq(w.hello.n_subprotocols, 3);
	expect_str(w.hello.subprotocols[0], "b");
	expect_str(w.hello.subprotocols[1], "a");
	expect_str(w.hello.subprotocols[2], "B");
}

static int hello_with_subprotocols(int n)
{
	struct buf head;
	int r;

	buf_init(&head, sizeof(w.text));
	cr_assert_eq(buf_printf(&head, HELLO "Sec-WebSocket-Protocol: p"), 0);
	for (int i = 1; i < n; i++)
		cr_assert_eq(buf_printf(&head, ",p%d", i), 0);
	cr_assert_eq(buf_append(&head, "\r\n", 3), 0);
	r = hello_of(buf_str(&head).ptr);
	buf_done(&head);
	return r;
}

Test(ws_hello, takes_many_subprotocols)
{
	cr_assert_eq(hello_with_subprotocols(WS_HELLO_MAX_SUBPROTOCOLS), 0);
	cr_assert_eq(w.hello.n_subprotocols, WS_HELLO_MAX_SUBPROTOCOLS);
}

Test(ws_hello, refuses_more)
{
	cr_assert_eq(hello_with_subprotocols(WS_HELLO_MAX_SUBPROTOCOLS + 1), -EPROTO);
	cr_assert_eq(w.fault, FAULT_WS_SUBPROTOCOL);
}

/* Of one field they are views, of two they are copied: one block of the arena more. */
Test(ws_hello, reads_nothing_without_memory)
{
	struct ws_hello untouched = { .n_subprotocols = 7 };

	for (int n_fields = 1; n_fields <= 2; n_fields++) {
		read_head(n_fields == 1 ? HELLO "Sec-WebSocket-Protocol: a, b\r\n"
					: HELLO "Sec-WebSocket-Protocol: a\r\n"
						"Sec-WebSocket-Protocol: b\r\n");
		for (int n = 1; n <= n_fields; n++) {
			arena_fail_at(&w.arena, (size_t)n);
			cr_expect_eq(ws_hello_read(&w.head, &w.arena, &untouched, &w.fault),
				     -ENOMEM, "%d of %d", n, n_fields);
		}
		arena_fail_at(&w.arena, (size_t)n_fields + 1);
		cr_expect_eq(ws_hello_read(&w.head, &w.arena, &w.hello, &w.fault), 0);
		cr_expect_eq(w.hello.n_subprotocols, 2);
		teardown();
		setup();
	}
	cr_expect_eq(untouched.n_subprotocols, 7);
}

Test(ws_hello, leaves_the_result_alone_when_it_refuses)
{
	w.hello.n_subprotocols = 7;
	cr_assert_eq(hello_of(HELLO "Sec-WebSocket-Protocol: a, a\r\n"), -EPROTO);
	cr_assert_eq(w.hello.n_subprotocols, 7);
	cr_assert_null(w.hello.key.ptr);
}

struct pair {
	bool is_ok;
	char origin[48], scheme[8], host[32], entry[48];
};

ParameterizedTestParameters(ws_hello, origins)
{
	static struct pair rows[] = {
		/* The server's own. */
		{ true, "http://a.example", "http", "a.example", "" },
		{ true, "HTTP://A.example", "http", "a.EXAMPLE", "" },
		{ true, "http://a.example:80", "http", "a.example", "" },
		{ true, "http://a.example", "http", "a.example:80", "" },
		{ true, "http://a.example:", "http", "a.example", "" },
		{ true, "https://a.example", "https", "a.example:443", "" },
		{ true, "http://127.0.0.1:8000", "http", "127.0.0.1:8000", "" },
		{ true, "http://[::1]:8000", "http", "[::1]:8000", "" },
		{ false, "https://a.example", "http", "a.example", "" },
		{ false, "http://a.example:443", "https", "a.example", "" },
		{ false, "http://a.example", "http", "a.example:8000", "" },
		{ false, "http://a.example:8000", "http", "a.example", "" },
		{ false, "http://b.example", "http", "a.example", "" },
		{ false, "http://a.example.b", "http", "a.example", "" },
		{ false, "http://b.a.example", "http", "a.example", "" },
		{ false, "null", "http", "a.example", "" },
		{ false, "null", "http", "null", "" },
		{ false, "file://", "http", "a.example", "" },
		{ false, "http://", "http", "", "" },
		/* Among the listed. */
		{ true, "http://b", "http", "a", "*" },
		{ true, "null", "http", "a", "*" },
		{ true, "https://b", "http", "a", "https://b" },
		{ true, "https://b:443", "http", "a", "HTTPS://B" },
		{ true, "https://b", "http", "a", "https://b:443" },
		{ true, "null", "http", "a", "null" },
		{ true, "file://", "http", "a", "file://" },
		{ true, "app://x", "http", "a", "app://x" },
		{ false, "app://x:80", "http", "a", "app://x" },
		{ false, "http://b", "http", "a", "https://b" },
		{ false, "https://b:444", "http", "a", "https://b" },
		{ false, "https://c.b", "http", "a", "https://b" },
		{ false, "null", "http", "a", "https://b" },
		{ false, "https://b", "http", "a", "null" },
		{ false, "https://b", "http", "a", "b" },
		{ false, "https://b", "http", "a", "https://*" },
		{ false, "http://a", "http", "a", "https://b" },
		/* None was sent. */
		{ true, "", "http", "a", "" },
		{ true, "", "http", "a", "https://b" },
	};

	return cr_make_param_array(struct pair, rows, ARRAY_LEN(rows));
}

/* The entry second of two, so that all of them are looked at. */
ParameterizedTest(struct pair *row, ws_hello, origins)
{
	weir_str origins[] = { WEIR_STR("https://none.invalid"), weir_strz(row->entry) };
	struct ws_hello hello = { 0 };

	if (row->origin[0])
		hello.origin = weir_strz(row->origin);
	cr_expect_eq(ws_hello_origin_ok(&hello, weir_strz(row->scheme), weir_strz(row->host),
					origins, row->entry[0] ? 2 : 0),
		     row->is_ok, "%s on %s://%s by '%s'", row->origin, row->scheme, row->host,
		     row->entry);
}

Test(ws_hello, an_absent_host_is_nobodys_own)
{
	struct ws_hello hello = { .origin = WEIR_STR("http://") };

	cr_expect(!ws_hello_origin_ok(&hello, WEIR_STR("http"), (weir_str){ NULL, 0 }, NULL, 0));
}

Test(ws_hello, knows_what_an_option_may_say)
{
	cr_expect(ws_hello_origin_is_valid(WEIR_STR("https://example.org")));
	cr_expect(ws_hello_origin_is_valid(WEIR_STR("null")));
	cr_expect(!ws_hello_origin_is_valid(WEIR_STR("https://example.org/")));
	cr_expect(!ws_hello_origin_is_valid(WEIR_STR("example.org")));
	cr_expect(!ws_hello_origin_is_valid(WEIR_STR("*")));
	cr_expect(!ws_hello_origin_is_valid((weir_str){ NULL, 0 }));
}
