/*
 * ws_outbox.c - whose message goes when (ws_frames.c makes frames of it). What waits for room goes
 * in this order when there is some: the rest of a frame whose header is out, a pong,
 * messages, our close frame. The first is with its sender, who is told to go on;
 * the others are in the outbox, which exists only while something is in it.
 *
 * Room is for three kinds of messages, in turns: of a task that waits, in the
 * outbox, and what is relayed. A task that is told of room comes later, and finds
 * it, because the others hold off until it has come. Then it is their turn. Between it and the outbox
 * turns are in call order: what was posted before it waited goes before it, all else behind it.
 */
#include "serve/ws_outbox.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "serve/ws_frames.h"
#include "serve/ws_relay.h"

struct ws_waiting {
	struct list link;
	int64_t since_ms;
	bool is_text;
	size_t len;
	char bytes[];
};

struct ws_outbox {
	struct ws_session *session;
	struct list slow;     /* in shared->slow, if there are messages */
	struct list messages; /* struct ws_waiting, the oldest first */
	size_t bytes;	      /* of them */
	size_t n, n_ahead;    /* of them; that came before the task that waits, if there is one */
	struct timer age;     /* of the oldest, or of one before it that did not wait so long */
	bool has_pong, has_close;
	unsigned char pong_len, close_len;
	char pong[WS_WRITE_CONTROL_MAX];
	char close[WS_WRITE_CLOSE_MAX]; /* the whole frame */
};

/* ---- the outbox's life */

static void on_age(struct timer *timer);

static struct ws_outbox *need_outbox(struct ws_session *s)
{
	struct ws_outbox *box = s->outbox;

	if (box)
		return box;
	box = calloc(1, sizeof(*box));
	if (!box)
		return NULL;
	box->session = s;
	list_init(&box->slow);
	list_init(&box->messages);
	timer_init(&box->age, on_age);
	s->outbox = box;
	return box;
}

static void note_bytes(struct ws_outbox *box, size_t added, size_t removed)
{
	struct ws_shared *shared = box->session->policy->shared;

	box->bytes += added - removed;
	shared->queued += added - removed;
}

/* The oldest goes, sent or not. */
static void forget_oldest(struct ws_outbox *box)
{
	struct ws_waiting *oldest = list_entry(box->messages.next, struct ws_waiting, link);

	note_bytes(box, 0, sizeof(*oldest) + oldest->len);
	box->n--;
	box->n_ahead -= box->n_ahead > 0;
	list_del(&oldest->link);
	free(oldest);
	if (list_is_empty(&box->messages)) {
		loop_timer_stop(box->session->policy->shared->loop, &box->age);
		list_del(&box->slow);
		list_init(&box->slow);
	}
}

/* It is there only while something waits in it. */
static void tidy(struct ws_session *s)
{
	struct ws_outbox *box = s->outbox;

	if (!box || box->has_pong || box->has_close || !list_is_empty(&box->messages))
		return;
	free(box);
	s->outbox = NULL;
}

void ws_outbox_move(struct ws_session *s)
{
	s->outbox->session = s;
}

void ws_outbox_end(struct ws_session *s)
{
	struct ws_outbox *box = s->outbox;

	if (!box)
		return;
	while (!list_is_empty(&box->messages))
		forget_oldest(box);
	box->has_pong = false;
	box->has_close = false;
	tidy(s);
}

/* ---- messages, in turns */

static bool has_messages(const struct ws_session *s)
{
	return s->outbox && !list_is_empty(&s->outbox->messages);
}

/* Does a task wait to begin a message? Perhaps it has been told that it may. */
static bool is_awaited(const struct ws_session *s)
{
	return s->state == WS_OPEN && (s->wants_room || s->is_told) && ws_frames_is_between(s);
}

/* Must it wait for others? */
static bool has_ahead(const struct ws_session *s)
{
	return s->outbox && s->outbox->n_ahead > 0;
}

