/*
 * ws.c - weir/ws.h: what handlers do with a session. Frames are read and
 * written on the loop's stack (sched_outside), because wslay and zlib would
 * make a second page of every task's stack resident; what waits for bytes is
 * asked for on the task's own, which costs no switch.
 */
#include "app/ws.h"

#include <errno.h>

#include "app/asgi.h"
#include "app/job.h"
#include "app/pubsub.h"
#include "app/site.h"
#include "base/str.h"
#include "base/trace.h"
#include "proto/http.h"
#include "serve/ws_frames.h"
#include "serve/ws_inbox.h"
#include "serve/ws_note.h"
#include "serve/ws_outbox.h"

#define CLOSE_REASON_MAX 123

/* ---- for both shapes */

void ws_init(struct weir_ws *ws, struct site *site, const struct route *route)
{
	*ws = (struct weir_ws){ .site = site, .route = route };
}

struct weir_ws *ws_of(const struct ws_session *s)
{
	return container_of((struct ws_session *)(uintptr_t)s, struct weir_ws, session);
}

void ws_on_writable(struct ws_session *s)
{
	wait_wake(&ws_of(s)->writable);
}

weir_str ws_client(const struct ws_session *s)
{
	return ws_of(s)->client;
}

void ws_leave(struct weir_ws *ws, int result)
{
	struct ws_session *s = &ws->session;
	bool is_in_message = s->is_in_message || s->is_deflating || ws_frames_is_busy(s);
	/*
	 * A close frame may stand between the parts of a message, but not within one. One that only
	 * waits for room, behind a message that is all in the queue, still goes.
	 */
	bool is_stuck = s->state == WS_CLOSING && !s->has_closed;

	/* Its tasks have all ended, also the one that was to send the rest. */
	ws->is_in_pieces = false;
	ws->sending = (struct mutex){ .owner = NULL };
	if (is_in_message && (s->state == WS_OPEN || is_stuck))
		ws_session_abort(s);
	else
		ws_session_close(s, result < 0 && result != -ECANCELED ? 1011 : 1000,
				 (weir_str){ NULL, 0 });
}

int ws_run(struct req *req)
{
	struct site *site = req->site;
	int r;

	/* The task may be over, and all of this gone, when it has been started. */
	list_add_tail(&site->running, &req->link);
	r = task_start(site->sched, &req->spec, &req->task);
	if (r < 0)
		list_del(&req->link);
	return r;
}

void ws_ran(struct req *req)
{
	list_del(&req->link);
	req->task = NULL;
	buf_done(&req->body);
	pubsub_end(&req->subs);
	job_release_all(&req->jobs);
}

weir_str ws_scheme(const struct exchange *ex)
{
	return weir_str_eq(ex->scheme, WEIR_STR("https")) ? WEIR_STR("wss") : WEIR_STR("ws");
}

/* ---- accepting */

#define OWN_FIELDS 4

static bool is_offered(const weir_scope *scope, weir_str subprotocol)
{
	for (size_t i = 0; i < scope->n_subprotocols; i++) {
		if (weir_str_eq(scope->subprotocols[i], subprotocol))
			return true;
	}
	return false;
}

/* What the protocol says itself stands in no field of a handler's, nor does a body's length. */
static bool may_stand(const weir_header *field)
{
	weir_str own = WEIR_STR("sec-websocket-"), start = field->name;

	if (http_field_check(field->name, field->value) < 0)
		return false;
	if (start.len > own.len)
		start.len = own.len;
	return !str_eq_nocase(start, own) &&
	       !str_eq_nocase(field->name, WEIR_STR("content-length"));
}

static bool may_all_stand(const weir_header *fields, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!may_stand(&fields[i]))
			return false;
	}
	return true;
}

static int upgrade(struct req *req, weir_str subprotocol, const weir_header *fields,
		   size_t n_fields, struct tunnel **ret_tunnel)
{
	const struct ws_offer *offer = req->offer;
	weir_header few[OWN_FIELDS + 4], *all = few;
	char extensions[WS_DEFLATE_ANSWER_MAX];
	size_t n = 0;

	/* Not of the session's memory, which is for days. */
	if (n_fields + OWN_FIELDS > ARRAY_LEN(few))
		all = arena_alloc(&req->ex->arena, (n_fields + OWN_FIELDS) * sizeof(*all));
	if (!all)
		return -ENOMEM;
	all[n++] = (weir_header){ WEIR_STR("upgrade"), WEIR_STR("websocket") };
	all[n++] = (weir_header){ WEIR_STR("sec-websocket-accept"),
				  { offer->accept, sizeof(offer->accept) } };
	if (subprotocol.len > 0)
		all[n++] = (weir_header){ WEIR_STR("sec-websocket-protocol"), subprotocol };
	if (offer->has_deflate)
		all[n++] = (weir_header){ WEIR_STR("sec-websocket-extensions"),
					  { extensions,
					    ws_deflate_answer(&offer->deflate, extensions) } };
	for (size_t i = 0; i < n_fields; i++)
		all[n++] = fields[i];
	return exchange_upgrade(req->ex, all, n, ret_tunnel);
}

