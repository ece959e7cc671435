/*
 * file_line.c - reads ahead into the file's buffer, and gives out views of it.
 * Each byte is looked at once and, but for half a line at the buffer's end,
 * never moved. The buffer grows up to what the caller takes for a line.
 */
#include "coro/file_line.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "coro/file.h"

/* Of a plain file, each time it is read from costs a turn of a thread. */
#define FIRST_OF_PLAIN ((size_t)64 * 1024)
#define FIRST_OF_STREAM ((size_t)16 * 1024)

static void drop(struct file *f, size_t n)
{
	f->start += n;
	f->n_scanned = 0;
}

/* 1 and a line that is here whole; 0: it is not; -EMSGSIZE. */
static int next_line(struct file *f, size_t max, weir_str *ret_line)
{
	const char *line = f->data + f->start, *end;
	size_t len = f->end - f->start;

	if (len == 0)
		return 0;
	end = memchr(line + f->n_scanned, '\n', len - f->n_scanned);
	if (end) {
		size_t n = (size_t)(end - line);
		bool is_rest = f->is_too_long;

		drop(f, n + 1);
		f->is_too_long = false;
		if (is_rest)
			return next_line(f, max, ret_line);
		if (n > max)
			return -EMSGSIZE;
		*ret_line = (weir_str){ line, n };
		return 1;
	}
	f->n_scanned = len;
	if (len <= max && !f->is_too_long)
		return 0;
	drop(f, len);
	if (f->is_too_long)
		return 0;
	f->is_too_long = true;
	return -EMSGSIZE;
}

static int grow(struct file *f, size_t max)
{
	size_t cap = f->kind == FILE_PLAIN ? FIRST_OF_PLAIN : FIRST_OF_STREAM;
	char *data;

	/* A line of max bytes and its end must fit; there is no need for more. */
	if (f->data)
		cap = f->cap < max / 2 ? f->cap * 2 : max + 1;
	data = realloc(f->data, cap);
	if (!data)
		return -ENOMEM;
	f->data = data;
	f->cap = cap;
	return 0;
}

/* More of it; 0 at the end. */
static int fill(struct file *f, size_t max)
{
	int r;

	if (f->start > 0) {
		memmove(f->data, f->data + f->start, f->end - f->start);
		f->end -= f->start;
		f->start = 0;
	}
	if (f->end == f->cap) {
		r = grow(f, max);
		if (r < 0)
			return r;
	}
	r = file_receive(f, f->data + f->end, f->cap - f->end);
	if (r > 0)
		f->end += (size_t)r;
	return r;
}

/* A last line may lack its end. */
static int last_line(struct file *f, weir_str *ret_line)
{
	size_t len = f->end - f->start;

	f->is_too_long = false;
	if (len == 0)
		return 0;
	*ret_line = (weir_str){ f->data + f->start, len };
	drop(f, len);
	return 1;
}

static int read_line(struct file *f, size_t max, weir_str *ret_line)
{
	for (;;) {
		int r;

		r = next_line(f, max, ret_line);
		if (r != 0)
			return r;
		r = fill(f, max);
		if (r < 0)
			return r;
		if (r == 0)
			return last_line(f, ret_line);
	}
}

int file_line(struct file *f, size_t max, weir_str *ret_line)
{
	int r;

	if (max > SIZE_MAX / 4)
		max = SIZE_MAX / 4;
	r = file_begin_reading(f);
	if (r < 0)
		return r;
	r = read_line(f, max, ret_line);
	file_end_reading(f);
	return r;
}
