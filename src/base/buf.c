/*
 * buf.c - growth doubles, so that n appended bytes cost O(n); the limit is
 * checked before memory is asked for, never after.
 */
#include "base/buf.h"

#include <assert.h>
#include <stdio.h>

#define BUF_FIRST 256

void buf_init(struct buf *b, size_t limit)
{
	*b = (struct buf){ .limit = limit };
}

void buf_done(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ .limit = b->limit };
}

int buf_reserve(struct buf *b, size_t extra)
{
	size_t need = b->len + extra, cap = b->cap ? b->cap : BUF_FIRST;
	char *data;

	if (need < b->len || (b->limit && need > b->limit))
		return -EMSGSIZE;
	if (need <= b->cap)
		return 0;

	while (cap < need && cap <= SIZE_MAX / 2)
		cap *= 2;
	if (cap < need)
		cap = need;
	if (b->limit && cap > b->limit)
		cap = b->limit;

	data = realloc(b->data, cap);
	if (!data)
		return -ENOMEM;
	b->data = data;
	b->cap = cap;
	return 0;
}

int buf_append(struct buf *b, const void *bytes, size_t len)
{
	int r;

	if (len == 0)
		return 0;
	r = buf_reserve(b, len);
	if (r < 0)
		return r;
	memcpy(b->data + b->len, bytes, len);
	b->len += len;
	return 0;
}

int buf_append_str(struct buf *b, weir_str s)
{
	return buf_append(b, s.ptr, s.len);
}

int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n, r;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return -EINVAL;

	/* vsnprintf wants room for a NUL that is not ours to keep. */
	r = buf_reserve(b, (size_t)n);
	if (r < 0)
		return r;
	if (b->cap - b->len <= (size_t)n) {
		char *data = realloc(b->data, b->len + (size_t)n + 1);

		if (!data)
			return -ENOMEM;
		b->data = data;
		b->cap = b->len + (size_t)n + 1;
	}
	(void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
	return 0;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = buf_vprintf(b, fmt, ap);
	va_end(ap);
	return r;
}

void buf_say(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = buf_vprintf(b, fmt, ap);
	va_end(ap);
	(void)r; /* the error they are about is what counts */
}

void buf_consume(struct buf *b, size_t n)
{
	assert(n <= b->len);
	b->len -= n;
	if (b->len > 0)
		memmove(b->data, b->data + n, b->len);
}

void buf_clear(struct buf *b)
{
	b->len = 0;
}

weir_str buf_str(const struct buf *b)
{
	return (weir_str){ b->data, b->len };
}

char *buf_steal(struct buf *b)
{
	char *z = realloc(b->data, b->len + 1);

	if (!z)
		return NULL;
	z[b->len] = '\0';
	*b = (struct buf){ .limit = b->limit };
	return z;
}
