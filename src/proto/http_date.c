/* http_date.c - see http_date.h. A day's name must be one, but nobody checks whether it fits. */
#include "proto/http_date.h"

#include <errno.h>
#include <string.h>

/* What has not been read yet; after a mistake is_bad, and nothing more is. */
struct reader {
	const char *p, *end;
	bool is_bad;
};

static void expect(struct reader *r, const char *text)
{
	size_t n = strlen(text);

	if (r->is_bad || (size_t)(r->end - r->p) < n || memcmp(r->p, text, n) != 0)
		r->is_bad = true;
	else
		r->p += n;
}

/* So many digits; the first may be a space if may_pad. */
static int number(struct reader *r, int n_digits, bool may_pad)
{
	int value = 0;

	if (r->end - r->p < n_digits)
		r->is_bad = true;
	for (int i = 0; i < n_digits && !r->is_bad; i++, r->p++) {
		if (i == 0 && may_pad && *r->p == ' ')
			continue;
		if (*r->p < '0' || *r->p > '9')
			r->is_bad = true;
		else
			value = value * 10 + (*r->p - '0');
	}
	return value;
}

/* One of those names, of which the first n letters count: which one. */
static int name(struct reader *r, const char *const *names, int n_names, size_t n)
{
	for (int i = 0; i < n_names && !r->is_bad; i++) {
		size_t len = n ? n : strlen(names[i]);

		if ((size_t)(r->end - r->p) >= len && memcmp(r->p, names[i], len) == 0) {
			r->p += len;
			return i;
		}
	}
	r->is_bad = true;
	return 0;
}

static const char *const days[] = { "Sunday",	"Monday", "Tuesday", "Wednesday",
				    "Thursday", "Friday", "Saturday" };
static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
				      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

static void time_of_day(struct reader *r, struct tm *tm)
{
	tm->tm_hour = number(r, 2, false);
	expect(r, ":");
	tm->tm_min = number(r, 2, false);
	expect(r, ":");
	tm->tm_sec = number(r, 2, false);
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static void read_fixdate(struct reader *r, struct tm *tm)
{
	(void)name(r, days, 7, 3);
	expect(r, ", ");
	tm->tm_mday = number(r, 2, false);
	expect(r, " ");
	tm->tm_mon = name(r, months, 12, 0);
	expect(r, " ");
	tm->tm_year = number(r, 4, false) - 1900;
	expect(r, " ");
	time_of_day(r, tm);
	expect(r, " GMT");
}

/* "Sunday, 06-Nov-94 08:49:37 GMT" */
static void read_rfc850(struct reader *r, struct tm *tm, time_t now)
{
	struct tm today;
	int year;

	(void)name(r, days, 7, 0);
	expect(r, ", ");
	tm->tm_mday = number(r, 2, false);
	expect(r, "-");
	tm->tm_mon = name(r, months, 12, 0);
	expect(r, "-");
	year = number(r, 2, false);
	(void)gmtime_r(&now, &today);
	year += today.tm_year / 100 * 100;
	tm->tm_year = year > today.tm_year + 50 ? year - 100 : year;
	expect(r, " ");
	time_of_day(r, tm);
	expect(r, " GMT");
}

/* "Sun Nov  6 08:49:37 1994" */
static void read_asctime(struct reader *r, struct tm *tm)
{
	(void)name(r, days, 7, 3);
	expect(r, " ");
	tm->tm_mon = name(r, months, 12, 0);
	expect(r, " ");
	tm->tm_mday = number(r, 2, true);
	expect(r, " ");
	time_of_day(r, tm);
	expect(r, " ");
	tm->tm_year = number(r, 4, false) - 1900;
}

int http_date_parse(weir_str text, time_t now, time_t *ret_when)
{
	struct reader r = { text.ptr, text.ptr + text.len, false };
	struct tm tm = { 0 }, made;
	time_t when;

	if (text.len > 3 && text.ptr[3] == ',')
		read_fixdate(&r, &tm);
	else if (text.len > 3 && text.ptr[3] == ' ')
		read_asctime(&r, &tm);
	else
		read_rfc850(&r, &tm, now);
	/* A leap second is a second of the next minute to us. */
	if (r.is_bad || r.p != r.end || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return -EINVAL;
	made = tm;
	when = timegm(&made);
	if (made.tm_mday != tm.tm_mday && tm.tm_sec < 60)
		return -EINVAL;
	*ret_when = when;
	return 0;
}
