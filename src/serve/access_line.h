#ifndef WEIR_SERVE_ACCESS_LINE_H
#define WEIR_SERVE_ACCESS_LINE_H
/*
 * access_line.h - a request as one line of an access log, in the combined
 * format that every log reader knows:
 *
 *	192.0.2.7 - - [20/Nov/2026:18:03:07 +0000] "GET /hello HTTP/1.1" 200 13 "-" "curl/7.88.1"
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/base.h>

#include "base/clock.h"

struct access_log_line {
	weir_str client; /* the address, without a port: sock_host() */
	weir_str method; /* absent when there was no readable request line */
	weir_str target;
	unsigned version; /* 10, 11, 20; 0: it was not said */
	int status;
	uint64_t bytes; /* of the body */
	weir_str referer, user_agent;

	/* combined has no columns for these */
	uint64_t duration_us;
	uint64_t received; /* of the request's body */
	weir_str scheme, host;
	weir_str route, handler; /* "/users/{id}", "shop.user"; empty: there is none */
	weir_str request_id, trace_id;
	/*
	 * Before the duration: until what was there to be read was read. Phases of it: that its
	 * tasks waited for jobs, and for the client to take the answer; and what remains.
	 */
	uint64_t queue_us, job_us, write_us, handler_us;
	const weir_header *headers; /* of the request */
	size_t n_headers;

	/* A WebSocket's session has ended: bytes, received and duration are its own. */
	bool is_session_end;
	int close_code; /* which combined has in place of the status */
	uint64_t messages_in, messages_out;
};

/* The longest line: what fits into a pipe in one piece (PIPE_BUF), so that workers do not mix. */
#define ACCESS_LINE_MAX 4096

/*
 * Writes the line, "\n" and no NUL at its end, and returns its length. What
 * could forge a line or a field is escaped; what is too long ends with "...".
 */
size_t access_line_format(char ret_text[ACCESS_LINE_MAX], const struct access_log_line *line,
			  const char date[CLOCK_LOG_DATE]);

/*
 * For other formats: text, escaped in the same way, at out, in at most room bytes, which are
 * ACCESS_LINE_VALUE_MIN at least; the end of it. Eight bytes more may be written to.
 */
#define ACCESS_LINE_VALUE_MIN 48
char *access_line_put(char *out, weir_str text, size_t room);

#endif
