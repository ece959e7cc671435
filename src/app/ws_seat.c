/*
 * ws_seat.c - a session with one handler for all of its life. There may be tens
 * of thousands of them that wait for a message, so all that such a session
 * needs lies at the top of its handler's stack, of which a page is resident
 * anyway: the session, the request, and what the scope points to, in as many
 * bytes as they have. The exchange and its buffers go back when it is accepted.
 *
 * A session may outlive its handler, for the closing handshake: then it moves to
 * a small piece of memory of its own.
 */
#include <alloca.h>
#include <stdlib.h>

#include "app/asgi.h"
#include "app/module.h"
#include "app/pubsub.h"
#include "app/request_ids.h"
#include "app/response_api.h"
#include "app/site.h"
#include "app/ws.h"
#include "base/log.h"
#include "io/loop.h"
#include "io/tls_info.h"
#include "serve/ws_inbox.h"

/* Request memory that a handler has before it costs a block. */
#define FIRST_MEMORY 128
/* With more than that a handler would hardly stay within the stack's first page. */
#define MAX_ON_STACK 2304

/* Handed from the exchange to the task, in the exchange's memory. */
struct seating {
	struct exchange *ex;
	const struct route *route;
	const struct router_match *match;
	struct ws_hello hello;
	struct ws_offer offer;
};

/* What must be there when the stack is not any more. */
struct seat_task {
	struct task_spec spec;
	struct task *task;
	struct site *site;	 /* borrowed */
	struct seating *seating; /* borrowed; until the handler begins */
};

struct ws_seat {
	struct weir_ws ws;
	struct timer patience; /* once the session is over, with a handler that goes on */
	struct ws_offer offer;
	struct req req; /* last: its match is cut short, and behind it lies what it points to */
};

/* ---- a session whose handler has returned */

struct leftover {
	struct ws_session session;
	struct site *site; /* borrowed */
	size_t client_len;
	char client[];
};

static struct leftover *leftover_of(const struct ws_session *s)
{
	return container_of((struct ws_session *)(uintptr_t)s, struct leftover, session);
}

static void on_nothing(struct ws_session *s)
{
}

static void on_leftover_over(struct ws_session *s)
{
	struct leftover *left = leftover_of(s);
	struct site *site = left->site;

	ws_session_done(s);
	free(left);
	site_session_gone(site);
}

static weir_str leftover_client(const struct ws_session *s)
{
	const struct leftover *left = leftover_of(s);

	return (weir_str){ left->client, left->client_len };
}

static const struct ws_session_up leftover_up = {
	.readable = on_nothing,
	.writable = on_nothing,
	.over = on_leftover_over,
	.client = leftover_client,
};

static void leave_over(struct weir_ws *ws)
{
	struct leftover *left = malloc(sizeof(*left) + ws->client.len);

	if (!left) {
		ws_session_abort(&ws->session);
		ws_session_tell(&ws->session);
		return;
	}
	left->site = ws->site;
	left->client_len = ws->client.len;
	memcpy(left->client, ws->client.ptr, ws->client.len);
	site_session_came(ws->site);
	ws_session_move(&left->session, &ws->session, &leftover_up);
}

/* ---- while there is a handler */

static void on_readable(struct ws_session *s)
{
	wait_wake(&ws_of(s)->readable);
}

/* It may not know: it waits for something else, or for nothing. */
static void on_patience_over(struct timer *timer)
{
	const struct ws_seat *seat = container_of(timer, struct ws_seat, patience);

	task_cancel(seat->req.task, REASON_DISCONNECT);
}

/* Who has closed properly is given time to be heard; who vanished is not waited for. */
static void on_over(struct ws_session *s)
{
	struct weir_ws *ws = ws_of(s);
	struct ws_seat *seat = container_of(ws, struct ws_seat, ws);
	struct loop *loop = ws->site->loop;

	pubsub_stop(ws->subs);
	if (!ws->req || (ws->route->flags & WEIR_FINISH_ANYWAY))
		return;
	if (s->state == WS_LOST)
		task_cancel(ws->req->task, REASON_DISCONNECT);
	else
		loop_timer_start(loop, &seat->patience,
				 loop_now_ms(loop) + ws->route->ws->limits.close_ms);
}

static const struct ws_session_up session_up = {
	.readable = on_readable,
	.writable = ws_on_writable,
	.over = on_over,
	.client = ws_client,
};

/* ---- the end */