static bool has_relays(const struct ws_session *s)
{
	return !list_is_empty(&s->relays);
}

static void pump_relays(struct ws_session *s);

/*
 * What had to wait for the end of a frame, or of a message, goes on. Relays at once: the sender may
 * begin its next message before this turn ends.
 */
static ssize_t let_others_go(struct ws_session *s, ssize_t n)
{
	bool is_end = s->frame_left == 0 && (s->outbox || ws_frames_is_between(s));

	if (n < 0 || !is_end || (!s->outbox && !has_relays(s)))
		return n;
	s->tunnel->wants_room = true;
	s->is_relays_turn = has_relays(s) && ws_frames_is_between(s);
	if (!s->outbox)
		pump_relays(s);
	return n;
}

/* A task has waited, and others for it. They go when it waits again, or at the end of this turn. */
static void note_turn(struct ws_session *s)
{
	if ((!has_relays(s) && !s->outbox) || !ws_frames_is_between(s))
		return;
	s->is_relays_turn = has_relays(s);
	s->tunnel->wants_room = true;
	tunnel_queued(s->tunnel);
}

ssize_t ws_outbox_begin(struct ws_session *s, bool is_text, bool is_last, weir_str payload)
{
	bool is_first = ws_frames_is_between(s), has_waited = is_awaited(s);
	ssize_t n;

	if (s->state != WS_OPEN)
		return -EPIPE;
	assert(s->frame_left == 0);
	s->is_told = false;
	s->wants_room = false;
	if (!has_waited && s->outbox)
		s->outbox->n_ahead = s->outbox->n;
	if ((is_first && has_ahead(s)) || !tunnel_has_room(s->tunnel)) {
		s->wants_room = true;
		s->tunnel->wants_room = true;
		return -EAGAIN;
	}
	ws_session_note_message(s);
	n = ws_frames_begin(s, is_text, is_last, payload);
	if (has_waited && s->tunnel)
		note_turn(s);
	/* Whom a whole message has passed by has not waited for it. */
	return is_first && ws_frames_is_between(s) ? n : let_others_go(s, n);
}

ssize_t ws_outbox_more(struct ws_session *s, weir_str rest)
{
	/* What was to be compressed is not, behind a close frame; but a frame has to be as long as it said. */
	s->is_told = false;
	if (s->frame_left == 0)
		return -EPIPE;
	ws_session_note_message(s);
	if (!tunnel_has_room(s->tunnel)) {
		s->wants_room = true;
		return 0;
	}
	return let_others_go(s, ws_frames_more(s, rest));
}

void ws_outbox_waive(struct ws_session *s)
{
	s->is_told = false;
	s->wants_room = false;
	if (!s->tunnel || (!has_relays(s) && !s->outbox))
		return;
	s->tunnel->wants_room = true;
	tunnel_queued(s->tunnel);
}

/* ---- control frames */

bool ws_outbox_ping(struct ws_session *s)
{
	if (!ws_frames_may_interrupt(s) || s->tunnel->out->queued >= s->tunnel->high_water)
		return false;
	ws_frames_control(s, WS_OP_PING, (weir_str){ "", 0 });
	return true;
}

void ws_outbox_pong(struct ws_session *s, weir_str payload)
{
	struct ws_outbox *box;

	if (ws_frames_may_interrupt(s) && s->tunnel->out->queued < s->tunnel->high_water) {
		ws_frames_control(s, WS_OP_PONG, payload);
		return;
	}
	/* RFC 6455, section 5.5.3: the answer to the latest ping will do. */
	box = need_outbox(s);
	if (!box)
		return;
	box->has_pong = true;
	box->pong_len = (unsigned char)payload.len;
	memcpy(box->pong, payload.ptr, payload.len);
	s->tunnel->wants_room = true;
}

/* Messages that go in front of our close frame: not if the peer has said that it is over, or had a fault. */
static bool has_last_words(const struct ws_session *s)
{
	return s->state == WS_CLOSING && !s->has_peer_closed && ws_frames_is_between(s) &&
	       has_messages(s);
}

