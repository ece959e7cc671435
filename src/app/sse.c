/*
 * sse.c - weir/sse.h: an answer in pieces, each of which is an event.
 *
 * The hard thing is the heartbeat, which no task of the author's sends: a timer
 * does, straight into the exchange, when nobody else is sending. Where layers of
 * middleware stand between, which only a task may call, it asks the tasks that
 * relay to do it.
 */
#include "app/sse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/asgi.h"
#include "app/pubsub.h"
#include "app/req.h"
#include "app/response_api.h"
#include "app/site.h"
#include "base/buf.h"
#include "base/str.h"
#include "coro/task.h"
#include "io/loop.h"

#define USUAL_HEARTBEAT_MS 15000

/* The public weir_sse. */
struct weir_sse {
	struct req *req;      /* borrowed: its owner */
	struct list link;     /* among the site's streams */
	struct list relays;   /* struct relay: tasks in weir_sse_relay() */
	struct timer timer;   /* for the heartbeat */
	int64_t heartbeat_ms; /* 0: none */
	int64_t sent_ms;      /* when the last thing was */
	bool owes_line_end;   /* there was room for half a heartbeat */
	bool is_over;	      /* the worker stops: relays return */
};

/* On the stack of the task that relays. */
struct relay {
	struct list link;
	struct weir_sub *sub; /* borrowed, and held */
	bool is_called;	      /* it has to look up from what it waits for */
	bool owes_heartbeat;
};

static const weir_str heartbeat = { ":\n", 2 };

static bool is_direct(const struct weir_sse *sse)
{
	return sse->req->pub.io == &asgi_io;
}

static int64_t now_ms(const struct weir_sse *sse)
{
	return loop_now_ms(sse->req->site->loop);
}

static void call_relays(struct weir_sse *sse, bool for_heartbeat)
{
	list_for_each (link, &sse->relays) {
		struct relay *relay = list_entry(link, struct relay, link);

		relay->is_called = true;
		relay->owes_heartbeat |= for_heartbeat;
		pubsub_nudge(relay->sub);
		for_heartbeat = false; /* one of them is enough */
	}
}

/* ---- the heartbeat */

/* On the loop's stack. */
static void send_heartbeat(struct weir_sse *sse)
{
	struct exchange *ex = sse->req->ex;
	weir_str bytes = heartbeat;
	ssize_t n;

	if (sse->req->sending.owner)
		return; /* more is on its way: the client is slow, and hears enough */
	if (sse->owes_line_end)
		bytes = WEIR_STR("\n");
	n = exchange_piece(ex, bytes);
	if (n > 0)
		sse->owes_line_end = (size_t)n < bytes.len;
}

static void on_time(struct timer *timer)
{
	struct weir_sse *sse = container_of(timer, struct weir_sse, timer);

	if (exchange_is_gone(sse->req->ex))
		return;
	if (now_ms(sse) >= sse->sent_ms + sse->heartbeat_ms) {
		if (is_direct(sse))
			send_heartbeat(sse);
		else
			call_relays(sse, true);
		sse->sent_ms = now_ms(sse);
	}
	loop_timer_start(sse->req->site->loop, &sse->timer, sse->sent_ms + sse->heartbeat_ms);
}

/* ---- its life */

static int set_fields(struct req *req)
{
	int r;

	r = weir_set_header(&req->pub, "x-accel-buffering", WEIR_STR("no"));
	if (r < 0 || response_api_has_field(req, WEIR_STR("cache-control")))
		return r;
	return weir_set_header(&req->pub, "cache-control", WEIR_STR("no-cache"));
}

static struct weir_sse *new_stream(struct req *req, const weir_sse_opts *opts)
{
	struct weir_sse *sse = calloc(1, sizeof(*sse));

