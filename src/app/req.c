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
#include "app/module.h"
#include "app/response_api.h"
#include "app/site.h"
#include "base/log.h"
#include "io/loop.h"
#include "proto/http.h"
#include "serve/errpage.h"

/* ---- answers without a handler, and for handlers that gave none */

/* A small page, on the loop's stack. What finds no room cuts the answer. */
static void answer_page(struct exchange *ex, int status, const char *words,
			const weir_header *extra, size_t n_extra)
{
	weir_header fields[2] = { { WEIR_STR("content-type"),
				    WEIR_STR("text/plain; charset=utf-8") } };
	bool has_body = http_status_has_body(status);
	char body[ERRPAGE_MAX];
	size_t n = has_body ? 1 : 0, len = has_body ? errpage_body(body, status, words) : 0;
	ssize_t taken;

	assert(n_extra <= 1);
	if (n_extra)
		fields[n++] = *extra;
	if (exchange_head(ex, status, has_body ? (int64_t)len : -1, fields, n) < 0)
		return;
	taken = exchange_piece(ex, (weir_str){ body, len });
	if (taken != (ssize_t)len || exchange_end(ex, NULL, 0) < 0)
		exchange_abort(ex);
}

/* http.h promises this table: only what the client did may look like the client's fault. */
static int status_of(const struct exchange *ex, int error)
{
	if (error <= WEIR_STATUS(100) && error >= WEIR_STATUS(999))
		return -error - 10000;
	if ((error == -EBADMSG || error == -EMSGSIZE) && ex->fault != FAULT_NONE)
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
	const char *name = error < 0 ? strerrorname_np(-error) : NULL;

	return name ? name : "an unknown error";
}

static void log_failure(const struct req *req, int error, int status, const char *what)
{
	weir_str words = req->fail_words;

	log_write(req->site->log, LOG_AT_ERROR, "%s: %.*s %.*s: %s (%d): %s%s%.*s", req->name,
		  WEIR_ARG(req->scope.method), WEIR_ARG(req->scope.path), what, status,
		  error_name(error), words.len ? ": " : "", WEIR_ARG(words));
}

static void conclude_unanswered(struct req *req, int result)
{
	struct exchange *ex = req->ex;
	weir_header retry = { WEIR_STR("retry-after"), WEIR_STR("1") };
	int status;

	if (result >= 0) {
		req->fail_words = WEIR_STR("it returned without having answered");
		result = -EPROTO;
	}
	status = status_of(ex, result);
	if (status >= 500 && result > WEIR_STATUS(100)) {
		req->site->n_failed++;
		log_failure(req, result, status, "failed");
	} else if (ex->fault != FAULT_NONE) {
		log_write(req->site->log, LOG_AT_INFO, "%.*s: %s refused with %d %s: %s",
			  WEIR_ARG(ex->client), req->name, status, fault_name(ex->fault),
			  fault_words(ex->fault));
	}
	answer_page(ex, status, NULL, &retry, status == 503);
}

/* The handler has returned: everything it left open is closed. */
static void conclude(struct req *req, int result)
{
	struct exchange *ex = req->ex;

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
		req->site->n_failed++;
		if (result >= 0)
			req->fail_words = WEIR_STR("the body is shorter than its content-length");
		log_failure(req, result < 0 ? result : -EPROTO, ex->status, "broke off its answer");
		break;
	case EXCHANGE_ENDED:
		if (result < 0 && result != -ECANCELED)
			log_failure(req, result, ex->status, "failed after its answer");
		break;
	case EXCHANGE_ABORTED:
		if (!exchange_is_gone(ex) && result != -ECANCELED && result != -EPIPE)
			log_failure(req, result, ex->status, "broke off its answer");
		break;
	}
}

static void on_done(struct task_spec *spec, int result)
{
	struct req *req = container_of(spec, struct req, spec);
	struct exchange *ex = req->ex;

	req->task = NULL;
	list_del(&req->link);
	buf_done(&req->body);
	conclude(req, result);
	exchange_finish(ex);
}

/* ---- start */

static int req_main(void *arg)
{
	struct req *req = arg;

	int r;

	r = req->route->fn(&req->pub);
	return r >= 0 ? response_api_end(req) : r;
}

