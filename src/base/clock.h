#ifndef WEIR_BASE_CLOCK_H
#define WEIR_BASE_CLOCK_H
/*
 * clock.h - reading the clocks. Code that waits or measures takes its time as
 * an argument or from its loop (which may be virtual); only the loop and the
 * edges of the program call these.
 */
#include <stdint.h>
#include <time.h>

int64_t clock_monotonic_ms(void);
int64_t clock_monotonic_us(void);
time_t clock_real_s(void);
/* How far into the current second that clock is: 0 to 999. */
int clock_real_ms(void);

/* "Sun, 06 Nov 1994 08:49:37 GMT" (IMF-fixdate, RFC 9110 section 5.6.7); not NUL-terminated. */
#define CLOCK_HTTP_DATE 29
void clock_http_date(time_t when, char ret_date[CLOCK_HTTP_DATE]);
/* "2026-11-20T18:03:07Z", NUL-terminated. Signal handlers may call it, and clock_real_s(). */
#define CLOCK_ISO_DATE 21
void clock_iso_date(time_t when, char ret_date[CLOCK_ISO_DATE]);
/* "20/Nov/2026:18:03:07 +0000", NUL-terminated: the combined log format's. */
#define CLOCK_LOG_DATE 27
void clock_log_date(time_t when, char ret_date[CLOCK_LOG_DATE]);

#endif