	if (!sse)
		return NULL;
	sse->req = req;
	list_init(&sse->relays);
	timer_init(&sse->timer, on_time);
	sse->heartbeat_ms = opts->heartbeat_ms ? opts->heartbeat_ms : USUAL_HEARTBEAT_MS;
	sse->sent_ms = now_ms(sse);
	sse->is_over = req->site->is_draining;
	list_add_tail(&req->site->streams, &sse->link);
	if (sse->heartbeat_ms > 0 && !req->ex->is_bodiless)
		loop_timer_start(req->site->loop, &sse->timer, sse->sent_ms + sse->heartbeat_ms);
	return sse;
}

static void free_stream(struct weir_sse *sse)
{
	if (timer_is_active(&sse->timer))
		loop_timer_stop(sse->req->site->loop, &sse->timer);
	list_del(&sse->link);
	free(sse);
}

int weir_sse_start_with(weir_req *pub, weir_sse **ret_sse, const weir_sse_opts *given)
{
	struct req *req = req_of(pub);
	weir_sse_opts opts = { .size = 0 };
	int r;

	/* They may be those of an older header. */
	memcpy(&opts, given, given->size < sizeof(opts) ? given->size : sizeof(opts));
	if (req->scope.type != WEIR_SCOPE_HTTP)
		return -EOPNOTSUPP;
	r = set_fields(req);
	if (r < 0)
		return r;
	r = weir_start(pub, 200, "text/event-stream");
	if (r < 0)
		return r;
	/* Without memory the answer is cut, and the client comes back. */
	req->sse = new_stream(req, &opts);
	if (!req->sse)
		return -ENOMEM;
	*ret_sse = req->sse;
	return weir_write(pub, heartbeat);
}

int sse_end(struct req *req, int result)
{
	bool is_over = req->sse->is_over;

	free_stream(req->sse);
	req->sse = NULL;
	/* The client comes back, to another worker: there is no need to make it look like a failure. */
	if (result == -ECANCELED && is_over && !req->site->is_cancelled)
		return 0;
	/* Its sends failed because there is no body: that is an end like any other. */
	return result == -EPIPE && req->ex->is_bodiless ? 0 : result;
}

void sse_gone(struct req *req)
{
	if (req->sse)
		call_relays(req->sse, false);
}

void sse_drain(struct list *streams)
{
	list_for_each (link, streams) {
		struct weir_sse *sse = list_entry(link, struct weir_sse, link);

		sse->is_over = true;
		call_relays(sse, false);
	}
}

void sse_drain_part(struct list *streams, unsigned parts)
{
	size_t n = 0;

	list_for_each (link, streams)
		n += !list_entry(link, struct weir_sse, link)->is_over;
	n = parts > 0 ? (n + parts / 2) / parts : 0;
	list_for_each_safe (link, streams) {
		struct weir_sse *sse = list_entry(link, struct weir_sse, link);

		if (n == 0)
			return;
		if (sse->is_over)
			continue;
		sse->is_over = true;
		task_cancel_now(sse->req->task, REASON_SHUTDOWN);
		n--;
	}
}

/* ---- events */

static bool has_any(weir_str s, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s.len > 0 && memchr(s.ptr, bytes[i], s.len))
			return true;
	}
	return false;
}

static int check_event(const weir_sse_event *ev)
{
	if (!ev->event.ptr && !ev->id.ptr && !ev->data.ptr && ev->retry_ms == 0)
		return -EINVAL;
	if (has_any(ev->event, "\r\n", 2) || has_any(ev->id, "\r\n\0", 3))
		return -EINVAL;
	if (!str_is_utf8(ev->event) || !str_is_utf8(ev->id) || !str_is_utf8(ev->data))
		return -EBADMSG;
	return 0;
}

static int add_line(struct buf *text, const char *name, weir_str value)
{
	int r;

	r = buf_append(text, name, strlen(name));
	if (r >= 0)
		r = buf_append_str(text, value);
	return r < 0 ? r : buf_append(text, "\n", 1);
}

