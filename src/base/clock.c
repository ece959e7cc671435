/*
 * clock.c - dates are written by hand from gmtime_r(): strftime() would obey
 * the locale, and a Date field has English names whatever the operator speaks.
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

static void split_time(time_t when, struct tm *ret_tm)
{
	const time_t last = 253402300799; /* 9999-12-31T23:59:59Z */

	if (when < 0)
		when = 0;
	if (when > last)
		when = last;
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

void clock_iso_date(time_t when, char ret_date[CLOCK_ISO_DATE])
{
	char text[80];
	struct tm tm;

	split_time(when, &tm);
	(void)snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
		       tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	memcpy(ret_date, text, CLOCK_ISO_DATE);
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
