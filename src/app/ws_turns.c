/*
 * ws_turns.c - a session without a handler of its own: for each message, and
 * for the end, a task that soon returns. Between two of them the session is
 * its memory here, and nothing else.
 *
 *	open() ── in the handshake's own request, like any handler
 *	message() … ── a turn each, one after the other
 *	close() ── one more turn, when the session is over and no other turn runs
 *
 * Turns are started at the end of the loop's turn, never from within the
 * session: what a turn does may end the session, and free all of it.
 *
 * A turn whose session is over has the route's close_timeout to notice. The
 * timer is the turn's, so that a session without one has none.
 */
#include <assert.h>
#include <stdlib.h>

#include "app/asgi.h"
#include "app/module.h"
#include "app/pubsub.h"
#include "app/request_ids.h"
#include "app/site.h"
#include "app/ws.h"
#include "base/log.h"
#include "io/loop.h"
#include "serve/ws_inbox.h"

#define MAX_UNUSED 64

/* One call of message() or close(). */
struct ws_turn {
	struct ws_turns *turns;
	weir_str message;
	bool is_close;
	struct timer patience;	     /* once the session is over */
	struct ws_turn *next_unused; /* the site's */
	struct req req;		     /* last: without parameters, its match is cut short */
};

struct ws_turns {
	struct weir_ws ws;
	struct ws_offer *offer; /* borrowed, while open() runs; NULL */
	struct loop_defer go;
	struct ws_turn *turn; /* the one that runs; NULL */
	bool is_going;	      /* on_go() is on the stack */
	bool is_over;	      /* the session is */
	bool has_closed;      /* close() has been called, or need not be */
	char *state;	      /* in this memory */
	char memory[];	      /* state, then the client's name */
};

static struct ws_turns *of_session(const struct ws_session *s)
{
	return container_of(ws_of(s), struct ws_turns, ws);
}

static void *state_of(struct ws_turns *t)
{
	return t->ws.route->ws_handlers->state_size > 0 ? t->state : NULL;
}

/* ---- open(), in the exchange's memory, as an ordinary request's */

struct opening {
	struct ws_turns *turns;
	struct ws_offer offer;
	struct timer patience; /* once the session is over */
};

static struct opening *opening_of(const struct ws_offer *offer)
{
	return container_of((struct ws_offer *)(uintptr_t)offer, struct opening, offer);
}

/* ---- how long they may go on */

static void start_patience(const struct weir_ws *ws, struct timer *patience)
{
	struct loop *loop = ws->site->loop;

	if (!(ws->route->flags & WEIR_FINISH_ANYWAY))
		loop_timer_start(loop, patience,
				 loop_now_ms(loop) + ws->route->ws->limits.close_ms);
}

static void on_turn_patience(struct timer *timer)
{
	task_cancel(container_of(timer, struct ws_turn, patience)->req.task, REASON_DISCONNECT);
}

static void on_open_patience(struct timer *timer)
{
	const struct opening *opening = container_of(timer, struct opening, patience);

	task_cancel(opening->turns->ws.req->task, REASON_DISCONNECT);
}

/* ---- a turn */

static struct ws_turn *take_turn(struct site *site)
{
	struct ws_turn *turn = site->unused_turns;
	size_t size = offsetof(struct ws_turn, req.match.params);

	if (turn) {
		site->unused_turns = turn->next_unused;
		site->n_unused_turns--;
		return turn;
	}
	turn = calloc(1, size);
	return turn;
}

static void give_turn(struct site *site, struct ws_turn *turn)
{
	if (site->n_unused_turns >= MAX_UNUSED) {
		free(turn);
		return;
	}
	turn->next_unused = site->unused_turns;
	site->unused_turns = turn;
	site->n_unused_turns++;
}

void ws_turns_free_unused(struct site *site)
{
	while (site->unused_turns) {
		struct ws_turn *turn = site->unused_turns;

		site->unused_turns = turn->next_unused;
		free(turn);
	}
	site->n_unused_turns = 0;
}

static int run_turn(void *arg)
{
	struct req *req = arg;
	struct ws_turn *turn = container_of(req, struct ws_turn, req);
	struct ws_turns *t = turn->turns;
	const weir_ws_handlers *handlers = t->ws.route->ws_handlers;

	if (req->site->is_cancelled)
		task_cancel_now(task_current(), REASON_SHUTDOWN);
	if (!turn->is_close)
		return handlers->message(&req->pub, &t->ws, state_of(t), turn->message);
	handlers->close(&req->pub, &t->ws, state_of(t));
	return 0;
}

