/* ws_feed.c - see ws_feed.h. */
#include "ws_feed.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "proto/ws_read.h"
#include "proto/ws_tools.h"

#define SHOWN_MAX 64

struct feed {
	const struct ws_feed *how;
	struct ws_tools tools;
	struct ws_read read;
	struct buf out;
	struct buf message; /* so far */
	bool is_text;
	bool is_inside; /* a piece of the message was there */
};

static const char *type_of(const struct feed *f)
{
	return f->is_text ? "text" : "binary";
}

void ws_feed_say_bytes(struct buf *out, weir_str bytes)
{
	buf_say(out, "%zu ", bytes.len);
	for (size_t i = 0; i < bytes.len && i < SHOWN_MAX; i++) {
		unsigned char byte = (unsigned char)bytes.ptr[i];

		buf_say(out, byte < 0x80 && isprint(byte) ? "%c" : "\\x%02x", byte);
	}
	if (bytes.len > SHOWN_MAX)
		buf_say(out, "... %016llx", (unsigned long long)str_hash(bytes));
	buf_say(out, "\n");
}

static void on_piece(struct feed *f, const struct ws_event *event)
{
	assert(event->is_first == !f->is_inside);
	assert(event->is_first || event->is_text == f->is_text);
	assert(event->bytes.len > 0 || event->is_last);
	if (buf_append_str(&f->message, event->bytes) < 0)
		abort();
	f->is_text = event->is_text;
	f->is_inside = !event->is_last;
	if (!event->is_last)
		return;
	buf_say(&f->out, "%s ", type_of(f));
	ws_feed_say_bytes(&f->out, buf_str(&f->message));
	buf_clear(&f->message);
}

static void on_event(struct feed *f, const struct ws_event *event)
{
	if (event->type == WS_PIECE) {
		on_piece(f, event);
		return;
	}
	if (event->type == WS_CLOSE)
		buf_say(&f->out, "close %d ", event->code);
	else
		buf_say(&f->out, event->type == WS_PING ? "ping " : "pong ");
	ws_feed_say_bytes(&f->out, event->bytes);
}

static void on_error(struct feed *f, int r, enum fault fault)
{
	if (r != -EPROTO)
		buf_say(&f->out, "error %d\n", r);
	else if (f->how->is_terse)
		buf_say(&f->out, "fault %d\n", fault_status(fault));
	else
		buf_say(&f->out, "fault %d %s\n", fault_status(fault), fault_name(fault));
}

/* false: nothing more is read. */
static bool feed(struct feed *f, weir_str bytes)
{
	enum fault fault = FAULT_NONE;
	struct ws_event event;
	bool is_over = false;
	int r;

	while ((r = ws_read_next(&f->read, &bytes, &event, &fault)) == 1) {
		on_event(f, &event);
		is_over = event.type == WS_CLOSE;
		if (bytes.len == 0 && !ws_read_has_more(&f->read))
			break;
	}
	assert(bytes.len == 0);
	ws_read_release(&f->read);
	if (r < 0)
		on_error(f, r, fault);
	if (r < 0 || is_over)
		assert(ws_read_held(&f->read) == 0);
	return r >= 0 && !is_over;
}

static bool feed_all(struct feed *f, weir_str bytes)
{
	size_t at = 0, n = f->how->first;
	bool is_on = true;

	while (at < bytes.len && is_on) {
		char *copy;

		if (n == 0 || n > bytes.len - at)
			n = bytes.len - at;
		/* Exactly as long, so that ASan sees a byte read too far. */
		copy = malloc(n);
		assert(copy);
		memcpy(copy, bytes.ptr + at, n);
		is_on = feed(f, (weir_str){ copy, n });
		free(copy);
		at += n;
		n = f->how->step;
	}
	return is_on;
}

char *ws_feed_run(const struct ws_feed *how, weir_str bytes)
{
	struct feed f = { .how = how };
	char *text;

	if (ws_tools_init(&f.tools) < 0)
		return NULL;
	ws_read_init(&f.read, &f.tools, how->deflate);
	buf_init(&f.out, 0);
	buf_init(&f.message, 0);
	if (!feed_all(&f, bytes)) {
		buf_say(&f.out, "over\n");
	} else if (f.is_inside) {
		buf_say(&f.out, "inside %s ", type_of(&f));
		ws_feed_say_bytes(&f.out, buf_str(&f.message));
	} else {
		buf_say(&f.out, "done\n");
	}
	ws_read_done(&f.read);
	assert(ws_read_held(&f.read) == 0);
	ws_tools_done(&f.tools);
	buf_done(&f.message);
	text = buf_steal(&f.out);
	return text;
}

static char *compare(const struct ws_feed *how, weir_str bytes, const char *whole)
{
	char *parts = ws_feed_run(how, bytes), *words = NULL;

	if (strcmp(whole, parts) != 0 && asprintf(&words, "first %zu step %zu:\n%s--- whole:\n%s",
						  how->first, how->step, parts, whole) < 0)
		abort();
	free(parts);
	return words;
}

char *ws_feed_differs(const struct ws_feed *how, weir_str bytes)
{
	struct ws_feed cut = { .deflate = how->deflate, .is_terse = true };
	char *whole = ws_feed_run(&cut, bytes), *words;

	cut.first = cut.step = 1;
	words = compare(&cut, bytes, whole);
	cut.step = 0;
	for (size_t first = 1; first < bytes.len && !words; first++) {
		cut.first = first;
		words = compare(&cut, bytes, whole);
	}
	free(whole);
	return words;
}

static void put_header(struct buf *out, uint8_t first, size_t len)
{
	char header[10] = { (char)first };
	size_t n = 2;

	if (len < 126) {
		header[1] = (char)len;
	} else {
		n = len < 65536 ? 4 : 10;
		header[1] = n == 4 ? 126 : 127;
		for (size_t i = 2; i < n; i++)
			header[i] = (char)((uint64_t)len >> 8 * (n - 1 - i));
	}
	header[1] |= (char)0x80;
	if (buf_append(out, header, n) < 0)
		abort();
}

void ws_feed_frame(struct buf *out, uint8_t first, weir_str payload)
{
	static const char mask[4] = { 0x37, (char)0xfa, 0x21, 0x3d };

	put_header(out, first, payload.len);
	if (buf_append(out, mask, sizeof(mask)) < 0 || buf_reserve(out, payload.len) < 0)
		abort();
	for (size_t i = 0; i < payload.len; i++)
		out->data[out->len++] = (char)(payload.ptr[i] ^ mask[i % 4]);
}
