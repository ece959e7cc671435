/*
 * test_h1_quick.c - what it takes, the guard takes too, and finds the same in
 * it; and it does take what browsers send.
 */
#include "proto/h1_quick.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "proto/h1_guard.h"
#include "proto/uri.h"

#define N_FIELDS 16
#define GET "GET /hello HTTP/1.1\r\n"
#define HOST "Host: 127.0.0.1:8000\r\n"
#define LONG "0123456789012345678901234567890123456789012345678901234567890123456789"

/* Without wide registers everything is left to the guard. */
#ifdef __SSE2__
static const bool has_quick = true;
#else
static const bool has_quick = false;
#endif

static const struct h1_limits limits = { 4096, 4096, N_FIELDS };

struct row {
	const char *name;
	weir_str bytes;
};

#define ROW(name, bytes)                         \
	{                                        \
		name,                            \
		{                                \
			bytes, sizeof(bytes) - 1 \
		}                                \
	}

static const struct row usual[] = {
	ROW("wrk", GET HOST "\r\n"),
	ROW("curl", GET "Host: localhost:8080\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n"),
	ROW("a short line at the end", GET HOST "DNT: 1\r\n\r\n"),
	ROW("a short host", GET "Host: a\r\n\r\n"),
	ROW("a long host", GET "Host: a-rather-long-name.example.org:65535\r\n\r\n"),
	ROW("an address in brackets", GET "Host: [::1]:8000\r\n\r\n"),
	ROW("a query", "GET /shop/cart?item=17&lang=en HTTP/1.1\r\n" HOST "\r\n"),
	ROW("escapes", "GET /a%20b?x=%41 HTTP/1.1\r\n" HOST "\r\n"),
	ROW("a long target", "GET /" LONG "/" LONG "?" LONG " HTTP/1.1\r\n" HOST "\r\n"),
	ROW("HTTP/1.0", "GET / HTTP/1.0\r\nUser-Agent: ApacheBench/2.3\r\n\r\n"),
	ROW("a body", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"),
	ROW("chunks", "PUT /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
	ROW("Connection", GET HOST "Connection: keep-alive\r\nConnection: Upgrade\r\n\r\n"),
	ROW("a long line", GET HOST "Cookie: " LONG LONG LONG "\r\n\r\n"),
	ROW("names of 15, 16, 17 and 25 letters",
	    GET HOST "Accept-Language: en-US,en;q=0.5\r\nSec-Ch-UA-Mobile: ?0\r\n"
		     "If-Modified-Since: x\r\nUpgrade-Insecure-Requests: 1\r\n\r\n"),
	ROW("odd names and blanks", GET HOST "X_9: y\r\na:b\r\nB:  c \r\nC:\r\nd: \r\n\r\n"),
	ROW("others behind it", GET HOST "\r\n" GET HOST "\r\n"),
};

ParameterizedTestParameters(h1_quick, takes)
{
	static size_t index[ARRAY_LEN(usual)];

	for (size_t i = 0; i < ARRAY_LEN(usual); i++)
		index[i] = i;
	return cr_make_param_array(size_t, index, ARRAY_LEN(usual));
}

static const struct row rare[] = {
	ROW("an empty line in front", "\r\n" GET HOST "\r\n"),
	ROW("absolute form", "GET http://127.0.0.1:8000/ HTTP/1.1\r\n" HOST "\r\n"),
	ROW("asterisk", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n"),
	ROW("tabs", GET HOST "x:\ty\r\n\r\n"),
	ROW("bytes over 127", GET HOST "x: \xc3\xa4\r\n\r\n"),
	ROW("127", GET HOST "x: \x7f\r\n\r\n"),
	ROW("no Host", GET "User-Agent: curl/7.88.1\r\n\r\n"),
	ROW("two of them", GET HOST HOST "\r\n"),
	ROW("a length and chunks",
	    GET HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
	ROW("half a head", GET HOST),
	ROW("half of its last line end", GET HOST "\r"),
	ROW("half a line end", GET "Host: 127.0.0.1:8000\r"),
	ROW("half a line", GET "Host: 127.0.0.1:8000"),
	ROW("half a short line", GET HOST "DNT: 1"),
	ROW("bare LF", GET HOST "x: y\n\r\n"),
	ROW("bare CR", GET HOST "x: y\rz: 1\r\n\r\n"),
	ROW("another version", "GET /hello HTTP/2.0\r\n" HOST "\r\n"),
	ROW("a broken escape", "GET /hello?a%zz HTTP/1.1\r\n" HOST "\r\n"),
	ROW("seventeen fields", GET HOST "a: 1\r\na: 1\r\na: 1\r\na: 1\r\na: 1\r\na: 1\r\na: 1\r\n"
					 "a: 1\r\na: 1\r\na: 1\r\na: 1\r\na: 1\r\na: 1\r\na: 1\r\n"
					 "a: 1\r\na: 1\r\n\r\n"),
};

ParameterizedTestParameters(h1_quick, leaves_to_the_guard)
{
	static size_t index[ARRAY_LEN(rare)];

	for (size_t i = 0; i < ARRAY_LEN(rare); i++)
		index[i] = i;
	return cr_make_param_array(size_t, index, ARRAY_LEN(rare));
}

static void expect_span(const char *bytes, struct h1_span span, weir_str s)
{
	cr_assert_eq(s.ptr, bytes + span.at);
	cr_assert_eq(s.len, span.len);
}

static void expect_same_span(struct h1_span a, struct h1_span b)
{
	cr_assert(a.at == b.at && a.len == b.len);
}

static void expect_same_facts(const struct h1_facts *a, const struct h1_facts *b)
{
	cr_assert_eq(a->length, b->length);
	expect_same_span(a->target, b->target);
	expect_same_span(a->authority, b->authority);
	expect_same_span(a->host, b->host);
	cr_assert_eq(a->seen, b->seen);
	cr_assert_eq(a->n_fields, b->n_fields);
	cr_assert_eq(a->method, b->method);
	cr_assert_eq(a->method_len, b->method_len);
	cr_assert_eq(a->version, b->version);
	cr_assert_eq(a->is_https, b->is_https);
}

/* uri_parse() must find the same in the target as uri_take_path(). */
static void expect_path(weir_str target, size_t path_len)
{
	struct uri parsed, taken;
	enum fault fault = FAULT_NONE;

	cr_assert_eq(uri_parse(NULL, target, &parsed, &fault), 0);
	uri_take_path(target, path_len, &taken);
	cr_assert(weir_str_eq(parsed.path, taken.path));
	cr_assert(weir_str_eq(parsed.segments, taken.segments));
	cr_assert(weir_str_eq(parsed.raw_path, taken.raw_path));
	cr_assert_eq(parsed.query.ptr, taken.query.ptr);
	cr_assert_eq(parsed.query.len, taken.query.len);
	cr_assert_null(taken.authority.ptr);
}

/* The same head, in which names may have become lower-case and nothing else. */
static void expect_same_bytes(weir_str original, const char *changed, const struct h1_field_at *at,
			      size_t n_fields)
{
	size_t name_end = 0, name_at = 0, n = 0;

	for (size_t i = 0; i < original.len; i++) {
		char c = original.ptr[i];

		if (n < n_fields && i == at[n].name.at) {
			name_at = i;
			name_end = i + at[n++].name.len;
		}
		if (i >= name_at && i < name_end && c >= 'A' && c <= 'Z')
			c |= 0x20;
		cr_assert_eq(changed[i], c, "byte %zu of\n%.*s", i, WEIR_ARG(original));
	}
}

/* Reads bytes, from a buffer with nothing behind them, and compares with the guard. 0: left to it. */
static size_t read_both(weir_str bytes)
{
	struct h1_field_at at[N_FIELDS];
	weir_header fields[N_FIELDS];
	struct h1_facts f = { 0 };
	enum fault fault = FAULT_NONE;
	char *copy = malloc(bytes.len);
	struct h1_guard g;
	size_t len;

	memcpy(copy, bytes.ptr, bytes.len);
	len = h1_quick_read(&f, &limits, copy, bytes.len, fields, N_FIELDS);
	if (len > 0) {
		h1_guard_init(&g, H1_GUARD_START);
		cr_assert_eq(h1_guard_scan(&g, &limits, bytes.ptr, bytes.len, at, &fault), 1,
			     "%s:\n%.*s", fault_name(fault), WEIR_ARG(bytes));
		cr_assert_eq(len, g.pos);
		expect_same_facts(&f, &g.facts);
		expect_same_bytes(bytes, copy, at, f.n_fields);
		for (size_t i = 0; i < f.n_fields; i++) {
			expect_span(copy, at[i].name, fields[i].name);
			expect_span(copy, at[i].value, fields[i].value);
		}
		if (f.path_len > 0)
			expect_path((weir_str){ copy + f.target.at, f.target.len }, f.path_len);
	}
	free(copy);
	return len;
}

ParameterizedTest(size_t *index, h1_quick, takes)
{
	const struct row *row = &usual[*index];

	cr_expect_eq(read_both(row->bytes) > 0, has_quick, "%s", row->name);
}

Test(h1_quick, notes_a_path_that_needs_no_decoding)
{
	static const struct {
		const char *target;
		size_t path_len;
	} cases[] = {
		{ "/", 1 },
		{ "/hello", 6 },
		{ "/0123456789abcd", 15 },
		{ "/0123456789abcde", 16 },
		{ "/0123456789abcdef", 17 },
		{ "/a.b/c..d?e/../%20", 9 },
		{ "/a/b?", 4 },
		{ "/a/../b", 0 },
		{ "/0123456789abcd/.x", 0 },
		{ "/0123456789abcde/.x", 0 },
		{ "/a%20b", 0 },
		{ "/" LONG "?" LONG, 71 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		weir_header fields[N_FIELDS];
		struct h1_facts f = { 0 };
		char bytes[512];
		int len = snprintf(bytes, sizeof(bytes), "GET %s HTTP/1.1\r\n" HOST "\r\n",
				   cases[i].target);

		if (h1_quick_read(&f, &limits, bytes, (size_t)len, fields, N_FIELDS) == 0) {
			cr_expect(!has_quick);
			continue;
		}
		cr_expect_eq(f.path_len, cases[i].path_len, "%s: %u", cases[i].target, f.path_len);
	}
}

ParameterizedTest(size_t *index, h1_quick, leaves_to_the_guard)
{
	const struct row *row = &rare[*index];

	cr_expect_eq(read_both(row->bytes), 0, "%s", row->name);
}

Test(h1_quick, leaves_every_part_of_a_head_to_the_guard)
{
	static const char bytes[] = GET "User-Agent: curl/7.88.1\r\n" HOST "Cookie: " LONG
					"\r\n\r\n";

	for (size_t len = 1; len < sizeof(bytes) - 1; len++)
		cr_expect_eq(read_both((weir_str){ bytes, len }), 0, "%zu bytes", len);
}

Test(h1_quick, finds_line_ends_at_every_place)
{
	char bytes[300];

	for (int n = 1; n < 100; n++) {
		for (int before = 0; before < 2; before++) {
			int len = snprintf(bytes, sizeof(bytes), GET "%sX: %0*d\r\n%s\r\n",
					   before ? HOST : "", n, 7, before ? "" : HOST);

			cr_expect_eq(read_both((weir_str){ bytes, (size_t)len }) > 0, has_quick,
				     "%d digits", n);
		}
	}
}

/* xorshift64: the same mutants on every machine. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static const weir_str seeds[] = {
	{ GET HOST "\r\n", sizeof(GET HOST "\r\n") - 1 },
#define SEED(bytes)                      \
	{                                \
		bytes, sizeof(bytes) - 1 \
	}
	SEED("GET /shop/cart?item=17&lang=en HTTP/1.1\r\nHost: www.example.org\r\n"
	     "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 "
	     "Firefox/115.0\r\n"
	     "Accept-Language: en-US,en;q=0.5\r\nConnection: keep-alive\r\nDNT: 1\r\n\r\n"),
	SEED("POST /a.b/c HTTP/1.1\r\nCONTENT-LENGTH: 5\r\nHost: a-rather-long-name.example.org\r\n"
	     "Expect: 100-continue\r\nUpgrade-Insecure-Requests: 1\r\n\r\nhello"),
	SEED("GET / HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: x\r\nContent-Length: "
	     "1\r\n\r\n"),
#undef SEED
};

/* One edit to three, mostly with the bytes that parsers disagree about. */
static size_t mutate(char *bytes, size_t len, uint64_t *rng)
{
	static const char spice[] = "\r\n\r\n\t :;,=\"%#/..?0f5\x80\xff\x7f\x01\x00HhZ@[{_-";
	size_t n_edits = 1 + next_random(rng) % 3;

	while (n_edits-- > 0) {
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
			bytes[at] = (char)next_random(rng);
			break;
		default:
			memmove(bytes + at + 1, bytes + at, len - at);
			bytes[at] = c;
			len++;
			break;
		}
	}
	return len;
}

Test(h1_quick, agrees_with_the_guard_about_mutants)
{
	uint64_t rng = 0x9e3779b97f4a7c15u;
	int n_taken = 0;
	char bytes[512];

	for (int i = 0; i < 200000; i++) {
		weir_str seed = seeds[next_random(&rng) % ARRAY_LEN(seeds)];
		size_t len;

		memcpy(bytes, seed.ptr, seed.len);
		len = mutate(bytes, seed.len, &rng);
		n_taken += read_both((weir_str){ bytes, len }) > 0;
	}
	cr_expect(!has_quick || n_taken > 30000, "only %d", n_taken);
}
