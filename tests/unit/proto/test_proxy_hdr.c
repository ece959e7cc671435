/* test_proxy_hdr.c - headers of both versions, whole and in every possible part. */
#include "proto/proxy_hdr.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <weir/base.h>

#include "base/macro.h"

#define V2 "\r\n\r\n\0\r\nQUIT\n"
#define TCP4 "\x21\x11"
#define TCP6 "\x21\x21"
#define UNIX "\x21\x31"
#define LOCAL "\x20"
#define FOUR "\xc0\x00\x02\x07\xc6\x33\x64\x01\xc8\x22\x01\xbb"
#define SIX                                          \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07" \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01" \
	"\xc8\x22\x01\xbb"
#define ZEROS100                                                               \
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" \
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" \
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

struct row {
	const char *bytes;
	size_t len;
	const char *from, *to; /* NULL: no names */
	const char *words;     /* NULL: it is good */
};

#define GOOD(bytes, from, to)                            \
	{                                                \
		bytes, sizeof(bytes) - 1, from, to, NULL \
	}
#define BAD(bytes, words)                                   \
	{                                                   \
		bytes, sizeof(bytes) - 1, NULL, NULL, words \
	}

static const struct row rows[] = {
	GOOD("PROXY TCP4 192.0.2.7 198.51.100.1 51234 443\r\n", "192.0.2.7:51234",
	     "198.51.100.1:443"),
	GOOD("PROXY TCP6 2001:db8::7 2001:DB8::1 1 65535\r\n", "[2001:db8::7]:1",
	     "[2001:db8::1]:65535"),
	GOOD("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", "0.0.0.0:0", "0.0.0.0:0"),
	GOOD("PROXY UNKNOWN\r\n", NULL, NULL),
	GOOD("PROXY UNKNOWN ffff:f...f:ffff what ever\r\n", NULL, NULL),
	BAD("PROXY TCP4 192.0.2.7 198.51.100.1 51234 443\n",
	    "its PROXY line does not end with CR LF"),
	BAD("PROXY TCP5 192.0.2.7 198.51.100.1 51234 443\r\n",
	    "its PROXY line is neither TCP4, TCP6 nor UNKNOWN"),
	BAD("PROXY UNKNOWNS\r\n", "its PROXY line is neither TCP4, TCP6 nor UNKNOWN"),
	BAD("PROXY TCP4 192.0.2.7 198.51.100.1 51234\r\n", "its PROXY line has malformed ports"),
	BAD("PROXY TCP4 192.0.2.7 198.51.100.1 51234 443 \r\n",
	    "its PROXY line has malformed addresses"),
	BAD("PROXY TCP4  192.0.2.7 198.51.100.1 51234 443\r\n",
	    "its PROXY line has malformed addresses"),
	BAD("PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n", "its PROXY line has malformed addresses"),
	BAD("PROXY TCP6 192.0.2.7 198.51.100.1 1 2\r\n", "its PROXY line has malformed addresses"),
	BAD("PROXY TCP4 192.0.2.7 198.51.100.1 65536 443\r\n",
	    "its PROXY line has malformed ports"),
	BAD("PROXY TCP4 192.0.2.7 198.51.100.1 0443 443\r\n", "its PROXY line has malformed ports"),
	BAD("PROXY TCP4 192.0.2.7 198.51.100.1 -1 443\r\n", "its PROXY line has malformed ports"),
	BAD("PROXY \r\n", "its PROXY line is neither TCP4, TCP6 nor UNKNOWN"),
	BAD("GET / HTTP/1.1\r\n", "it does not begin with a PROXY header"),
	BAD("\x16\x03\x01", "it does not begin with a PROXY header"),
	BAD("PROXX", "it does not begin with a PROXY header"),

	GOOD(V2 TCP4 "\0\x0c" FOUR, "192.0.2.7:51234", "198.51.100.1:443"),
	GOOD(V2 TCP6 "\0\x24" SIX, "[2001:db8::7]:51234", "[2001:db8::1]:443"),
	GOOD(V2 UNIX "\0\xd8/run/a\0\0" ZEROS100 "/run/bc\0" ZEROS100, "unix:/run/a",
	     "unix:/run/bc"),
	GOOD(V2 UNIX "\0\xd8/r\nn/a\0\0" ZEROS100 "\0\0\0\0\0\0\0\0" ZEROS100, "unix:", "unix:"),
	GOOD(V2 LOCAL "\0\0\0", NULL, NULL),
	GOOD(V2 LOCAL "\x11\0\x0c" FOUR, NULL, NULL),
	GOOD(V2 "\x21\x00\0\0", NULL, NULL),
	GOOD(V2 "\x21\x00\0\x04\x04\0\x01x", NULL, NULL),
	GOOD(V2 "\x21\x12\0\x0c" FOUR, NULL, NULL), /* datagrams: nothing that we could name */
	GOOD(V2 TCP4 "\0\x12" FOUR "\x04\0\x03xyz", "192.0.2.7:51234", "198.51.100.1:443"),
	GOOD(V2 TCP4 "\0\x16" FOUR "\x04\0\x00\x20\0\x04wxyz", "192.0.2.7:51234",
	     "198.51.100.1:443"),
	GOOD(V2 TCP4 "\0\x13" FOUR "\x03\0\x04\xf1\xab\x89\x85", "192.0.2.7:51234",
	     "198.51.100.1:443"),
	BAD(V2 TCP4 "\0\x13" FOUR "\x03\0\x04\xf1\xab\x89\x84",
	    "the checksum of its PROXY header is wrong"),
	BAD(V2 TCP4 "\0\x12" FOUR "\x03\0\x03xyz", "the checksum of its PROXY header is wrong"),
	BAD(V2 TCP4 "\0\x12" FOUR "\x04\0\x04xyz", "a TLV of its PROXY header goes beyond it"),
	BAD(V2 TCP4 "\0\x0e" FOUR "\x04\0", "a TLV of its PROXY header goes beyond it"),
	BAD(V2 TCP4 "\0\x0b" FOUR, "its PROXY header is too short for its addresses"),
	BAD(V2 "\x11\x11\0\x0c" FOUR, "its PROXY header is of an unknown version or command"),
	BAD(V2 "\x22\x11\0\x0c" FOUR, "its PROXY header is of an unknown version or command"),
	BAD(V2 "\x21\x41\0\x0c" FOUR, "its PROXY header is of an unknown family"),
	BAD(V2 "\x21\x13\0\x0c" FOUR, "its PROXY header is of an unknown family"),
	BAD(V2 TCP4 "\x10\0", "its PROXY header has more than 4 KiB"),
};

