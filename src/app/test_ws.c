/*
 * test_ws.c - a WebSocket's client and its connection in one, around the world
 * of test_call.c: its tunnel ends in memory. What the client sends lies in one
 * buffer until the session takes it; what the session sends is taken apart at
 * once, so that the client answers while the test looks elsewhere.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/test_call.h"
#include "proto/ws_write.h"
#include "serve/tunnel.h"
#include "serve/ws_policy.h"

#define HIGH_WATER ((size_t)64 * 1024)
#define MAX_MESSAGE ((size_t)16 * 1024 * 1024)
#define CLOSE_MS 5000
/* Of the loop, until what can happen while the clock stands still has happened. */
#define SETTLING_TURNS 8

struct test_message {
	struct list link;
	bool is_text;
	size_t len;
	char bytes[];
};

struct weir_test_ws {
	struct test_call *call;
	struct test_reply *reply;

	/* what a worker's sessions share */
	struct block_pool blocks;
	struct ws_shared shared;
	struct ws_policy policy;
	bool has_policy;

	/* the connection */
	struct tunnel tunnel;
	struct outq out;
	struct loop_defer defer;
	struct timer leaving; /* disconnect_after_ms */
	bool is_accepted;
	bool is_over; /* the tunnel is no more */

	/* the client */
	struct buf sent; /* that the session has not taken */
	size_t sent_at;
	struct buf got; /* frames that are not whole yet */
	struct buf parts;
	bool is_text_parts;
	struct list messages;	   /* struct test_message, that the test has not asked for */
	struct test_message *last; /* owned: that it has; NULL: none */
	bool has_closed;
	int close_code;
	bool is_short; /* of memory: what came is lost */
};

/* ---- the client */

/* A mask of zeros changes nothing. */
static int put_frame(struct weir_test_ws *t, enum ws_opcode opcode, weir_str payload)
{
	char head[14] = { (char)(0x80 | opcode), (char)0xff };
	int r;

	for (int i = 0; i < 8; i++)
		head[2 + i] = (char)((uint64_t)payload.len >> 8 * (7 - i));
	if (payload.len < 126) {
		head[1] = (char)(0x80 | payload.len);
		memset(head + 2, 0, 4);
	} else if (payload.len < 65536) {
		head[1] = (char)(0x80 | 126);
		head[2] = (char)(payload.len >> 8);
		head[3] = (char)payload.len;
		memset(head + 4, 0, 4);
	}
	r = buf_reserve(&t->sent, sizeof(head) + payload.len);
	if (r < 0)
		return r;
	r = buf_append(&t->sent, head, payload.len < 126 ? 6 : payload.len < 65536 ? 8 : 14);
	if (r >= 0)
		r = buf_append_str(&t->sent, payload);
	loop_defer(t->call->loop, &t->defer);
	return r;
}

static void answer_close(struct weir_test_ws *t, weir_str payload)
{
	const unsigned char *code = (const unsigned char *)payload.ptr;

	if (t->close_code == 0)
		t->close_code = payload.len >= 2 ? code[0] << 8 | code[1] : 1005;
	if (t->has_closed)
		return;
	t->has_closed = true;
	if (payload.len > 2)
		payload.len = 2;
	if (put_frame(t, WS_OP_CLOSE, payload) < 0)
		t->is_short = true;
}

static void keep_message(struct weir_test_ws *t)
{
	struct test_message *m = malloc(sizeof(*m) + t->parts.len);

	if (!m) {
		t->is_short = true;
		return;
	}
	m->is_text = t->is_text_parts;
	m->len = t->parts.len;
	if (m->len > 0)
		memcpy(m->bytes, t->parts.data, m->len);
	list_add_tail(&t->messages, &m->link);
	buf_clear(&t->parts);
}

static void take_frame(struct weir_test_ws *t, unsigned char first, weir_str payload)
{
	enum ws_opcode opcode = (enum ws_opcode)(first & 15);

	switch (opcode) {
	case WS_OP_TEXT:
	case WS_OP_BINARY:
	case WS_OP_CONTINUATION:
		if (opcode != WS_OP_CONTINUATION)
			t->is_text_parts = opcode == WS_OP_TEXT;
		if (buf_append_str(&t->parts, payload) < 0)
			t->is_short = true;
		else if (first & 0x80)
			keep_message(t);
		break;
	case WS_OP_CLOSE:
		answer_close(t, payload);
		break;
	case WS_OP_PING:
		if (put_frame(t, WS_OP_PONG, payload) < 0)
			t->is_short = true;
		break;
	case WS_OP_PONG:
		break;
	}
}