/* Sixteen hex digits that differ between requests and, likely, between workers. */
static void make_id(struct site *site, char ret_id[REQ_ID_LEN])
{
	static const char digits[] = "0123456789abcdef";
	uint64_t id = site->next_id++;

	/* Odd multiplier: a bijection, so that ids of neighbours look unlike and never repeat. */
	id = (id * 0x9e3779b97f4a7c15u) ^ site->id_seed;
	for (size_t i = REQ_ID_LEN; i-- > 0; id >>= 4)
		ret_id[i] = digits[id & 15];
}

static void fill_scope(struct req *req, const struct exchange *ex)
{
	struct weir_scope *scope = &req->scope;

	scope->type = WEIR_SCOPE_HTTP;
	scope->http_version = ex->head.version;
	scope->method = ex->head.method;
	scope->scheme = ex->scheme;
	scope->path = ex->uri.path;
	scope->raw_path = ex->uri.raw_path;
	scope->query = ex->uri.query;
	scope->headers = ex->head.fields;
	scope->n_headers = ex->head.n_fields;
	scope->client = ex->client;
	scope->server = ex->server;
}

/* What every kind of request has. The rest of req is zero. */
static void req_init(struct req *req, struct site *site, struct weir_app *app, const char *name)
{
	req->site = site;
	req->app = app;
	req->name = name;
	req->content_length = -1;
	list_init(&req->link);
	wait_init(&req->readable);
	wait_init(&req->writable);
	mutex_init(&req->sending);
	req->spec.arg = req;
	req->spec.name = name;
	req->spec.user = req;
	make_id(site, req->id);
	req->scope.request_id = (weir_str){ req->id, REQ_ID_LEN };
	req->pub.scope = &req->scope;
	req->pub.state = app ? app->state : NULL;
	req->pub.io = &asgi_io;
}

static struct req *req_alloc(struct exchange *ex, const struct route *route)
{
	struct req *req = arena_alloc(&ex->arena, sizeof(*req));

	if (!req)
		return NULL;
	memset(req, 0, offsetof(struct req, own_arena));
	req_init(req, ex->up_arg, route->app, route->name);
	req->ex = ex;
	req->arena = &ex->arena;
	req->route = route;
	req->fields.items = (weir_header *)(void *)req->first_fields;
	req->fields.cap = sizeof(req->first_fields) / sizeof(weir_header);
	req->spec.fn = req_main;
	req->spec.done = on_done;
	fill_scope(req, ex);
	if (route->io)
		req->pub.io = route->io;
	return req;
}

static void refuse(struct exchange *ex, int status, const char *words, const weir_header *extra)
{
	answer_page(ex, status, words, extra, extra ? 1 : 0);
	exchange_finish(ex);
}

/* The handler runs at once; if it ends at once, the exchange is gone when this returns. */
static int start_task(struct req *req)
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

static void run(struct exchange *ex, struct router_match *match)
{
	const struct route *route = match->target;
	struct site *site = ex->up_arg;
	enum fault fault;
	struct req *req;
	int r;

	ex->max_body = route->max_body;
	ex->half_close = route->half_close;
	ex->is_logged = route->is_logged;
	if (route->request_memory)
		ex->budget.limit = route->request_memory;
	r = router_decode(match, &ex->arena, &fault);
	if (r < 0) {
		refuse(ex, r == -ENOMEM ? 503 : 400, NULL, NULL);
		return;
	}
	req = req_alloc(ex, route);
	if (!req) {
		refuse(ex, 503, NULL, NULL);
		return;
	}
	req->match = *match;
	ex->owner = req;
	r = start_task(req);
	if (r < 0) {
		log_write(site->log, LOG_AT_WARN, "%s: no memory for a task", route->name);
		refuse(ex, 503, NULL, NULL);
	}
}