/* The handler has left a session: accepted, and perhaps still open. */
static void leave_session(struct ws_seat *seat, int result)
{
	struct ws_session *s = &seat->ws.session;
	const struct req *req = &seat->req;

	if (result < 0 && result != -ECANCELED && result != -EPIPE) {
		req->site->n_failed++;
		req_log_failure(req, result, 101, "failed in its session");
	}
	pubsub_end(&seat->ws.subs);
	ws_leave(&seat->ws, result);
	ws_inbox_discard(s);
	if (!s->is_over)
		leave_over(&seat->ws);
	else
		ws_session_done(s);
}

struct leave_call {
	struct ws_seat *seat;
	int result;
};

/* On the loop's stack. */
static void leave(void *arg)
{
	const struct leave_call *call = arg;
	struct ws_seat *seat = call->seat;
	struct req *req = &seat->req;
	struct exchange *ex = req->ex;

	loop_timer_stop(seat->ws.site->loop, &seat->patience);
	ws_ran(req);
	if (ex) {
		if (ex->phase != EXCHANGE_ENDED || call->result < 0)
			req_conclude(req, call->result);
		exchange_finish(ex);
	}
	seat->ws.req = NULL;
	if (seat->offer.is_accepted)
		leave_session(seat, call->result);
	arena_done(&req->own_arena);
}

static void on_done(struct task_spec *spec, int result)
{
	struct seat_task *st = container_of(spec, struct seat_task, spec);
	struct site *site = st->site;

	free(st);
	site_session_gone(site);
}

/* ---- the head, in as many bytes as it has */

struct packer {
	char *to; /* NULL: only counts */
	size_t len;
};

static void pack(struct packer *p, weir_str *text)
{
	if (p->to && text->len > 0) {
		memcpy(p->to + p->len, text->ptr, text->len);
		text->ptr = p->to + p->len;
	}
	p->len += text->len;
}

/* All that the scope and the match point to, but for what is constant. */
static void pack_head(struct packer *p, weir_scope *scope, weir_header *fields, weir_str *protocols,
		      struct router_param *params, size_t n_params)
{
	pack(p, &scope->path);
	pack(p, &scope->raw_path);
	pack(p, &scope->query);
	pack(p, &scope->client);
	pack(p, &scope->server);
	pack(p, &scope->host);
	for (size_t i = 0; i < scope->n_headers; i++) {
		pack(p, &fields[i].name);
		pack(p, &fields[i].value);
	}
	for (size_t i = 0; i < scope->n_subprotocols; i++)
		pack(p, &protocols[i]);
	for (size_t i = 0; i < n_params; i++)
		pack(p, &params[i].value);
}

static size_t aligned(size_t n)
{
	return (n + 15) & ~(size_t)15;
}

/* Where what lies in a seat's memory. */
struct layout {
	size_t head_at, fields_len, protocols_len, text_at, memory_at, size;
};

static struct layout plan(const weir_scope *scope, const struct router_match *match)
{
	size_t params_len = match->n_params * sizeof(match->params[0]);
	struct packer packer = { .to = NULL };
	weir_scope counted = *scope;
	struct layout l;

	l.head_at = aligned(offsetof(struct ws_seat, req.match.params) + params_len);
	l.fields_len = scope->n_headers * sizeof(weir_header);
	l.protocols_len = scope->n_subprotocols * sizeof(weir_str);
	l.text_at = l.head_at + l.fields_len + l.protocols_len;
	/* It only counts: nothing is written. */
	pack_head(&packer, &counted, (weir_header *)(uintptr_t)scope->headers,
		  (weir_str *)(uintptr_t)scope->subprotocols,
		  (struct router_param *)(uintptr_t)match->params, match->n_params);
	l.memory_at = aligned(l.text_at + packer.len);
	l.size = l.memory_at + FIRST_MEMORY;
	return l;
}

/* A seat in memory, as planned: its match, fields, subprotocols, text, request memory. */
static struct ws_seat *make_seat(char *memory, const struct layout *l, const weir_scope *scope,
				 const struct router_match *match)
{
	struct ws_seat *seat = (struct ws_seat *)memory;
	weir_header *fields = (weir_header *)(memory + l->head_at);
	weir_str *protocols = (weir_str *)(memory + l->head_at + l->fields_len);
	struct packer packer = { .to = memory + l->text_at };

	memset(memory, 0, l->head_at);
	seat->req.match.n_params = match->n_params;
	for (size_t i = 0; i < match->n_params; i++)
		seat->req.match.params[i] = match->params[i];
	seat->req.scope = *scope;
	if (l->fields_len > 0)
		memcpy(fields, scope->headers, l->fields_len);
	if (l->protocols_len > 0)
		memcpy(protocols, scope->subprotocols, l->protocols_len);
	seat->req.scope.headers = fields;
	seat->req.scope.subprotocols = protocols;
	pack_head(&packer, &seat->req.scope, fields, protocols, seat->req.match.params,
		  match->n_params);
	arena_init(&seat->req.own_arena, &seat->req.own_budget);
	seat->req.own_arena.pos = memory + l->memory_at;
	seat->req.own_arena.end = memory + l->size;
	return seat;
}

