/* ctl_text.c - see ctl_text.h. */
#include "daemon/ctl_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WORDS_MAX 1000

void ctl_text_init(struct ctl_text *t, struct buf *out)
{
	*t = (struct ctl_text){ .out = out };
}

/* The line under way is taken back. */
static void failed(struct ctl_text *t, int r)
{
	if (r >= 0 || t->r < 0)
		return;
	t->r = r;
	t->out->len = t->line;
}

static void put(struct ctl_text *t, const void *bytes, size_t len)
{
	if (t->r == 0)
		failed(t, buf_append(t->out, bytes, len));
}

static void begin(struct ctl_text *t, char letter)
{
	t->line = t->out->len;
	put(t, &letter, 1);
}

static void put_escaped(struct ctl_text *t, weir_str value)
{
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];
		char escape[8];

		if (c >= ' ' && c != '\\' && c != 0x7f) {
			put(t, &value.ptr[i], 1);
			continue;
		}
		if (c == '\t' || c == '\n' || c == '\\')
			(void)snprintf(escape, sizeof(escape), "\\%c",
				       c == '\t'   ? 't'
				       : c == '\n' ? 'n'
						   : '\\');
		else
			(void)snprintf(escape, sizeof(escape), "\\x%02x", c);
		put(t, escape, strlen(escape));
	}
}

void ctl_text_table(struct ctl_text *t, const char *name, const char *columns)
{
	begin(t, 'T');
	put(t, "\t", 1);
	put(t, name, strlen(name));
	put(t, "\t", 1);
	put(t, columns, strlen(columns));
	put(t, "\n", 1);
}

static void put_words(struct ctl_text *t, char letter, const char *fmt, va_list ap)
	PRINTF_LIKE(3, 0);

static void put_words(struct ctl_text *t, char letter, const char *fmt, va_list ap)
{
	char words[WORDS_MAX];

	(void)vsnprintf(words, sizeof(words), fmt, ap);
	begin(t, letter);
	put(t, "\t", 1);
	put_escaped(t, weir_strz(words));
	put(t, "\n", 1);
}

void ctl_text_note(struct ctl_text *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_words(t, 'N', fmt, ap);
	va_end(ap);
}

void ctl_text_error(struct ctl_text *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_words(t, 'E', fmt, ap);
	va_end(ap);
}

void ctl_text_end(struct ctl_text *t)
{
	begin(t, '.');
	put(t, "\n", 1);
}

void ctl_text_row(struct ctl_text *t)
{
	begin(t, 'R');
}

void ctl_text_cell(struct ctl_text *t, weir_str value)
{
	put(t, "\t", 1);
	put_escaped(t, value);
}

void ctl_text_number(struct ctl_text *t, int64_t value)
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "\t%lld", (long long)value);

	put(t, digits, (size_t)n);
}

void ctl_text_unknown(struct ctl_text *t)
{
	put(t, "\t", 1);
}

void ctl_text_cells(struct ctl_text *t, weir_str cells)
{
	put(t, cells.ptr, cells.len);
}

void ctl_text_row_end(struct ctl_text *t)
{
	put(t, "\n", 1);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What stands behind a backslash: how many bytes of it, and what they mean. */
static int unescape_one(weir_str rest, char *ret_c)
{
	static const char letters[] = "tn\\", meant[] = "\t\n\\";
	const char *at = rest.len > 0 && rest.ptr[0] ? strchr(letters, rest.ptr[0]) : NULL;

	if (at) {
		*ret_c = meant[at - letters];
		return 1;
	}
	if (rest.len < 3 || rest.ptr[0] != 'x' || hex_digit(rest.ptr[1]) < 0 ||
	    hex_digit(rest.ptr[2]) < 0)
		return -EPROTO;
	*ret_c = (char)(hex_digit(rest.ptr[1]) * 16 + hex_digit(rest.ptr[2]));
	return 3;
}

int ctl_text_unescape(weir_str cell, struct buf *out)
{
	while (cell.len > 0) {
		char c = cell.ptr[0];
		int n = 0, r;

		if (c == '\\') {
			n = unescape_one((weir_str){ cell.ptr + 1, cell.len - 1 }, &c);
			if (n < 0)
				return n;
		}
		r = buf_append(out, &c, 1);
		if (r < 0)
			return r;
		cell.ptr += n + 1;
		cell.len -= (size_t)n + 1;
	}
	return 0;
}

bool ctl_text_line(weir_str *rest, weir_str *ret_line)
{
	const char *end = rest->len > 0 ? memchr(rest->ptr, '\n', rest->len) : NULL;

	if (!end)
		return false;
	*ret_line = (weir_str){ rest->ptr, (size_t)(end - rest->ptr) };
	rest->len -= ret_line->len + 1;
	rest->ptr = end + 1;
	return true;
}
