/*
 * ws_frames.c - see ws_frames.h. Plain frames of one part are as long as the part; compressed
 * messages become a frame for each slice, because nobody knows before how long the whole would be.
 */
#include "serve/ws_frames.h"

#include <assert.h>
#include <errno.h>

#include "base/buf.h"
#include "proto/ws_deflater.h"

/* A frame of at most so much is written in one piece; a larger one into several blocks. */
#define IN_ONE_PIECE ((size_t)8192)
/* So much of a message is compressed at a time: a fragment. */
#define DEFLATE_SLICE ((size_t)64 * 1024)

static struct ws_tools *tools_of(const struct ws_session *s)
{
	return &s->policy->shared->tools;
}

/* ---- frames */

static void note_sent(struct ws_session *s)
{
	tunnel_queued(s->tunnel);
}

/* A whole frame, however large. */
static int put_frame(struct ws_session *s, enum ws_opcode opcode, bool is_last, bool is_compressed,
		     weir_str payload)
{
	struct outq *out = s->tunnel->out;
	size_t in_one = payload.len <= IN_ONE_PIECE ? payload.len : 0;
	char *at = outq_reserve(out, WS_WRITE_HEADER_MAX + in_one);

	if (!at)
		return -ENOMEM;
	if (payload.len <= IN_ONE_PIECE) {
		outq_commit(out, ws_write_frame(tools_of(s), at, opcode, is_last, is_compressed,
						payload));
		note_sent(s);
		return 0;
	}
	outq_commit(out,
		    ws_write_header(tools_of(s), at, opcode, is_last, is_compressed, payload.len));
	note_sent(s);
	if (outq_append(out, payload.ptr, payload.len) < 0) {
		ws_session_abort(s);
		return -EPIPE;
	}
	return 0;
}

/* As much of a frame's payload as there is room for. */
static ssize_t feed(struct ws_session *s, weir_str bytes)
{
	struct tunnel *t = s->tunnel;
	size_t room = tunnel_has_room(t) ? t->high_water - t->out->queued : 0;
	size_t n = bytes.len < room ? bytes.len : room;

	assert(bytes.len <= s->frame_left);
	if (n > 0 && outq_append(t->out, bytes.ptr, n) < 0) {
		ws_session_abort(s);
		return -EPIPE;
	}
	s->frame_left -= n;
	if (s->frame_left > 0) {
		s->wants_room = true;
		t->wants_room = true;
	}
	note_sent(s);
	return (ssize_t)n;
}

static ssize_t begin_plain(struct ws_session *s, enum ws_opcode opcode, bool is_last,
			   weir_str payload)
{
	struct outq *out = s->tunnel->out;
	char *at;
	int r;

	if (payload.len <= IN_ONE_PIECE) {
		r = put_frame(s, opcode, is_last, false, payload);
		return r < 0 ? r : (ssize_t)payload.len;
	}
	at = outq_reserve(out, WS_WRITE_HEADER_MAX);
	if (!at)
		return -ENOMEM;
	outq_commit(out, ws_write_header(tools_of(s), at, opcode, is_last, false, payload.len));
	s->frame_left = payload.len;
	return feed(s, payload);
}

/* ---- compressed */

static enum ws_opcode next_opcode(const struct ws_session *s, bool is_text)
{
	if (s->is_in_message)
		return WS_OP_CONTINUATION;
	return is_text ? WS_OP_TEXT : WS_OP_BINARY;
}

/* A slice of a message, as a frame of its own. */
static int put_deflated(struct ws_session *s, bool is_text, bool is_last, weir_str slice)
{
	const struct ws_deflate_params params = ws_session_deflate(s);
	_cleanup_(buf_done) struct buf out;
	int r;

	buf_init(&out, SIZE_MAX);
	r = ws_deflater_piece(tools_of(s), &s->deflater, &params, slice, is_last, &out);
	if (r < 0)
		return r;
	/* The compressor may keep a slice for the next frame. */
	if (out.len == 0 && !is_last)
		return 0;
	r = put_frame(s, next_opcode(s, is_text), is_last, !s->is_in_message, buf_str(&out));
	if (r >= 0)
		s->is_in_message = !is_last;
	return r;
}

/* Slice by slice while there is room; a rest is owed like that of a frame. */
static ssize_t deflate_on(struct ws_session *s, weir_str payload)
{
	size_t taken = 0;
	int r;

	do {
		size_t left = payload.len - taken;
		size_t n = left < DEFLATE_SLICE ? left : DEFLATE_SLICE;
		bool is_last = s->is_last_part && n == left;

		r = put_deflated(s, s->is_text_out, is_last, (weir_str){ payload.ptr + taken, n });
		if (r < 0) {
			/* The client's decompressor has lost its thread. */
			if (s->tunnel)
				ws_session_abort(s);
			return r;
		}
		taken += n;
	} while (taken < payload.len && tunnel_has_room(s->tunnel));
	s->frame_left = payload.len - taken;
	s->is_deflating = !(s->is_last_part && s->frame_left == 0);
	if (s->frame_left > 0) {
		s->wants_room = true;
		s->tunnel->wants_room = true;
	}
	return (ssize_t)taken;
}

/* Is the message that begins worth it? */
static bool should_deflate(const struct ws_session *s, bool is_last, size_t len)
{
	return s->deflate_bits > 0 && !(is_last && len < s->policy->limits.deflate_min);
}

/* ---- messages */

ssize_t ws_frames_begin(struct ws_session *s, bool is_text, bool is_last, weir_str payload)
{
	bool is_first = ws_frames_is_between(s);
	ssize_t n;

	ws_session_count(s, false, is_first, payload.len);
	if (is_first)
		s->is_deflating = should_deflate(s, is_last, payload.len);
	if (s->is_deflating) {
		s->is_text_out = is_first ? is_text : s->is_text_out;
		s->is_last_part = is_last;
		return deflate_on(s, payload);
	}
	n = begin_plain(s, next_opcode(s, is_text), is_last, payload);
	if (n >= 0)
		s->is_in_message = !is_last;
	return n;
}

ssize_t ws_frames_more(struct ws_session *s, weir_str rest)
{
	return s->is_deflating ? deflate_on(s, rest) : feed(s, rest);
}

int ws_frames_put(struct ws_session *s, bool is_text, weir_str payload)
{
	size_t n;
	int r;

	ws_session_note_message(s);
	ws_session_count(s, false, true, payload.len);
	if (!should_deflate(s, true, payload.len))
		return put_frame(s, is_text ? WS_OP_TEXT : WS_OP_BINARY, true, false, payload);
	do {
		n = payload.len < DEFLATE_SLICE ? payload.len : DEFLATE_SLICE;
		r = put_deflated(s, is_text, n == payload.len, (weir_str){ payload.ptr, n });
		payload.ptr += n;
		payload.len -= n;
	} while (r >= 0 && payload.len > 0);
	if (r < 0 && s->tunnel)
		ws_session_abort(s);
	return r;
}

void ws_frames_control(struct ws_session *s, enum ws_opcode opcode, weir_str payload)
{
	if (put_frame(s, opcode, true, false, payload) < 0)
		ws_session_abort(s);
}

/* ---- what is kept between them */

/* A compressor may forget at any time (RFC 7692, section 7.1.1.1); only a decompressor must not. */
void ws_frames_rest(struct ws_session *s)
{
	if (!s->is_deflating)
		s->deflater = ws_deflater_give(tools_of(s), s->deflater);
}

void ws_frames_end(struct ws_session *s)
{
	s->deflater = ws_deflater_give(tools_of(s), s->deflater);
}