void req_start(struct exchange *ex)
{
	struct site *site = ex->up_arg;
	weir_header allow = { .name = WEIR_STR("allow") };
	struct router_match match;

	ex->owner = NULL;
	switch (router_find(site->router, ex->head.method_id, ex->uri.segments, &match)) {
	case ROUTER_FOUND:
		run(ex, &match);
		return;
	case ROUTER_OPTIONS:
		allow.value = match.allow;
		refuse(ex, 204, NULL, &allow);
		return;
	case ROUTER_NOT_ALLOWED:
		allow.value = match.allow;
		refuse(ex, 405, NULL, &allow);
		return;
	case ROUTER_NOT_FOUND:
		refuse(ex, 404, NULL, NULL);
		return;
	}
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

	assert(req);
	if (req->task && !(req->route->flags & WEIR_FINISH_ANYWAY))
		task_cancel(req->task, REASON_DISCONNECT);
	/* One that is not cancelled must hear -EPIPE instead. */
	wait_wake(&req->readable);
	wait_wake(&req->writable);
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

/* ---- what a running handler does */

int req_fail(struct req *req, int error, weir_str words)
{
	req->fail_words = words;
	req->fail_error = error;
	return error;
}

int req_fields_add(struct req *req, struct req_fields *fields, weir_str name, weir_str value)
{
	if (fields->n == fields->cap) {
		size_t cap = fields->cap ? fields->cap * 2 : 4;
		weir_header *items = arena_alloc(req->arena, cap * sizeof(*items));

		if (!items)
			return -ENOMEM;
		memcpy(items, fields->items, fields->n * sizeof(*items));
		fields->items = items;
		fields->cap = cap;
	}
	fields->items[fields->n++] = (weir_header){ name, value };
	return 0;
}

/* What every call that would send asks first. */
static int check_send(struct req *req)
{
	struct budget *budget = req->arena->budget;
	int r;

	r = task_check();
	if (r < 0)
		return r;
	if (!req->ex)
		return -EOPNOTSUPP;
	if (!budget->is_short)
		return 0;
	budget->is_short = false;
	return -ENOMEM;
}

int req_head(struct req *req, int status, int64_t content_length, const weir_header *fields,
	     size_t n_fields)
{
	int r;

	r = check_send(req);
	if (r < 0)
		return r;
	return exchange_head(req->ex, status, content_length, fields, n_fields);
}

int req_interim(struct req *req, int status, const weir_header *fields, size_t n_fields)
{
	int r;

	r = check_send(req);
	if (r < 0)
		return r;
	return exchange_interim(req->ex, status, fields, n_fields);
}

/* Cut short in the middle: what the client has is no complete answer any more. */
static int send_pieces(struct req *req, weir_str bytes)
{
	int r;

	for (;;) {
		ssize_t n = exchange_piece(req->ex, bytes);

		if (n < 0)
			return (int)n;
		bytes.ptr += n;
		bytes.len -= (size_t)n;
		if (bytes.len == 0)
			return 0;
		r = wait_park(&req->writable);
		if (r < 0) {
			exchange_abort(req->ex);
			return r;
		}
	}
}

int req_piece(struct req *req, weir_str bytes)
{
	int r;

	r = check_send(req);
	if (r < 0)
		return r;
	r = mutex_lock(&req->sending);
	if (r < 0)
		return r;
	r = send_pieces(req, bytes);
	mutex_unlock(&req->sending);
	return r;
}

static int send_file(struct req *req, int fd, uint64_t offset, uint64_t len)
{
	int r, queued;

	for (;;) {
		/* A wake that was meant for an earlier call must not end this one. */
		wait_init(&req->writable);
		queued = exchange_file(req->ex, fd, offset, len);
		if (queued != -EAGAIN && queued <= 0)
			return queued;
		r = wait_park(&req->writable);
		if (r < 0) {
			exchange_abort(req->ex);
			return r;
		}
		if (exchange_is_gone(req->ex))
			return -EPIPE;
		if (queued == 1)
			return 0;
	}
}

int req_file(struct req *req, int fd, uint64_t offset, uint64_t len)
{
	int r;

	r = check_send(req);
	if (r < 0)
		return r;
	r = mutex_lock(&req->sending);
	if (r < 0)
		return r;
	r = send_file(req, fd, offset, len);
	mutex_unlock(&req->sending);
	return r;
}

int req_end(struct req *req, const weir_header *trailers, size_t n_trailers)
{
	int r;

	r = check_send(req);
	if (r < 0)
		return r;
	r = mutex_lock(&req->sending);
	if (r < 0)
		return r;
	r = exchange_end(req->ex, trailers, n_trailers);
	mutex_unlock(&req->sending);
	return r;
}

int req_next(struct req *req, weir_str *ret_piece)
{
	int r;

	r = task_check();
	if (r < 0)
		return r;
	if (!req->ex)
		return -EOPNOTSUPP;
	if (req->is_receiving)
		return -EBUSY;

	req->is_receiving = true;
	while ((r = exchange_next(req->ex, ret_piece)) == -EAGAIN) {
		r = wait_park(&req->readable);
		if (r < 0)
			break;
	}
	req->is_receiving = false;
	return r;
}
