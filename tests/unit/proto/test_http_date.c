/* test_http_date.c - dates in their three forms. */
#include "proto/http_date.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>

#include "base/clock.h"

#define NOW ((time_t)1795000000) /* in 2026 */

struct row {
	char text[48];
	int r;
	time_t when;
};

ParameterizedTestParameters(http_date, reads)
{
	static struct row rows[] = {
		{ "Sun, 06 Nov 1994 08:49:37 GMT", 0, 784111777 },
		{ "Sunday, 06-Nov-94 08:49:37 GMT", 0, 784111777 },
		{ "Sun Nov  6 08:49:37 1994", 0, 784111777 },
		{ "Wed Nov 16 08:49:37 1994", 0, 784975777 },
		{ "Thu, 01 Jan 1970 00:00:00 GMT", 0, 0 },
		{ "Thu, 29 Feb 2024 12:00:00 GMT", 0, 1709208000 },
		{ "Sat, 31 Dec 2016 23:59:60 GMT", 0, 1483228800 },
		/* two digits: not over 50 years ahead */
		{ "Friday, 01-Jan-76 00:00:00 GMT", 0, 3345062400 },
		{ "Friday, 01-Jan-77 00:00:00 GMT", 0, 220924800 },
		{ "", -EINVAL, 0 },
		{ "0", -EINVAL, 0 },
		{ "Sun", -EINVAL, 0 },
		{ "Sun,", -EINVAL, 0 },
		{ "Sun, 06 Nov 1994 08:49:37", -EINVAL, 0 },
		{ "Sun, 06 Nov 1994 08:49:37 CET", -EINVAL, 0 },
		{ "Sun, 06 Nov 1994 08:49:37 GMT ", -EINVAL, 0 },
		{ "Sun, 6 Nov 1994 08:49:37 GMT", -EINVAL, 0 },
		{ "sun, 06 Nov 1994 08:49:37 GMT", -EINVAL, 0 },
		{ "Sun, 06 Nov 1994 24:49:37 GMT", -EINVAL, 0 },
		{ "Sun, 06 Nov 1994 08:60:37 GMT", -EINVAL, 0 },
		{ "Sun, 31 Nov 1994 08:49:37 GMT", -EINVAL, 0 },
		{ "Thu, 29 Feb 2023 12:00:00 GMT", -EINVAL, 0 },
		{ "Sun, 00 Nov 1994 08:49:37 GMT", -EINVAL, 0 },
		{ "Sun, 06 Nov -994 08:49:37 GMT", -EINVAL, 0 },
	};

	return cr_make_param_array(struct row, rows, sizeof(rows) / sizeof(*rows));
}

ParameterizedTest(struct row *row, http_date, reads)
{
	time_t when = 0;

	cr_expect_eq(http_date_parse(weir_strz(row->text), NOW, &when), row->r, "%s", row->text);
	cr_expect_eq(when, row->when, "%s: %lld", row->text, (long long)when);
}

Test(http_date, what_the_clock_writes_is_read)
{
	char text[CLOCK_HTTP_DATE];
	time_t when;

	clock_http_date(NOW, text);
	cr_assert_eq(http_date_parse((weir_str){ text, sizeof(text) }, NOW, &when), 0);
	cr_expect_eq(when, NOW);
}
