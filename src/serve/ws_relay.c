/* ws_relay.c - see ws_relay.h. */
#include "serve/ws_relay.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "proto/ws_deflater.h"
#include "serve/publication.h"
#include "serve/topics.h"
#include "serve/ws_frames.h"

/* ---- what is made of a publication */

struct ws_forms {
	weir_str plain;				    /* header and bytes, inside the publication */
	weir_str deflated[WS_DEFLATE_MAX_BITS + 1]; /* owned; for a window of so many bits */
};

static void free_forms(void *arg)
{
	struct ws_forms *forms = arg;

	for (size_t i = 0; i < ARRAY_LEN(forms->deflated); i++)
		free((char *)(uintptr_t)forms->deflated[i].ptr);
	free(forms);
}

static enum ws_opcode opcode_of(const struct publication *p)
{
	return p->view.is_binary ? WS_OP_BINARY : WS_OP_TEXT;
}

static struct ws_forms *need_forms(struct ws_tools *tools, struct publication *p)
{
	struct ws_forms *forms = p->forms;
	char header[WS_WRITE_HEADER_MAX];
	size_t n;

	if (forms)
		return forms;
	forms = calloc(1, sizeof(*forms));
	if (!forms)
		return NULL;
	n = ws_write_header(tools, header, opcode_of(p), true, false, p->view.bytes.len);
	forms->plain = (weir_str){ p->view.bytes.ptr - n, n + p->view.bytes.len };
	memcpy((char *)(uintptr_t)forms->plain.ptr, header, n);
	p->forms = forms;
	p->free_forms = free_forms;
	return forms;
}

/* ptr NULL without memory. */
static weir_str deflate(struct ws_tools *tools, const struct publication *p,
			const struct ws_deflate_params *params)
{
	_cleanup_(buf_done) struct buf out;
	struct ws_deflater *context = NULL;
	weir_str none = { NULL, 0 };
	char *frame;
	size_t n;

	buf_init(&out, SIZE_MAX);
	if (ws_deflater_piece(tools, &context, params, p->view.bytes, true, &out) < 0)
		return none;
	frame = malloc(WS_WRITE_HEADER_MAX + out.len);
	if (!frame)
		return none;
	n = ws_write_frame(tools, frame, opcode_of(p), true, true, buf_str(&out));
	return (weir_str){ frame, n };
}

static weir_str frame_for(const struct ws_session *s, struct publication *p)
{
	struct ws_tools *tools = &s->policy->shared->tools;
	struct ws_forms *forms = need_forms(tools, p);
	weir_str *deflated;

	if (!forms)
		return (weir_str){ NULL, 0 };
	if (s->deflate_bits == 0 || p->view.bytes.len < s->policy->limits.deflate_min)
		return forms->plain;
	deflated = &forms->deflated[s->deflate_bits];
	if (!deflated->ptr) {
		const struct ws_deflate_params params = ws_session_deflate(s);

		*deflated = deflate(tools, p, &params);
	}
	return deflated->ptr ? *deflated : forms->plain;
}

/* ---- on its way */

/* False: the session is not open any more. */
static bool send_one(struct ws_session *s, struct publication *p)
{
	weir_str frame;

	/* A compressor that remembers is the session's own, and so are its frames. */
	if (s->deflate_bits > 0 && s->keeps_context) {
		if (ws_frames_put(s, !p->view.is_binary, p->view.bytes) >= 0)
			return true;
		ws_session_abort(s);
		return false;
	}
	frame = frame_for(s, p);
	if (!frame.ptr || outq_append(s->tunnel->out, frame.ptr, frame.len) < 0) {
		ws_session_abort(s);
		return false;
	}
	tunnel_queued(s->tunnel);
	ws_session_note_message(s);
	ws_session_count(s, false, true, p->view.bytes.len);
	return true;
}

static bool is_too_slow(const struct ws_relay *relay)
{
	return subscriber_is_ended(relay->sub) ||
	       (relay->session->policy->limits.slow == WS_SLOW_CLOSE &&
		subscriber_lost(relay->sub) > 0);
}

/* 1: a message has gone; 0: there is none. An error: nothing more can be done for this session. */
static int pump_one(struct ws_relay *relay)
{
	struct ws_session *s = relay->session;
	struct publication *p;
	bool goes_on;

	if (is_too_slow(relay)) {
		ws_session_close(s, 1013, WEIR_STR("too slow"));
		return -EPIPE;
	}
	p = subscriber_next(relay->sub);
	if (!p)
		return 0;
	goes_on = send_one(s, p);
	(void)publication_unref(p);
	return goes_on ? 1 : -EPIPE;
}

/* Each in its turn, a message at a time: without room it goes on, later, with the next of them. */
void ws_relay_pump(struct ws_session *s)
{
	struct list *idle = NULL; /* the first in a row of those that have nothing */

	if (s->state != WS_OPEN)
		return;
	while (!list_is_empty(&s->relays) && s->relays.next != idle && tunnel_has_room(s->tunnel)) {
		struct list *link = s->relays.next;
		int r;

		r = pump_one(list_entry(link, struct ws_relay, link));
		if (r < 0)
			return;
		list_move_tail(&s->relays, link);
		if (r > 0)
			idle = NULL;
		else if (!idle)
			idle = link;
	}
}

/*
 * It goes on in the connection's own time: at the end of this turn, all that has come by then.
 * But for a client that takes nothing there is no such time.
 */
void ws_relay_ready(struct ws_relay *relay)
{
	struct ws_session *s = relay->session;

	if (!s || !s->tunnel)
		return;
	if (is_too_slow(relay)) {
		ws_session_close(s, 1013, WEIR_STR("too slow"));
		ws_session_tell(s);
		return;
	}
	s->tunnel->wants_room = true;
	tunnel_queued(s->tunnel);
}

/* ---- life */

int ws_relay_start(struct ws_relay *relay, struct ws_session *s, struct subscriber *sub)
{
	int r;

	if (s->policy->limits.slow == WS_SLOW_CLOSE) {
		r = topics_end_if_slow(sub);
		if (r < 0)
			return r;
	}
	*relay = (struct ws_relay){ .session = s, .sub = sub };
	list_add_tail(&s->relays, &relay->link);
	s->tunnel->ahead.relay = relay;
	s->tunnel->wants_room = true;
	tunnel_queued(s->tunnel);
	return 0;
}

void ws_relay_stop(struct ws_relay *relay)
{
	if (!relay->session)
		return;
	list_del(&relay->link);
	relay->session = NULL;
}

void ws_relay_end(struct ws_session *s)
{
	struct list *link;

	while ((link = list_pop(&s->relays)))
		list_entry(link, struct ws_relay, link)->session = NULL;
}
