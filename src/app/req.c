/*
 * req.c - an exchange gets a coroutine. The way in: start, route, task. The
 * way out: the task's result becomes an answer, if it gave none, and the
 * exchange is finished. Between them a task parks on one of two waits, which
 * the exchange's readable and writable wake.
 *
 * The hard thing is the order at the end: the client may have gone long before
 * the handler returns, so everything here asks the exchange, never the
 * connection, and only conclude() finishes it.
 */
#include "app/req.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/asgi.h"
#include "app/gzip.h"
#include "app/hosts.h"
#include "app/job.h"
#include "app/module.h"
#include "app/pubsub.h"
#include "app/rate.h"
#include "app/request_ids.h"
#include "app/response_api.h"
#include "app/site.h"
#include "app/sse.h"
#include "app/ws.h"
#include "base/log.h"
#include "base/str.h"
#include "base/ticks.h"
#include "io/loop.h"
#include "io/tls_info.h"
#include "proto/host.h"
#include "proto/http.h"
#include "proto/ws_hello.h"
#include "serve/access_line.h"
#include "serve/errpage.h"

/* ---- answers without a handler, and for handlers that gave none */

/* A small page, on the loop's stack. What finds no room cuts the answer. */
static COLD void answer_page(struct exchange *ex, int status, const char *words,
			     const weir_header *extra, size_t n_extra)
{
	weir_str type = { NULL, 0 };
	char body[ERRPAGE_MAX];
	size_t len = 0;

	if (http_status_has_body(status)) {
		type = WEIR_STR("text/plain; charset=utf-8");
		len = errpage_body(body, status, words);
	}
	if (exchange_respond(ex, status, type, extra, n_extra, (weir_str){ body, len }) < 0)
		exchange_abort(ex);
}

/* Did the handler ask for an error page? */
static bool is_status(int error)
{
	return error <= WEIR_STATUS(200) && error >= WEIR_STATUS(999);
}

/* Did the handler only hand on what is wrong with the request's body? */
static bool is_peers_fault(const struct exchange *ex, int error)
{
	return (error == -EBADMSG || error == -EMSGSIZE) && ex->fault != FAULT_NONE;
}

/* http.h promises this table: only what the client did may look like the client's fault. */
static int status_of(const struct exchange *ex, int error)
{
	if (is_status(error))
		return WEIR_STATUS(0) - error;
	if (is_peers_fault(ex, error))
		return fault_status(ex->fault);
	switch (error) {
	case -EMSGSIZE:
		return 413;
	case -EBADMSG:
		return 400;
	case -ETIMEDOUT:
		return 504;
	case -EAGAIN:
	case -ECANCELED: /* not by the client, who is still there: the worker stops */
		return 503;
	default:
		return 500;
	}
}

static const char *error_name(int error)
{
	return is_status(error) ? "WEIR_STATUS, too late" : str_error_name(error);
}

COLD void req_log_failure(const struct req *req, int error, int status, const char *what)
{
	weir_str words = req->fail_words;

	char id[REQUEST_IDS_LOG_MAX];

	log_write(req->site->log, LOG_AT_ERROR, "%s: %.*s %.*s: %s (%d): %s%s%.*s%s", req->name,
		  WEIR_ARG(req->scope.method), WEIR_ARG(req->scope.path), what, status,
		  error_name(error), words.len ? ": " : "", WEIR_ARG(words),
		  request_ids_for_log(req, id));
}

static void log_refusal(const struct site *site, const struct exchange *ex, const char *name,
			int status, enum fault fault)
{
	log_write(site->log, LOG_AT_INFO, "%.*s: %s: refused with %d %s: %s", WEIR_ARG(ex->client),
		  name, status, fault_name(fault), fault_words(fault));
}

static COLD void conclude_unanswered(struct req *req, int result)
{
	struct exchange *ex = req->ex;
	weir_header retry = { WEIR_STR("retry-after"), WEIR_STR("1") };
	int status;

	if (result >= 0) {
		req->fail_words = WEIR_STR("it returned without having answered");
		result = -EPROTO;
	}
	status = status_of(ex, result);
	if (status >= 500 && !is_status(result)) {
		req->site->n_failed++;
		req_log_failure(req, result, status, "failed");
	} else if (ex->fault != FAULT_NONE) {
		log_refusal(req->site, ex, req->name, status, ex->fault);
	}
	answer_page(ex, status, NULL, &retry, status == 503);
}