/* How long the frame at the start of these bytes is; 0: not all of it is here. */
static size_t frame_len(weir_str bytes, weir_str *ret_payload)
{
	const unsigned char *at = (const unsigned char *)bytes.ptr;
	size_t head = 2, n_more;
	uint64_t len;

	if (bytes.len < head)
		return 0;
	len = at[1] & 127;
	n_more = len == 126 ? 2 : len == 127 ? 8 : 0;
	if (bytes.len < head + n_more)
		return 0;
	if (n_more > 0)
		len = 0;
	for (size_t i = 0; i < n_more; i++)
		len = len << 8 | at[head++];
	if (bytes.len - head < len)
		return 0;
	*ret_payload = (weir_str){ bytes.ptr + head, len };
	return head + len;
}

static void take_frames(struct weir_test_ws *t)
{
	weir_str bytes = buf_str(&t->got), payload;
	size_t n;

	while ((n = frame_len(bytes, &payload)) > 0) {
		take_frame(t, (unsigned char)bytes.ptr[0], payload);
		bytes.ptr += n;
		bytes.len -= n;
	}
	if (bytes.len > 0)
		memmove(t->got.data, bytes.ptr, bytes.len);
	t->got.len = bytes.len;
}

/* ---- the connection */

static struct weir_test_ws *of_tunnel(struct tunnel *tunnel)
{
	return container_of(tunnel, struct weir_test_ws, tunnel);
}

static void on_something(struct tunnel *tunnel)
{
	struct weir_test_ws *t = of_tunnel(tunnel);

	if (tunnel->in && block_len(tunnel->in) == 0)
		tunnel->in = block_give(&t->blocks, tunnel->in);
	loop_defer(t->call->loop, &t->defer);
}

static void collect(struct weir_test_ws *t)
{
	list_for_each (link, &t->out.blocks) {
		const struct block *b = list_entry(link, struct block, link);

		if (buf_append(&t->got, b->data + b->start, block_len(b)) < 0)
			t->is_short = true;
	}
	outq_done(&t->out);
	take_frames(t);
}

static void end_tunnel(struct weir_test_ws *t)
{
	t->is_over = true;
	t->tunnel.in = block_give(&t->blocks, t->tunnel.in);
	if (t->close_code == 0)
		t->close_code = 1006;
}

static void on_end(struct tunnel *tunnel)
{
	struct weir_test_ws *t = of_tunnel(tunnel);

	collect(t);
	end_tunnel(t);
}

static void on_abort(struct tunnel *tunnel)
{
	struct weir_test_ws *t = of_tunnel(tunnel);

	outq_done(&t->out);
	end_tunnel(t);
}

static const struct tunnel_down tunnel_down = {
	.taken = on_something,
	.queued = on_something,
	.end = on_end,
	.abort = on_abort,
};

/* What the client has sent, as far as there is room. */
static void feed(struct weir_test_ws *t)
{
	struct tunnel *tunnel = &t->tunnel;
	size_t left = t->sent.len - t->sent_at, n;

	if (left == 0)
		return;
	if (!tunnel->in)
		tunnel->in = block_take(&t->blocks, 0);
	if (!tunnel->in) {
		t->is_short = true;
		return;
	}
	n = block_room(tunnel->in) < left ? block_room(tunnel->in) : left;
	if (n == 0)
		return;
	memcpy(tunnel->in->data + tunnel->in->end, t->sent.data + t->sent_at, n);
	tunnel->in->end += n;
	t->sent_at += n;
	if (t->sent_at == t->sent.len) {
		buf_clear(&t->sent);
		t->sent_at = 0;
	}
	tunnel->up->readable(tunnel);
}

static void on_defer(struct loop_defer *defer)
{
	struct weir_test_ws *t = container_of(defer, struct weir_test_ws, defer);

	if (t->is_over || !t->is_accepted)
		return;
	collect(t);
	if (t->tunnel.wants_room) {
		t->tunnel.wants_room = false;
		t->tunnel.up->writable(&t->tunnel);
	}
	if (!t->is_over)
		feed(t);
}

static int on_upgrade(struct test_call *call, struct tunnel **ret_tunnel)
{
	struct weir_test_ws *t = container_of(call->route.ws, struct weir_test_ws, policy);

	t->is_accepted = true;
	t->tunnel = (struct tunnel){ .down = &tunnel_down,
				     .out = &t->out,
				     .high_water = HIGH_WATER };
	*ret_tunnel = &t->tunnel;
	return 0;
}

