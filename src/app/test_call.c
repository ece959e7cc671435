/*
 * test_call.c - a worker and a client in one: the request is written as bytes
 * and read by the server's own reader, the handler runs in a site like any
 * other, and what it answers is kept instead of sent. There is no socket, and
 * the clock jumps.
 *
 * The hard thing is a handler that does not end. A timer stands for the
 * client's patience, so the loop always has something to go on to; after it
 * another one stands for ours.
 */
#include "app/test_call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/req.h"
#include "app/ws.h"
#include "base/siphash.h"
#include "proto/fields.h"

#define PATIENCE_MS TEST_CALL_PATIENCE_MS
/* A thousand years: the clock has room for what comes after. */
#define LONGEST_MS ((int64_t)1000 * 366 * 24 * 3600 * 1000)
#define MAX_BODY ((size_t)1024 * 1024)
#define MAX_ANSWER ((size_t)64 * 1024 * 1024)
#define MAX_HEAD ((size_t)256 * 1024)
#define REQUEST_MEMORY ((size_t)1024 * 1024)
#define MAX_TASKS 10000
#define MAX_JOB_PAYLOAD ((size_t)16 * 1024 * 1024)
#define PIECE 16384

/* ---- the reply */

struct test_reply *test_call_reply_free(struct test_reply *reply)
{
	if (!reply)
		return NULL;
	arena_done(&reply->arena);
	buf_done(&reply->body);
	free(reply);
	return NULL;
}

struct test_reply *test_call_reply_new(void)
{
	struct test_reply *reply = calloc(1, sizeof(*reply));

	if (!reply)
		return NULL;
	reply->budget.limit = SIZE_MAX;
	arena_init(&reply->arena, &reply->budget);
	buf_init(&reply->body, MAX_ANSWER);
	return reply;
}

/* The call could not be made. */
int test_call_say_instead(struct test_call *call, int error, const char *words)
{
	buf_clear(&call->reply->body);
	call->reply->pub.status = 0;
	buf_say(&call->reply->body, "%s", words);
	return error;
}

/* ---- the exchange's other end */

static struct test_call *of_exchange(const struct exchange *ex)
{
	return ex->conn;
}

static int down_interim(struct exchange *ex, int status, const weir_header *fields, size_t n_fields)
{
	return 0;
}

static int keep_head(struct exchange *ex, const weir_header *fields, size_t n_fields)
{
	struct test_reply *reply = of_exchange(ex)->reply;
	weir_header *headers = arena_alloc(&reply->arena, (1 + n_fields) * sizeof(*headers));
	size_t n = 0;

	if (!headers)
		return -ENOMEM;
	if (ex->type.ptr) {
		headers[n].name = WEIR_STR("content-type");
		headers[n++].value = arena_copy(&reply->arena, ex->type);
	}
	for (size_t i = 0; i < n_fields; i++) {
		headers[n].name = arena_copy(&reply->arena, fields[i].name);
		headers[n++].value = arena_copy(&reply->arena, fields[i].value);
	}
	reply->pub.headers = headers;
	reply->pub.n_headers = n;
	return reply->budget.is_short ? -ENOMEM : 0;
}

static int down_head(struct exchange *ex, int64_t content_length, const weir_header *fields,
		     size_t n_fields, weir_str body)
{
	int r;

	r = keep_head(ex, fields, n_fields);
	return r < 0 ? r : buf_append_str(&of_exchange(ex)->reply->body, body);
}

/* Only a WebSocket has somewhere to go: see test_ws.c. */
static int down_upgrade(struct exchange *ex, const weir_header *fields, size_t n_fields,
			struct tunnel **ret_tunnel)
{
	struct test_call *call = of_exchange(ex);
	int r;

	if (!call->upgrade)
		return -EOPNOTSUPP;
	r = keep_head(ex, fields, n_fields);
	return r < 0 ? r : call->upgrade(call, ret_tunnel);
}

static ssize_t down_piece(struct exchange *ex, weir_str bytes)
{
	int r;

	r = buf_append_str(&of_exchange(ex)->reply->body, bytes);
	return r < 0 ? r : (ssize_t)bytes.len;
}