/* The handler has failed, or has left something open: that is closed, and told. */
COLD void req_conclude(struct req *req, int result)
{
	struct exchange *ex = req->ex;
	bool is_gone = exchange_is_gone(ex);

	switch (ex->phase) {
	case EXCHANGE_WAITING:
		conclude_unanswered(req, result);
		break;
	case EXCHANGE_STARTED:
		if (result >= 0 && exchange_end(ex, NULL, 0) >= 0)
			break;
		exchange_abort(ex);
		if (result == -ECANCELED || result == -EPIPE)
			break;
		if (is_peers_fault(ex, result)) {
			log_write(req->site->log, LOG_AT_INFO, "%.*s: %s: answer cut for %s: %s",
				  WEIR_ARG(ex->client), req->name, fault_name(ex->fault),
				  fault_words(ex->fault));
			break;
		}
		req->site->n_failed++;
		if (result >= 0)
			req->fail_words = WEIR_STR("the body is shorter than its content-length");
		req_log_failure(req, result < 0 ? result : -EPROTO, ex->status,
				"broke off its answer");
		break;
	case EXCHANGE_ENDED:
		if (result < 0 && result != -ECANCELED)
			req_log_failure(req, result, ex->status, "failed after its answer");
		break;
	case EXCHANGE_ABORTED:
		if (result == -ECANCELED || result == -EPIPE || (result >= 0 && is_gone))
			break;
		if (result >= 0)
			req->fail_words = WEIR_STR("it did not look at an error");
		req_log_failure(req, result < 0 ? result : -EIO, ex->status,
				is_gone ? "failed after its client" : "broke off its answer");
		break;
	}
}

static void on_done(struct task_spec *spec, int result)
{
	struct req *req = container_of(spec, struct req, spec);
	struct exchange *ex = req->ex;

	if (req->task)
		list_del(&req->link);
	req->task = NULL;
	if (req->body.data)
		buf_done(&req->body);
	if (req->subs)
		pubsub_end(&req->subs);
	if (req->jobs)
		job_release_all(&req->jobs);
	if (req->sse)
		result = sse_end(req, result);
	if (ex->phase != EXCHANGE_ENDED || result < 0)
		req_conclude(req, result);
	exchange_finish(ex);
}

/* ---- start */

static int run_handler(void *arg)
{
	struct req *req = arg;

	return req->route->fn(&req->pub);
}

/* Layers around the handler must hear that its answer has ended. */
static int run_layered(void *arg)
{
	struct req *req = arg;
	int r;

	r = req->route->fn(&req->pub);
	if (r >= 0)
		r = response_api_end(req);
	gzip_end(req);
	return r;
}

/* Random, so that ids differ between workers and, likely, between their lives. */
static COLD void make_first_id(struct site *site)
{
	for (size_t i = 0; i < SITE_ID_LEN; i++)
		site->last_id[i] = "0123456789abcdef"[site->id_seed >> 4 * i & 15];
}

/* One more than the last, as it is written: nearly always a single digit differs. */
static void make_id(struct site *site, char ret_id[SITE_ID_LEN])
{
	char *digit = site->last_id + SITE_ID_LEN;

	if (!site->last_id[0])
		make_first_id(site);
	do {
		digit--;
		*digit = (char)(*digit == '9' ? 'a' : *digit == 'f' ? '0' : *digit + 1);
	} while (*digit == '0' && digit > site->last_id);
	memcpy(ret_id, site->last_id, SITE_ID_LEN);
}