struct accept_call {
	struct req *req;
	weir_str subprotocol;
	const weir_header *fields;
	size_t n_fields;
	int result;
};

static int accept_now(const struct accept_call *call)
{
	struct req *req = call->req;
	struct ws_offer *offer = req->offer;
	struct exchange *ex = req->ex;
	struct weir_ws *ws = offer->ws;
	struct tunnel *tunnel;
	int r;

	r = upgrade(req, call->subprotocol, call->fields, call->n_fields, &tunnel);
	if (r < 0)
		return r;

	offer->is_accepted = true;
	ws_session_open(&ws->session, req->route->ws, offer->up, tunnel,
			offer->has_deflate ? &offer->deflate : NULL);
	ws->session.note = ws_note_new(req->site->access_log, ex, loop_now_ms(req->site->loop));
	if (req->arena != &ex->arena) {
		/* Of the exchange nothing is needed any more. */
		req->ex = NULL;
		exchange_finish(ex);
	}
	if (req->site->is_draining)
		ws_session_close(&ws->session, 1012, (weir_str){ NULL, 0 });
	return 0;
}

static void accept_outside(void *arg)
{
	struct accept_call *call = arg;

	call->result = accept_now(call);
}

/* On the loop's stack: a session's task would keep a second page for the one time. */
int ws_accept(struct req *req, weir_str subprotocol, const weir_header *fields, size_t n_fields)
{
	struct accept_call call = {
		.req = req, .subprotocol = subprotocol, .fields = fields, .n_fields = n_fields
	};
	const struct ws_offer *offer = req->offer;
	int r;

	r = task_check();
	if (r < 0)
		return r;
	if (!offer)
		return -EOPNOTSUPP;
	if (offer->is_accepted)
		return -EPROTO;
	if (!may_all_stand(fields, n_fields) ||
	    (subprotocol.len > 0 && !is_offered(&req->scope, subprotocol)))
		return -EINVAL;
	sched_outside(accept_outside, &call);
	return call.result;
}

/* The same, as layers around the handler see it: nothing is accepted that has not asked. */
static int accept_event(struct req *req, const weir_event *ev)
{
	weir_event connect;
	int r;

	if (!req->offer->has_connected) {
		r = weir_receive(&req->pub, &connect);
		if (r < 0)
			return r;
		if (connect.type != WEIR_WS_CONNECT)
			return -EPROTO;
	}
	return weir_send(&req->pub, ev);
}

int weir_ws_accept(weir_req *pub, const char *subprotocol, weir_ws **ret_ws)
{
	struct req *req = req_of(pub);
	weir_event ev = { .type = WEIR_WS_ACCEPT,
			  .body = weir_strz(subprotocol),
			  .headers = req->fields.items,
			  .n_headers = req->fields.n };
	int r;

	if (!req->offer)
		return -EOPNOTSUPP;
	if (pub->io != &asgi_io)
		r = accept_event(req, &ev);
	else
		r = ws_accept(req, ev.body, ev.headers, ev.n_headers);
	if (r < 0)
		return r;
	/* A layer may have kept it from being accepted. */
	if (!req->offer->is_accepted)
		return -EPROTO;
	*ret_ws = req->offer->ws;
	return 0;
}

/* ---- receiving */

struct next_call {
	struct weir_ws *ws;
	bool is_whole;
	struct ws_event *event;
	int result;
};

static void next_outside(void *arg)
{
	struct next_call *call = arg;

	call->result = ws_inbox_next(&call->ws->session, call->is_whole, call->event);
}

/* On the loop's stack, unless there is nothing to read anyway. */
static int next(struct weir_ws *ws, bool is_whole, struct ws_event *ret_event)
{
	struct next_call call = { .ws = ws, .is_whole = is_whole, .event = ret_event };

	if (ws_inbox_is_quick(&ws->session))
		return ws_inbox_next(&ws->session, is_whole, ret_event);
	sched_outside(next_outside, &call);
	return call.result;
}

