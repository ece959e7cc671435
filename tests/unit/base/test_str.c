/* test_str.c - see base/str.h. */
#include "base/str.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

Test(str, compares_without_case)
{
	cr_assert(str_eq_nocase(WEIR_STR("Content-Length"), WEIR_STR("content-LENGTH")));
	cr_assert_not(str_eq_nocase(WEIR_STR("content-length"), WEIR_STR("content-lengt")));
	cr_assert_not(str_eq_nocase(WEIR_STR("content-length"), WEIR_STR("content_length")));
	cr_assert(str_eq_nocase((weir_str){ NULL, 0 }, WEIR_STR("")));
}

Test(str, folds_the_case_of_ascii_letters_only)
{
	cr_assert_not(str_eq_nocase(WEIR_STR("@"), WEIR_STR("`")), "next to the letters");
	cr_assert_not(str_eq_nocase(WEIR_STR("["), WEIR_STR("{")), "behind the letters");
	cr_assert_not(str_eq_nocase(WEIR_STR("\xc3\x84"), WEIR_STR("\xc3\xa4")));
	cr_assert_not(str_eq_nocase(WEIR_STR("K"), WEIR_STR("\xe2\x84\xaa")), "the Kelvin sign");
}

Test(str, knows_prefixes)
{
	cr_assert(str_starts(WEIR_STR("unix:/run"), WEIR_STR("unix:")));
	cr_assert(str_starts(WEIR_STR("unix:"), WEIR_STR("unix:")));
	cr_assert_not(str_starts(WEIR_STR("unix"), WEIR_STR("unix:")));
	cr_assert(str_starts(WEIR_STR("x"), (weir_str){ NULL, 0 }));
	cr_assert(str_starts((weir_str){ NULL, 0 }, (weir_str){ NULL, 0 }));
	cr_assert_not(str_starts((weir_str){ NULL, 0 }, WEIR_STR("x")));
}

Test(str, trims_spaces_and_tabs)
{
	cr_assert(weir_str_eq(str_trim(WEIR_STR(" \t a b\t ")), WEIR_STR("a b")));
	cr_assert(weir_str_eq(str_trim(WEIR_STR("a")), WEIR_STR("a")));
	cr_assert_eq(str_trim(WEIR_STR(" \t ")).len, 0);
	cr_assert_eq(str_trim((weir_str){ NULL, 0 }).len, 0);
}

Test(str, trims_nothing_else)
{
	cr_assert(weir_str_eq(str_trim(WEIR_STR("\r a\n")), WEIR_STR("\r a\n")));
	cr_assert(weir_str_eq(str_trim(WEIR_STR("\v\f")), WEIR_STR("\v\f")));
}

Test(str, splits_at_each_separator)
{
	weir_str rest = WEIR_STR("a,,bc");

	cr_assert(weir_str_eq(str_split(&rest, ','), WEIR_STR("a")));
	cr_assert(weir_str_eq(str_split(&rest, ','), WEIR_STR("")));
	cr_assert(weir_str_eq(str_split(&rest, ','), WEIR_STR("bc")));
	cr_assert_null(rest.ptr);
}

Test(str, splits_off_an_empty_part_behind_the_last_separator)
{
	weir_str rest = WEIR_STR("a,");

	cr_assert(weir_str_eq(str_split(&rest, ','), WEIR_STR("a")));
	cr_assert_not_null(rest.ptr);
	cr_assert(weir_str_eq(str_split(&rest, ','), WEIR_STR("")));
	cr_assert_null(rest.ptr);
}

Test(str, splits_nothing_into_one_empty_part)
{
	weir_str rest = WEIR_STR("");

	cr_assert_eq(str_split(&rest, ',').len, 0);
	cr_assert_null(rest.ptr);
	cr_assert_eq(str_split(&rest, ',').len, 0);
}

Test(str, a_cut_takes_whole_what_is_there_or_nothing)
{
	weir_str rest = WEIR_STR("abcde");
	char bytes[4] = "";

	cr_assert_eq(str_cut(&rest, bytes, 3), 0);
	cr_assert_str_eq(bytes, "abc");
	cr_assert(weir_str_eq(rest, WEIR_STR("de")));
	cr_assert_eq(str_cut(&rest, bytes, 3), -EPROTO);
	cr_assert_str_eq(bytes, "abc");
	cr_assert(weir_str_eq(rest, WEIR_STR("de")));
	cr_assert_eq(str_cut(&rest, bytes, 2), 0);
	cr_assert_eq(rest.len, 0);
}

