/* test_range.c - ranges of a hundred bytes, and of a million. */
#include "proto/range.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <stdio.h>

#define MILLION 1000000

struct row {
	char text[96];
	uint64_t size;
	int n;
	struct range ranges[3];
};

ParameterizedTestParameters(range, parses)
{
	static struct row rows[] = {
		{ "bytes=0-0", 100, 1, { { 0, 1 } } },
		{ "bytes=0-99", 100, 1, { { 0, 100 } } },
		{ "bytes=10-", 100, 1, { { 10, 90 } } },
		{ "bytes=-10", 100, 1, { { 90, 10 } } },
		{ "bytes=-1000", 100, 1, { { 0, 100 } } },
		{ "bytes=50-1000", 100, 1, { { 50, 50 } } },
		{ "bytes=50-99999999999999999999999", 100, 1, { { 50, 50 } } },
		{ "BYTES = 0-1", 100, 0, { { 0, 0 } } },
		{ "Bytes=0-1", 100, 1, { { 0, 2 } } },
		{ "bytes= 0-1 ,", 100, 1, { { 0, 2 } } },
		/* no bytes of it */
		{ "bytes=100-", 100, -ERANGE, { { 0, 0 } } },
		{ "bytes=-0", 100, -ERANGE, { { 0, 0 } } },
		{ "bytes=0-", 0, -ERANGE, { { 0, 0 } } },
		{ "bytes=-5", 0, -ERANGE, { { 0, 0 } } },
		{ "bytes=99999999999999999999999-", 100, -ERANGE, { { 0, 0 } } },
		{ "bytes=100-,0-0", 100, 1, { { 0, 1 } } },
		/* no sense */
		{ "", 100, 0, { { 0, 0 } } },
		{ "bytes", 100, 0, { { 0, 0 } } },
		{ "bytes=", 100, 0, { { 0, 0 } } },
		{ "bytes=,", 100, 0, { { 0, 0 } } },
		{ "bytes=-", 100, 0, { { 0, 0 } } },
		{ "bytes=2-1", 100, 0, { { 0, 0 } } },
		{ "bytes=a-1", 100, 0, { { 0, 0 } } },
		{ "bytes=0-1-2", 100, 0, { { 0, 0 } } },
		{ "bytes=+0-1", 100, 0, { { 0, 0 } } },
		{ "bytes=0-1,x", 100, 0, { { 0, 0 } } },
		{ "lines=0-1", 100, 0, { { 0, 0 } } },
		/* several */
		{ "bytes=0-9,1000-1009", MILLION, 2, { { 0, 10 }, { 1000, 10 } } },
		{ "bytes=1000-1009,0-9", MILLION, 2, { { 1000, 10 }, { 0, 10 } } },
		{ "bytes=0-9,1000-1009,-1",
		  MILLION,
		  3,
		  { { 0, 10 }, { 1000, 10 }, { 999999, 1 } } },
		/* that overlap, touch, or nearly do */
		{ "bytes=0-9,5-19", MILLION, 1, { { 0, 20 } } },
		{ "bytes=0-9,10-19", MILLION, 1, { { 0, 20 } } },
		{ "bytes=0-9,50-59", MILLION, 1, { { 0, 60 } } },
		{ "bytes=500-,0-,0-", MILLION, 1, { { 0, MILLION } } },
		{ "bytes=0-9,1000-1009,5-1004", MILLION, 1, { { 0, 1010 } } },
		{ "bytes=0-9,5000-5009,1000-1009,900-5000",
		  MILLION,
		  2,
		  { { 0, 10 }, { 900, 4110 } } },
	};

	return cr_make_param_array(struct row, rows, sizeof(rows) / sizeof(*rows));
}

ParameterizedTest(struct row *row, range, parses)
{
	struct range ranges[RANGE_MAX];
	int n = range_parse(weir_strz(row->text), row->size, ranges);

	cr_assert_eq(n, row->n, "%s: %d", row->text, n);
	for (int i = 0; i < n; i++) {
		cr_expect_eq(ranges[i].first, row->ranges[i].first, "%s", row->text);
		cr_expect_eq(ranges[i].len, row->ranges[i].len, "%s", row->text);
	}
}

/* So many of one byte each, far from each other. */
static int parse_many(int n_asked)
{
	struct range ranges[RANGE_MAX];
	char text[4096];
	size_t len = (size_t)snprintf(text, sizeof(text), "bytes=");

	for (int i = 0; i < n_asked; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%d-%d", i ? "," : "",
					i * 1000, i * 1000);
	return range_parse((weir_str){ text, len }, MILLION, ranges);
}

Test(range, asks_for_no_more_than_there_may_be)
{
	cr_expect_eq(parse_many(RANGE_MAX), RANGE_MAX);
	cr_expect_eq(parse_many(RANGE_MAX + 1), 0);
}