/* The client leaves without a word. */
static void leave(struct weir_test_ws *t)
{
	struct test_call *call = t->call;

	if (!t->is_accepted) {
		if (call->ex && !exchange_is_gone(call->ex))
			exchange_detach(call->ex);
		return;
	}
	if (t->is_over)
		return;
	outq_done(&t->out);
	end_tunnel(t);
	t->tunnel.up->gone(&t->tunnel, NULL);
}

static void on_leaving(struct timer *timer)
{
	leave(container_of(timer, struct weir_test_ws, leaving));
}

/* ---- time */

/* Started anew, because a virtual clock without any timer stops for good. */
static void on_patience(struct timer *timer)
{
	struct test_call *call = container_of(timer, struct test_call, patience);

	call->is_given_up = true;
	loop_timer_start(call->loop, timer, loop_now_ms(call->loop) + TEST_CALL_PATIENCE_MS);
}

/* -ETIMEDOUT after a day. */
static int wait_until(struct weir_test_ws *t, bool (*is_so)(const struct weir_test_ws *t))
{
	struct test_call *call = t->call;
	bool has_waited_too_long;

	timer_init(&call->patience, on_patience);
	loop_timer_start(call->loop, &call->patience,
			 loop_now_ms(call->loop) + TEST_CALL_PATIENCE_MS);
	while (!is_so(t) && !call->is_given_up)
		loop_turn(call->loop, true);
	loop_timer_stop(call->loop, &call->patience);
	has_waited_too_long = call->is_given_up;
	call->is_given_up = false;
	return has_waited_too_long ? -ETIMEDOUT : 0;
}

static bool is_answered(const struct weir_test_ws *t)
{
	return t->is_accepted || !t->call->ex;
}

static bool has_news(const struct weir_test_ws *t)
{
	return !list_is_empty(&t->messages) || t->close_code != 0 || t->is_over || t->is_short;
}

static bool has_ended(const struct weir_test_ws *t)
{
	return !t->call->ex && t->call->site.n_sessions == 0;
}

/* ---- opening */

static void set_route(struct weir_test_ws *t)
{
	struct route *route = &t->call->route;

	route->is_websocket = true;
	route->ws_limits = (struct ws_limits){ .max_message = MAX_MESSAGE, .close_ms = CLOSE_MS };
	route->ws_handlers = t->call->handler ? NULL : t->call->opts.ws;
	ws_policy_init(&t->policy, &t->shared, route->name, &route->ws_limits);
	t->has_policy = true;
	route->ws = &t->policy;
}

static int open_session(struct weir_test_ws *t)
{
	static const weir_header own[] = {
		{ WEIR_STR("connection"), WEIR_STR("upgrade") },
		{ WEIR_STR("upgrade"), WEIR_STR("websocket") },
		{ WEIR_STR("sec-websocket-version"), WEIR_STR("13") },
		{ WEIR_STR("sec-websocket-key"), WEIR_STR("dGhlIHNhbXBsZSBub25jZQ==") },
	};
	struct test_call *call = t->call;
	int64_t after_ms = call->opts.disconnect_after_ms;
	int r;

	if (!call->handler && !call->opts.ws)
		return test_call_say_instead(call, -EINVAL, "there is no handler");
	call->upgrade = on_upgrade;
	call->own = own;
	call->n_own = ARRAY_LEN(own);
	r = test_call_begin(call);
	if (r < 0)
		return r;
	r = ws_policy_init_shared(&t->shared, call->loop, &call->log, &t->blocks, 0);
	if (r < 0)
		return r;
	set_route(t);
	if (after_ms > 0)
		loop_timer_start(call->loop, &t->leaving, loop_now_ms(call->loop) + after_ms);
	r = test_call_start(call);
	if (r < 0)
		return r;
	r = wait_until(t, is_answered);
	if (r < 0)
		return test_call_say_instead(call, r, "the handler has answered nothing for a day");
	return 0;
}