static void fill_seat(struct ws_seat *seat, const struct seating *seating)
{
	const struct route *route = seating->route;
	struct exchange *ex = seating->ex;
	struct site *site = ex->up_arg;
	struct req *req = &seat->req;

	ws_init(&seat->ws, site, route);
	timer_init(&seat->patience, on_patience_over);
	seat->ws.req = req;
	seat->ws.client = req->scope.client;
	seat->offer = seating->offer;
	seat->offer.ws = &seat->ws;
	seat->offer.up = &session_up;
	req_init(req, site, route->app, route->name);
	req->own_budget.limit = route->request_memory;
	req->arena = &req->own_arena;
	req->offer = &seat->offer;
	req->ex = ex;
	req->route = route;
	req->task = task_current();
	req->task->user = req;
	if (route->io)
		req->pub.io = route->io;
	if (site->ids != SITE_IDS_MADE)
		request_ids_take(req);
	list_add_tail(&site->running, &req->link);
	ex->owner = req;
}

/* ---- the beginning */

/* Layers around the handler must hear how it has ended what it left open. */
static int end_layered(struct req *req)
{
	const struct weir_ws *ws = req->offer->ws;

	if (!req->offer->is_accepted)
		return response_api_end(req);
	if (!ws_session_is_open(&ws->session) || ws->is_in_pieces)
		return 0;
	return weir_send(&req->pub, &(weir_event){ .type = WEIR_WS_CLOSE, .status = 1000 });
}

static int run_handler(struct req *req)
{
	int r;

	r = req->route->fn(&req->pub);
	return r >= 0 && req->route->io ? end_layered(req) : r;
}

static void make_scope(weir_scope *scope, const struct seating *seating)
{
	req_fill_scope(scope, seating->ex);
	scope->type = WEIR_SCOPE_WEBSOCKET;
	scope->scheme = ws_scheme(seating->ex);
	scope->method = WEIR_STR("GET");
	scope->subprotocols = seating->hello.subprotocols;
	scope->n_subprotocols = seating->hello.n_subprotocols;
}

/* Its client has gone, or there is no memory: no handler runs. */
static void finish_unseated(void *arg)
{
	const struct seating *seating = arg;

	if (exchange_is_gone(seating->ex))
		exchange_finish(seating->ex);
	else
		req_refuse_for(seating->ex, seating->route->name, FAULT_OVERLOADED, NULL, 0);
}

static int run_seat(void *arg)
{
	const struct seat_task *st = arg;
	struct seating *seating = st->seating;
	struct tls_info *tls; /* the connection's, which may end before its handler */
	char *memory, *owned = NULL;
	struct leave_call call;
	struct layout layout;
	weir_scope scope;

	make_scope(&scope, seating);
	layout = plan(&scope, seating->match);
	if (layout.size <= MAX_ON_STACK)
		memory = alloca(layout.size + 15);
	else
		memory = owned = malloc(layout.size + 15);
	if (!memory || exchange_is_gone(seating->ex)) {
		free(owned);
		sched_outside(finish_unseated, seating);
		return 0;
	}
	memory = (char *)aligned((size_t)memory);
	call.seat = make_seat(memory, &layout, &scope, seating->match);
	fill_seat(call.seat, seating);
	tls = tls_info_hold(scope.tls);
	call.result = run_handler(&call.seat->req);
	sched_outside(leave, &call);
	(void)tls_info_unref(tls);
	free(owned);
	return 0;
}

int ws_seat_start(struct exchange *ex, const struct route *route, const struct router_match *match,
		  const struct ws_hello *hello, const struct ws_offer *offer)
{
	struct seating *seating = arena_alloc(&ex->arena, sizeof(*seating));
	struct seat_task *st = calloc(1, sizeof(*st));
	struct site *site = ex->up_arg;
	int r;

	if (!seating || !st) {
		free(st);
		return -ENOMEM;
	}
	*seating = (struct seating){
		.ex = ex, .route = route, .match = match, .hello = *hello, .offer = *offer
	};
	st->spec = (struct task_spec){
		.fn = run_seat, .arg = st, .name = route->name, .done = on_done
	};
	st->site = site;
	st->seating = seating;
	*site->last_route = route->number;
	site_session_came(site);
	r = task_start(site->sched, &st->spec, &st->task);
	if (r < 0) {
		free(st);
		site_session_gone(site);
	}
	return r;
}
