/* test_h1_scan.c - fast and slow ways give one answer, at every place and length. */
#include "proto/h1_scan.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdlib.h>

Test(h1_scan, sees_each_control_byte_with_plain_integers)
{
	for (int c = 0; c < 256; c++) {
		for (int at = 0; at < 8; at++) {
			char bytes[8] = "aaaaaaa\xff";
			unsigned expected = c < 32 || c == 127 ? 1u << at : 0;

			bytes[at] = (char)c;
			cr_expect_eq(h1_scan_mask8(bytes), expected, "byte %d at %d", c, at);
		}
	}
}

Test(h1_scan, sees_each_control_byte_at_full_width)
{
	for (int c = 0; c < 256; c++) {
		for (int at = 0; at < H1_SCAN_STEP; at++) {
			char bytes[H1_SCAN_STEP];
			unsigned expected = c < 32 || c == 127 ? 1u << at : 0;

			memset(bytes, 0x80, sizeof(bytes));
			bytes[at] = (char)c;
			cr_expect_eq(h1_scan_mask(bytes), expected, "byte %d at %d", c, at);
		}
	}
}

Test(h1_scan, never_takes_an_odd_byte_for_part_of_a_name)
{
	for (int c = 0; c < 256; c++) {
		char bytes[H1_SCAN_STEP];
		bool is_usual = c < 128 && c > 0 && (isalpha(c) || c == '-');

		memset(bytes, 'a', sizeof(bytes));
		bytes[3] = (char)c;
#ifdef __SSE2__
		cr_expect_eq(h1_scan_odd_mask(bytes), is_usual ? 0u : 8u, "byte %d", c);
#else
		cr_expect(is_usual || (h1_scan_odd_mask(bytes) & 8u), "byte %d", c);
#endif
	}
}

/* A buffer of exactly len bytes with one newline, searched from each place before it. */
static void check_found(size_t len, size_t at)
{
	char *bytes = malloc(len);

	memset(bytes, 'a', len);
	bytes[at] = '\n';
	for (size_t from = 0; from <= at; from++)
		cr_expect_eq(h1_scan_control(bytes, from, len), at, "%zu of %zu from %zu", at, len,
			     from);
	for (size_t from = at + 1; from <= len; from++)
		cr_expect_eq(h1_scan_control(bytes, from, len), len, "behind %zu from %zu", at,
			     from);
	free(bytes);
}

Test(h1_scan, stops_in_a_name_at_the_latest_where_it_ends)
{
	char bytes[40];

	memset(bytes, 'a', sizeof(bytes));
	bytes[20] = ':';
	for (size_t from = 0; from <= 20; from++) {
		size_t at = h1_scan_name(bytes, from, sizeof(bytes));

		cr_expect(at >= from && at <= 20, "from %zu: %zu", from, at);
	}
	cr_expect_eq(h1_scan_name(bytes, 30, 40), 30);
}

Test(h1_scan, finds_a_byte_at_every_place_of_every_length)
{
	for (size_t len = 1; len <= 50; len++) {
		for (size_t at = 0; at < len; at++)
			check_found(len, at);
	}
}
