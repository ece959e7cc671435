/*
 * ws_session.c - the life of a session. Whatever ends it (either side's close
 * frame, a fault, time, a peer that vanishes) comes to end(), once; and whoever
 * was called from below tells the owner as the last thing it does, because the
 * owner may then free the session.
 */
#include "serve/ws_session.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "serve/ws_frames.h"
#include "serve/ws_inbox.h"
#include "serve/ws_note.h"
#include "serve/ws_outbox.h"
#include "serve/ws_relay.h"

static struct ws_session *of_tunnel(struct tunnel *t)
{
	return t->owner;
}

/* ---- the end */

static void keep_reason(struct ws_session *s, weir_str reason)
{
	assert(!s->close_reason && reason.len <= WS_WRITE_CONTROL_MAX);
	s->close_reason = reason.len > 0 ? malloc(reason.len) : NULL;
	if (!s->close_reason)
		return;
	memcpy(s->close_reason, reason.ptr, reason.len);
	s->reason_len = (uint8_t)reason.len;
}

static void stop_spans(struct ws_session *s)
{
	if (!s->spans)
		return;
	timeouts_stop(&s->spans->idle);
	timeouts_stop(&s->spans->life);
}

/* Nothing comes or goes any more; the tunnel is somebody else's, or will be in a moment. */
static COLD void end(struct ws_session *s, enum ws_state state, int code)
{
	assert(s->tunnel);
	s->state = (uint8_t)state;
	if (s->close_code == 0)
		s->close_code = (uint16_t)code;
	timeouts_stop(&s->clock);
	stop_spans(s);
	free(s->spans);
	s->spans = NULL;
	s->frame_left = 0;
	s->tunnel->held = 0;
	s->tunnel = NULL;
	ws_frames_end(s);
	ws_outbox_end(s);
	ws_relay_end(s);
	ws_inbox_end(s);
	s->policy->shared->n_open--;
	s->note = ws_note_end(s->note, s, loop_now_ms(s->policy->shared->loop));
}

COLD void ws_session_tell_more(struct ws_session *s)
{
	if (s->wanted != WS_WANTS_NOTHING) {
		s->wanted = WS_WANTS_NOTHING;
		s->up->readable(s);
	}
	if (s->wants_room && s->frame_left == 0) {
		s->wants_room = false;
		s->up->writable(s);
	}
	if (s->tunnel || s->is_over)
		return;
	s->is_over = true;
	s->up->over(s);
}

/* why: NULL, when the peer has just vanished. */
static COLD void end_lost(struct ws_session *s, const char *why)
{
	weir_str client = s->up->client(s);

	if (why)
		log_write(s->policy->shared->log, LOG_AT_INFO, "%.*s: %s: cut off: %s",
			  WEIR_ARG(client), s->policy->name, why);
	end(s, WS_LOST, 1006);
}

COLD void ws_session_lost(struct ws_session *s, const char *why)
{
	struct tunnel *t = s->tunnel;

	end_lost(s, why);
	tunnel_abort(t);
}

/* It may have closed one half only, and read on: what is queued still leaves (RFC 6455, section 7.1.1). */
COLD void ws_session_peer_ended(struct ws_session *s)
{
	struct tunnel *t = s->tunnel;

	end_lost(s, NULL);
	tunnel_end(t);
}

void ws_session_abort(struct ws_session *s)
{
	if (!s->tunnel || s->has_closed)
		return;
	ws_session_lost(s, NULL);
}

static void on_gone(struct tunnel *t, const char *why)
{
	struct ws_session *s = of_tunnel(t);

	end_lost(s, why);
	ws_session_tell(s);
}

/* ---- closing */

void ws_session_close(struct ws_session *s, int code, weir_str reason)
{
	if (s->state != WS_OPEN)
		return;
	s->state = WS_CLOSING;
	s->close_code = (uint16_t)code;
	stop_spans(s);
	timeouts_touch(&s->policy->closings, &s->clock);
	ws_outbox_close(s, code, reason);
	if (s->tunnel)
		(void)ws_inbox_pump(s); /* the peer's may be here */
}

