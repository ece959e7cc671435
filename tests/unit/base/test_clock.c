/* test_clock.c - see base/clock.h. */
#include "base/clock.h"

#include <criterion/criterion.h>
#include <string.h>

#define assert_http_date(when, text)                              \
	do {                                                      \
		char date_[CLOCK_HTTP_DATE];                      \
		clock_http_date((when), date_);                   \
		cr_assert_arr_eq(date_, (text), CLOCK_HTTP_DATE); \
	} while (0)

#define assert_iso_date(when, text)            \
	do {                                   \
		char date_[CLOCK_ISO_DATE];    \
		clock_iso_date((when), date_); \
		cr_assert_str_eq(date_, text); \
	} while (0)

#define assert_log_date(when, text)            \
	do {                                   \
		char date_[CLOCK_LOG_DATE];    \
		clock_log_date((when), date_); \
		cr_assert_str_eq(date_, text); \
	} while (0)

Test(clock, writes_the_date_of_the_rfc)
{
	assert_http_date(784111777, "Sun, 06 Nov 1994 08:49:37 GMT");
}

Test(clock, writes_the_first_second)
{
	assert_http_date(0, "Thu, 01 Jan 1970 00:00:00 GMT");
	assert_iso_date(0, "1970-01-01T00:00:00Z");
	assert_log_date(0, "01/Jan/1970:00:00:00 +0000");
}

Test(clock, knows_leap_days)
{
	assert_http_date(951782400, "Tue, 29 Feb 2000 00:00:00 GMT");
	assert_iso_date(951868799, "2000-02-29T23:59:59Z");
	assert_log_date(951868800, "01/Mar/2000:00:00:00 +0000");
}

Test(clock, knows_all_days_and_months)
{
	assert_http_date(1767225600, "Thu, 01 Jan 2026 00:00:00 GMT");
	assert_http_date(1769990400, "Mon, 02 Feb 2026 00:00:00 GMT");
	assert_http_date(1772496000, "Tue, 03 Mar 2026 00:00:00 GMT");
	assert_http_date(1775001600, "Wed, 01 Apr 2026 00:00:00 GMT");
	assert_http_date(1777593600, "Fri, 01 May 2026 00:00:00 GMT");
	assert_http_date(1780704000, "Sat, 06 Jun 2026 00:00:00 GMT");
	assert_http_date(1783209600, "Sun, 05 Jul 2026 00:00:00 GMT");
	assert_log_date(1785542400, "01/Aug/2026:00:00:00 +0000");
	assert_log_date(1788220800, "01/Sep/2026:00:00:00 +0000");
	assert_log_date(1790812800, "01/Oct/2026:00:00:00 +0000");
	assert_log_date(1793491200, "01/Nov/2026:00:00:00 +0000");
	assert_log_date(1796083200, "01/Dec/2026:00:00:00 +0000");
}

Test(clock, writes_a_time_past_the_year_9999_as_its_last_second)
{
	assert_http_date(253402300800, "Fri, 31 Dec 9999 23:59:59 GMT");
	assert_iso_date((time_t)INT64_MAX, "9999-12-31T23:59:59Z");
	assert_log_date((time_t)INT64_MAX, "31/Dec/9999:23:59:59 +0000");
}

Test(clock, writes_a_time_before_1970_as_its_first_second)
{
	assert_http_date(-1, "Thu, 01 Jan 1970 00:00:00 GMT");
	assert_iso_date((time_t)INT64_MIN, "1970-01-01T00:00:00Z");
	assert_log_date(-86400, "01/Jan/1970:00:00:00 +0000");
}

Test(clock, does_not_go_back)
{
	int64_t before_us = clock_monotonic_us(), after_us = clock_monotonic_us();

	cr_assert_geq(after_us, before_us);
	cr_assert_geq(clock_monotonic_ms(), after_us / 1000);
}

Test(clock, knows_what_time_it_is)
{
	time_t before = time(NULL);

	/* The coarse clock may be one tick behind. */
	cr_assert_geq(clock_real_s(), before - 1);
	cr_assert_leq(clock_real_s(), time(NULL) + 1);
}

/* Written without gmtime_r(), which it has to agree with on every day there is. */
Test(clock, iso_dates_are_those_of_the_library)
{
	for (time_t when = 0; when <= 253402300799; when += 86400 + 7) {
		char date[CLOCK_ISO_DATE], expected[64];
		struct tm tm;

		(void)gmtime_r(&when, &tm);
		cr_assert_gt(strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%SZ", &tm), 0);
		clock_iso_date(when, date);
		cr_assert_str_eq(date, expected);
	}
}