/* Where this task will go on, from here down; what it is made of lies elsewhere. */
static inline void look_ahead(struct weir_ws *ws)
{
	struct tunnel *t = ws->session.tunnel;
	const struct task *self = task_current();

	if (!t)
		return;
	t->ahead.around = __builtin_frame_address(0);
	t->ahead.also[0] = self;
	t->ahead.also[1] = &self->stack->context;
}

HOT int ws_receive(struct weir_ws *ws, bool is_whole, struct ws_event *ret_event)
{
	int r;

	r = task_check();
	if (r < 0)
		return r;
	if (ws->is_receiving)
		return -EBUSY;
	ws->is_receiving = true;
	while ((r = next(ws, is_whole, ret_event)) == -EAGAIN) {
		look_ahead(ws);
		r = wait_park(&ws->readable);
		if (r < 0)
			break;
	}
	ws->is_receiving = false;
	if (r == -EPIPE && task_check() == -ECANCELED)
		return -ECANCELED;
	return r;
}

/* Are there layers around the handler, which must see all that it does? */
static bool has_layers(const struct weir_ws *ws)
{
	return ws->req && ws->req->pub.io != &asgi_io;
}

/* The same, as layers around the handler see it. */
static int receive_event(struct weir_ws *ws, weir_str *ret_message)
{
	weir_event ev;
	int r;

	r = weir_receive(&ws->req->pub, &ev);
	if (r < 0)
		return r;
	if (ev.type != WEIR_WS_RECEIVE)
		return ws->session.state == WS_LOST ? -EPIPE : 0;
	*ret_message = ev.body;
	ws->session.is_text = ev.text;
	return 1;
}

int weir_ws_recv(weir_ws *ws, weir_str *ret_message)
{
	struct ws_event ev;
	int r;

	if (has_layers(ws))
		return receive_event(ws, ret_message);
	r = ws_receive(ws, true, &ev);
	if (r > 0)
		*ret_message = ev.bytes;
	return r;
}

int weir_ws_recv_piece(weir_ws *ws, weir_str *ret_piece, bool *ret_is_last)
{
	struct ws_event ev;
	int r;

	/* A layer is shown whole messages. */
	if (has_layers(ws)) {
		*ret_is_last = true;
		return receive_event(ws, ret_piece);
	}
	r = ws_receive(ws, false, &ev);
	if (r > 0) {
		*ret_piece = ev.bytes;
		*ret_is_last = ev.is_last;
	}
	return r;
}

bool weir_ws_is_text(const weir_ws *ws)
{
	return ws->session.is_text;
}

int weir_ws_close_code(const weir_ws *ws)
{
	return ws->session.state == WS_OPEN ? 0 : ws->session.close_code;
}

weir_str weir_ws_close_reason(const weir_ws *ws)
{
	return ws_session_close_reason(&ws->session);
}

/* ---- sending */

struct send_call {
	struct weir_ws *ws;
	bool is_text, is_last;
	enum { BEGIN, MORE, POST } what;
	weir_str bytes;
	ssize_t result;
};

static void send_outside(void *arg)
{
	struct send_call *call = arg;
	struct ws_session *s = &call->ws->session;

	switch (call->what) {
	case BEGIN:
		call->result = ws_outbox_begin(s, call->is_text, call->is_last, call->bytes);
		break;
	case MORE:
		call->result = ws_outbox_more(s, call->bytes);
		break;
	case POST:
		call->result = ws_outbox_post(s, call->is_text, call->bytes);
		break;
	}
	ws_session_tell(s);
}

static void abort_outside(void *arg)
{
	struct weir_ws *ws = arg;

	ws_session_abort(&ws->session);
	ws_session_tell(&ws->session);
}

/* A client that vanishes wakes who sends and cancels it; the second is what counts. */
static int told(ssize_t error)
{
	return error == -EPIPE && task_check() == -ECANCELED ? -ECANCELED : (int)error;
}

/* The whole frame, as fast as the client takes it. What fails behind its header has cut the session off. */
static int send_frame(struct send_call *call)
{
	struct weir_ws *ws = call->ws;
	int r;

	for (;;) {
		sched_outside(send_outside, call);
		if (call->result < 0 && call->result != -EAGAIN)
			return told(call->result);
		if (call->result >= 0) {
			call->what = MORE;
			call->bytes.ptr += call->result;
			call->bytes.len -= (size_t)call->result;
			if (call->bytes.len == 0)
				return 0;
		}
		r = wait_park(&ws->writable);
		if (r < 0) {
			ws_outbox_waive(&ws->session);
			if (call->what == MORE)
				sched_outside(abort_outside, ws);
			return r;
		}
	}
}

