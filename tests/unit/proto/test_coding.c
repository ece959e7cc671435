/* test_coding.c - which content coding a client gets. */
#include "proto/coding.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "base/macro.h"

#define ALL (1u << CODING_BR | 1u << CODING_ZSTD | 1u << CODING_GZIP)
#define GZIP (1u << CODING_GZIP)

struct row {
	char value[64];
	unsigned set;
	int coding;
};

ParameterizedTestParameters(coding, chooses)
{
	static struct row rows[] = {
		{ "gzip", ALL, CODING_GZIP },
		{ "gzip", 0, CODING_IDENTITY },
		{ "GZip", GZIP, CODING_GZIP },
		{ "x-gzip", GZIP, CODING_GZIP },
		{ "gzip, deflate, br, zstd", ALL, CODING_BR },
		{ "gzip, deflate, br, zstd", GZIP, CODING_GZIP },
		{ "gzip;q=1, br;q=0.9", ALL, CODING_GZIP },
		{ "gzip; q=0.5 , br;q=0.501", ALL, CODING_BR },
		{ "zstd, gzip", ALL, CODING_ZSTD },
		{ "deflate", ALL, CODING_IDENTITY },
		{ "*", ALL, CODING_BR },
		{ "*;q=0.5, gzip", ALL, CODING_GZIP },
		{ "*, br;q=0", ALL, CODING_ZSTD },
		{ "gzip;q=0", ALL, CODING_IDENTITY },
		{ "gzip;q=0.000", ALL, CODING_IDENTITY },
		{ "gzip;q=0.001", ALL, CODING_GZIP },
		{ "identity, gzip;q=0.5", ALL, CODING_IDENTITY },
		{ "identity;q=0, gzip;q=0.1", ALL, CODING_GZIP },
		{ "identity;q=0", ALL, CODING_IDENTITY },
		/* no sense */
		{ "gzip;q=2", ALL, CODING_IDENTITY },
		{ "gzip;q=1.5", ALL, CODING_IDENTITY },
		{ "gzip;q=0.0001", ALL, CODING_IDENTITY },
		{ "gzip;q=", ALL, CODING_IDENTITY },
		{ "gzip;q", ALL, CODING_IDENTITY },
		{ "gzip;q=.5", ALL, CODING_IDENTITY },
		{ "gzip;q=0.x", ALL, CODING_IDENTITY },
		{ ";;,;", ALL, CODING_IDENTITY },
		{ "", ALL, CODING_IDENTITY },
	};

	return cr_make_param_array(struct row, rows, sizeof(rows) / sizeof(*rows));
}

ParameterizedTest(struct row *row, coding, chooses)
{
	weir_header field = { WEIR_STR("accept-encoding"), weir_strz(row->value) };
	unsigned weights[CODING_COUNT];

	coding_weigh(&field, 1, weights);
	cr_expect_eq((int)coding_choose(weights, row->set), row->coding, "%s", row->value);
}

Test(coding, without_a_word_nothing_is_coded)
{
	unsigned weights[CODING_COUNT];

	coding_weigh(NULL, 0, weights);
	cr_expect_eq(coding_choose(weights, ALL), CODING_IDENTITY);
	cr_expect_gt(weights[CODING_IDENTITY], 0);
}

Test(coding, all_lines_count)
{
	weir_header fields[] = { { WEIR_STR("accept-encoding"), WEIR_STR("gzip") },
				 { WEIR_STR("accept"), WEIR_STR("br") },
				 { WEIR_STR("accept-encoding"), WEIR_STR("zstd") } };
	unsigned weights[CODING_COUNT];

	coding_weigh(fields, ARRAY_LEN(fields), weights);
	cr_expect_eq(coding_choose(weights, ALL), CODING_ZSTD);
}

Test(coding, identity_can_be_ruled_out)
{
	weir_header field = { WEIR_STR("accept-encoding"), WEIR_STR("*;q=0") };
	unsigned weights[CODING_COUNT];

	coding_weigh(&field, 1, weights);
	cr_expect_eq(weights[CODING_IDENTITY], 0);
}