static void on_turn_done(struct task_spec *spec, int result)
{
	struct req *req = container_of(spec, struct req, spec);
	struct ws_turn *turn = container_of(req, struct ws_turn, req);
	struct ws_turns *t = turn->turns;
	struct site *site = req->site;

	ws_ran(req);
	if (result < 0 && result != -ECANCELED && result != -EPIPE) {
		site->n_failed++;
		req_log_failure(req, result, 101, "failed in its session");
	}
	if (result < 0 || t->ws.is_in_pieces)
		ws_leave(&t->ws, result);
	loop_timer_stop(site->loop, &turn->patience);
	arena_done(&req->own_arena);
	t->ws.req = NULL;
	t->turn = NULL;
	give_turn(site, turn);
	if (!t->is_going)
		loop_defer(site->loop, &t->go);
}

static void go(struct ws_turns *t)
{
	loop_defer(t->ws.site->loop, &t->go);
}

static void start_turn(struct ws_turns *t, weir_str message, bool is_close)
{
	const struct route *route = t->ws.route;
	struct site *site = t->ws.site;
	struct ws_turn *turn = take_turn(site);
	struct req *req = turn ? &turn->req : NULL;
	int r = -ENOMEM;

	if (turn) {
		turn->turns = t;
		turn->message = message;
		turn->is_close = is_close;
		timer_init(&turn->patience, on_turn_patience);
		req_init(req, site, route->app, route->name);
		req->scope = (weir_scope){ .type = WEIR_SCOPE_WEBSOCKET,
					   .client = t->ws.client,
					   .request_id = req->scope.request_id };
		req->own_budget = (struct budget){ .limit = route->request_memory };
		arena_init(&req->own_arena, &req->own_budget);
		req->arena = &req->own_arena;
		req->route = route;
		req->ex = NULL;
		req->spec.fn = run_turn;
		req->spec.done = on_turn_done;
		t->turn = turn;
		t->ws.req = req;
		if (is_close)
			start_patience(&t->ws, &turn->patience);
		r = ws_run(req);
	}
	if (r >= 0)
		return;
	log_write(site->log, LOG_AT_WARN, "%s: no memory for a task", route->name);
	t->turn = NULL;
	t->ws.req = NULL;
	if (turn) {
		loop_timer_stop(site->loop, &turn->patience);
		give_turn(site, turn);
	}
	if (is_close)
		go(t);
	else
		ws_leave(&t->ws, -ENOMEM);
}

/* ---- one after the other */

static void free_turns(struct ws_turns *t)
{
	struct site *site = t->ws.site;

	pubsub_end(&t->ws.subs);
	ws_session_done(&t->ws.session);
	loop_defer_cancel(&t->go);
	free(t);
	site_session_gone(site);
}

/* The session is over, and no turn runs. */
static void finish(struct ws_turns *t)
{
	if (!t->has_closed && t->ws.route->ws_handlers->close) {
		t->has_closed = true;
		start_turn(t, (weir_str){ NULL, 0 }, true);
		return;
	}
	free_turns(t);
}

/* As many as are here and end at once: their answers share a send. */
static void take_messages(struct ws_turns *t)
{
	struct ws_event ev;

	t->is_going = true;
	while (!t->turn && !t->is_over && ws_inbox_next(&t->ws.session, true, &ev) > 0)
		start_turn(t, ev.bytes, false);
	t->is_going = false;
}

static void on_go(struct loop_defer *defer)
{
	struct ws_turns *t = container_of(defer, struct ws_turns, go);

	if (t->turn || t->offer)
		return; /* its end comes here again */
	if (!t->is_over)
		take_messages(t);
	if (t->is_over && !t->turn)
		finish(t);
}

/* For the function that receives by itself, or for the next turn. */
static void on_readable(struct ws_session *s)
{
	struct ws_turns *t = of_session(s);

	if (t->ws.is_receiving)
		wait_wake(&t->ws.readable);
	else
		go(t);
}

