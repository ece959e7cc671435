/* ws_model.c - see ws_model.h. It shares no code with what it is to be compared with. */
#include "ws_model.h"

#include <stdlib.h>

#include "ws_feed.h"

#define NEEDS_MORE 0
#define GOES_ON 1

struct frame {
	bool is_final, is_masked, is_whole;
	unsigned reserved, opcode;
	uint64_t len;
	struct buf payload; /* as much as is here, unmasked */
};

struct model {
	const unsigned char *at, *end;
	struct buf out, message;
	bool is_inside, is_text;
};

static unsigned long code_point(const unsigned char *p, size_t n)
{
	unsigned long value = n == 1 ? p[0] : p[0] & (0x7f >> n);

	for (size_t i = 1; i < n; i++)
		value = value << 6 | (p[i] & 0x3f);
	return value;
}

/* Is it one whole character? */
static bool is_character(const unsigned char *p, size_t n)
{
	static const unsigned long least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned long value;

	if (n != (p[0] < 0x80 ? 1u : p[0] < 0xc0 ? 9u : p[0] < 0xe0 ? 2u : p[0] < 0xf0 ? 3u : 4u))
		return false;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return false;
	}
	value = code_point(p, n);
	return p[0] < 0xf8 && value >= least[n] && value <= 0x10ffff &&
	       (value < 0xd800 || value > 0xdfff);
}

/* Can n bytes be made a character with others? */
static bool begins_character(const unsigned char *p, size_t n)
{
	unsigned char tried[4] = { 0 };

	for (size_t len = n + 1; len <= 4; len++) {
		for (unsigned second = 0x80; second <= 0xbf; second++) {
			memset(tried, 0x80, sizeof(tried));
			tried[1] = (unsigned char)second;
			memcpy(tried, p, n);
			if (is_character(tried, len))
				return true;
		}
	}
	return false;
}

/* Is it UTF-8, and if it need not be over, can it become that? */
static bool is_text(weir_str text, bool is_over)
{
	const unsigned char *p = (const unsigned char *)text.ptr;
	size_t left = text.len;

	while (left > 0) {
		size_t n = 1;

		while (n <= 4 && n <= left && !is_character(p, n))
			n++;
		if (n > 4 || n > left)
			return !is_over && left < 4 && begins_character(p, left);
		p += n;
		left -= n;
	}
	return true;
}

static int say_fault(struct model *m, int code)
{
	buf_say(&m->out, "fault %d\nover\n", code);
	return -1;
}

/* The header, and what there is of the payload. */
static int take_frame(struct model *m, struct frame *f)
{
	const unsigned char *p = m->at, *mask;
	size_t n_len;

	if (m->end - p < 2)
		return NEEDS_MORE;
	f->is_final = p[0] & 0x80;
	f->reserved = p[0] >> 4 & 7;
	f->opcode = p[0] & 15;
	f->is_masked = p[1] & 0x80;
	f->len = p[1] & 0x7f;
	p += 2;
	if (f->opcode >= 8 && (!f->is_final || f->len > 125))
		return say_fault(m, 1002);

	n_len = f->len == 126 ? 2 : f->len == 127 ? 8 : 0;
	if ((size_t)(m->end - p) < n_len)
		return NEEDS_MORE;
	if (n_len > 0) {
		f->len = 0;
		for (size_t i = 0; i < n_len; i++)
			f->len = f->len << 8 | *p++;
		if (f->len < (n_len == 2 ? 126 : 65536) || f->len >> 63)
			return say_fault(m, 1002);
	}

	mask = p;
	if (f->is_masked)
		p += 4;
	if (p > m->end || (p == m->end && f->len > 0))
		return NEEDS_MORE;
	for (size_t i = 0; i < f->len && p < m->end; i++, p++) {
		char byte = (char)(f->is_masked ? *p ^ mask[i % 4] : *p);

		if (buf_append(&f->payload, &byte, 1) < 0)
			abort();
	}
	m->at = p;
	f->is_whole = f->payload.len == f->len;
	return GOES_ON;
}

static bool is_wrong(const struct model *m, const struct frame *f)
{
	static const bool is_known[16] = {
		[0] = true, [1] = true, [2] = true, [8] = true, [9] = true, [10] = true
	};

	if (!is_known[f->opcode] || f->reserved != 0 || !f->is_masked)
		return true;
	return f->opcode < 8 && (f->opcode == 0) != m->is_inside;
}

static int on_data(struct model *m, const struct frame *f)
{
	bool is_over = f->is_final && f->is_whole;

	if (f->opcode != 0) {
		m->is_inside = true;
		m->is_text = f->opcode == 1;
	}
	if (buf_append_str(&m->message, buf_str(&f->payload)) < 0)
		abort();
	if (m->is_text && !is_text(buf_str(&m->message), is_over))
		return say_fault(m, 1007);
	if (is_over) {
		buf_say(&m->out, m->is_text ? "text " : "binary ");
		ws_feed_say_bytes(&m->out, buf_str(&m->message));
		buf_clear(&m->message);
		m->is_inside = false;
	}
	return GOES_ON;
}

static int on_close(struct model *m, weir_str payload)
{
	const unsigned char *p = (const unsigned char *)payload.ptr;
	int code = 1005;

	if (payload.len == 1)
		return say_fault(m, 1002);
	if (payload.len > 0) {
		code = p[0] * 256 + p[1];
		payload = (weir_str){ payload.ptr + 2, payload.len - 2 };
		if (!(code >= 1000 && code <= 1003) && !(code >= 1007 && code <= 1014) &&
		    !(code >= 3000 && code < 5000))
			return say_fault(m, 1002);
	}
	if (!is_text(payload, true))
		return say_fault(m, 1007);
	buf_say(&m->out, "close %d ", code);
	ws_feed_say_bytes(&m->out, payload);
	buf_say(&m->out, "over\n");
	return -1;
}

static int on_frame(struct model *m, const struct frame *f)
{
	if (is_wrong(m, f))
		return say_fault(m, 1002);
	if (f->opcode < 8)
		return on_data(m, f);
	if (!f->is_whole)
		return GOES_ON;
	if (f->opcode == 8)
		return on_close(m, buf_str(&f->payload));
	buf_say(&m->out, f->opcode == 9 ? "ping " : "pong ");
	ws_feed_say_bytes(&m->out, buf_str(&f->payload));
	return GOES_ON;
}

static int step(struct model *m)
{
	struct frame f = { 0 };
	int r;

	r = take_frame(m, &f);
	if (r == GOES_ON)
		r = on_frame(m, &f);
	if (r == GOES_ON && !f.is_whole)
		r = NEEDS_MORE;
	buf_done(&f.payload);
	return r;
}

char *ws_model_run(weir_str bytes)
{
	struct model m = { .at = (const unsigned char *)bytes.ptr };
	int r;

	m.end = m.at + bytes.len;
	while ((r = step(&m)) == GOES_ON)
		;
	if (r == NEEDS_MORE && m.message.len > 0) {
		buf_say(&m.out, "inside %s ", m.is_text ? "text" : "binary");
		ws_feed_say_bytes(&m.out, buf_str(&m.message));
	} else if (r == NEEDS_MORE) {
		buf_say(&m.out, "done\n");
	}
	buf_done(&m.message);
	return buf_steal(&m.out);
}