void req_fill_scope(weir_scope *scope, const struct exchange *ex)
{
	scope->type = WEIR_SCOPE_HTTP;
	scope->http_version = ex->head.version;
	scope->method = ex->head.method;
	scope->scheme = ex->scheme;
	scope->path = ex->uri.path;
	scope->raw_path = ex->uri.raw_path;
	scope->query = ex->uri.query;
	scope->root_path = (weir_str){ NULL, 0 };
	scope->headers = ex->head.fields;
	scope->n_headers = ex->head.n_fields;
	scope->client = ex->client;
	scope->server = ex->server;
	scope->subprotocols = NULL;
	scope->n_subprotocols = 0;
	scope->tls = ex->tls;
	scope->host = ex->head.host;
}

void req_init(struct req *req, struct site *site, struct weir_app *app, const char *name)
{
	req->pub.scope = &req->scope;
	req->pub.state = app ? app->state : NULL;
	req->pub.io = &asgi_io;
	req->site = site;
	req->app = app;
	req->name = name;
	req->spec.arg = req;
	req->spec.name = name;
	req->spec.user = req;
	req->fields = (struct req_fields){ NULL, 0, 0 };
	req->content_length = -1;
	req->task = NULL;
	req->readable = (struct wait){ .task = NULL };
	req->writable = (struct wait){ .task = NULL };
	req->sending = (struct mutex){ .owner = NULL };
	req->body = (struct buf){ .data = NULL };
	req->fail_words = (weir_str){ NULL, 0 };
	req->trace = NULL;
	req->offer = NULL;
	req->subs = NULL;
	req->jobs = NULL;
	req->job_words = NULL;
	req->sse = NULL;
	req->job_ticks = 0;
	req->write_ticks = 0;
	req->is_receiving = false;
	req->has_body_ended = false;
	req->has_last_event = false;
	make_id(site, req->id);
	req->scope.request_id = (weir_str){ req->id, SITE_ID_LEN };
}

static COLD void refuse(struct exchange *ex, int status)
{
	answer_page(ex, status, NULL, NULL, 0);
	exchange_finish(ex);
}

/* There is a route, and this is what may be asked of it. */
static COLD void answer_allow(struct exchange *ex, int status, weir_str methods)
{
	weir_header allow = { WEIR_STR("allow"), methods };

	answer_page(ex, status, NULL, &allow, 1);
	exchange_finish(ex);
}

/* The client's fault: the log is told. */
COLD void req_refuse_for(struct exchange *ex, const char *name, enum fault fault,
			 const weir_header *fields, size_t n_fields)
{
	log_refusal(ex->up_arg, ex, name, fault_status(fault), fault);
	answer_page(ex, fault_status(fault), NULL, fields, n_fields);
	exchange_finish(ex);
}

static COLD void refuse_for(struct exchange *ex, const char *name, enum fault fault)
{
	req_refuse_for(ex, name, fault, NULL, 0);
}

/* If the handler ends at once, the exchange is gone when this returns. */
int req_run(struct req *req)
{
	struct site *site = req->site;
	struct task *task;
	int r;

	r = task_start(site->sched, &req->spec, &task);
	if (r < 0 || !task)
		return r;
	req->task = task;
	list_add_tail(&site->running, &req->link);
	return 0;
}

/* False: it was refused. */
static APART bool decode_params(struct req *req, struct exchange *ex, const struct route *route)
{
	enum fault fault = FAULT_OVERLOADED; /* what -ENOMEM comes to */
	int r;

	r = router_decode(&req->match, &ex->arena, &fault);
	if (r < 0)
		refuse_for(ex, route->name, fault);
	return r >= 0;
}

/* True: they have answered. */
static COLD bool apply_rules(const struct site *site, const struct route *route,
			     struct exchange *ex)
{
	if (route->rate && rate_apply(site, route->rate, ex, route->name))
		return true;
	if (https_apply(&route->https, ex, route->name))
		return true;
	if (!route->is_closed)
		return false;
	/* No Retry-After: nobody knows when it will be mended. */
	answer_page(ex, 503, "its handler has crashed too often", NULL, 0);
	exchange_finish(ex);
	return true;
}

