#ifndef WEIR_BASE_LOG_H
#define WEIR_BASE_LOG_H
/*
 * log.h - the error log: one line a call, written whole, never buffered, so
 * that what a dying process said last is there. Handed down, not global.
 */
#include <stdarg.h>
#include <stdbool.h>

#include "base/macro.h"

/* syslog(3)'s numbers; smaller is graver. */
enum log_level {
	LOG_AT_ERROR = 3,
	LOG_AT_WARN = 4,
	LOG_AT_NOTICE = 5,
	LOG_AT_INFO = 6,
	LOG_AT_DEBUG = 7
};

struct log {
	int fd;		 /* borrowed, usually 2 */
	int level;	 /* what is less grave than this is dropped */
	bool has_colour; /* levels in colour: a terminal, and NO_COLOR unset */
	bool has_time;	 /* a date in front: not under the journal, which has its own */
	char who[24];	 /* "master", "worker 0" */
};

void log_init(struct log *log, int fd, int level);
void log_set_who(struct log *log, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Control characters in the message are escaped: a client cannot forge a line. */
void log_write(const struct log *log, int level, const char *fmt, ...) PRINTF_LIKE(3, 4);
void log_vwrite(const struct log *log, int level, const char *fmt, va_list ap) PRINTF_LIKE(3, 0);

/* "error", "warn", "notice", "info", "debug" to its level; -EINVAL. */
MUST_USE int log_level_parse(const char *name, int *ret_level);

#endif