static void send_close(struct ws_session *s, weir_str frame)
{
	if (outq_append(s->tunnel->out, frame.ptr, frame.len) < 0)
		ws_session_abort(s);
	else
		ws_session_close_sent(s);
}

void ws_outbox_close(struct ws_session *s, int code, weir_str reason)
{
	char frame[WS_WRITE_CLOSE_MAX + WS_WRITE_HEADER_MAX];
	size_t len = ws_write_close(&s->policy->shared->tools, frame, code, reason);
	struct ws_outbox *box;

	if (ws_frames_may_interrupt(s) && !has_last_words(s)) {
		send_close(s, (weir_str){ frame, len });
		return;
	}
	box = need_outbox(s);
	if (!box) {
		ws_session_abort(s);
		return;
	}
	box->has_close = true;
	box->close_len = (unsigned char)len;
	memcpy(box->close, frame, len);
	s->tunnel->wants_room = true;
	/* There may be room, if what goes before it was held up by a task that will not come any more. */
	tunnel_queued(s->tunnel);
}

static void pump_pong(struct ws_session *s)
{
	struct ws_outbox *box = s->outbox;

	if (!box || !box->has_pong)
		return;
	box->has_pong = false;
	if (s->state == WS_OPEN)
		ws_frames_control(s, WS_OP_PONG, (weir_str){ box->pong, box->pong_len });
}

static void pump_close(struct ws_session *s)
{
	struct ws_outbox *box = s->outbox;

	if (!box || !box->has_close || has_last_words(s))
		return;
	box->has_close = false;
	send_close(s, (weir_str){ box->close, box->close_len });
}

/* ---- messages that wait */

static void drop_oldest(struct ws_outbox *box)
{
	box->session->policy->shared->n_dropped++;
	forget_oldest(box);
}

static void close_for_slowness(struct ws_session *s)
{
	struct ws_outbox *box = s->outbox;

	while (box && !list_is_empty(&box->messages))
		drop_oldest(box);
	ws_session_close(s, 1013, WEIR_STR("too slow"));
}

static struct ws_waiting *oldest_of(const struct ws_outbox *box)
{
	return list_entry(box->messages.next, struct ws_waiting, link);
}

/* How long the oldest may wait is counted from when it came. */
static void watch_age(struct ws_outbox *box)
{
	const struct ws_policy *policy = box->session->policy;

	if (policy->limits.queue_ms > 0 && !list_is_empty(&box->messages) &&
	    !timer_is_active(&box->age))
		loop_timer_start(policy->shared->loop, &box->age,
				 oldest_of(box)->since_ms + policy->limits.queue_ms);
}

static bool is_aged(const struct ws_outbox *box)
{
	const struct ws_policy *policy = box->session->policy;

	return !list_is_empty(&box->messages) &&
	       loop_now_ms(policy->shared->loop) - oldest_of(box)->since_ms >=
		       policy->limits.queue_ms;
}

static void on_age(struct timer *timer)
{
	struct ws_outbox *box = container_of(timer, struct ws_outbox, age);
	struct ws_session *s = box->session;

	if (is_aged(box) && s->policy->limits.slow == WS_SLOW_CLOSE) {
		close_for_slowness(s);
		ws_session_tell(s);
		return;
	}
	while (is_aged(box))
		drop_oldest(box);
	watch_age(box);
	tidy(s);
}