struct number {
	char text[32];
	int r;
	uint64_t value;
};

ParameterizedTestParameters(str, reads_numbers)
{
	static struct number rows[] = {
		{ "0", 0, 0 },
		{ "007", 0, 7 },
		{ "1844674407370955161", 0, 1844674407370955161u },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "18446744073709551620", -ERANGE, 0 },
		{ "28446744073709551615", -ERANGE, 0 },
		{ "99999999999999999999999", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "0x10", -EINVAL, 0 },
		{ "1e3", -EINVAL, 0 },
		{ "1_000", -EINVAL, 0 },
		{ "/", -EINVAL, 0 },
		{ ":", -EINVAL, 0 },
		{ "\xd9\xa1", -EINVAL, 0 },
		{ "99999999999999999999999x", -EINVAL, 0 },
	};

	return cr_make_param_array(struct number, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct number *row, str, reads_numbers)
{
	uint64_t value = 0;

	cr_assert_eq(str_to_u64(weir_strz(row->text), &value), row->r, "'%s'", row->text);
	cr_assert_eq(value, row->value, "'%s'", row->text);
}

Test(str, copies_every_length)
{
	char text[80], out[82];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(' ' + i);
	for (size_t len = 0; len <= sizeof(text); len++) {
		memset(out, 1, sizeof(out));
		cr_assert_eq(str_put(out + 1, (weir_str){ text, len }), out + 1 + len);
		cr_assert_eq(memcmp(out + 1, text, len), 0);
		cr_assert_eq(out[0], 1);
		cr_assert_eq(out[len + 1], 1);
	}
}

Test(str, writes_every_number_as_printf_does)
{
	char out[STR_DIGITS_MAX], expected[32];
	uint64_t value = 1;

	for (int i = 0; i < 20; i++, value *= 10) {
		uint64_t near[] = { value - 1, value, value + 1, value * 2 - 7,
				    UINT64_MAX - value };

		for (size_t k = 0; k < ARRAY_LEN(near); k++) {
			int len = snprintf(expected, sizeof(expected), "%llu",
					   (unsigned long long)near[k]);

			cr_assert_eq(str_put_u64(out, near[k]) - out, len);
			cr_assert_eq(memcmp(out, expected, (size_t)len), 0, "%s", expected);
		}
	}
	for (unsigned n = 0; n < 20000; n++) {
		int len = snprintf(expected, sizeof(expected), "%u", n);

		cr_assert_eq(str_put_u64(out, n) - out, len);
		cr_assert_eq(memcmp(out, expected, (size_t)len), 0, "%s", expected);
	}
}

Test(str, reads_no_number_that_holds_a_nul)
{
	uint64_t value = 42;

	cr_assert_eq(str_to_u64((weir_str){ "1\0002", 3 }, &value), -EINVAL);
	cr_assert_eq(value, 42);
}

struct text {
	char bytes[12];
	bool is_utf8;
};

