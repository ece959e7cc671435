/*
 * h1_llhttp.c - collects what llhttp's callbacks say, in buffers, and compares
 * it with the head when llhttp is through.
 *
 * Two things are not compared, because llhttp's answers are known to differ:
 * whether the connection stays open (it does not recognise "close<TAB>"), and
 * upgrades (it stops behind them, and is told that there is none).
 */
#include "h1_llhttp.h"

#include <assert.h>
#include <llhttp.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/macro.h"
#include "base/str.h"
#include "proto/h1_read.h"

struct seen {
	struct buf target, names, values; /* of names and values: a line feed behind each */
	uint64_t length;
	unsigned flags;
	bool is_head_over, is_message_over;
};

static void keep(struct buf *buf, const char *at, size_t len)
{
	int r = buf_append(buf, at, len);

	assert(r == 0);
	(void)r;
}

static int on_url(llhttp_t *p, const char *at, size_t len)
{
	keep(&((struct seen *)p->data)->target, at, len);
	return 0;
}

static int on_name(llhttp_t *p, const char *at, size_t len)
{
	keep(&((struct seen *)p->data)->names, at, len);
	return 0;
}

static int on_name_end(llhttp_t *p)
{
	keep(&((struct seen *)p->data)->names, "\n", 1);
	return 0;
}

static int on_value(llhttp_t *p, const char *at, size_t len)
{
	keep(&((struct seen *)p->data)->values, at, len);
	return 0;
}

static int on_value_end(llhttp_t *p)
{
	struct buf *values = &((struct seen *)p->data)->values;

	/* llhttp leaves out the blanks in front, not those behind. */
	while (values->len > 0 && strchr(" \t", values->data[values->len - 1]))
		values->len--;
	keep(values, "\n", 1);
	return 0;
}

static int on_head_end(llhttp_t *p)
{
	struct seen *seen = p->data;

	seen->is_head_over = true;
	seen->flags = p->flags;
	seen->length = p->content_length;
	p->upgrade = 0;
	return 0;
}

static int on_message_end(llhttp_t *p)
{
	((struct seen *)p->data)->is_message_over = true;
	return 0;
}

static const llhttp_settings_t settings = {
	.on_url = on_url,
	.on_header_field = on_name,
	.on_header_field_complete = on_name_end,
	.on_header_value = on_value,
	.on_header_value_complete = on_value_end,
	.on_headers_complete = on_head_end,
	.on_message_complete = on_message_end,
};

static const char *compare_line(const llhttp_t *p, const struct seen *seen,
				const struct h1_head *head)
{
	if (!weir_str_eq(weir_strz(llhttp_method_name((llhttp_method_t)p->method)), head->method))
		return "another method";
	if (!weir_str_eq(buf_str(&seen->target), head->target))
		return "another target";
	if (p->http_major * 10u + p->http_minor != head->version)
		return "another version";
	return NULL;
}

static const char *compare_fields(const struct seen *seen, const struct h1_head *head)
{
	weir_str names = buf_str(&seen->names), values = buf_str(&seen->values);

	for (size_t i = 0; i < head->n_fields; i++) {
		if (names.len == 0 || values.len == 0)
			return "fewer fields";
		if (!str_eq_nocase(str_split(&names, '\n'), head->fields[i].name))
			return "another field name";
		if (!weir_str_eq(str_split(&values, '\n'), head->fields[i].value))
			return "another field value";
	}
	return names.len > 0 || values.len > 0 ? "more fields" : NULL;
}

static const char *compare_frame(const struct seen *seen, const struct h1_head *head)
{
	bool has_length = seen->flags & F_CONTENT_LENGTH;

	if (!seen->is_head_over)
		return "a head that goes on";
	if (seen->is_message_over == head->has_body)
		return head->has_body ? "no body" : "a body";
	if (has_length != (head->content_length >= 0))
		return "a length, or none";
	if (has_length && seen->length != (uint64_t)head->content_length)
		return "another length";
	if (!(seen->flags & F_CHUNKED) != !head->is_chunked)
		return "chunks, or none";
	return NULL;
}

static char *report(const char *words, const char *reason, weir_str bytes)
{
	char *text;

	if (asprintf(&text, "llhttp sees %s%s%s in\n%.*s", words, reason ? ": " : "",
		     reason ? reason : "", WEIR_ARG(bytes)) < 0)
		abort();
	return text;
}

char *h1_llhttp_differs(weir_str bytes, const struct h1_head *head)
{
	struct seen seen = { .length = 0 };
	const char *words, *reason = NULL;
	llhttp_errno_t error;
	llhttp_t parser;

	buf_init(&seen.target, 0);
	buf_init(&seen.names, 0);
	buf_init(&seen.values, 0);
	llhttp_init(&parser, HTTP_REQUEST, &settings);
	parser.data = &seen;
	error = llhttp_execute(&parser, bytes.ptr, bytes.len);
	words = compare_line(&parser, &seen, head);
	if (!words)
		words = compare_fields(&seen, head);
	if (!words)
		words = compare_frame(&seen, head);
	if (error != HPE_OK) {
		words = "an error";
		reason = llhttp_get_error_reason(&parser);
	}
	buf_done(&seen.target);
	buf_done(&seen.names);
	buf_done(&seen.values);
	return words ? report(words, reason, bytes) : NULL;
}
