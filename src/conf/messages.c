/*
 * messages.c - see messages.h. The one delicate thing is that messages carry
 * text from files, the environment and modules to a terminal: control bytes
 * are replaced, lines are cut to a width, and the number is bounded.
 */
#include "conf/messages.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "base/str.h"

#define MAX_MESSAGES 100
#define MAX_LINE 100 /* bytes of a quoted line, around the column */

void messages_init(struct messages *m)
{
	*m = (struct messages){ 0 };
}

void messages_done(struct messages *m)
{
	messages_keep(m, 0, 0);
	free(m->items);
	free(m->file);
	buf_done(&m->source);
	messages_init(m);
}

int messages_set_source(struct messages *m, const char *file, weir_str source)
{
	char *copy = str_dup(weir_strz(file));

	if (!copy)
		return -ENOMEM;
	free(m->file);
	m->file = copy;
	buf_clear(&m->source);
	return buf_append_str(&m->source, source);
}

static void make_printable(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
	}
}

static int grow(struct messages *m)
{
	size_t cap = m->cap ? m->cap * 2 : 8;
	struct message *items;

	if (m->n_items >= MAX_MESSAGES)
		return -E2BIG;
	if (m->n_items < m->cap)
		return 0;
	items = reallocarray(m->items, cap, sizeof(*items));
	if (!items)
		return -ENOMEM;
	m->items = items;
	m->cap = cap;
	return 0;
}

/* text is taken; NULL when there was no memory for it. */
static void add(struct messages *m, const struct conf_pos *pos, bool is_warning, char *take_text)
{
	_cleanup_(freep) char *text = take_text;
	_cleanup_(freep) char *file = NULL;
	bool has_file = pos && pos->file;

	if (!is_warning)
		m->n_errors++;
	if (has_file)
		file = str_dup(weir_strz(pos->file));
	if (!text || (has_file && !file) || grow(m) < 0) {
		m->n_dropped++;
		return;
	}
	make_printable(text);
	m->items[m->n_items] = (struct message){ .text = steal_ptr(text),
						 .is_warning = is_warning,
						 .order = m->n_items };
	if (has_file)
		m->items[m->n_items].pos = (struct conf_pos){ steal_ptr(file), pos->line,
							      pos->col };
	m->n_items++;
}

static PRINTF_LIKE(1, 0) char *vformat(const char *fmt, va_list ap)
{
	char *text = NULL;

	return vasprintf(&text, fmt, ap) < 0 ? NULL : text;
}

void messages_add(struct messages *m, const struct conf_pos *pos, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(m, pos, false, vformat(fmt, ap));
	va_end(ap);
}

void messages_warn(struct messages *m, const struct conf_pos *pos, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(m, pos, true, vformat(fmt, ap));
	va_end(ap);
}