/* Both close frames have gone their way. */
static COLD void finish(struct ws_session *s)
{
	struct tunnel *t = s->tunnel;

	end(s, WS_CLOSED, 1005);
	tunnel_end(t);
}

/* The peer's frame answers ours, or is answered (RFC 6455, section 5.5.1). */
COLD void ws_session_peer_closed(struct ws_session *s, int code, weir_str reason)
{
	bool was_open = s->state == WS_OPEN;

	s->has_peer_closed = true;
	if (was_open) {
		s->state = WS_CLOSING;
		s->close_code = (uint16_t)code;
		stop_spans(s);
		keep_reason(s, reason);
		timeouts_touch(&s->policy->closings, &s->clock);
		ws_outbox_close(s, code, (weir_str){ NULL, 0 });
	} else if (s->has_closed) {
		finish(s);
	} else {
		ws_outbox_pump(s); /* nothing else has to go before ours */
	}
}

void ws_session_close_sent(struct ws_session *s)
{
	s->has_closed = true;
	s->is_deflating = false; /* nothing goes behind a close frame */
	s->frame_left = 0;
	tunnel_queued(s->tunnel);
	if (s->has_peer_closed)
		finish(s);
}

COLD void ws_session_fail(struct ws_session *s, enum fault fault)
{
	struct tunnel *t = s->tunnel;
	weir_str client = s->up->client(s);

	s->policy->shared->n_faults[fault]++;
	log_write(s->policy->shared->log, LOG_AT_INFO, "%.*s: %s: closed with %d %s: %s",
		  WEIR_ARG(client), s->policy->name, fault_status(fault), fault_name(fault),
		  fault_words(fault));
	if (s->state == WS_OPEN && ws_frames_may_interrupt(s))
		ws_outbox_close(s, fault_status(fault), weir_strz(fault_words(fault)));
	if (!s->tunnel)
		return;
	end(s, WS_CLOSED, fault_status(fault));
	if (s->has_closed)
		tunnel_end(t);
	else
		tunnel_abort(t);
}

static void on_drain(struct tunnel *t)
{
	struct ws_session *s = of_tunnel(t);

	ws_session_close(s, 1012, (weir_str){ NULL, 0 });
	ws_session_tell(s);
}

/* ---- bytes */

/* Any byte is a sign of life. */
static void note_life(struct ws_session *s)
{
	struct timeouts *pings = &s->policy->pings;

	if (s->state != WS_OPEN || s->policy->limits.ping_interval_ms == 0)
		return;
	if (!s->is_pinged && timeouts_is_fresh(pings, &s->clock))
		return;
	s->is_pinged = false;
	timeouts_touch(pings, &s->clock);
}

static HOT void on_readable(struct tunnel *t)
{
	struct ws_session *s = of_tunnel(t);

	note_life(s);
	if (ws_inbox_pump(s)) {
		s->wanted = WS_WANTS_NOTHING;
		s->up->readable(s);
	}
	ws_session_tell(s);
}

static void on_writable(struct tunnel *t)
{
	struct ws_session *s = of_tunnel(t);

	ws_outbox_pump(s);
	if (s->tunnel && s->wants_room && tunnel_has_room(s->tunnel)) {
		s->wants_room = false;
		s->is_told = true;
		s->up->writable(s);
	}
	ws_session_tell(s);
}

static const struct tunnel_up tunnel_up = {
	.readable = on_readable,
	.writable = on_writable,
	.drain = on_drain,
	.gone = on_gone,
};

/* ---- time */

/* What nobody has read yet keeps the rest from us: the peer may well be alive. Not if it has no more to say. */
static bool is_unheard(const struct ws_session *s)
{
	const struct tunnel *t = s->tunnel;

	return t->in && block_room(t->in) == 0 && !t->has_peer_ended;
}