static void on_over(struct ws_session *s)
{
	struct ws_turns *t = of_session(s);
	struct req *req = t->ws.req;

	t->is_over = true;
	pubsub_stop(t->ws.subs);
	if (s->state != WS_LOST && t->turn)
		start_patience(&t->ws, &t->turn->patience);
	else if (s->state != WS_LOST && t->offer)
		start_patience(&t->ws, &opening_of(t->offer)->patience);
	else if (req && req->task && !(t->ws.route->flags & WEIR_FINISH_ANYWAY))
		task_cancel(req->task, REASON_DISCONNECT);
	go(t);
}

static const struct ws_session_up session_up = {
	.readable = on_readable,
	.writable = ws_on_writable,
	.over = on_over,
	.client = ws_client,
};

/* ---- open() */

static int run_open(void *arg)
{
	struct req *req = arg;
	struct opening *opening = opening_of(req->offer);
	const weir_ws_handlers *handlers = req->route->ws_handlers;
	weir_ws *ws;
	int r;

	r = handlers->open ? handlers->open(&req->pub, state_of(opening->turns)) : 0;
	if (r < 0 || opening->offer.is_accepted || req->ex->phase != EXCHANGE_WAITING)
		return r;
	return weir_ws_accept(&req->pub, NULL, &ws);
}

static void on_open_done(struct task_spec *spec, int result)
{
	struct req *req = container_of(spec, struct req, spec);
	struct opening *opening = opening_of(req->offer);
	struct ws_turns *t = opening->turns;
	struct exchange *ex = req->ex;

	loop_timer_stop(t->ws.site->loop, &opening->patience);
	ws_ran(req);
	t->ws.req = NULL;
	t->offer = NULL;
	if (!opening->offer.is_accepted) {
		if (ex->phase != EXCHANGE_ENDED || result < 0)
			req_conclude(req, result);
		loop_defer_cancel(&t->go);
		site_session_gone(t->ws.site);
		free(t);
	} else {
		if (result < 0 && result != -ECANCELED && result != -EPIPE)
			req_log_failure(req, result, 101, "failed in its session");
		if (result < 0 || t->ws.is_in_pieces)
			ws_leave(&t->ws, result);
		go(t);
	}
	exchange_finish(ex);
}

static struct ws_turns *make_turns(struct site *site, const struct route *route, weir_str client)
{
	size_t state_len = (route->ws_handlers->state_size + 15) & ~(size_t)15;
	struct ws_turns *t;

	t = calloc(1, sizeof(*t) + 15 + state_len + client.len);
	if (!t)
		return NULL;
	ws_init(&t->ws, site, route);
	t->state = (char *)(((uintptr_t)t->memory + 15) & ~(uintptr_t)15);
	memcpy(t->state + state_len, client.ptr, client.len);
	t->ws.client = (weir_str){ t->state + state_len, client.len };
	loop_defer_init(&t->go, on_go);
	return t;
}

int ws_turns_start(struct exchange *ex, const struct route *route, const struct router_match *match,
		   const struct ws_hello *hello, const struct ws_offer *offer)
{
	struct opening *opening = arena_alloc(&ex->arena, sizeof(*opening));
	struct site *site = ex->up_arg;
	struct req *req = container_of((struct router_match *)(uintptr_t)match, struct req, match);
	struct ws_turns *t;
	int r;

	if (!opening)
		return -ENOMEM;
	t = make_turns(site, route, ex->client);
	if (!t)
		return -ENOMEM;
	*opening = (struct opening){ .turns = t, .offer = *offer };
	timer_init(&opening->patience, on_open_patience);
	opening->offer.ws = &t->ws;
	opening->offer.up = &session_up;
	t->offer = &opening->offer;
	t->ws.req = req;
	req_init(req, site, route->app, route->name);
	req_fill_scope(&req->scope, ex);
	req->scope.type = WEIR_SCOPE_WEBSOCKET;
	req->scope.scheme = ws_scheme(ex);
	req->scope.subprotocols = hello->subprotocols;
	req->scope.n_subprotocols = hello->n_subprotocols;
	req->ex = ex;
	req->arena = &ex->arena;
	req->route = route;
	req->offer = &opening->offer;
	req->spec.fn = run_open;
	req->spec.done = on_open_done;
	if (route->io)
		req->pub.io = route->io;
	if (site->ids != SITE_IDS_MADE)
		request_ids_take(req);
	ex->owner = req;
	*site->last_route = route->number;
	site_session_came(site);
	r = ws_run(req);
	if (r < 0) {
		ex->owner = NULL;
		site_session_gone(site);
		free(t);
	}
	return r;
}
