/*
 * req_io.c - what a running handler does to its exchange, one call each. A call
 * suspends where the exchange says wait; several tasks of a request may send,
 * and then take turns.
 */
#include "app/req_io.h"

#include <errno.h>
#include <string.h>

#include "app/req.h"
#include "proto/http.h"

/* What every call that would send asks first. */
static inline int check_send(struct req *req)
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

int req_io_head(struct req *req, int status, int64_t content_length, const weir_header *fields,
		size_t n_fields)
{
	int r;

	r = check_send(req);
	if (r < 0)
		return r;
	return exchange_head(req->ex, status, content_length, fields, n_fields);
}

int req_io_interim(struct req *req, int status, const weir_header *fields, size_t n_fields)
{
	int r;

	r = check_send(req);
	if (r < 0)
		return r;
	r = mutex_lock(&req->sending);
	if (r < 0)
		return r;
	while ((r = exchange_interim(req->ex, status, fields, n_fields)) == -EAGAIN) {
		r = req_park(req->site, &req->writable, &req->write_ticks);
		if (r < 0)
			break;
	}
	mutex_unlock(&req->sending);
	return r;
}

/* Cut short in the middle: what the client has is no complete answer any more. */
static int send_pieces(struct req *req, weir_str bytes)
{
	size_t taken = 0;
	int r;

	/* What is thrown away never has to wait, but others must have their turn. */
	if (req->ex->is_bodiless) {
		r = wait_yield();
		if (r < 0)
			return r;
	}
	for (;;) {
		ssize_t n = exchange_piece(req->ex,
					   (weir_str){ bytes.ptr + taken, bytes.len - taken });

		if (n < 0)
			return (int)n;
		taken += (size_t)n;
		if (taken == bytes.len)
			return 0;
		r = req_park(req->site, &req->writable, &req->write_ticks);
		if (r < 0) {
			if (taken > 0)
				exchange_abort(req->ex);
			return r;
		}
	}
}

int req_io_piece(struct req *req, weir_str bytes)
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

int req_io_respond(struct req *req, int status, weir_str type, weir_str body)
{
	int r;

	r = check_send(req);
	if (r < 0)
		return r;
	r = exchange_respond(req->ex, status, type, req->fields.items, req->fields.n, body);
	if (req->readable.task)
		wait_wake(&req->readable); /* as req_io_end() */
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
		r = req_park(req->site, &req->writable, &req->write_ticks);
		if (r < 0) {
			if (queued == 1)
				exchange_abort(req->ex);
			return r;
		}
		if (exchange_is_gone(req->ex))
			return -EPIPE;
		if (queued == 1)
			return 0;
	}
}

int req_io_file(struct req *req, int fd, uint64_t offset, uint64_t len)
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

int req_io_end(struct req *req, const weir_header *trailers, size_t n_trailers)
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
	wait_wake(&req->readable); /* whoever waits for the disconnect has heard it with that */
	return r;
}

int req_io_next(struct req *req, weir_str *ret_piece)
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
