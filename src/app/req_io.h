#ifndef WEIR_APP_REQ_IO_H
#define WEIR_APP_REQ_IO_H
/*
 * req_io.h - what a running handler does to its exchange: the floor that
 * weir/http.h and weir/asgi.h stand on.
 *
 * All of them may suspend, and fail with -ECANCELED or -ETIMEDOUT before
 * anything is done. Sending also fails with -ENOMEM, once, for request memory
 * that ran out since; with -EPROTO for a call out of order; and with
 * -EOPNOTSUPP for a request without a client.
 */
#include <stdint.h>
#include <weir/base.h>

#include "base/macro.h"

struct req;

MUST_USE int req_io_head(struct req *req, int status, int64_t content_length,
			 const weir_header *fields, size_t n_fields);
/* A failure after a part was taken has cut the response. */
MUST_USE int req_io_piece(struct req *req, weir_str bytes);
MUST_USE int req_io_file(struct req *req, int fd, uint64_t offset, uint64_t len);
MUST_USE int req_io_end(struct req *req, const weir_header *trailers, size_t n_trailers);
MUST_USE int req_io_interim(struct req *req, int status, const weir_header *fields,
			    size_t n_fields);
/* Head, body and end in one: the usual answer, as exchange_respond(). */
MUST_USE int req_io_respond(struct req *req, int status, weir_str type, weir_str body);

/* Receiving, as exchange_next(), but it suspends instead of -EAGAIN. -EBUSY. */
MUST_USE int req_io_next(struct req *req, weir_str *ret_piece);

#endif
