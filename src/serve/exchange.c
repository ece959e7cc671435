/*
 * exchange.c - the rules of the contract in exchange.h: what may follow what,
 * how many bytes were promised, and what a HEAD or a 304 leaves out. The
 * connection below only has to know how its bytes look.
 */
#include "serve/exchange.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "proto/http.h"

void exchange_pool_init(struct exchange_pool *pool, size_t memory_limit)
{
	*pool = (struct exchange_pool){ .memory_limit = memory_limit };
}

COLD void exchange_free(struct exchange *ex)
{
	arena_done(&ex->arena);
	free(ex);
}

void exchange_pool_done(struct exchange_pool *pool)
{
	assert(pool->n_live == 0);
	while (pool->unused) {
		struct exchange *ex = pool->unused;

		pool->unused = ex->next_unused;
		exchange_free(ex);
	}
	pool->n_unused = 0;
}

COLD int exchange_pool_grow(struct exchange_pool *pool)
{
	struct exchange *ex = calloc(1, sizeof(*ex));

	if (!ex)
		return -ENOMEM;
	arena_init(&ex->arena, &ex->budget);
	pool->unused = ex;
	pool->n_unused++;
	return 0;
}

void exchange_detach(struct exchange *ex)
{
	ex->down = NULL;
	if (ex->phase != EXCHANGE_ENDED)
		ex->phase = EXCHANGE_ABORTED;
	ex->up->gone(ex);
}

void exchange_set_pace(struct exchange *ex, struct pace *pace)
{
	if (ex->down)
		ex->down->pace(ex, pace);
}

void exchange_add_field(struct exchange *ex, const weir_header *field)
{
	if (!ex->down || !ex->down->adding)
		return;
	ex->added = *field;
	ex->down = ex->down->adding;
}

int exchange_interim(struct exchange *ex, int status, const weir_header *fields, size_t n_fields)
{
	assert(status >= 100 && status < 200 && status != 101);
	if (!ex->down)
		return -EPIPE;
	if (ex->phase != EXCHANGE_WAITING)
		return -EPROTO;
	return ex->down->interim(ex, status, fields, n_fields);
}

static int send_head(struct exchange *ex, int status, int64_t content_length, weir_str type,
		     const weir_header *fields, size_t n_fields, weir_str body)
{
	int r;

	assert(status >= 200 && status <= 999);
	if (!ex->down)
		return -EPIPE;
	if (ex->phase != EXCHANGE_WAITING)
		return -EPROTO;

	ex->status = status;
	ex->type = type;
	ex->promised = content_length;
	ex->is_bodiless = ex->head.method_id == HTTP_METHOD_HEAD || !http_status_has_body(status);
	if (ex->is_bodiless)
		body.len = 0;
	r = ex->down->head(ex, content_length, fields, n_fields, body);
	if (r < 0) {
		ex->status = 0; /* no byte of it is out: a smaller answer may be tried */
		return r;
	}
	ex->phase = EXCHANGE_STARTED;
	return 0;
}

int exchange_head(struct exchange *ex, int status, int64_t content_length,
		  const weir_header *fields, size_t n_fields)
{
	const weir_str none = { NULL, 0 };

	return send_head(ex, status, content_length, none, fields, n_fields, none);
}

/* What failed half-way is over: whatever followed would make it look complete. */
static COLD int fail(struct exchange *ex, int error)
{
	exchange_abort(ex);
	return error;
}

/* May that much more be sent? */
static int check_piece(const struct exchange *ex, uint64_t len)
{
	if (!ex->down || ex->phase == EXCHANGE_ABORTED)
		return -EPIPE;
	if (ex->phase != EXCHANGE_STARTED)
		return -EPROTO;
	if (ex->promised >= 0 && len > (uint64_t)ex->promised - ex->sent)
		return -EMSGSIZE;
	return 0;
}

ssize_t exchange_piece(struct exchange *ex, weir_str bytes)
{
	ssize_t n;
	int r;

	r = check_piece(ex, bytes.len);
	if (r < 0)
		return r;
	n = bytes.len == 0 || ex->is_bodiless ? (ssize_t)bytes.len : ex->down->piece(ex, bytes);
	if (n < 0)
		return fail(ex, (int)n);
	ex->sent += (uint64_t)n;
	return n;
}

int exchange_file(struct exchange *ex, int fd, uint64_t offset, uint64_t len)
{
	int r;

	r = check_piece(ex, len);
	if (r < 0)
		return r;
	r = len == 0 || ex->is_bodiless ? 0 : ex->down->file(ex, fd, offset, len);
	if (r == -EAGAIN)
		return r;
	if (r < 0)
		return fail(ex, r);
	ex->sent += len;
	return r;
}

int exchange_end(struct exchange *ex, const weir_header *trailers, size_t n_trailers)
{
	int r;

	if (!ex->down || ex->phase == EXCHANGE_ABORTED)
		return -EPIPE;
	if (ex->phase != EXCHANGE_STARTED)
		return -EPROTO;
	if (!ex->is_bodiless && ex->promised >= 0 && ex->sent != (uint64_t)ex->promised)
		return fail(ex, -EPROTO);
	r = ex->down->end(ex, trailers, n_trailers);
	if (r == -EAGAIN)
		return r;
	if (r < 0)
		return fail(ex, r);
	ex->phase = EXCHANGE_ENDED;
	return 0;
}

int exchange_next(struct exchange *ex, weir_str *ret_piece)
{
	if (!ex->down)
		return -EPIPE;
	if (exchange_is_too_large(ex)) {
		ex->fault = FAULT_BODY_TOO_LARGE;
		return -EMSGSIZE;
	}
	return ex->down->next(ex, ret_piece);
}

int exchange_respond(struct exchange *ex, int status, weir_str type, const weir_header *fields,
		     size_t n_fields, weir_str body)
{
	int64_t length = http_status_has_body(status) ? (int64_t)body.len : -1;
	int r;

	assert(body.len <= EXCHANGE_SMALL);
	r = send_head(ex, status, length, type, fields, n_fields, body);
	if (r < 0)
		return r;
	ex->sent = body.len;
	if (body.len == 0 || ex->is_bodiless) {
		r = ex->down->end(ex, NULL, 0);
		if (r < 0)
			return fail(ex, r);
	}
	ex->phase = EXCHANGE_ENDED;
	return 0;
}

int exchange_upgrade(struct exchange *ex, const weir_header *fields, size_t n_fields,
		     struct tunnel **ret_tunnel)
{
	int r;

	if (!ex->down)
		return -EPIPE;
	if (ex->phase != EXCHANGE_WAITING)
		return -EPROTO;
	ex->status = 101;
	r = ex->down->upgrade(ex, fields, n_fields, ret_tunnel);
	if (r < 0) {
		ex->status = 0;
		return r;
	}
	ex->phase = EXCHANGE_ENDED;
	return 0;
}

void exchange_abort(struct exchange *ex)
{
	if (ex->phase == EXCHANGE_ENDED || ex->phase == EXCHANGE_ABORTED)
		return;
	ex->phase = EXCHANGE_ABORTED;
	if (ex->down)
		ex->down->abort(ex);
}