/* Cuts the first line off, without its end. False: it was the last. */
static bool take_line(weir_str *rest, weir_str *ret_line)
{
	size_t n = 0;

	while (n < rest->len && rest->ptr[n] != '\r' && rest->ptr[n] != '\n')
		n++;
	*ret_line = (weir_str){ rest->ptr, n };
	if (n == rest->len)
		return false;
	n += rest->ptr[n] == '\r' && n + 1 < rest->len && rest->ptr[n + 1] == '\n' ? 2 : 1;
	*rest = (weir_str){ rest->ptr + n, rest->len - n };
	return true;
}

static int add_data(struct buf *text, weir_str data)
{
	bool is_more;
	weir_str line;
	int r;

	do {
		is_more = take_line(&data, &line);
		r = add_line(text, "data: ", line);
	} while (r >= 0 && is_more);
	return r;
}

static int write_event(struct buf *text, const weir_sse_event *ev)
{
	int r = 0;

	if (ev->retry_ms > 0)
		r = buf_printf(text, "retry: %u\n", ev->retry_ms);
	if (r >= 0 && ev->id.ptr)
		r = add_line(text, "id: ", ev->id);
	if (r >= 0 && ev->event.len > 0)
		r = add_line(text, "event: ", ev->event);
	/* Without a line of data the client drops what it has read of an event. */
	if (r >= 0 && (ev->data.ptr || ev->event.ptr))
		r = add_data(text, ev->data);
	return r < 0 ? r : buf_append(text, "\n", 1);
}

/* Whole lines. */
static int put(struct weir_sse *sse, weir_str lines)
{
	weir_req *req = &sse->req->pub;
	int r;

	if (sse->req->ex->is_bodiless)
		return -EPIPE;
	/* Twice, if two tasks come here at once, is an empty line: it means nothing. */
	if (sse->owes_line_end) {
		r = weir_write(req, WEIR_STR("\n"));
		if (r < 0)
			return r;
		sse->owes_line_end = false;
	}
	r = weir_write(req, lines);
	sse->sent_ms = now_ms(sse);
	return r;
}

static int send_event(struct weir_sse *sse, const weir_sse_event *ev)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	int r;

	r = write_event(&text, ev);
	return r < 0 ? r : put(sse, buf_str(&text));
}

int weir_sse_send_with(weir_sse *sse, const weir_sse_event *given)
{
	weir_sse_event ev = { .size = 0 };
	int r;

	memcpy(&ev, given, given->size < sizeof(ev) ? given->size : sizeof(ev));
	r = check_event(&ev);
	return r < 0 ? r : send_event(sse, &ev);
}

weir_str weir_sse_last_id(const weir_req *req)
{
	return weir_header_get(req, "last-event-id");
}

/* ---- subscriptions */

/* One publication, or what it was called for. */
static int relay_next(struct weir_sse *sse, struct relay *relay, weir_str event)
{
	weir_str message;
	int r;

	r = task_check();
	if (r < 0)
		return r;
	if (exchange_is_gone(sse->req->ex) || sse->req->ex->is_bodiless)
		return -EPIPE;
	if (relay->owes_heartbeat) {
		relay->owes_heartbeat = false;
		return put(sse, heartbeat);
	}
	relay->is_called = false;
	r = pubsub_next(relay->sub, &relay->is_called, &message);
	if (r <= 0 || !weir_sub_is_text(relay->sub))
		return r;
	return send_event(sse, &(weir_sse_event){ .event = event, .data = message });
}

int weir_sse_relay(weir_sse *sse, weir_sub *sub, const char *event)
{
	struct relay relay = { .sub = sub };
	weir_str type = weir_strz(event);
	int r;

	if (has_any(type, "\r\n", 2) || !str_is_utf8(type))
		return -EINVAL;
	r = pubsub_hold(sub);
	if (r < 0)
		return r;
	list_add_tail(&sse->relays, &relay.link);
	while (r >= 0 && !sse->is_over)
		r = relay_next(sse, &relay, type);
	list_del(&relay.link);
	pubsub_release(sub);
	return r < 0 ? r : 0;
}