static APART int send_waiting(struct weir_ws *ws, bool is_text, weir_str bytes)
{
	struct send_call call = { .ws = ws, .is_text = is_text, .is_last = true, .bytes = bytes };
	int r;

	r = mutex_lock(&ws->sending);
	if (r < 0)
		return r;
	r = send_frame(&call);
	mutex_unlock(&ws->sending);
	return r;
}

/*
 * On the task's own stack, which costs no switch. What this calls is flattened into one large frame, so
 * it has returned before anything else is tried: a task that sends must not touch a second page.
 */
static HOT APART int send_quick(struct weir_ws *ws, bool is_text, weir_str bytes)
{
	ssize_t n;

	if (is_text && !str_is_utf8(bytes))
		return -EBADMSG;
	n = ws_outbox_begin(&ws->session, is_text, true, bytes);
	return n < 0 ? (int)n : 0;
}

static APART int send_slow(struct weir_ws *ws, bool is_text, weir_str bytes)
{
	struct send_call post = { .ws = ws, .is_text = is_text, .what = POST, .bytes = bytes };

	if (is_text && !str_is_utf8(bytes))
		return -EBADMSG;
	if (ws->route->ws->limits.slow == WS_SLOW_WAIT)
		return send_waiting(ws, is_text, bytes);
	sched_outside(send_outside, &post);
	return (int)post.result;
}

int ws_send(struct weir_ws *ws, bool is_text, weir_str bytes)
{
	int r;

	r = task_check();
	if (r < 0)
		return r;
	/* Nothing has to be waited for, so there is nobody to be kept from sending. */
	if (!ws->sending.owner && ws_outbox_is_quick(&ws->session, bytes.len))
		return send_quick(ws, is_text, bytes);
	return send_slow(ws, is_text, bytes);
}

/* The same, as layers around the handler see it. */
static APART int send_event(struct weir_ws *ws, bool is_text, weir_str bytes)
{
	return weir_send(&ws->req->pub,
			 &(weir_event){ .type = WEIR_WS_SEND, .body = bytes, .text = is_text });
}

int weir_ws_send(weir_ws *ws, weir_str text)
{
	return trace_keep(has_layers(ws) ? send_event(ws, true, text) : ws_send(ws, true, text));
}

int weir_ws_send_binary(weir_ws *ws, weir_str bytes)
{
	return trace_keep(has_layers(ws) ? send_event(ws, false, bytes)
					 : ws_send(ws, false, bytes));
}

int weir_ws_send_piece(weir_ws *ws, weir_str piece, bool is_text, bool is_last)
{
	struct send_call call = {
		.ws = ws, .is_text = is_text, .is_last = is_last, .bytes = piece
	};
	bool is_first = !ws->is_in_pieces || ws->sending.owner != task_current();
	int r;

	if (has_layers(ws))
		return -EOPNOTSUPP;
	r = task_check();
	if (r < 0)
		return r;
	if (is_first) {
		r = mutex_lock(&ws->sending);
		if (r < 0)
			return r;
		ws->is_in_pieces = true;
	}
	r = send_frame(&call);
	if (r < 0 && !is_first)
		sched_outside(abort_outside, ws);
	if (r < 0 || is_last) {
		ws->is_in_pieces = false;
		mutex_unlock(&ws->sending);
	}
	return r;
}

/* ---- closing */

struct close_call {
	struct weir_ws *ws;
	int code;
	weir_str reason;
};

static void close_outside(void *arg)
{
	struct close_call *call = arg;

	ws_session_close(&call->ws->session, call->code, call->reason);
	ws_session_tell(&call->ws->session);
}

int ws_close(struct weir_ws *ws, int code, weir_str reason)
{
	struct close_call call = { .ws = ws, .code = code, .reason = reason };

	if (!ws_write_code_ok(code) || reason.len > CLOSE_REASON_MAX || !str_is_utf8(reason))
		return -EINVAL;
	sched_outside(close_outside, &call);
	return 0;
}

int weir_ws_close(weir_ws *ws, int code, const char *reason)
{
	/* What has ended cannot be ended once more, whoever looks on. */
	if (!has_layers(ws) || ws->session.state != WS_OPEN)
		return ws_close(ws, code, weir_strz(reason));
	return weir_send(
		&ws->req->pub,
		&(weir_event){ .type = WEIR_WS_CLOSE, .status = code, .body = weir_strz(reason) });
}
