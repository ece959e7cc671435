/*
 * ws_inbox.c - messages out of a tunnel's bytes, as they are asked for. What
 * fits in a frame that came whole is handed on as it lies there; what comes in
 * pieces is put together in a block of the worker's pool, so that it counts
 * against the worker's budget.
 */
#include "serve/ws_inbox.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "serve/ws_outbox.h"

/* ---- one event after the other */

static weir_str bytes_here(const struct tunnel *t)
{
	if (!t->in)
		return (weir_str){ NULL, 0 };
	return (weir_str){ t->in->data + t->in->start, block_len(t->in) };
}

static APART void on_control(struct ws_session *s, const struct ws_event *ev)
{
	if (ev->type == WS_PING && s->state == WS_OPEN)
		ws_outbox_pong(s, ev->bytes);
	else if (ev->type == WS_CLOSE)
		ws_session_peer_closed(s, ev->code, ev->bytes);
}

static bool keep_piece(struct ws_session *s, const struct ws_event *ev)
{
	s->piece = (struct ws_piece){ ev->bytes.ptr, ev->left, (uint32_t)ev->bytes.len };
	s->is_piece_text = ev->is_text;
	s->is_piece_first = ev->is_first;
	s->is_piece_last = ev->is_last;
	return s->has_piece = true;
}

/* Up to the next piece of a message, then it is in s->piece: true. False: it takes more bytes, or is over. */
static bool fetch(struct ws_session *s)
{
	while (s->tunnel) {
		struct tunnel *t = s->tunnel;
		weir_str bytes = bytes_here(t);
		size_t len = bytes.len;
		enum fault fault = FAULT_OVERLOADED; /* what -ENOMEM comes to */
		struct ws_event ev;
		int r;

		if (len == 0 && !ws_read_has_more(&s->read)) {
			if (t->is_ended && !s->has_peer_closed)
				ws_session_peer_ended(s);
			return false;
		}
		r = ws_read_next(&s->read, &bytes, &ev, &fault);
		if (bytes.len < len) {
			t->in->start += len - bytes.len;
			tunnel_taken(t);
		}
		if (r < 0)
			ws_session_fail(s, r == -ENOMEM ? FAULT_WS_NO_MEMORY : fault);
		else if (r == 1 && ev.type != WS_PIECE)
			on_control(s, &ev);
		else if (r == 1 && s->state == WS_OPEN)
			return keep_piece(s, &ev);
		ws_read_release(&s->read);
	}
	return false;
}

/* ---- putting together */

static COLD void set_message(struct ws_session *s, struct block *message)
{
	struct tunnel *t = s->tunnel;
	size_t before = s->message ? sizeof(*message) + s->message->cap : 0;
	size_t after = message ? sizeof(*message) + message->cap : 0;

	if (t)
		t->held = t->held - before + after;
	(void)block_give(s->policy->shared->blocks, s->message);
	s->message = message;
}

/* So many more bytes fit, moved to a larger block if they must. */
static COLD int reserve(struct ws_session *s, size_t more)
{
	struct block *old = s->message, *larger;
	size_t len = old ? block_len(old) : 0, cap = old ? old->cap * 2 : 0;

	if (old && block_room(old) >= more)
		return 0;
	larger = block_take(s->policy->shared->blocks, cap > len + more ? cap : len + more);
	if (!larger)
		return -ENOMEM;
	if (len > 0)
		memcpy(larger->data, old->data, len);
	larger->end = len;
	set_message(s, larger);
	return 0;
}

/* Is it too large, as far as can be known? */
static bool is_too_large(const struct ws_session *s)
{
	const struct ws_piece *piece = &s->piece;
	uint64_t len = (s->message ? block_len(s->message) : 0) + piece->len;
	uint64_t max = s->policy->limits.max_message;

	return max > 0 && (len > max || piece->left > max - len);
}

/* The piece joins the message. False: the session has failed for it. */
static COLD bool assemble(struct ws_session *s)
{
	const struct ws_piece *piece = &s->piece;

	if (reserve(s, piece->len) < 0) {
		ws_session_fail(s, FAULT_WS_NO_MEMORY);
		return false;
	}
	if (piece->len > 0)
		memcpy(s->message->data + s->message->end, piece->bytes, piece->len);
	s->message->end += piece->len;
	ws_read_release(&s->read);
	s->has_piece = false;
	s->is_assembled = s->is_piece_last;
	return true;
}

