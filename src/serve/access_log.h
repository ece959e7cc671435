#ifndef WEIR_SERVE_ACCESS_LOG_H
#define WEIR_SERVE_ACCESS_LOG_H
/*
 * access_log.h - one line for each request (serve/access_line). Lines are
 * collected, and written when there are many, else within a second.
 */
#include <stdint.h>

#include "base/macro.h"
#include "serve/access_line.h"

struct access_format;
struct access_log;
struct log;
struct loop;

/*
 * Opens where lines go: a file, appended to and made if it is missing (0640),
 * or the standard output when path is NULL. Done before fork, so that workers
 * need no right to the file. Negative errno.
 */
MUST_USE int access_log_open(const char *path, int *ret_fd);

/* One worker's. fd is borrowed, the others as well. format: NULL means combined. */
MUST_USE int access_log_new(struct loop *loop, const struct log *log, int fd,
			    const struct access_format *format, struct access_log **ret_access_log);
/* Writes what it still can. */
struct access_log *access_log_free(struct access_log *access_log);
DEFINE_CLEANUP(struct access_log, access_log_free)

/* As access_format_header(). */
weir_str access_log_header(const struct access_log *access_log, size_t i);

/* Never blocks and never fails: a line that finds no room is dropped, and counted. */
void access_log_write(struct access_log *access_log, const struct access_log_line *line);
/* Now, not within a second. */
void access_log_flush(struct access_log *access_log);
/* Lines lost so far, because their reader was too slow or their disk full. */
uint64_t access_log_n_dropped(const struct access_log *access_log);

#endif