ParameterizedTestParameters(proxy_hdr, reads)
{
	static size_t index[ARRAY_LEN(rows)];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		index[i] = i;
	return cr_make_param_array(size_t, index, ARRAY_LEN(rows));
}

/* In memory of its own size, so that reading past its end is seen. */
static ssize_t read_part(const char *bytes, size_t len, struct proxy_hdr *ret_hdr,
			 const char **reterr_words)
{
	char *copy = malloc(len ? len : 1);
	ssize_t r;

	memcpy(copy, bytes, len);
	r = proxy_hdr_read(copy, len, ret_hdr, reterr_words);
	free(copy);
	return r;
}

static void expect_names(const struct row *row, const struct proxy_hdr *hdr)
{
	weir_str from = { hdr->from, hdr->from_len }, to = { hdr->to, hdr->to_len };

	cr_expect_eq(hdr->has_names, row->from != NULL);
	if (!row->from)
		return;
	cr_expect(weir_str_eq(from, weir_strz(row->from)), "%.*s", WEIR_ARG(from));
	cr_expect(weir_str_eq(to, weir_strz(row->to)), "%.*s", WEIR_ARG(to));
}

ParameterizedTest(size_t *index, proxy_hdr, reads)
{
	const struct row *row = &rows[*index];
	const char *words = "";
	struct proxy_hdr hdr;
	ssize_t r = read_part(row->bytes, row->len, &hdr, &words);

	if (row->words) {
		cr_expect_eq(r, -EPROTO, "row %zu: %zd", *index, r);
		cr_expect_str_eq(words, row->words, "row %zu: %s", *index, words);
		return;
	}
	cr_assert_eq(r, (ssize_t)row->len, "row %zu: %zd: %s", *index, r, words);
	expect_names(row, &hdr);
	/* A part of it is a part, and what follows is not its own. */
	for (size_t n = 0; n < row->len; n++)
		cr_expect_eq(read_part(row->bytes, n, &hdr, &words), 0, "row %zu: %zu", *index, n);
}

ParameterizedTestParameters(proxy_hdr, leaves_what_follows)
{
	static size_t index[ARRAY_LEN(rows)];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		index[i] = i;
	return cr_make_param_array(size_t, index, ARRAY_LEN(rows));
}

ParameterizedTest(size_t *index, proxy_hdr, leaves_what_follows)
{
	const struct row *row = &rows[*index];
	char bytes[PROXY_HDR_MAX];
	const char *words = "";
	struct proxy_hdr hdr;

	if (row->words)
		return;
	memcpy(bytes, row->bytes, row->len);
	memcpy(bytes + row->len, "GET / HTTP/1.1\r\n", 16);
	cr_assert_eq(read_part(bytes, row->len + 16, &hdr, &words), (ssize_t)row->len);
	expect_names(row, &hdr);
}

Test(proxy_hdr, a_line_of_107_bytes_is_the_longest)
{
	char line[108];
	const char *words = "";
	struct proxy_hdr hdr;

	memset(line, 'x', sizeof(line));
	memcpy(line, "PROXY UNKNOWN ", 14);
	memcpy(line + 105, "\r\n", 2);
	cr_assert_eq(read_part(line, 107, &hdr, &words), 107);
	memcpy(line + 105, "x\r\n", 3);
	cr_assert_eq(read_part(line, 106, &hdr, &words), 0);
	cr_assert_eq(read_part(line, 107, &hdr, &words), -EPROTO);
	cr_assert_str_eq(words, "its PROXY line has more than 107 bytes");
}