void ws_session_ping_due(struct timeout *timeout)
{
	struct ws_session *s = container_of(timeout, struct ws_session, clock);

	ws_frames_rest(s);
	/*
	 * Without room for a ping it is the tunnel's business whether the peer takes anything. One
	 * that cannot be heard is sent pings all the same: if it is gone, its kernel says so.
	 */
	if (ws_outbox_ping(s) && s->tunnel && s->policy->limits.ping_timeout_ms > 0 &&
	    !is_unheard(s)) {
		s->is_pinged = true;
		timeouts_touch(&s->policy->pongs, &s->clock);
	} else if (s->tunnel) {
		timeouts_touch(&s->policy->pings, &s->clock);
	}
	ws_session_tell(s);
}

void ws_session_pong_due(struct timeout *timeout)
{
	struct ws_session *s = container_of(timeout, struct ws_session, clock);

	if (is_unheard(s)) {
		s->is_pinged = false;
		timeouts_touch(&s->policy->pings, &s->clock);
		return;
	}
	s->policy->shared->n_faults[FAULT_WS_SILENT]++;
	ws_session_lost(s, fault_words(FAULT_WS_SILENT));
	ws_session_tell(s);
}

/* The peer does not answer our close frame. */
void ws_session_close_due(struct timeout *timeout)
{
	struct ws_session *s = container_of(timeout, struct ws_session, clock);
	struct tunnel *t = s->tunnel;
	bool is_cut = !ws_frames_may_interrupt(s);

	end(s, WS_CLOSED, 1006);
	if (is_cut)
		tunnel_abort(t);
	else
		tunnel_end(t);
	ws_session_tell(s);
}

void ws_session_idle_due(struct timeout *timeout)
{
	struct ws_session *s = container_of(timeout, struct ws_spans, idle)->session;

	ws_session_close(s, 1001, WEIR_STR("idle"));
	ws_session_tell(s);
}

void ws_session_life_due(struct timeout *timeout)
{
	struct ws_session *s = container_of(timeout, struct ws_spans, life)->session;

	ws_session_close(s, 1001, WEIR_STR("its time is over"));
	ws_session_tell(s);
}

/* ---- life */

static void start_spans(struct ws_session *s)
{
	struct ws_policy *policy = s->policy;

	if (policy->limits.idle_ms == 0 && policy->limits.lifetime_ms == 0)
		return;
	s->spans = malloc(sizeof(*s->spans));
	if (!s->spans) {
		ws_session_close(s, 1013, WEIR_STR("no memory"));
		return;
	}
	s->spans->session = s;
	timeout_init(&s->spans->idle);
	timeout_init(&s->spans->life);
	ws_session_note_message(s);
	timeouts_touch(&policy->lives, &s->spans->life);
}

void ws_session_open(struct ws_session *s, struct ws_policy *policy, const struct ws_session_up *up,
		     struct tunnel *tunnel, const struct ws_deflate_params *deflate)
{
	*s = (struct ws_session){ .tunnel = tunnel, .up = up, .policy = policy };
	ws_read_init(&s->read, &policy->shared->tools, deflate);
	if (deflate) {
		s->deflate_bits = deflate->server_bits;
		s->keeps_context = !deflate->no_server_context;
	}
	list_init(&s->relays);
	timeout_init(&s->clock);
	tunnel->up = &tunnel_up;
	tunnel->owner = s;
	policy->shared->n_open++;
	policy->shared->n_opened++;
	note_life(s);
	start_spans(s);
}

void ws_session_move(struct ws_session *to, struct ws_session *from, const struct ws_session_up *up)
{
	assert(from->tunnel && !from->is_out && list_is_empty(&from->relays));
	*to = *from;
	to->up = up;
	list_init(&to->relays);
	timeout_move(&to->clock, &from->clock);
	if (to->spans)
		to->spans->session = to;
	if (to->outbox)
		ws_outbox_move(to);
	to->tunnel->owner = to;
	*from = (struct ws_session){ .state = to->state, .is_over = true };
}

void ws_session_done(struct ws_session *s)
{
	assert(!s->tunnel);
	ws_inbox_release(s);
	free(s->close_reason);
	s->close_reason = NULL;
	s->reason_len = 0;
}
