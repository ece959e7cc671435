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

Test(h1_scan, finds_a_byte_at_every_place_of_every_length)
{
	for (size_t len = 1; len <= 50; len++) {
		for (size_t at = 0; at < len; at++)
			check_found(len, at);
	}
}