/* ---- for whom */

static bool pump_message(struct ws_session *s)
{
	while (s->has_piece || fetch(s)) {
		if (is_too_large(s)) {
			s->has_piece = false;
			ws_session_fail(s, FAULT_WS_TOO_LARGE);
			return true;
		}
		if (s->is_piece_last && !s->message)
			return true;
		if (!assemble(s) || s->is_assembled)
			return true;
	}
	return s->state != WS_OPEN;
}

/* What was read, but asked for by nobody, and never will be. */
static void drop(struct ws_session *s)
{
	if (s->has_piece)
		ws_read_release(&s->read);
	s->has_piece = false;
	s->is_assembled = false;
	if (s->message)
		set_message(s, NULL);
}

/* While something is pulled nothing behind it is read; but where there is nothing, an end is one. */
static void look_for_end(struct ws_session *s)
{
	const struct tunnel *t = s->tunnel;

	if (t->is_ended && !t->in && !ws_read_has_more(&s->read) && !s->has_peer_closed)
		ws_session_peer_ended(s);
}

bool ws_inbox_pump(struct ws_session *s)
{
	if (s->is_out) {
		look_for_end(s);
		return false;
	}
	if (s->state != WS_OPEN)
		drop(s);
	if (s->is_assembled)
		return s->wanted != WS_WANTS_NOTHING;
	switch ((enum ws_wanted)s->wanted) {
	case WS_WANTS_NOTHING:
		if (!s->has_piece)
			(void)fetch(s);
		return false;
	case WS_WANTS_PIECE:
		return s->message || s->has_piece || fetch(s) || s->state != WS_OPEN;
	case WS_WANTS_MESSAGE:
		return pump_message(s);
	}
	return false;
}

static int hand_out(struct ws_session *s, bool is_whole, struct ws_event *ret_event)
{
	if (s->state != WS_OPEN) {
		if (s->tunnel)
			drop(s);
		return s->state == WS_LOST ? -EPIPE : 0;
	}
	*ret_event = (struct ws_event){
		.type = WS_PIECE,
		.bytes = { s->piece.bytes, s->piece.len },
		.left = s->piece.left,
		.is_text = s->is_piece_text,
		.is_first = s->is_piece_first,
		.is_last = s->is_piece_last,
	};
	/* All of a message; or its beginning, for who does not want to wait for the rest any more. */
	if (s->message) {
		ret_event->bytes = (weir_str){ s->message->data, block_len(s->message) };
		ret_event->is_first = true;
		ret_event->is_last = s->is_assembled;
	}
	if (is_whole)
		ret_event->is_first = true;
	s->is_text = ret_event->is_text;
	s->is_out = true;
	ws_session_note_message(s);
	ws_session_count(s, true, ret_event->is_first, ret_event->bytes.len);
	return 1;
}

void ws_inbox_release(struct ws_session *s)
{
	if (!s->is_out)
		return;
	s->is_out = false;
	s->has_piece = false;
	s->is_assembled = false;
	if (s->message)
		set_message(s, NULL);
	if (s->tunnel)
		ws_read_release(&s->read);
	else
		ws_read_done(&s->read);
}

void ws_inbox_end(struct ws_session *s)
{
	if (s->is_out)
		return;
	drop(s);
	ws_read_done(&s->read);
}

int ws_inbox_next(struct ws_session *s, bool is_whole, struct ws_event *ret_event)
{
	int r = -EAGAIN;

	ws_inbox_release(s);
	s->wanted = is_whole ? WS_WANTS_MESSAGE : WS_WANTS_PIECE;
	if (!s->tunnel || ws_inbox_pump(s) || s->state != WS_OPEN) {
		s->wanted = WS_WANTS_NOTHING;
		r = hand_out(s, is_whole, ret_event);
	}
	ws_session_tell(s);
	return r;
}

void ws_inbox_discard(struct ws_session *s)
{
	ws_inbox_release(s);
	drop(s);
	s->wanted = WS_WANTS_NOTHING;
	if (s->tunnel)
		(void)ws_inbox_pump(s);
	ws_session_tell(s);
}
