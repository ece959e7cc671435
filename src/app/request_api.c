/*
 * request_api.c - the half of weir/http.h that reads: memory, header fields,
 * query, parameters, body, and what goes to the log.
 */
#include "app/request_api.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/asgi.h"
#include "app/req.h"
#include "app/req_io.h"
#include "app/request_ids.h"
#include "app/scratch.h"
#include "app/site.h"
#include "base/log.h"
#include "base/str.h"
#include "proto/uri.h"

/* ---- memory */

void *weir_alloc(weir_req *req, size_t size)
{
	return arena_alloc(scratch_arena(req_of(req)), size);
}

weir_str weir_copy(weir_req *req, weir_str s)
{
	return arena_copy(scratch_arena(req_of(req)), s);
}

static weir_str vprintf_in(struct arena *arena, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
static weir_str vprintf_in(struct arena *arena, const char *fmt, va_list ap)
{
	char small[256];
	va_list again;
	char *text;
	int n;

	va_copy(again, ap);
	n = vsnprintf(small, sizeof(small), fmt, again);
	va_end(again);
	if (n < 0)
		return (weir_str){ NULL, 0 };
	text = arena_bytes(arena, (size_t)n + 1);
	if (!text)
		return (weir_str){ NULL, 0 };
	if ((size_t)n < sizeof(small))
		memcpy(text, small, (size_t)n + 1);
	else
		(void)vsnprintf(text, (size_t)n + 1, fmt, ap);
	return (weir_str){ text, (size_t)n };
}

struct printf_call {
	struct arena *arena;
	const char *fmt;
	va_list *ap;
	weir_str text;
};

/* The format was checked where weir_printf() was called. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void printf_outside(void *arg)
{
	struct printf_call *call = arg;

	call->text = vprintf_in(call->arena, call->fmt, *call->ap);
}
#pragma GCC diagnostic pop

weir_str request_api_vprintf(weir_req *pub, const char *fmt, va_list ap)
{
	struct req *req = req_of(pub);
	struct printf_call call = { .arena = scratch_arena(req), .fmt = fmt };
	va_list copy;

	if (!req->offer)
		return vprintf_in(call.arena, fmt, ap);
	/* vsnprintf() would make a second page of a session's stack resident. */
	va_copy(copy, ap);
	call.ap = &copy;
	sched_outside(printf_outside, &call);
	va_end(copy);
	return call.text;
}

weir_str weir_printf(weir_req *req, const char *fmt, ...)
{
	weir_str text;
	va_list ap;

	va_start(ap, fmt);
	text = request_api_vprintf(req, fmt, ap);
	va_end(ap);
	return text;
}

/* ---- the head */

static weir_str find_field(const weir_header *fields, size_t n_fields, const char *name)
{
	weir_str wanted = weir_strz(name);

	for (size_t i = 0; i < n_fields; i++) {
		if (str_eq_nocase(fields[i].name, wanted))
			return fields[i].value;
	}
	return (weir_str){ NULL, 0 };
}

weir_str weir_header_get(const weir_req *req, const char *name)
{
	return find_field(req->scope->headers, req->scope->n_headers, name);
}

weir_str weir_trailer_get(const weir_req *req, const char *name)
{
	const struct exchange *ex = req_of(req)->ex;

	return ex ? find_field(ex->trailers, ex->n_trailers, name) : (weir_str){ NULL, 0 };
}

int weir_query_next(weir_req *req, size_t *iter, weir_str *ret_name, weir_str *ret_value)
{
	return uri_query_next(scratch_arena(req_of(req)), req->scope->query, iter, ret_name,
			      ret_value);
}

weir_str weir_query_get(weir_req *req, const char *name)
{
	weir_str wanted = weir_strz(name), key, value;
	size_t iter = 0;

	while (weir_query_next(req, &iter, &key, &value) > 0) {
		if (weir_str_eq(key, wanted))
			return value;
	}
	return (weir_str){ NULL, 0 };
}

weir_str weir_param(const weir_req *pub, const char *name)
{
	const struct router_match *match = &req_of(pub)->match;
	weir_str wanted = weir_strz(name);

	for (size_t i = 0; i < match->n_params; i++) {
		if (weir_str_eq(match->params[i].name, wanted))
			return match->params[i].value;
	}
	return (weir_str){ NULL, 0 };
}

/* ---- the body */

int weir_body_next(weir_req *pub, weir_str *ret_piece)
{
	struct req *req = req_of(pub);
	weir_event ev;
	int r;

	if (pub->io == &asgi_io) {
		if (req->has_body_ended)
			return 0;
		r = req_io_next(req, ret_piece);
		req->has_body_ended = r == 0;
		return r;
	}
	/* Layers between may hand on empty pieces. */
	while (!req->has_last_event) {
		r = weir_receive(pub, &ev);
		if (r < 0)
			return r;
		if (ev.type == WEIR_HTTP_DISCONNECT)
			return -EPIPE;
		req->has_last_event = !ev.more;
		if (ev.body.len > 0) {
			*ret_piece = ev.body;
			return 1;
		}
	}
	return 0;
}

int weir_body(weir_req *pub, size_t max, weir_str *ret_body)
{
	struct req *req = req_of(pub);
	weir_str piece;
	int r;

	if (req->ex && req->ex->head.content_length > 0 &&
	    (uint64_t)req->ex->head.content_length > max)
		return -EMSGSIZE;
	while ((r = weir_body_next(pub, &piece)) > 0) {
		r = buf_append_str(&req->body, piece);
		if (r < 0)
			return r;
		if (req->body.len > max)
			return -EMSGSIZE;
	}
	if (r < 0)
		return r;
	if (req->body.len > max) /* an earlier call was allowed more */
		return -EMSGSIZE;
	*ret_body = (weir_str){ req->body.data ? req->body.data : "", req->body.len };
	return 0;
}

/* ---- the log */

int weir_fail(weir_req *req, int error, const char *fmt, ...)
{
	weir_str text;
	va_list ap;

	/* Not from a scratch, which may end before the log is written. */
	va_start(ap, fmt);
	text = vprintf_in(req_of(req)->arena, fmt, ap);
	va_end(ap);
	return req_fail(req_of(req), error, text);
}

struct log_call {
	const struct req *req;
	const char *fmt;
	va_list *ap;
	int level;
};

/* On the loop's stack: formatting a line would dirty a second page of the task's. */
static void write_line(void *arg)
{
	struct log_call *call = arg;
	const struct req *req = call->req;
	char text[1024], id[REQUEST_IDS_LOG_MAX];

	/* The compiler checked fmt where weir_log() was called. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)vsnprintf(text, sizeof(text), call->fmt, *call->ap);
#pragma GCC diagnostic pop
	log_write(req->site->log, call->level, "%s: %s%s", req->name, text,
		  request_ids_for_log(req, id));
}

void weir_log(const weir_req *pub, int level, const char *fmt, ...)
{
	struct log_call call = { .req = req_of(pub), .fmt = fmt, .level = level };
	va_list ap;

	if (level > call.req->site->log->level)
		return;
	va_start(ap, fmt);
	call.ap = &ap;
	sched_outside(write_line, &call);
	va_end(ap);
}

bool weir_draining(const weir_req *req)
{
	return req_of(req)->site->is_draining;
}