static int compare(const void *va, const void *vb)
{
	const struct message *a = va, *b = vb;

	if (!a->pos.file != !b->pos.file)
		return a->pos.file ? -1 : 1;
	if (a->pos.file && strcmp(a->pos.file, b->pos.file) != 0)
		return strcmp(a->pos.file, b->pos.file);
	if (a->pos.line != b->pos.line)
		return a->pos.line < b->pos.line ? -1 : 1;
	if (a->pos.col != b->pos.col)
		return a->pos.col < b->pos.col ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

void messages_keep(struct messages *m, size_t from, size_t n)
{
	size_t n_kept = 0;

	for (size_t i = 0; i < m->n_items; i++) {
		if (i >= from && i - from < n) {
			m->items[n_kept++] = m->items[i];
			continue;
		}
		free(m->items[i].text);
		free((char *)m->items[i].pos.file);
	}
	m->n_items = n_kept;
	m->n_dropped = 0;
}

void messages_sort(struct messages *m)
{
	if (m->n_items > 1)
		qsort(m->items, m->n_items, sizeof(*m->items), compare);
}

static weir_str source_line(const struct messages *m, int line)
{
	weir_str rest = buf_str(&m->source), text = { NULL, 0 };

	for (int i = 0; i < line && rest.ptr; i++)
		text = str_split(&rest, '\n');
	if (text.len > 0 && text.ptr[text.len - 1] == '\r')
		text.len--;
	if (line == 1 && str_starts(text, WEIR_STR("\xef\xbb\xbf"))) {
		text.ptr += 3;
		text.len -= 3;
	}
	return text;
}

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* Byte offset of the column, which counts characters. */
static size_t column_offset(weir_str line, int col)
{
	size_t at = 0;

	for (int i = 1; i < col && at < line.len; i++) {
		at++;
		while (at < line.len && is_continuation(line.ptr[at]))
			at++;
	}
	return at;
}

/* What of the line is shown: a window with the column in it, whole characters. */
static weir_str window(weir_str line, size_t at, size_t *ret_at)
{
	size_t start = at > MAX_LINE * 3 / 4 ? at - MAX_LINE * 3 / 4 : 0, end;

	if (line.len <= MAX_LINE)
		start = 0;
	while (start < line.len && is_continuation(line.ptr[start]))
		start++;
	end = line.len - start > MAX_LINE ? start + MAX_LINE : line.len;
	while (end > start && end < line.len && is_continuation(line.ptr[end]))
		end--;
	*ret_at = at - start;
	return (weir_str){ line.ptr + start, end - start };
}

static int format_source(const struct messages *m, const struct conf_pos *pos, struct buf *out)
{
	weir_str line = source_line(m, pos->line), shown;
	size_t at = column_offset(line, pos->col);
	int r;

	if (line.len == 0)
		return 0;
	shown = window(line, at, &at);
	r = buf_printf(out, "  ");
	for (size_t i = 0; i < shown.len && r >= 0; i++) {
		unsigned char c = (unsigned char)shown.ptr[i];

		r = buf_append(out, (c < 0x20 && c != '\t') || c == 0x7f ? "?" : &shown.ptr[i], 1);
	}
	if (r >= 0)
		r = buf_printf(out, "\n  ");
	/* A tab under a tab, so that the caret stands right however wide tabs are. */
	for (size_t i = 0; i < at && i < shown.len && r >= 0; i++) {
		if (!is_continuation(shown.ptr[i]))
			r = buf_append(out, shown.ptr[i] == '\t' ? "\t" : " ", 1);
	}
	return r < 0 ? r : buf_printf(out, "^\n");
}

static int format_one(const struct messages *m, const struct message *msg, struct buf *out)
{
	const struct conf_pos *pos = &msg->pos;
	int r = 0;

	if (pos->file && pos->line > 0)
		r = buf_printf(out, "%s:%d:%d: ", pos->file, pos->line, pos->col);
	else if (pos->file)
		r = buf_printf(out, "%s: ", pos->file);
	if (r >= 0)
		r = buf_printf(out, "%s%s\n", msg->is_warning ? "warning: " : "", msg->text);
	if (r < 0)
		return r;
	if (!pos->file || pos->line <= 0 || !m->file || strcmp(pos->file, m->file) != 0)
		return 0;
	return format_source(m, pos, out);
}

int messages_format(const struct messages *m, struct buf *out)
{
	int r;

	for (size_t i = 0; i < m->n_items; i++) {
		r = format_one(m, &m->items[i], out);
		if (r < 0)
			return r;
	}
	if (m->n_dropped == 0)
		return 0;
	return buf_printf(out, "and %zu more\n", m->n_dropped);
}

void messages_write(const struct messages *m, int fd)
{
	struct buf out;
	ssize_t n = 1;

	buf_init(&out, 0);
	if (messages_format(m, &out) < 0)
		(void)dprintf(fd, "no memory to say what is wrong\n");
	while (out.len > 0 && (n > 0 || errno == EINTR)) {
		n = write(fd, out.data, out.len);
		if (n > 0)
			buf_consume(&out, (size_t)n);
	}
	buf_done(&out);
}

/* Each message: 'E' or 'W', "line col ", file NUL, text NUL. */
int messages_pack(const struct messages *m, struct buf *out)
{
	for (size_t i = 0; i < m->n_items; i++) {
		const struct message *msg = &m->items[i];
		const char *file = msg->pos.file ? msg->pos.file : "";
		int r;

		r = buf_printf(out, "%c%d %d ", msg->is_warning ? 'W' : 'E', msg->pos.line,
			       msg->pos.col);
		if (r >= 0)
			r = buf_append(out, file, strlen(file) + 1);
		if (r >= 0)
			r = buf_append(out, msg->text, strlen(msg->text) + 1);
		if (r < 0)
			return r;
	}
	return 0;
}

static int unpack_number(weir_str *rest, int *ret_number)
{
	uint64_t number;
	int r;

	r = str_to_u64(str_split(rest, ' '), &number);
	if (r < 0 || number > INT32_MAX || !rest->ptr)
		return -EBADMSG;
	*ret_number = (int)number;
	return 0;
}

int messages_unpack(struct messages *m, weir_str packed)
{
	weir_str rest = packed;

	while (rest.len > 0) {
		struct conf_pos pos = { 0 };
		char kind = rest.ptr[0];
		weir_str text;

		rest.ptr++;
		rest.len--;
		if ((kind != 'E' && kind != 'W') || unpack_number(&rest, &pos.line) < 0 ||
		    unpack_number(&rest, &pos.col) < 0)
			return -EBADMSG;
		pos.file = str_split(&rest, '\0').ptr;
		if (!rest.ptr)
			return -EBADMSG;
		text = str_split(&rest, '\0');
		if (!rest.ptr)
			return -EBADMSG;
		add(m, *pos.file ? &pos : NULL, kind == 'W', str_dup(text));
	}
	return 0;
}

/* "warning" for "warn", "info" for "information". */
static bool is_start_of_other(weir_str a, weir_str b)
{
	weir_str shorter = a.len < b.len ? a : b, longer = a.len < b.len ? b : a;

	return shorter.len >= 4 && str_starts(longer, shorter);
}

void messages_guess(struct messages_guess *best, weir_str word, const char *candidate)
{
	size_t distance = str_distance(word, weir_strz(candidate));
	size_t most = word.len < 4 ? 1 : word.len < 8 ? 2 : 3;

	if (is_start_of_other(word, weir_strz(candidate)))
		distance = most;
	if (word.len == 0 || distance > most || (best->text && best->distance <= distance))
		return;
	best->text = candidate;
	best->distance = distance;
}

const char *messages_quote(weir_str text, char ret_quote[MESSAGES_QUOTE])
{
	size_t len = text.len;

	if (len > 60) {
		len = 60;
		while (len > 0 && is_continuation(text.ptr[len]))
			len--;
	}
	(void)snprintf(ret_quote, MESSAGES_QUOTE, "\"%.*s%s\"", (int)len, len ? text.ptr : "",
		       len < text.len ? "…" : "");
	return ret_quote;
}