static struct weir_test_ws *ws_new(weir_handler *handler, const weir_test_opts *opts)
{
	struct weir_test_ws *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	block_pool_init(&t->blocks, 1);
	outq_init(&t->out, &t->blocks);
	loop_defer_init(&t->defer, on_defer);
	timer_init(&t->leaving, on_leaving);
	buf_init(&t->sent, 0);
	buf_init(&t->got, 0);
	buf_init(&t->parts, 0);
	list_init(&t->messages);
	t->reply = test_call_reply_new();
	t->call = t->reply ? test_call_new(handler, opts, t->reply) : NULL;
	if (t->call)
		return t;
	(void)test_call_reply_free(t->reply);
	free(t);
	return NULL;
}

weir_test_ws *weir_test_ws_open(weir_handler *handler, const weir_test_opts *opts)
{
	struct weir_test_ws *t = ws_new(handler, opts);
	struct test_reply *reply;
	int r;

	if (!t)
		return NULL;
	reply = t->reply;
	r = open_session(t);
	if (r < 0 && reply->body.len == 0)
		buf_say(&reply->body, "%s", strerror(-r));
	if (r >= 0 && t->is_accepted)
		reply->pub.status = 101;
	reply->pub.body = buf_str(&reply->body);
	return t;
}

const weir_reply *weir_test_ws_reply(const weir_test_ws *t)
{
	static const weir_reply no_memory = { .status = 0 };

	return t ? &t->reply->pub : &no_memory;
}

/* ---- messages */

static int send_message(struct weir_test_ws *t, enum ws_opcode opcode, weir_str bytes)
{
	int r;

	if (!t)
		return -ENOMEM;
	if (!t->is_accepted || t->is_over || t->has_closed)
		return -EPIPE;
	r = put_frame(t, opcode, bytes);
	for (int i = 0; i < SETTLING_TURNS; i++)
		loop_turn(t->call->loop, false);
	return r;
}

int weir_test_ws_send(weir_test_ws *t, weir_str text)
{
	return send_message(t, WS_OP_TEXT, text);
}

int weir_test_ws_send_binary(weir_test_ws *t, weir_str bytes)
{
	return send_message(t, WS_OP_BINARY, bytes);
}

int weir_test_ws_recv(weir_test_ws *t, weir_str *ret_message)
{
	int r;

	if (!t)
		return -ENOMEM;
	if (!t->is_accepted)
		return -EPIPE;
	r = wait_until(t, has_news);
	if (r < 0)
		return r;
	if (t->is_short)
		return -ENOMEM;
	if (list_is_empty(&t->messages))
		return t->close_code == 1006 ? -EPIPE : 0;
	free(t->last);
	t->last = list_entry(list_pop(&t->messages), struct test_message, link);
	*ret_message = (weir_str){ t->last->bytes, t->last->len };
	return 1;
}

bool weir_test_ws_is_text(const weir_test_ws *t)
{
	return t && t->last && t->last->is_text;
}

/* ---- closing */

static void ws_free(struct weir_test_ws *t)
{
	struct list *link;

	while ((link = list_pop(&t->messages)))
		free(list_entry(link, struct test_message, link));
	free(t->last);
	if (timer_is_active(&t->leaving))
		loop_timer_stop(t->call->loop, &t->leaving);
	loop_defer_cancel(&t->defer);
	if (t->has_policy) {
		ws_policy_done(&t->policy);
		ws_policy_done_shared(&t->shared);
	}
	outq_done(&t->out);
	block_pool_done(&t->blocks);
	buf_done(&t->sent);
	buf_done(&t->got);
	buf_done(&t->parts);
	(void)test_call_free(t->call);
	(void)test_call_reply_free(t->reply);
	free(t);
}

/* Until the handler has ended, first with a client that closes, then without one. */
static int end_session(struct weir_test_ws *t)
{
	const char code[2] = { 0x03, (char)0xe8 };

	if (t->is_accepted && !t->is_over && !t->has_closed) {
		t->has_closed = true;
		if (put_frame(t, WS_OP_CLOSE, (weir_str){ code, sizeof(code) }) < 0)
			leave(t);
	}
	if (wait_until(t, has_ended) >= 0)
		return 0;
	leave(t);
	return wait_until(t, has_ended);
}

int weir_test_ws_close(weir_test_ws *t)
{
	int r = 0, r_end;

	if (!t)
		return -ENOMEM;
	/* Without a policy there was no request. */
	if (t->has_policy)
		r = end_session(t);
	if (r < 0)
		return r; /* a task still runs in it */
	r_end = test_call_end(t->call);
	if (t->call->is_given_up)
		return r_end;
	r = t->close_code;
	ws_free(t);
	return r_end < 0 ? r_end : r;
}
