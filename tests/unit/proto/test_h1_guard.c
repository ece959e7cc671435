/*
 * test_h1_guard.c - what is refused, by the guard alone: no row here may rely
 * on the parser behind it. Each row is fed whole, byte by byte, and cut in two
 * at every place.
 */
#include "proto/h1_guard.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>

static const struct h1_limits limits = { .max_head = 512, .max_target = 64, .max_fields = 5 };

struct row {
	const char *name;
	enum fault fault;
	weir_str bytes;
};

#define ROW(name, fault, bytes)                  \
	{                                        \
		name, FAULT_##fault,             \
		{                                \
			bytes, sizeof(bytes) - 1 \
		}                                \
	}
#define GET "GET / HTTP/1.1\r\n"
#define HOST "Host: a\r\n"
#define TEN "0123456789"
#define SIXTY TEN TEN TEN TEN TEN TEN

static const struct row rows[] = {
	/* line ends */
	ROW("bare LF behind the request line", H1_BARE_LF, "GET / HTTP/1.1\nHost: a\r\n\r\n"),
	ROW("bare LF behind a field", H1_BARE_LF, GET "Host: a\n\r\n"),
	ROW("bare LF inside a value", H1_BARE_LF, GET HOST "x: a\nb\r\n\r\n"),
	ROW("bare LF as the empty line", H1_BARE_LF, GET HOST "\n"),
	ROW("two bare LF at the end", H1_BARE_LF, GET "Host: a\n\n"),
	ROW("bare LF in the request line", H1_BARE_LF, "GET /\n HTTP/1.1\r\n" HOST "\r\n"),
	ROW("bare LF before the request line", H1_BARE_LF, "\n" GET HOST "\r\n"),
	ROW("bare CR behind the request line", H1_BARE_CR, "GET / HTTP/1.1\rHost: a\r\n\r\n"),
	ROW("bare CR in the request line", H1_BARE_CR, "GET /\r HTTP/1.1\r\n" HOST "\r\n"),
	ROW("bare CR inside a value", H1_BARE_CR, GET HOST "x: a\rb\r\n\r\n"),
	ROW("bare CR inside a name", H1_BARE_CR, GET HOST "x\ry: a\r\n\r\n"),
	ROW("CR CR LF behind a field", H1_BARE_CR, GET "Host: a\r\r\n\r\n"),
	ROW("CR CR LF as the empty line", H1_BARE_CR, GET HOST "\r\r\n"),
	ROW("bare CR as the empty line", H1_BARE_CR, GET HOST "\rx"),
	ROW("bare CR before the request line", H1_BARE_CR, "\r" GET HOST "\r\n"),
	ROW("two empty lines before the request line", H1_REQUEST_LINE, "\r\n\r\n" GET HOST "\r\n"),
	ROW("empty line and LF before the request line", H1_BARE_LF, "\r\n\n" GET HOST "\r\n"),

	/* shape of lines */
	ROW("obs-fold with a space", H1_OBS_FOLD, GET "Host: a\r\n b\r\n\r\n"),
	ROW("obs-fold with a tab", H1_OBS_FOLD, GET "Host: a\r\n\tb\r\n\r\n"),
	ROW("space before the first field", H1_OBS_FOLD, GET " Host: a\r\n\r\n"),
	ROW("a line of one space", H1_OBS_FOLD, GET HOST " \r\n\r\n"),
	ROW("empty field name", H1_FIELD_NAME, GET HOST ": x\r\n\r\n"),
	ROW("space before the colon", H1_FIELD_NAME, GET HOST "x : y\r\n\r\n"),
	ROW("tab before the colon", H1_FIELD_NAME, GET HOST "x\t: y\r\n\r\n"),
	ROW("space in Content-Length's name", H1_FIELD_NAME, GET HOST "Content-Length : 5\r\n\r\n"),
	ROW("space in a name", H1_FIELD_NAME, GET HOST "x y: z\r\n\r\n"),
	ROW("a field without colon", H1_FIELD_NAME, GET HOST "xy\r\n\r\n"),
	ROW("a long field without colon", H1_FIELD_NAME, GET HOST SIXTY "\r\n\r\n"),
	ROW("quote in a name", H1_FIELD_NAME, GET HOST "x\"y: z\r\n\r\n"),
	ROW("parentheses in a name", H1_FIELD_NAME, GET HOST "x(y): z\r\n\r\n"),
	ROW("slash in a name", H1_FIELD_NAME, GET HOST "x/y: z\r\n\r\n"),
	ROW("at sign in a name", H1_FIELD_NAME, GET HOST "@: z\r\n\r\n"),
	ROW("bracket in a name", H1_FIELD_NAME, GET HOST "x[: z\r\n\r\n"),
	ROW("byte over 127 in a name", H1_FIELD_NAME, GET HOST "x\xc3\xa4: z\r\n\r\n"),
	ROW("byte over 127 late in a name", H1_FIELD_NAME, GET HOST TEN TEN "\xff: z\r\n\r\n"),

	/* control bytes */
	ROW("NUL in the method", H1_CONTROL, "G\0T / HTTP/1.1\r\n" HOST "\r\n"),
	ROW("NUL in the target", H1_CONTROL, "GET /\0 HTTP/1.1\r\n" HOST "\r\n"),
	ROW("NUL in a name", H1_CONTROL, GET HOST "x\0: y\r\n\r\n"),
	ROW("NUL in a value", H1_CONTROL, GET HOST "x: \0\r\n\r\n"),
	ROW("bell in a value", H1_CONTROL, GET HOST "x: \a\r\n\r\n"),
	ROW("vertical tab in a value", H1_CONTROL, GET HOST "x: \v\r\n\r\n"),
	ROW("form feed behind a value", H1_CONTROL, GET HOST "x: y\f\r\n\r\n"),
	ROW("escape in a value", H1_CONTROL, GET HOST "x: \x1b[31m\r\n\r\n"),
	ROW("byte 0x1f in a value", H1_CONTROL, GET HOST "x: \x1f\r\n\r\n"),
	ROW("DEL in a value", H1_CONTROL, GET HOST "x: \x7f\r\n\r\n"),
	ROW("vertical tab behind chunked", H1_CONTROL,
	    GET HOST "Transfer-Encoding: chunked\v\r\n\r\n"),
	ROW("a TLS hello", H1_CONTROL, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),

	/* request line */
	ROW("HTTP/0.9 without version", H1_REQUEST_LINE, "GET /\r\n\r\n"),
	ROW("HTTP/0.9 with version", H1_REQUEST_LINE, "GET / HTTP/0.9\r\n" HOST "\r\n"),
	ROW("RTSP/1.0", H1_REQUEST_LINE, "GET / RTSP/1.0\r\n" HOST "\r\n"),
	ROW("ICE/1.0", H1_REQUEST_LINE, "SOURCE / ICE/1.0\r\n" HOST "\r\n"),
	ROW("lower-case version", H1_REQUEST_LINE, "GET / http/1.1\r\n" HOST "\r\n"),
	ROW("lower-case method", H1_REQUEST_LINE, "get / HTTP/1.1\r\n" HOST "\r\n"),
	ROW("mixed-case method", H1_REQUEST_LINE, "Get / HTTP/1.1\r\n" HOST "\r\n"),
	ROW("two spaces behind the method", H1_REQUEST_LINE, "GET  / HTTP/1.1\r\n" HOST "\r\n"),
	ROW("two spaces before the version", H1_REQUEST_LINE, "GET /  HTTP/1.1\r\n" HOST "\r\n"),
	ROW("space inside the target", H1_REQUEST_LINE, "GET /a b HTTP/1.1\r\n" HOST "\r\n"),
	ROW("space behind the version", H1_REQUEST_LINE, "GET / HTTP/1.1 \r\n" HOST "\r\n"),
	ROW("space before the method", H1_REQUEST_LINE, " GET / HTTP/1.1\r\n" HOST "\r\n"),
	ROW("tab behind the method", H1_REQUEST_LINE, "GET\t/ HTTP/1.1\r\n" HOST "\r\n"),
	ROW("tab before the version", H1_REQUEST_LINE, "GET /\tHTTP/1.1\r\n" HOST "\r\n"),
	ROW("no target", H1_REQUEST_LINE, "GET HTTP/1.1\r\n" HOST "\r\n"),
	ROW("empty target", H1_REQUEST_LINE, "GET  HTTP/1.1\r\n" HOST "\r\n"),
	ROW("no method", H1_REQUEST_LINE, "/ HTTP/1.1\r\n" HOST "\r\n"),
	ROW("version with too many digits", H1_REQUEST_LINE, "GET / HTTP/1.10\r\n" HOST "\r\n"),
	ROW("version without minor", H1_REQUEST_LINE, "GET / HTTP/1\r\n" HOST "\r\n"),
	ROW("version with a comma", H1_REQUEST_LINE, "GET / HTTP/1,1\r\n" HOST "\r\n"),
	ROW("parenthesis in the method", H1_REQUEST_LINE, "G(T / HTTP/1.1\r\n" HOST "\r\n"),
	ROW("HTTP/1.2", H1_VERSION, "GET / HTTP/1.2\r\n" HOST "\r\n"),
	ROW("HTTP/2.0", H1_VERSION, "GET / HTTP/2.0\r\n" HOST "\r\n"),
	ROW("HTTP/3.0", H1_VERSION, "GET / HTTP/3.0\r\n" HOST "\r\n"),
	ROW("the preface of HTTP/2", H1_VERSION, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
	ROW("unknown method", H1_METHOD, "BREW / HTTP/1.1\r\n" HOST "\r\n"),
	ROW("unknown method of odd tchars", H1_METHOD, "!#$ / HTTP/1.1\r\n" HOST "\r\n"),
	ROW("PRI on HTTP/1.1", H1_METHOD, "PRI / HTTP/1.1\r\n" HOST "\r\n"),
	ROW("a method of RTSP", H1_METHOD, "TEARDOWN / HTTP/1.1\r\n" HOST "\r\n"),
	ROW("CONNECT", H1_CONNECT, "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"),

	/* target */
	ROW("fragment", H1_TARGET, "GET /#a HTTP/1.1\r\n" HOST "\r\n"),
	ROW("quote in the target", H1_TARGET, "GET /\" HTTP/1.1\r\n" HOST "\r\n"),
	ROW("less-than in the target", H1_TARGET, "GET /< HTTP/1.1\r\n" HOST "\r\n"),
	ROW("greater-than in the target", H1_TARGET, "GET /> HTTP/1.1\r\n" HOST "\r\n"),
	ROW("backslash in the target", H1_TARGET, "GET /\\ HTTP/1.1\r\n" HOST "\r\n"),
	ROW("raw UTF-8 in the target", H1_TARGET, "GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n"),
	ROW("escape without digits", H1_TARGET, "GET /% HTTP/1.1\r\n" HOST "\r\n"),
	ROW("escape with one digit", H1_TARGET, "GET /%4 HTTP/1.1\r\n" HOST "\r\n"),
	ROW("escape that is not hex", H1_TARGET, "GET /%4g HTTP/1.1\r\n" HOST "\r\n"),
	ROW("broken escape in the query", H1_TARGET, "GET /?a=%zz HTTP/1.1\r\n" HOST "\r\n"),
	ROW("target without slash", H1_TARGET, "GET x HTTP/1.1\r\n" HOST "\r\n"),
	ROW("authority form without CONNECT", H1_TARGET, "GET a:80 HTTP/1.1\r\n" HOST "\r\n"),
	ROW("asterisk with GET", H1_TARGET, "GET * HTTP/1.1\r\n" HOST "\r\n"),
	ROW("asterisk and more", H1_TARGET, "OPTIONS *a HTTP/1.1\r\n" HOST "\r\n"),
	ROW("absolute form of ftp", H1_TARGET, "GET ftp://a/ HTTP/1.1\r\n" HOST "\r\n"),
	ROW("absolute form without authority", H1_TARGET, "GET http:///x HTTP/1.1\r\n" HOST "\r\n"),
	ROW("absolute form with user", H1_TARGET, "GET http://u@a/ HTTP/1.1\r\n" HOST "\r\n"),
	ROW("absolute form with a bad port", H1_TARGET, "GET http://a:x/ HTTP/1.1\r\n" HOST "\r\n"),

	/* Host */
	ROW("no Host on 1.1", H1_HOST_MISSING, GET "\r\n"),
	ROW("absolute form without Host", H1_HOST_MISSING, "GET http://a/ HTTP/1.1\r\n\r\n"),
	ROW("two equal Hosts", H1_HOST_TWICE, GET HOST HOST "\r\n"),
	ROW("two different Hosts", H1_HOST_TWICE, GET HOST "hOST: b\r\n\r\n"),
	ROW("two Hosts on 1.0", H1_HOST_TWICE, "GET / HTTP/1.0\r\n" HOST HOST "\r\n"),
	ROW("empty Host", H1_HOST_INVALID, GET "Host:\r\n\r\n"),
	ROW("blank Host", H1_HOST_INVALID, GET "Host: \t\r\n\r\n"),
	ROW("Host with user", H1_HOST_INVALID, GET "Host: u@a\r\n\r\n"),
	ROW("Host with path", H1_HOST_INVALID, GET "Host: a/b\r\n\r\n"),
	ROW("Host with space", H1_HOST_INVALID, GET "Host: a b\r\n\r\n"),
	ROW("bad Host on 1.0", H1_HOST_INVALID, "GET / HTTP/1.0\r\nHost: a b\r\n\r\n"),
	ROW("Host unlike the target", H1_HOST_MISMATCH, "GET http://b/ HTTP/1.1\r\n" HOST "\r\n"),
	ROW("Host with another port", H1_HOST_MISMATCH,
	    "GET http://a:81/ HTTP/1.1\r\n" HOST "\r\n"),
	ROW("Host with https's port", H1_HOST_MISMATCH,
	    "GET http://a/ HTTP/1.1\r\nHost: a:443\r\n\r\n"),
	ROW("https with http's port", H1_HOST_MISMATCH,
	    "GET https://a/ HTTP/1.1\r\nHost: a:80\r\n\r\n"),
	ROW("https without TLS", H1_MISDIRECTED, "GET HTTPS://a?x HTTP/1.1\r\nHost: a:443\r\n\r\n"),
	ROW("https without TLS, 1.0", H1_MISDIRECTED, "GET https://a/ HTTP/1.0\r\n\r\n"),
	ROW("Host unlike the target, 1.0", H1_HOST_MISMATCH,
	    "GET http://b/ HTTP/1.0\r\n" HOST "\r\n"),

	/* framing */
	ROW("unknown coding", H1_TE_UNKNOWN, GET HOST "Transfer-Encoding: gzip\r\n\r\n"),
	ROW("unknown coding, then chunked", H1_TE_UNKNOWN,
	    GET HOST "Transfer-Encoding: gzip, chunked\r\n\r\n"),
	ROW("chunked, then unknown coding", H1_TE_UNKNOWN,
	    GET HOST "Transfer-Encoding: chunked, identity\r\n\r\n"),
	ROW("almost chunked", H1_TE_UNKNOWN, GET HOST "Transfer-Encoding: xchunked\r\n\r\n"),
	ROW("chunked twice in one", H1_TE_INVALID,
	    GET HOST "Transfer-Encoding: chunked, chunked\r\n\r\n"),
	ROW("chunked in two fields", H1_TE_INVALID,
	    GET HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
	ROW("chunked and a comma", H1_TE_INVALID, GET HOST "Transfer-Encoding: chunked,\r\n\r\n"),
	ROW("chunked with a parameter", H1_TE_INVALID,
	    GET HOST "Transfer-Encoding: chunked;q=1\r\n\r\n"),
	ROW("chunked in quotes", H1_TE_INVALID, GET HOST "Transfer-Encoding: \"chunked\"\r\n\r\n"),
	ROW("empty coding", H1_TE_INVALID, GET HOST "Transfer-Encoding:\r\n\r\n"),
	ROW("tab behind chunked", H1_TE_INVALID, GET HOST "Transfer-Encoding: chunked\t\r\n\r\n"),
	ROW("tab behind a length", H1_CL_INVALID, GET HOST "Content-Length: 5\t\r\n\r\n"),
	ROW("coding on 1.0", H1_TE_ON_10, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
	ROW("length, then coding", H1_TE_AND_CL,
	    GET HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
	ROW("coding, then length", H1_TE_AND_CL,
	    GET HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
	ROW("two equal lengths", H1_CL_TWICE,
	    GET HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"),
	ROW("two different lengths", H1_CL_TWICE,
	    GET HOST "Content-Length: 5\r\ncontent-length: 6\r\n\r\n"),
	ROW("list of lengths", H1_CL_INVALID, GET HOST "Content-Length: 5, 5\r\n\r\n"),
	ROW("empty length", H1_CL_INVALID, GET HOST "Content-Length:\r\n\r\n"),
	ROW("length with plus", H1_CL_INVALID, GET HOST "Content-Length: +5\r\n\r\n"),
	ROW("negative length", H1_CL_INVALID, GET HOST "Content-Length: -5\r\n\r\n"),
	ROW("hex length", H1_CL_INVALID, GET HOST "Content-Length: 0x5\r\n\r\n"),
	ROW("length with inner space", H1_CL_INVALID, GET HOST "Content-Length: 5 5\r\n\r\n"),
	ROW("length over 63 bits", H1_CL_INVALID,
	    GET HOST "Content-Length: 9223372036854775808\r\n\r\n"),
	ROW("length over 64 bits", H1_CL_INVALID,
	    GET HOST "Content-Length: 18446744073709551621\r\n\r\n"),

	/* sizes */
	ROW("target over its limit", TARGET_TOO_LONG,
	    "GET /" SIXTY "0123 HTTP/1.1\r\n" HOST "\r\n"),
	ROW("request line without end", TARGET_TOO_LONG, "GET /" SIXTY SIXTY),
	ROW("method without end", TARGET_TOO_LONG, SIXTY SIXTY),
	ROW("too many fields", FIELDS_TOO_LARGE,
	    GET HOST "a: 1\r\nb: 2\r\nc: 3\r\nd: 4\r\ne: 5\r\n\r\n"),
	ROW("fields too large", FIELDS_TOO_LARGE,
	    GET HOST "a: " SIXTY SIXTY SIXTY SIXTY SIXTY SIXTY SIXTY SIXTY SIXTY "\r\n\r\n"),
	ROW("fields too large, then a control byte", FIELDS_TOO_LARGE,
	    GET HOST "a: " SIXTY SIXTY SIXTY SIXTY SIXTY SIXTY SIXTY SIXTY SIXTY "\001\r\n\r\n"),
};

/* The last byte that is given, in pieces: first, then step at a time. */
static int scan(weir_str bytes, size_t first, size_t step, enum fault *ret_fault)
{
	struct h1_field_at fields[5];
	struct h1_guard g;
	size_t len = first;
	int r;

	h1_guard_init(&g, H1_GUARD_START);
	for (;;) {
		/* An exact copy each time: reading past the end, or an old address, would show. */
		char *copy = malloc(len);

		memcpy(copy, bytes.ptr, len);
		r = h1_guard_scan(&g, &limits, copy, len, fields, ret_fault);
		free(copy);
		if (r != 0 || len == bytes.len)
			return r;
		len = len + step < bytes.len ? len + step : bytes.len;
	}
}

static void expect_fault(const struct row *row, size_t first, size_t step)
{
	enum fault fault = FAULT_NONE;
	int r = scan(row->bytes, first, step, &fault);

	cr_assert_eq(r, -EPROTO, "%s: %d (first %zu, step %zu)", row->name, r, first, step);
	cr_assert_eq(fault, row->fault, "%s: %s, not %s (first %zu, step %zu)", row->name,
		     fault_name(fault), fault_name(row->fault), first, step);
}

ParameterizedTestParameters(h1_guard, refuses)
{
	static size_t index[ARRAY_LEN(rows)];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		index[i] = i;
	return cr_make_param_array(size_t, index, ARRAY_LEN(rows));
}

ParameterizedTest(size_t *index, h1_guard, refuses)
{
	const struct row *row = &rows[*index];

	expect_fault(row, row->bytes.len, 1);
	expect_fault(row, 1, 1);
	for (size_t first = 1; first < row->bytes.len; first++)
		expect_fault(row, first, row->bytes.len);
}

static const struct row sound[] = {
	ROW("the least there is", NONE, "GET / HTTP/1.0\r\n\r\n"),
	ROW("one empty line in front", NONE, "\r\n" GET HOST "\r\n"),
	ROW("odd but legal names", NONE, GET HOST "!#$%&'*+-.^_`|~09azAZ: x\r\n\r\n"),
	ROW("tabs in a value", NONE, GET HOST "x:\ta\tb\t\r\n\r\n"),
	ROW("bytes over 127 in a value", NONE, GET HOST "x: \x80\xff\r\n\r\n"),
	ROW("empty value", NONE, GET HOST "x:\r\n\r\n"),
	ROW("target at its limit", NONE, "GET /" SIXTY "012 HTTP/1.1\r\n" HOST "\r\n"),
	ROW("the longest request line", NONE, "UNSUBSCRIBE /" SIXTY "012 HTTP/1.1\r\n" HOST "\r\n"),
	ROW("as many fields as may be", NONE, GET HOST "a: 1\r\nb: 2\r\nc: 3\r\nd: 4\r\n\r\n"),
	ROW("what browsers send raw", NONE, "GET /[]{}|^`?q=[a]|'() HTTP/1.1\r\n" HOST "\r\n"),
	ROW("absolute form", NONE, "GET http://A:80 HTTP/1.1\r\n" HOST "\r\n"),
	ROW("asterisk", NONE, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n"),
	ROW("length with zeros and blanks", NONE, GET HOST "Content-Length:\t005 \r\n\r\n"),
	ROW("largest length", NONE, GET HOST "Content-Length: 9223372036854775807\r\n\r\n"),
	ROW("chunked in capitals", NONE, GET HOST "TRANSFER-ENCODING:\tChunked \r\n\r\n"),
};

ParameterizedTestParameters(h1_guard, lets_through)
{
	static size_t index[ARRAY_LEN(sound)];

	for (size_t i = 0; i < ARRAY_LEN(sound); i++)
		index[i] = i;
	return cr_make_param_array(size_t, index, ARRAY_LEN(sound));
}

ParameterizedTest(size_t *index, h1_guard, lets_through)
{
	const struct row *row = &sound[*index];

	for (size_t first = 1; first <= row->bytes.len; first++) {
		enum fault fault = FAULT_NONE;
		int r = scan(row->bytes, first, 1, &fault);

		cr_assert_eq(r, 1, "%s, first %zu: %s", row->name, first, fault_name(fault));
	}
}

Test(h1_guard, ends_where_the_head_ends)
{
	static const char bytes[] = "\r\n" GET HOST "\r\nGET /next";
	enum fault fault = FAULT_NONE;
	struct h1_field_at fields[5];
	struct h1_guard g;

	h1_guard_init(&g, H1_GUARD_START);
	cr_assert_eq(h1_guard_scan(&g, &limits, bytes, sizeof(bytes) - 1, fields, &fault), 1);
	cr_expect_eq(g.pos, sizeof(bytes) - 1 - strlen("GET /next"));
	cr_expect_eq(h1_guard_skipped(bytes), 2);
	cr_expect_eq(g.facts.n_fields, 1);
}

Test(h1_guard, notes_where_fields_stand)
{
	static const char bytes[] = GET
		"HOST:a\r\nX-Empty:\r\nX-Blanks: \t b c\t \r\nY: \t\r\n\r\n";
	static const char *const names[] = { "HOST", "X-Empty", "X-Blanks", "Y" };
	static const char *const values[] = { "a", "", "b c", "" };
	enum fault fault = FAULT_NONE;
	struct h1_field_at fields[5];
	struct h1_guard g;

	h1_guard_init(&g, H1_GUARD_START);
	cr_assert_eq(h1_guard_scan(&g, &limits, bytes, sizeof(bytes) - 1, fields, &fault), 1);
	cr_assert_eq(g.facts.n_fields, ARRAY_LEN(names));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct h1_span name = fields[i].name, value = fields[i].value;

		cr_expect(
			weir_str_eq((weir_str){ bytes + name.at, name.len }, weir_strz(names[i])));
		cr_expect(weir_str_eq((weir_str){ bytes + value.at, value.len },
				      weir_strz(values[i])));
	}
}

Test(h1_guard, lets_a_head_fill_the_limit_exactly)
{
	enum fault fault = FAULT_NONE;
	struct h1_field_at fields[5];
	char bytes[600];
	struct h1_guard g;
	int len = snprintf(bytes, sizeof(bytes), GET HOST "a: %0*d\r\n\r\n",
			   (int)(limits.max_head - strlen(GET HOST "a: \r\n\r\n")), 0);

	cr_assert_eq(len, (int)limits.max_head);
	h1_guard_init(&g, H1_GUARD_START);
	cr_assert_eq(h1_guard_scan(&g, &limits, bytes, (size_t)len, fields, &fault), 1);
}

Test(h1_guard, says_so_before_the_line_is_whole)
{
	enum fault fault = FAULT_NONE;

	cr_expect_eq(scan(WEIR_STR("GET /\001"), 6, 1, &fault), -EPROTO);
	cr_expect_eq(fault, FAULT_H1_CONTROL);
	cr_expect_eq(scan(WEIR_STR(GET HOST HOST), 1, 1, &fault), -EPROTO);
	cr_expect_eq(fault, FAULT_H1_HOST_TWICE);
}

Test(h1_guard, reads_a_trailer_section_without_request_line)
{
	enum fault fault = FAULT_NONE;
	struct h1_field_at fields[5];
	struct h1_guard g;

	h1_guard_init(&g, H1_GUARD_TRAILER);
	cr_expect_eq(h1_guard_scan(&g, &limits, "x: y\r\n\r\n", 8, fields, &fault), 1);
	cr_expect_eq(g.pos, 8);
	h1_guard_init(&g, H1_GUARD_TRAILER);
	cr_expect_eq(h1_guard_scan(&g, &limits, "host: y\r\n\r\n", 11, fields, &fault), -EPROTO);
	cr_expect_eq(fault, FAULT_H1_TRAILER);
}
