/* test_utf8.c - against a naive reading of RFC 3629, over everything that is short enough. */
#include "base/utf8.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

enum verdict { BAD, CUT, GOOD };

/* Decodes, and then compares with what the value should have taken. The length, 0: wrong, -1: cut. */
static int naive_character(const unsigned char *p, size_t len, uint32_t *ret_code)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	int n = p[0] < 0x80		? 1
		: (p[0] & 0xe0) == 0xc0 ? 2
		: (p[0] & 0xf0) == 0xe0 ? 3
		: (p[0] & 0xf8) == 0xf0 ? 4
					: 0;
	uint32_t code = n < 2 ? p[0] : p[0] & (0x7fu >> n);

	if (n == 0)
		return 0;
	for (int i = 1; i < n; i++) {
		if ((size_t)i == len)
			return -1;
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	*ret_code = code;
	if (code < smallest[n] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return n;
}

static enum verdict naive(const unsigned char *p, size_t len)
{
	uint32_t code;

	while (len > 0) {
		int n = naive_character(p, len, &code);

		if (n < 1)
			return n < 0 ? CUT : BAD;
		p += n;
		len -= (size_t)n;
	}
	return GOOD;
}

static enum verdict feed_split(const char *p, size_t len, size_t at)
{
	struct utf8 u;

	utf8_init(&u);
	if (!utf8_feed(&u, (weir_str){ p, at }) || !utf8_feed(&u, (weir_str){ p + at, len - at }))
		return BAD;
	return utf8_is_complete(&u) ? GOOD : CUT;
}

/* The naive reader calls cut what is hopeless already: for it to be a real cut some end must do. */
static enum verdict expected(const unsigned char *p, size_t len)
{
	unsigned char longer[8];

	if (naive(p, len) != CUT)
		return naive(p, len);
	for (size_t n_more = 1; n_more <= 3; n_more++) {
		for (int c = 0x80; c < 0xc0; c++) {
			memcpy(longer, p, len);
			memset(longer + len, c, n_more);
			if (naive(longer, len + n_more) == GOOD)
				return CUT;
		}
	}
	return BAD;
}

static void check_all_splits(const unsigned char *bytes, size_t len)
{
	enum verdict right = expected(bytes, len);

	for (size_t at = 0; at <= len; at++) {
		enum verdict is = feed_split((const char *)bytes, len, at);

		if (is != right)
			cr_assert_fail("%02x %02x %02x, %zu long, cut at %zu: %d, not %d", bytes[0],
				       bytes[1], bytes[2], len, at, is, right);
	}
}

Test(utf8, agrees_about_every_one_and_two_bytes)
{
	for (unsigned i = 0; i < 1u << 16; i++) {
		unsigned char bytes[3] = { (unsigned char)(i >> 8), (unsigned char)i, 0 };

		check_all_splits(bytes, 2);
		if ((i & 0xff) == 0)
			check_all_splits(bytes, 1);
	}
}

Test(utf8, agrees_about_every_three_bytes)
{
	for (unsigned i = 0; i < 1u << 24; i++) {
		unsigned char bytes[3] = { (unsigned char)(i >> 16), (unsigned char)(i >> 8),
					   (unsigned char)i };

		/* Behind ASCII the last two are a case of the test above: a few of these do. */
		if (bytes[0] < 0x7e)
			i |= 0xffff;
		check_all_splits(bytes, 3);
	}
}

/* Four bytes have more ends than can be tried in a second: those around every limit. */
Test(utf8, agrees_about_four_bytes_around_the_limits)
{
	static const unsigned char some[] = { 0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0,
					      0xbf, 0xc0, 0xc2, 0xe0, 0xf0, 0xff };
	unsigned char bytes[4];

	for (int lead = 0xe0; lead <= 0xff; lead++) {
		for (unsigned second = 0; second < 256; second++) {
			for (size_t i = 0; i < ARRAY_LEN(some) * ARRAY_LEN(some); i++) {
				bytes[0] = (unsigned char)lead;
				bytes[1] = (unsigned char)second;
				bytes[2] = some[i / ARRAY_LEN(some)];
				bytes[3] = some[i % ARRAY_LEN(some)];
				check_all_splits(bytes, 4);
			}
		}
	}
}

static size_t encode(uint32_t code, unsigned char *out)
{
	if (code < 0x80) {
		out[0] = (unsigned char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (unsigned char)(0xc0 | code >> 6);
		out[1] = (unsigned char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (unsigned char)(0xe0 | code >> 12);
		out[1] = (unsigned char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (unsigned char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (unsigned char)(0xf0 | code >> 18);
	out[1] = (unsigned char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (unsigned char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (unsigned char)(0x80 | (code & 0x3f));
	return 4;
}

Test(utf8, takes_every_code_point_but_surrogates)
{
	for (uint32_t code = 0; code <= 0x110fff; code++) {
		bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
		enum verdict right = is_surrogate || code > 0x10ffff ? BAD : GOOD;
		unsigned char bytes[4];
		size_t len = encode(code, bytes);

		for (size_t at = 0; at <= len; at++) {
			if (feed_split((const char *)bytes, len, at) != right)
				cr_assert_fail("U+%04x, cut at %zu", code, at);
		}
	}
}

/* Wide steps: one odd character at each place of a text, at each alignment, cut everywhere. */
Test(utf8, sees_a_wrong_byte_wherever_it_is)
{
	enum { LEN = 70 };
	static const unsigned char odd[] = { 0x80, 0xc3, 0xff };
	char *text = malloc(LEN);

	for (size_t len = 1; len <= LEN; len++) {
		char *start = text + LEN - len;

		for (size_t i = 0; i < len * ARRAY_LEN(odd); i++) {
			memset(start, 'a', len);
			start[i / ARRAY_LEN(odd)] = (char)odd[i % ARRAY_LEN(odd)];
			for (size_t at = 0; at <= len; at += 1 + len / 9) {
				enum verdict is = feed_split(start, len, at);

				cr_assert_eq(is, naive((unsigned char *)start, len),
					     "%zu of %zu, cut at %zu", i, len, at);
			}
		}
	}
	free(text);
}

Test(utf8, takes_long_texts_of_every_width)
{
	static const char text[] = "Gr\xc3\xbc\xc3\x9f"
				   "e aus K\xc3\xb6ln, \xe2\x82\xac 5, "
				   "\xf0\x9f\x8c\x8a\xf0\x9f\x8c\x8a and thirty-two bytes of ASCII "
				   "behind it \xe6\xb0\xb4";

	for (size_t at = 0; at < sizeof(text); at++)
		cr_expect_eq(feed_split(text, sizeof(text) - 1, at), GOOD, "cut at %zu", at);
}

/* Autobahn 6.4: the byte that cannot be right is refused, though its character is not over. */
Test(utf8, fails_at_the_first_wrong_byte)
{
	struct utf8 u;

	utf8_init(&u);
	cr_assert(utf8_feed(&u, WEIR_STR("\xce\xba\xf4")));
	cr_assert_not(utf8_is_complete(&u));
	cr_assert_not(utf8_feed(&u, WEIR_STR("\x90")));
}

Test(utf8, nothing_changes_nothing)
{
	struct utf8 u;

	utf8_init(&u);
	cr_assert(utf8_feed(&u, (weir_str){ NULL, 0 }));
	cr_assert(utf8_is_complete(&u));
	cr_assert(utf8_feed(&u, WEIR_STR("\xe2")));
	cr_assert(utf8_feed(&u, (weir_str){ NULL, 0 }));
	cr_assert_not(utf8_is_complete(&u));
	cr_assert(utf8_feed(&u, WEIR_STR("\x82\xac")));
	cr_assert(utf8_is_complete(&u));
}

/* One byte that is not ASCII, right or wrong, at every place of texts of every length that is looked at in steps. */
Test(utf8, whole_texts_of_every_length)
{
	char text[100];

	for (size_t len = 0; len <= sizeof(text); len++) {
		memset(text, 'a', sizeof(text));
		cr_expect(utf8_is_whole((weir_str){ text, len }), "%zu", len);
		for (size_t at = 0; at < len; at++) {
			memset(text, 'a', sizeof(text));
			text[at] = '\xc3';
			cr_expect_not(utf8_is_whole((weir_str){ text, len }), "%zu of %zu", at,
				      len);
			if (at + 1 < sizeof(text))
				text[at + 1] = '\xbc';
			cr_expect_eq(utf8_is_whole((weir_str){ text, len }), at + 1 < len,
				     "%zu of %zu", at, len);
		}
	}
}