/* The match is in req already. */
static void run(struct req *req, struct exchange *ex)
{
	const struct route *route = req->match.target;
	struct site *site = ex->up_arg;
	int r;

	ex->max_body = route->max_body;
	ex->half_close = route->half_close;
	ex->is_logged = route->is_logged;
	ex->tally = route->tally;
	ex->log_rule = &route->log_rule;
	if (route->request_memory)
		ex->budget.limit = route->request_memory;
	if (route->has_rules && apply_rules(site, route, ex))
		return;
	/* No handler needs to look. */
	if (exchange_is_too_large(ex)) {
		refuse_for(ex, route->name, FAULT_BODY_TOO_LARGE);
		return;
	}
	if (route->pace)
		exchange_set_pace(ex, route->pace);
	if (req->match.n_params > 0 && !decode_params(req, ex, route))
		return;
	if (route->ws && !(route->is_page_too && !ws_hello_is_one(&ex->head))) {
		ws_start(ex, route, &req->match);
		return;
	}
	req_init(req, site, route->app, route->name);
	req->ex = ex;
	req->arena = &ex->arena;
	req->route = route;
	req->spec.fn = route->io ? run_layered : run_handler;
	req->spec.done = on_done;
	req_fill_scope(&req->scope, ex);
	if (route->io) {
		req->pub.io = route->io;
		req->gzip = NULL;
	}

	if (site->ids != SITE_IDS_MADE)
		request_ids_take(req);
	ex->owner = req;
	*site->last_route = route->number;
	r = req_run(req);
	if (r < 0) {
		log_write(site->log, LOG_AT_WARN, "%s: no memory for a task", route->name);
		refuse(ex, 503);
	}
}

/* No handler runs. */
static COLD void answer_stray(struct exchange *ex, const struct router_match *match,
			      enum router_verdict verdict)
{
	const struct site *site = ex->up_arg;

	if (site->stray && rate_apply(site, site->stray, ex, "no route"))
		return;
	https_tell(&site->https, ex);
	switch (verdict) {
	case ROUTER_OPTIONS:
		answer_allow(ex, 204, match->allow);
		return;
	case ROUTER_NOT_ALLOWED:
		answer_allow(ex, 405, match->allow);
		return;
	case ROUTER_MISDIRECTED:
		refuse_for(ex, "no route", FAULT_HOST_UNKNOWN);
		return;
	case ROUTER_NOT_FOUND:
	case ROUTER_FOUND:
		break;
	}
	refuse(ex, 404);
}

HOT void req_start(struct exchange *ex)
{
	struct req *req = arena_alloc(&ex->arena, sizeof(*req));
	struct site *site = ex->up_arg;
	enum router_verdict verdict;

	if (!req) {
		refuse(ex, 503);
		return;
	}
	verdict = router_find(site->router, ex->head.method_id, ex->uri.segments, &req->match);
	if (verdict == ROUTER_FOUND)
		run(req, ex);
	else
		answer_stray(ex, &req->match, verdict);
}

/*
 * RFC 9110, section 7.4: what is asked for over TLS must be a host's that the certificate shown
 * is for. Who asks for the name that it has connected to has looked at the certificate itself;
 * who has named none has not asked for any; and a proxy of ours is a gateway that we trust.
 */
static bool is_proven(const struct exchange *ex)
{
	weir_str asked, host;

	if (!ex->tls || ex->is_trusted || ex->tls->server_name.len == 0)
		return true;
	asked = ex->tls->server_name;
	host = host_name(ex->head.host);
	if (host.len > 0 && host.ptr[host.len - 1] == '.')
		host.len--;
	return str_eq_nocase(asked, host) || tls_info_is_for(ex->tls, host);
}

void req_start_by_host(struct exchange *ex)
{
	struct req *req = arena_alloc(&ex->arena, sizeof(*req));
	const struct site *site = ex->up_arg;
	enum router_verdict verdict;

	if (!req) {
		refuse(ex, 503);
		return;
	}
	if (!is_proven(ex)) {
		refuse_for(ex, "no route", FAULT_HOST_UNPROVEN);
		return;
	}
	verdict = hosts_find(site->hosts, ex->head.host, ex->head.method_id, ex->uri.segments,
			     &req->match);
	if (verdict == ROUTER_FOUND)
		run(req, ex);
	else
		answer_stray(ex, &req->match, verdict);
}

