/* test_number_pattern.c - POSIX's regular expressions are asked about each number near a range's ends. */
#include "conf/number_pattern.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>

struct range {
	uint64_t min, max;
};

static const struct range ranges[] = {
	{ 0, 0 },	  { 0, 1 },
	{ 0, 9 },	  { 0, 10 },
	{ 0, 255 },	  { 1, 1 },
	{ 1, 9 },	  { 1, 1024 },
	{ 1, 65535 },	  { 7, 7 },
	{ 10, 10 },	  { 10, 19 },
	{ 10, 99 },	  { 19, 21 },
	{ 64, 1048576 },  { 99, 101 },
	{ 100, 100 },	  { 100, 999 },
	{ 100, 1000 },	  { 1, 3600000 },
	{ 1000, 1001 },	  { 999, 1000000 },
	{ 16, 1048576 },  { 90000, 90000 },
	{ 1, 10000000 },  { 32768, 67108864 },
	{ 0, 1 << 30 },	  { 0, UINT64_C(1) << 40 },
	{ 120, 1000000 }, { 1010, 1100 },
};

ParameterizedTestParameters(number_pattern, holds_just_the_range)
{
	return cr_make_param_array(struct range, (void *)ranges,
				   sizeof(ranges) / sizeof(ranges[0]));
}

static void check(const regex_t *regex, const char *pattern, const struct range *range,
		  uint64_t number)
{
	bool is_in = number >= range->min && number <= range->max;
	char text[32];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	cr_expect_eq(regexec(regex, text, 0, NULL, 0) == 0, is_in, "%s: %s", pattern, text);
	(void)snprintf(text, sizeof(text), "00%llu", (unsigned long long)number);
	cr_expect_eq(regexec(regex, text, 0, NULL, 0) == 0, is_in, "%s: %s", pattern, text);
}

ParameterizedTest(struct range *range, number_pattern, holds_just_the_range)
{
	struct buf out;
	regex_t regex;
	char *pattern;

	buf_init(&out, 0);
	cr_assert_eq(buf_printf(&out, "^"), 0);
	cr_assert_eq(number_pattern(&out, range->min, range->max), 0);
	cr_assert_eq(buf_printf(&out, "$"), 0);
	pattern = buf_steal(&out);
	cr_assert_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0, "%s", pattern);
	for (uint64_t n = 0; n < 2000; n++) {
		check(&regex, pattern, range, n);
		check(&regex, pattern, range, range->min + n);
		check(&regex, pattern, range, range->max + n);
		if (range->max >= n)
			check(&regex, pattern, range, range->max - n);
	}
	/* And of every length. */
	for (uint64_t n = 1; n < UINT64_MAX / 100; n = n * 3 + 1)
		check(&regex, pattern, range, n);
	regfree(&regex);
	free(pattern);
}
