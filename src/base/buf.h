#ifndef WEIR_BASE_BUF_H
#define WEIR_BASE_BUF_H
/*
 * buf.h - a byte string that grows, up to a limit its owner sets. For what has
 * no natural size: an assembled body, a message, a configuration file.
 */
#include <stdarg.h>
#include <stddef.h>
#include <weir/base.h>

#include "base/macro.h"

struct buf {
	char *data;   /* owned */
	size_t len;   /* bytes in use */
	size_t cap;   /* bytes allocated */
	size_t limit; /* never more than this; 0 means no limit */
};

void buf_init(struct buf *b, size_t limit);
void buf_done(struct buf *b);

/* -EMSGSIZE beyond the limit, -ENOMEM; the buffer is then as it was. */
MUST_USE int buf_reserve(struct buf *b, size_t extra);
MUST_USE int buf_append(struct buf *b, const void *bytes, size_t len);
MUST_USE int buf_append_str(struct buf *b, weir_str s);
MUST_USE int buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
MUST_USE int buf_vprintf(struct buf *b, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
/* Words for people: what does not fit, or finds no memory, is left out. */
void buf_say(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Drops the first n bytes. */
void buf_consume(struct buf *b, size_t n);
void buf_clear(struct buf *b);

/* Borrowed, and good until the buffer changes. */
weir_str buf_str(const struct buf *b);

/* NUL-terminated, to be freed by the caller; the buffer is empty afterwards. NULL: no memory. */
char *buf_steal(struct buf *b);

#endif