static int down_file(struct exchange *ex, int fd, uint64_t offset, uint64_t len)
{
	struct buf *body = &of_exchange(ex)->reply->body;
	int r;

	r = buf_reserve(body, len);
	if (r < 0)
		return r;
	while (len > 0) {
		ssize_t n = pread(fd, body->data + body->len, len, (off_t)offset);

		if (n <= 0) {
			exchange_abort(ex);
			return -EPIPE;
		}
		body->len += (size_t)n;
		offset += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

static int down_end(struct exchange *ex, const weir_header *trailers, size_t n_trailers)
{
	return 0;
}

static int down_next(struct exchange *ex, weir_str *ret_piece)
{
	struct test_call *call = of_exchange(ex);
	size_t left = call->opts.body.len - call->body_at;
	size_t n = left < PIECE ? left : PIECE;

	if (n == 0)
		return 0;
	*ret_piece = (weir_str){ call->opts.body.ptr + call->body_at, n };
	call->body_at += n;
	return 1;
}

static void down_abort(struct exchange *ex)
{
}

static const struct exchange_down test_down = {
	.interim = down_interim,
	.head = down_head,
	.piece = down_piece,
	.file = down_file,
	.end = down_end,
	.next = down_next,
	.upgrade = down_upgrade,
	.abort = down_abort,
};

/* The handler has ended and everything is said. */
static void on_finish(struct exchange *ex)
{
	struct test_call *call = ex->maker;
	weir_reply *pub = &call->reply->pub;

	pub->status = ex->status ? ex->status : 499;
	pub->is_cut = ex->status && ex->phase != EXCHANGE_ENDED;
	call->ex = NULL;
	call->is_done = true;
	exchange_release(&call->exchanges, ex);
}

/* ---- time */

static void on_given_up(struct timer *timer)
{
	container_of(timer, struct test_call, patience)->is_given_up = true;
}

/* The client leaves; what runs for it is cancelled, and has some time to notice. */
static void on_patience(struct timer *timer)
{
	struct test_call *call = container_of(timer, struct test_call, patience);

	timer_init(&call->patience, on_given_up);
	loop_timer_start(call->loop, &call->patience, loop_now_ms(call->loop) + PATIENCE_MS);
	if (call->ex && !exchange_is_gone(call->ex))
		exchange_detach(call->ex);
}

/* Turns until what was begun is done. -ETIMEDOUT when it never ends. */
static int wait_done(struct test_call *call, int64_t patience_ms)
{
	timer_init(&call->patience, on_patience);
	loop_timer_start(call->loop, &call->patience, loop_now_ms(call->loop) + patience_ms);
	while (!call->is_done && !call->is_given_up)
		loop_turn(call->loop, true);
	loop_timer_stop(call->loop, &call->patience);
	if (call->is_given_up)
		return -ETIMEDOUT;
	call->is_done = false;
	return 0;
}

/* ---- the request */

static bool has_field(const weir_test_opts *opts, const char *name)
{
	for (size_t i = 0; i < opts->n_headers; i++) {
		if (weir_str_eq(opts->headers[i].name, weir_strz(name)))
			return true;
	}
	return false;
}

static int write_head(struct test_call *call)
{
	const weir_test_opts *opts = &call->opts;
	struct buf *head = &call->head;
	int r;

	r = buf_printf(head, "%s %s HTTP/1.1\r\n", opts->method ? opts->method : "GET",
		       opts->path ? opts->path : "/");
	if (r >= 0 && !has_field(opts, "host"))
		r = buf_printf(head, "host: test\r\n");
	for (size_t i = 0; r >= 0 && i < call->n_own; i++) {
		if (!has_field(opts, call->own[i].name.ptr))
			r = buf_printf(head, "%s: %s\r\n", call->own[i].name.ptr,
				       call->own[i].value.ptr);
	}
	if (r >= 0 && opts->body.len > 0 && !has_field(opts, "content-length"))
		r = buf_printf(head, "content-length: %zu\r\n", opts->body.len);
	for (size_t i = 0; r >= 0 && i < opts->n_headers; i++) {
		r = buf_append_str(head, opts->headers[i].name);
		if (r >= 0)
			r = buf_append(head, ": ", 2);
		if (r >= 0)
			r = buf_append_str(head, opts->headers[i].value);
		if (r >= 0)
			r = buf_append(head, "\r\n", 2);
	}
	return r < 0 ? r : buf_append(head, "\r\n", 2);
}

static int read_head(struct test_call *call, enum fault *reterr_fault)
{
	struct exchange *ex = call->ex;
	ssize_t n;

	n = h1_read_head(&call->read, call->head.data, call->head.len, &ex->arena, &ex->head,
			 reterr_fault);
	if (n < 0)
		return (int)n;
	/* A header of the test that holds an empty line would end the head early. */
	if (n == 0 || (size_t)n != call->head.len)
		return -EPROTO;
	return uri_parse(&ex->arena, ex->head.target, &ex->uri, reterr_fault);
}

/* An exchange as a connection would make it. */
static int make_exchange(struct test_call *call)
{
	enum fault fault = FAULT_H1_SYNTAX;
	struct exchange *ex;
	int r;

	r = write_head(call);
	if (r < 0)
		return test_call_say_instead(call, r, "the request is too large for a test");
	ex = exchange_new(&call->exchanges);
	if (!ex)
		return test_call_say_instead(call, -ENOMEM, "no memory");
	call->ex = ex;
	ex->down = &test_down;
	ex->up = &site_up;
	ex->up_arg = &call->site;
	ex->finish = on_finish;
	ex->maker = call;
	ex->conn = call;
	ex->client = WEIR_STR("127.0.0.1:40000");
	ex->server = WEIR_STR("127.0.0.1:80");
	ex->scheme = WEIR_STR("http");
	ex->started_ms = loop_now_ms(call->loop);
	r = read_head(call, &fault);
	if (r < 0) {
		exchange_release(&call->exchanges, ex);
		call->ex = NULL;
		return test_call_say_instead(call, r, fault_words(fault));
	}
	return 0;
}

/* Stands where the handler would, so that what the server allocates for itself never fails. */
static int run_handler(weir_req *pub)
{
	struct req *req = req_of(pub);
	struct test_call *call = container_of(req->site, struct test_call, site);

	if (call->opts.fail_alloc_at > 0)
		arena_fail_at(req->arena, call->opts.fail_alloc_at);
	return call->handler(pub);
}

int test_call_start(struct test_call *call)
{
	int r;

	r = make_exchange(call);
	if (r < 0)
		return r;
	call->ex->up->start(call->ex);
	return 0;
}

static int serve(struct test_call *call)
{
	int64_t patience_ms = call->opts.disconnect_after_ms;
	int r;

	r = test_call_start(call);
	if (r < 0)
		return r;
	r = wait_done(call, patience_ms > 0 ? patience_ms : PATIENCE_MS);
	if (r < 0)
		return test_call_say_instead(call, r,
					     "the handler never ends, although it was cancelled");
	return 0;
}

/* ---- the module around it */

static void on_lifespan(void *arg, int result)
{
	struct test_call *call = arg;

	call->result = result;
	call->is_done = true;
}

static int start_module(struct test_call *call)
{
	struct buf words;
	int r;

	buf_init(&words, 1024);
	r = module_wrap(call->opts.module, &call->log, &words, &call->app);
	if (r < 0)
		buf_say(&call->reply->body, "%.*s", WEIR_ARG(buf_str(&words)));
	buf_done(&words);
	if (r < 0)
		return r;
	call->route.app = call->app;
	r = lifespan_new(&call->site, &call->app, 1, MAX_TASKS, &call->lifespan);
	if (r < 0)
		return r;
	lifespan_startup(call->lifespan, on_lifespan, call);
	r = wait_done(call, PATIENCE_MS);
	if (r < 0)
		return test_call_say_instead(call, r, "startup() never ends");
	if (call->result < 0)
		return test_call_say_instead(call, call->result, lifespan_words(call->lifespan));
	return 0;
}

int test_call_end(struct test_call *call)
{
	int r;

	if (!call->lifespan)
		return 0;
	lifespan_shutdown(call->lifespan, on_lifespan, call);
	r = wait_done(call, PATIENCE_MS);
	if (r < 0)
		return test_call_say_instead(call, r, "shutdown() or a background task never ends");
	return 0;
}

/* ---- the world */

static int make_router(struct test_call *call)
{
	const char *pattern = call->opts.route ? call->opts.route : "/{path...}";
	const char *words = "no memory";
	void *other;
	int r;

	call->router = router_new();
	if (!call->router)
		return -ENOMEM;
	call->route = (struct route){
		.name = "test",
		.fn = run_handler,
		.max_body = MAX_BODY,
		.request_memory = REQUEST_MEMORY,
	};
	r = router_add(call->router, weir_strz(pattern), ROUTER_ANY_METHOD, &call->route, &words,
		       &other);
	return r < 0 ? test_call_say_instead(call, r, words) : 0;
}

static int make_world(struct test_call *call)
{
	static const struct siphash_key secret; /* nobody guesses at names here */
	const struct sched_opts opts = { .max_tasks = MAX_TASKS, .log = &call->log };
	int r;

	log_init(&call->log, STDERR_FILENO, LOG_AT_INFO);
	buf_init(&call->head, MAX_HEAD);
	exchange_pool_init(&call->exchanges, REQUEST_MEMORY);
	call->limits = (struct h1_limits){ .max_head = MAX_HEAD,
					   .max_target = MAX_HEAD,
					   .max_fields = 1000 };
	call->fields_at = calloc(call->limits.max_fields, sizeof(*call->fields_at));
	if (!call->fields_at)
		return -ENOMEM;
	h1_read_init(&call->read, &call->limits, call->fields_at);
	r = loop_new_virtual(&call->loop);
	if (r < 0)
		return r;
	r = sched_new(call->loop, &opts, &call->sched);
	if (r < 0)
		return r;
	r = make_router(call);
	if (r < 0)
		return r;
	site_init(&call->site, call->loop, call->sched, &call->log, call->router);
	call->site.task_memory = REQUEST_MEMORY;
	topics_init(&call->topics, &secret, 0);
	call->site.topics = &call->topics;
	test_jobs_init(&call->jobs, call->loop, &call->log, MAX_JOB_PAYLOAD);
	call->site.jobs = &call->jobs.carrier;
	call->site.max_job_payload = MAX_JOB_PAYLOAD;
	return 0;
}

int test_call_begin(struct test_call *call)
{
	int r;

	r = make_world(call);
	return r >= 0 && call->opts.module ? start_module(call) : r;
}

struct test_call *test_call_free(struct test_call *call)
{
	if (!call)
		return NULL;
	if (call->site.jobs)
		test_jobs_done(&call->jobs);
	call->lifespan = lifespan_free(call->lifespan);
	call->app = module_free(call->app);
	site_done(&call->site);
	h1_read_done(&call->read);
	free(call->fields_at);
	buf_done(&call->head);
	exchange_pool_done(&call->exchanges);
	if (call->site.topics)
		topics_done(&call->topics);
	call->router = router_free(call->router);
	call->sched = sched_free(call->sched);
	call->loop = loop_free(call->loop);
	free(call);
	return NULL;
}
DEFINE_CLEANUP(struct test_call, test_call_free)

/* opts may be those of an older header. */
struct test_call *test_call_new(weir_handler *handler, const weir_test_opts *opts,
				struct test_reply *reply)
{
	struct test_call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	memcpy(&call->opts, opts, opts->size < sizeof(*opts) ? opts->size : sizeof(*opts));
	if (call->opts.disconnect_after_ms > LONGEST_MS)
		call->opts.disconnect_after_ms = LONGEST_MS;
	call->handler = handler;
	call->reply = reply;
	return call;
}

static int run_call(struct test_call *call)
{
	int r, r_stop;

	r = test_call_begin(call);
	if (r >= 0)
		r = serve(call);
	/* What never ends holds on to all of it: nothing more can be done here. */
	if (call->is_given_up)
		return r;
	r_stop = test_call_end(call);
	return r < 0 ? r : r_stop;
}

static int test_call(weir_handler *handler, const weir_test_opts *opts, struct test_reply *reply)
{
	_cleanup_(test_call_freep) struct test_call *call = test_call_new(handler, opts, reply);
	int r;

	if (!call)
		return -ENOMEM;
	r = run_call(call);
	if (call->is_given_up)
		(void)steal_ptr(call); /* a task still runs in it */
	return r;
}

const weir_reply *weir_test_call_with(weir_handler *handler, const weir_test_opts *opts)
{
	/* weir/test.h promises that the reply lives until the next call: so somebody must keep it. */
	static struct test_reply *last;
	static const weir_reply no_memory = { .status = 0 };
	struct test_reply *reply = test_call_reply_new();
	int r;

	last = test_call_reply_free(last);
	if (!reply)
		return &no_memory;
	last = reply;
	r = test_call(handler, opts, reply);
	if (r < 0 && reply->body.len == 0)
		buf_say(&reply->body, "%s", strerror(-r));
	reply->pub.body = buf_str(&reply->body);
	return &reply->pub;
}
