/*
 * ws_seat.c - a session with one handler for all of its life. Handler, session
 * and what is needed of the request's head lie in one piece of memory of just
 * that size, since there may be tens of thousands: the exchange and its buffers
 * go back as soon as the session is accepted.
 *
 * The seat is free when both have ended, the handler and the session: a
 * handler may outlive its client, and a closing handshake the handler.
 */
#include <stdlib.h>

#include "app/asgi.h"
#include "app/module.h"
#include "app/pubsub.h"
#include "app/site.h"
#include "app/ws.h"
#include "base/log.h"
#include "base/str.h"
#include "serve/ws_inbox.h"

/* Request memory that a handler has before it costs a block. */
#define FIRST_MEMORY 64

struct ws_seat {
	struct weir_ws ws;
	struct ws_offer offer;
	bool has_handler;
	struct req req; /* last: its match is cut short, and behind it lies what it points to */
};

static struct ws_seat *of_session(const struct ws_session *s)
{
	return container_of(ws_of(s), struct ws_seat, ws);
}

/* ---- the end */

static bool has_session(const struct ws_seat *seat)
{
	return seat->offer.is_accepted && !seat->ws.session.is_over;
}

static void free_seat(struct ws_seat *seat)
{
	struct site *site = seat->ws.site;

	if (seat->has_handler || has_session(seat))
		return;
	if (seat->offer.is_accepted)
		ws_session_done(&seat->ws.session);
	arena_done(&seat->req.own_arena);
	free(seat);
	site_session_gone(site);
}

static void on_readable(struct ws_session *s)
{
	wait_wake(&ws_of(s)->readable);
}

static void on_over(struct ws_session *s)
{
	struct ws_seat *seat = of_session(s);
	struct req *req = &seat->req;

	pubsub_end(&seat->ws.subs);
	if (s->state == WS_LOST && req->task && !(req->route->flags & WEIR_FINISH_ANYWAY))
		task_cancel(req->task, REASON_DISCONNECT);
	free_seat(seat);
}

static const struct ws_session_up session_up = {
	.readable = on_readable,
	.writable = ws_on_writable,
	.over = on_over,
	.client = ws_client,
};

/* The handler has left a session: accepted, and perhaps still open. */
static void leave_session(struct ws_seat *seat, int result)
{
	const struct req *req = &seat->req;

	if (result < 0 && result != -ECANCELED && result != -EPIPE) {
		req->site->n_failed++;
		req_log_failure(req, result, 101, "failed in its session");
	}
	pubsub_end(&seat->ws.subs);
	ws_leave(&seat->ws, result);
	ws_inbox_discard(&seat->ws.session);
}

static void on_done(struct task_spec *spec, int result)
{
	struct req *req = container_of(spec, struct req, spec);
	struct ws_seat *seat = container_of(req, struct ws_seat, req);
	struct exchange *ex = req->ex;

	if (req->task)
		list_del(&req->link);
	req->task = NULL;
	buf_done(&req->body);
	pubsub_end(&req->subs);
	if (ex) {
		if (ex->phase != EXCHANGE_ENDED || result < 0)
			req_conclude(req, result);
		exchange_finish(ex);
	}
	seat->ws.req = NULL;
	if (seat->offer.is_accepted)
		leave_session(seat, result); /* has_handler still holds it */
	seat->has_handler = false;
	free_seat(seat);
}

/* ---- the beginning */

static int run_handler(void *arg)
{
	struct req *req = arg;

	return req->route->fn(&req->pub);
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

/* As the arrays stand behind each other: the seat with its match, fields, subprotocols, text, memory. */
static int make_seat(const weir_scope *scope, const struct router_match *match,
		     struct ws_seat **ret_seat)
{
	size_t params_len = match->n_params * sizeof(match->params[0]);
	size_t head_at = aligned(offsetof(struct ws_seat, req.match.params) + params_len);
	size_t fields_len = scope->n_headers * sizeof(weir_header);
	size_t protocols_len = scope->n_subprotocols * sizeof(weir_str);
	size_t text_at = head_at + fields_len + protocols_len, memory_at;
	struct packer packer = { .to = NULL };
	weir_scope counted = *scope;
	struct ws_seat *seat;
	char *base;

	pack_head(&packer, &counted, (weir_header *)(uintptr_t)scope->headers,
		  (weir_str *)(uintptr_t)scope->subprotocols,
		  (struct router_param *)(uintptr_t)match->params, match->n_params);
	memory_at = aligned(text_at + packer.len);
	base = malloc(memory_at + FIRST_MEMORY);
	if (!base)
		return -ENOMEM;
	memset(base, 0, head_at);
	seat = (struct ws_seat *)base;
	seat->req.match.n_params = match->n_params;
	memcpy(base + offsetof(struct ws_seat, req.match.params), match->params, params_len);
	seat->req.scope = *scope;
	if (fields_len > 0)
		memcpy(base + head_at, scope->headers, fields_len);
	if (protocols_len > 0)
		memcpy(base + head_at + fields_len, scope->subprotocols, protocols_len);
	seat->req.scope.headers = (weir_header *)(base + head_at);
	seat->req.scope.subprotocols = (weir_str *)(base + head_at + fields_len);
	packer = (struct packer){ .to = base + text_at };
	pack_head(&packer, &seat->req.scope, (weir_header *)(base + head_at),
		  (weir_str *)(base + head_at + fields_len), seat->req.match.params,
		  match->n_params);
	arena_init(&seat->req.own_arena, &seat->req.own_budget);
	seat->req.own_arena.pos = base + memory_at;
	seat->req.own_arena.end = base + memory_at + FIRST_MEMORY;
	*ret_seat = seat;
	return 0;
}

int ws_seat_start(struct exchange *ex, const struct route *route, const struct router_match *match,
		  const struct ws_hello *hello, const struct ws_offer *offer)
{
	struct site *site = ex->up_arg;
	struct ws_seat *seat;
	weir_scope scope;
	struct req *req;
	int r;

	req_fill_scope(&scope, ex);
	scope.type = WEIR_SCOPE_WEBSOCKET;
	scope.scheme = ws_scheme(ex);
	scope.method = WEIR_STR("GET");
	scope.subprotocols = hello->subprotocols;
	scope.n_subprotocols = hello->n_subprotocols;
	r = make_seat(&scope, match, &seat);
	if (r < 0)
		return r;

	req = &seat->req;
	ws_init(&seat->ws, site, route);
	seat->ws.req = req;
	seat->ws.client = req->scope.client;
	seat->offer = *offer;
	seat->offer.ws = &seat->ws;
	seat->offer.up = &session_up;
	req_init(req, site, route->app, route->name);
	req->own_budget.limit = route->request_memory;
	req->arena = &req->own_arena;
	req->offer = &seat->offer;
	req->ex = ex;
	req->route = route;
	req->spec.fn = run_handler;
	req->spec.done = on_done;
	if (route->io)
		req->pub.io = route->io;
	ex->owner = req;
	*site->last_route = route->number;
	site_session_came(site);
	seat->has_handler = true;
	r = req_run(req);
	if (r < 0) {
		seat->has_handler = false;
		ex->owner = NULL;
		free_seat(seat);
	}
	return r;
}
