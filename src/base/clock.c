/*
 * clock.c - dates are written by hand from gmtime_r(): strftime() would obey
 * the locale, and a Date field has English names whatever the operator speaks.
 * gmtime_r() takes a lock, so the one that signal handlers use does without.
 * All three forms have a fixed width, so a time outside the years 1970 to 9999
 * (a file's, say: anybody can set those) is written as the nearest inside.
 */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>

static const char day_names[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
static const char month_names[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

int64_t clock_monotonic_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_monotonic_ms(void)
{
	return clock_monotonic_us() / 1000;
}

time_t clock_real_s(void)
{
	struct timespec ts;

	/* Coarse: at most one tick old, and a few instructions. */
	(void)clock_gettime(CLOCK_REALTIME_COARSE, &ts);
	return ts.tv_sec;
}

int clock_real_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME_COARSE, &ts);
	return (int)(ts.tv_nsec / 1000000);
}

static time_t nearest(time_t when)
{
	const time_t last = 253402300799; /* 9999-12-31T23:59:59Z */

	if (when < 0)
		return 0;
	return when > last ? last : when;
}

static void split_time(time_t when, struct tm *ret_tm)
{
	when = nearest(when);
	(void)gmtime_r(&when, ret_tm);
}

void clock_http_date(time_t when, char ret_date[CLOCK_HTTP_DATE])
{
	char text[64];
	struct tm tm;

	split_time(when, &tm);
	(void)snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT",
		       day_names[tm.tm_wday], tm.tm_mday, month_names[tm.tm_mon], tm.tm_year + 1900,
		       tm.tm_hour, tm.tm_min, tm.tm_sec);
	memcpy(ret_date, text, CLOCK_HTTP_DATE);
}

/*
 * Days since 1970 as a date. Years are counted from March, so that a leap day is the
 * last of its year, and in eras of 400 years, which are all of the same length.
 */
static void split_day(unsigned days, unsigned *ret_year, unsigned *ret_month, unsigned *ret_day)
{
	unsigned since_0 = days + 719468; /* since 0000-03-01 */
	unsigned of_era = since_0 % 146097;
	unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * of_year + 2) / 153; /* 0 is March */

	*ret_day = of_year - (153 * month + 2) / 5 + 1;
	*ret_month = month < 10 ? month + 3 : month - 9;
	*ret_year = year + since_0 / 146097 * 400 + (*ret_month <= 2);
}

static void put_digits(char *to, int n, unsigned number)
{
	while (n-- > 0) {
		to[n] = (char)('0' + number % 10);
		number /= 10;
	}
}

void clock_iso_date(time_t when, char ret_date[CLOCK_ISO_DATE])
{
	unsigned second, year, month, day;

	when = nearest(when);
	second = (unsigned)(when % 86400);
	split_day((unsigned)(when / 86400), &year, &month, &day);
	memcpy(ret_date, "....-..-..T..:..:..Z", CLOCK_ISO_DATE);
	put_digits(ret_date, 4, year);
	put_digits(ret_date + 5, 2, month);
	put_digits(ret_date + 8, 2, day);
	put_digits(ret_date + 11, 2, second / 3600);
	put_digits(ret_date + 14, 2, second / 60 % 60);
	put_digits(ret_date + 17, 2, second % 60);
}

void clock_log_date(time_t when, char ret_date[CLOCK_LOG_DATE])
{
	char text[80];
	struct tm tm;

	split_time(when, &tm);
	(void)snprintf(text, sizeof(text), "%02d/%s/%04d:%02d:%02d:%02d +0000", tm.tm_mday,
		       month_names[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
	memcpy(ret_date, text, CLOCK_LOG_DATE);
}