ParameterizedTestParameters(str, knows_utf8)
{
	static struct text rows[] = {
		{ "", true },
		{ "plain", true },
		{ "\x7f", true },
		{ "\xc2\x80", true },
		{ "\xdf\xbf", true },
		{ "\xe0\xa0\x80", true },
		{ "\xed\x9f\xbf", true },
		{ "\xee\x80\x80", true },
		{ "\xef\xbf\xbf", true },
		{ "\xf0\x90\x80\x80", true },
		{ "\xf4\x8f\xbf\xbf", true },
		{ "a\xc3\xa4z", true },
		{ "\x80", false },
		{ "\xbf", false },
		{ "\xc0\x80", false },
		{ "\xc1\xbf", false },
		{ "\xe0\x80\x80", false },
		{ "\xe0\x9f\xbf", false },
		{ "\xed\xa0\x80", false },
		{ "\xed\xbf\xbf", false },
		{ "\xf0\x80\x80\x80", false },
		{ "\xf0\x8f\xbf\xbf", false },
		{ "\xf4\x90\x80\x80", false },
		{ "\xf5\x80\x80\x80", false },
		{ "\xff", false },
		{ "\xfe", false },
		{ "\xc3", false },
		{ "\xe2\x82", false },
		{ "\xf0\x9f\x8c", false },
		{ "\xc3(", false },
		{ "\xe2\x82(", false },
		{ "\xe2(\xac", false },
		{ "\xf0\x9f\x8c(", false },
		{ "\xf0\x9f(\x8a", false },
		{ "\xf0(\x8c\x8a", false },
		{ "ok\xc3\xa4\xa4", false },
	};

	return cr_make_param_array(struct text, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct text *row, str, knows_utf8)
{
	cr_assert_eq(str_is_utf8(weir_strz(row->bytes)), row->is_utf8, "%02x %02x %02x %02x",
		     (unsigned char)row->bytes[0], (unsigned char)row->bytes[1],
		     (unsigned char)row->bytes[2], (unsigned char)row->bytes[3]);
}

Test(str, reads_no_byte_behind_a_cut_sequence)
{
	for (size_t len = 1; len < 4; len++) {
		char *bytes = malloc(len);

		memcpy(bytes, "\xf0\x9f\x8c\x8a", len);
		cr_assert_not(str_is_utf8((weir_str){ bytes, len }));
		free(bytes);
	}
}

Test(str, duplicates_as_a_c_string)
{
	char *z = str_dup((weir_str){ "abcdef", 3 });
	char *empty = str_dup((weir_str){ NULL, 0 });

	cr_assert_str_eq(z, "abc");
	cr_assert_str_eq(empty, "");
	free(z);
	free(empty);
}

Test(str, hashes_equal_bytes_to_equal_numbers)
{
	char other[] = "path";

	cr_assert_eq(str_hash(WEIR_STR("path")), str_hash(weir_strz(other)));
	cr_assert_neq(str_hash(WEIR_STR("path")), str_hash(WEIR_STR("htap")));
	cr_assert_eq(str_hash(WEIR_STR("")), 0xcbf29ce484222325u, "the offset basis of FNV-1a");
	cr_assert_eq(str_hash(WEIR_STR("foobar")), 0x85944171f73967e8u, "its published vector");
}

struct pair {
	char a[16], b[16];
	size_t distance;
};

ParameterizedTestParameters(str, counts_edits)
{
	static struct pair rows[] = {
		{ "", "", 0 },
		{ "workers", "workers", 0 },
		{ "", "abc", 3 },
		{ "abc", "", 3 },
		{ "worker", "workers", 1 },
		{ "wrokers", "workers", 1 },
		{ "workesr", "workers", 1 },
		{ "wxrkers", "workers", 1 },
		{ "kitten", "sitting", 3 },
		{ "ca", "abc", 3 },
		{ "abcd", "badc", 2 },
		{ "listen", "routes", 4 },
	};

	return cr_make_param_array(struct pair, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct pair *row, str, counts_edits)
{
	cr_assert_eq(str_distance(weir_strz(row->a), weir_strz(row->b)), row->distance,
		     "%s, %s: %zu", row->a, row->b,
		     str_distance(weir_strz(row->a), weir_strz(row->b)));
	cr_assert_eq(str_distance(weir_strz(row->b), weir_strz(row->a)), row->distance);
}

Test(str, finds_no_likeness_in_very_long_words)
{
	char longest[65];

	memset(longest, 'x', sizeof(longest));
	cr_assert_eq(str_distance((weir_str){ longest, 64 }, (weir_str){ longest, 64 }), 0);
	cr_assert_geq(str_distance((weir_str){ longest, 65 }, (weir_str){ longest, 65 }), 64);
}

Test(str, errors_have_names)
{
	cr_assert_str_eq(str_error_name(-ENOENT), "ENOENT");
	cr_assert_str_eq(str_error_name(-100000), "an unknown error");
	cr_assert_str_eq(str_error_name(INT_MIN), "an unknown error");
	cr_assert_str_eq(str_error_name(0), "an unknown error");
	cr_assert_str_eq(str_error_name(2), "an unknown error");
}