/* All outboxes together are over their budget: the fullest pays. */
static void relieve(struct ws_session *s)
{
	struct ws_shared *shared = s->policy->shared;

	while (shared->queue_budget > 0 && shared->queued > shared->queue_budget) {
		struct ws_outbox *fullest = NULL;

		list_for_each (link, &shared->slow) {
			struct ws_outbox *box = list_entry(link, struct ws_outbox, slow);

			if (!fullest || box->bytes > fullest->bytes)
				fullest = box;
		}
		if (!fullest)
			return;
		if (fullest->session->policy->limits.slow == WS_SLOW_CLOSE) {
			struct ws_session *payer = fullest->session;

			close_for_slowness(payer);
			if (payer != s)
				ws_session_tell(payer);
			continue;
		}
		for (size_t goal = fullest->bytes / 2; fullest->bytes > goal;)
			drop_oldest(fullest);
		watch_age(fullest);
		tidy(fullest->session);
	}
}

static int wait_in_outbox(struct ws_session *s, bool is_text, weir_str payload)
{
	struct ws_outbox *box = need_outbox(s);
	struct ws_waiting *w = box ? malloc(sizeof(*w) + payload.len) : NULL;

	if (!w) {
		tidy(s);
		return -ENOMEM;
	}
	w->since_ms = loop_now_ms(s->policy->shared->loop);
	w->is_text = is_text;
	w->len = payload.len;
	if (payload.len > 0)
		memcpy(w->bytes, payload.ptr, payload.len);
	if (list_is_empty(&box->messages))
		list_add_tail(&s->policy->shared->slow, &box->slow);
	list_add_tail(&box->messages, &w->link);
	box->n++;
	note_bytes(box, sizeof(*w) + w->len, 0);
	watch_age(box);
	s->tunnel->wants_room = true;
	return 0;
}

int ws_outbox_post(struct ws_session *s, bool is_text, weir_str payload)
{
	const struct ws_limits *limits = &s->policy->limits;
	struct ws_outbox *box;
	int r;

	if (s->state != WS_OPEN)
		return -EPIPE;
	if (!s->outbox && !is_awaited(s) && ws_frames_is_between(s) && tunnel_has_room(s->tunnel))
		return ws_frames_put(s, is_text, payload);
	r = wait_in_outbox(s, is_text, payload);
	if (r < 0)
		return r;
	box = s->outbox;
	if (box->bytes > limits->queue_bytes && limits->slow == WS_SLOW_CLOSE) {
		close_for_slowness(s);
		return -EPIPE;
	}
	/* Never the one that came last. */
	while (box->bytes > limits->queue_bytes && box->messages.next != box->messages.prev)
		drop_oldest(box);
	watch_age(box);
	relieve(s);
	return s->state == WS_OPEN ? 0 : -EPIPE;
}

static void pump_messages(struct ws_session *s)
{
	struct ws_outbox *box = s->outbox;

	/* Where relays have just used it all up, it is these messages' turn next. */
	if (!has_messages(s) || !tunnel_has_room(s->tunnel))
		return;
	while ((s->state == WS_OPEN || has_last_words(s)) && has_messages(s) &&
	       (has_ahead(s) || !is_awaited(s)) && tunnel_has_room(s->tunnel)) {
		const struct ws_waiting *w = oldest_of(box);

		if (ws_frames_put(s, w->is_text, (weir_str){ w->bytes, w->len }) < 0) {
			if (s->tunnel)
				ws_session_abort(s);
			return;
		}
		forget_oldest(box);
	}
	if (has_messages(s))
		s->is_relays_turn = true;
}

static void pump_relays(struct ws_session *s)
{
	if (!s->tunnel || !has_relays(s) || !ws_frames_is_between(s) || s->is_told ||
	    !tunnel_has_room(s->tunnel))
		return;
	s->is_relays_turn = false;
	ws_relay_pump(s);
}

void ws_outbox_pump(struct ws_session *s)
{
	if (!ws_frames_may_interrupt(s))
		return;
	pump_pong(s);
	if (s->is_relays_turn)
		pump_relays(s);
	if (s->tunnel && ws_frames_is_between(s))
		pump_messages(s);
	if (s->tunnel)
		pump_close(s);
	tidy(s);
	/* A task that waits is told of what room there is when this returns. */
	if (!s->outbox && !s->wants_room)
		pump_relays(s);
}
