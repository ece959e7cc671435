#ifndef WEIR_SERVE_ACCESS_LINE_H
#define WEIR_SERVE_ACCESS_LINE_H
/*
 * access_line.h - a request as one line of an access log, in the combined
 * format that every log reader knows:
 *
 *	192.0.2.7 - - [20/Nov/2026:18:03:07 +0000] "GET /hello HTTP/1.1" 200 13 "-" "curl/7.88.1"
 */
#include <stddef.h>
#include <stdint.h>
#include <weir/base.h>

#include "base/clock.h"

struct access_log_line {
	weir_str client; /* the address, without a port: sock_host() */
	weir_str method; /* absent when there was no readable request line */
	weir_str target;
	unsigned version; /* 10, 11, 20 */
	int status;
	uint64_t bytes; /* of the body */
	weir_str referer, user_agent;
	int64_t duration_us; /* combined has no column for it */
};

/* The longest line: what fits into a pipe in one piece (PIPE_BUF), so that workers do not mix. */
#define ACCESS_LINE_MAX 4096

/*
 * Writes the line, "\n" and no NUL at its end, and returns its length. What
 * could forge a line or a field is escaped; what is too long ends with "...".
 */
size_t access_line_format(char ret_text[ACCESS_LINE_MAX], const struct access_log_line *line,
			  const char date[CLOCK_LOG_DATE]);

#endif