void req_readable(struct exchange *ex)
{
	struct req *req = ex->owner;

	if (req)
		wait_wake(&req->readable);
}

void req_writable(struct exchange *ex)
{
	struct req *req = ex->owner;

	if (req)
		wait_wake(&req->writable);
}

void req_gone(struct exchange *ex)
{
	struct req *req = ex->owner;

	if (!req)
		return; /* its handler has not begun */
	if (req->task && !(req->route->flags & WEIR_FINISH_ANYWAY))
		task_cancel(req->task, REASON_DISCONNECT);
	/* Who still waits, because it may finish or is shielded, must hear -EPIPE instead. */
	if (req->readable.task)
		wait_wake(&req->readable);
	if (req->writable.task)
		wait_wake(&req->writable);
	sse_gone(req);
}

/* Refused before there was a handler, it has only a route, or not even that. */
void req_describe(const struct exchange *ex, struct access_log_line *line)
{
	const struct req *req = ex->owner;
	const struct ticks *ticks;

	if (!req)
		return;
	line->route = req->route->path ? weir_strz(req->route->path) : WEIR_STR("");
	line->handler = weir_strz(req->name);
	line->request_id = req->scope.request_id;
	if (req->trace)
		line->trace_id = request_ids_trace(req);
	ticks = req->site->ticks;
	if (!ticks)
		return;
	line->queue_us = ticks_us(ticks, ex->came, ex->started);
	line->job_us = ticks_us(ticks, 0, req->job_ticks);
	line->write_us = ticks_us(ticks, 0, req->write_ticks);
}

int req_park(const struct site *site, struct wait *wait, uint64_t *ticks)
{
	uint64_t began = site->ticks ? ticks_now(site->ticks) : 0;
	int r;

	r = wait_park(wait);
	if (site->ticks)
		*ticks += ticks_now(site->ticks) - began;
	return r;
}

/* ---- without a client */

static int task_main(void *arg)
{
	struct req *req = arg;

	return req->task_fn(&req->pub, req->task_arg);
}

static void on_task_done(struct task_spec *spec, int result)
{
	struct req *req = container_of(spec, struct req, spec);

	req->task = NULL;
	pubsub_end(&req->subs);
	job_release_all(&req->jobs);
	req->ended(req, result);
}

int req_new_task(struct site *site, struct weir_app *app, const char *name,
		 int (*fn)(weir_req *req, void *arg), void *arg,
		 void (*ended)(struct req *req, int result), void *ended_arg, struct req **ret_req)
{
	struct req *req = calloc(1, sizeof(*req));

	if (!req)
		return -ENOMEM;
	req_init(req, site, app, name);
	req->own_budget.limit = site->task_memory;
	arena_init(&req->own_arena, &req->own_budget);
	req->arena = &req->own_arena;
	req->task_fn = fn;
	req->task_arg = arg;
	req->ended = ended;
	req->ended_arg = ended_arg;
	req->spec.fn = task_main;
	req->spec.done = on_task_done;
	req->scope.type = WEIR_SCOPE_TASK;
	*ret_req = req;
	return 0;
}

int req_start_task(struct req *req)
{
	return task_start(req->site->sched, &req->spec, &req->task);
}

struct req *req_free_task(struct req *req)
{
	if (!req)
		return NULL;
	assert(!req->task);
	buf_done(&req->body);
	arena_done(&req->own_arena);
	free(req);
	return NULL;
}

/* ---- for whoever works on a request */

int req_fail(struct req *req, int error, weir_str words)
{
	req->fail_words = words;
	return error;
}

int req_fields_add(struct req *req, struct req_fields *fields, weir_str name, weir_str value)
{
	if (fields->n == fields->cap) {
		size_t cap = fields->cap ? fields->cap * 2 : 4;
		weir_header *items = arena_alloc(req->arena, cap * sizeof(*items));

		if (!items)
			return -ENOMEM;
		if (fields->n > 0)
			memcpy(items, fields->items, fields->n * sizeof(*items));
		fields->items = items;
		fields->cap = cap;
	}
	fields->items[fields->n++] = (weir_header){ name, value };
	return 0;
}
