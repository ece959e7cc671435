/*
 * asgi.c - scope, receive, send. The rules of ASGI 3's HTTP protocol are the
 * exchange's phases: one start, bodies until one has no more, nothing behind.
 */
#include "app/asgi.h"

#include <stdio.h>

#include "app/asgi_ws.h"
#include "app/req.h"
#include "app/req_io.h"
#include "base/str.h"
#include "proto/http.h"

static const char *event_name(uint32_t type)
{
	switch (type) {
	case WEIR_HTTP_REQUEST:
		return "http.request";
	case WEIR_HTTP_DISCONNECT:
		return "http.disconnect";
	case WEIR_HTTP_START:
		return "http.response.start";
	case WEIR_HTTP_BODY:
		return "http.response.body";
	default:
		return "an event of another protocol";
	}
}

/* The handler's mistake. It is logged here: the handler may not look at what this returns. */
static int out_of_order(struct req *req, const weir_event *ev, const char *why)
{
	weir_log(&req->pub, WEIR_LOG_ERROR, "sent %s %s", event_name(ev->type), why);
	return -EINVAL;
}

/* Takes the fields one by one; a content-length is the promise, not a field. */
static int collect_fields(struct req *req, const weir_event *ev, struct req_fields *fields,
			  int64_t *ret_length)
{
	uint64_t length;
	int r;

	for (size_t i = 0; i < ev->n_headers; i++) {
		const weir_header *h = &ev->headers[i];

		if (str_eq_nocase(h->name, WEIR_STR("content-length"))) {
			if (*ret_length >= 0 || str_to_u64(h->value, &length) < 0 ||
			    length > INT64_MAX)
				return out_of_order(req, ev, "with a content-length that is none");
			*ret_length = (int64_t)length;
			continue;
		}
		r = http_field_check(h->name, h->value);
		if (r < 0)
			return out_of_order(req, ev, "with a field that may not be set");
		r = req_fields_add(req, fields, h->name, h->value);
		if (r < 0)
			return r;
	}
	return 0;
}

static int send_start(struct req *req, const weir_event *ev)
{
	struct req_fields fields = { 0 };
	int64_t length = -1;
	int r;

	if (req->ex->phase != EXCHANGE_WAITING && !exchange_is_gone(req->ex))
		return out_of_order(req, ev, "twice");
	if (ev->status < 200 || ev->status > 999)
		return out_of_order(req, ev, "with a status outside 200 to 999");
	r = collect_fields(req, ev, &fields, &length);
	if (r < 0)
		return r;
	return req_io_head(req, ev->status, length, fields.items, fields.n);
}

static int send_body(struct req *req, const weir_event *ev)
{
	int r;

	if (req->ex->phase == EXCHANGE_WAITING)
		return out_of_order(req, ev, "before http.response.start");
	if (req->ex->phase == EXCHANGE_ENDED)
		return out_of_order(req, ev, "after the last body");
	r = req_io_piece(req, ev->body);
	if (r < 0 || ev->more)
		return r;
	return req_io_end(req, NULL, 0);
}

static int on_send(const weir_io *io, weir_req *pub, const weir_event *ev)
{
	struct req *req = req_of(pub);

	if (req->offer && ev->type >= WEIR_WS_CONNECT)
		return asgi_ws_send(req, ev);
	if (!req->ex)
		return -EOPNOTSUPP;
	switch (ev->type) {
	case WEIR_HTTP_START:
		return send_start(req, ev);
	case WEIR_HTTP_BODY:
		return send_body(req, ev);
	default:
		return out_of_order(req, ev, "on an HTTP request");
	}
}

/* After the body there is one thing left to hear: that it is over. */
static int receive_disconnect(struct req *req, weir_event *ret_ev)
{
	int r;

	while (!exchange_is_gone(req->ex) && req->ex->phase != EXCHANGE_ENDED) {
		r = wait_park(&req->readable);
		if (r < 0)
			return r;
	}
	*ret_ev = (weir_event){ .type = WEIR_HTTP_DISCONNECT };
	return 0;
}

static int on_receive(const weir_io *io, weir_req *pub, weir_event *ret_ev)
{
	struct req *req = req_of(pub);
	weir_str piece = { NULL, 0 };
	int r;

	if (req->offer)
		return asgi_ws_receive(req, ret_ev);
	if (!req->ex)
		return -EOPNOTSUPP;
	if (req->has_body_ended)
		return receive_disconnect(req, ret_ev);
	r = req_io_next(req, &piece);
	if (r < 0)
		return r;
	req->has_body_ended = r == 0;
	*ret_ev = (weir_event){ .type = WEIR_HTTP_REQUEST, .body = piece, .more = r > 0 };
	if (r == 0 && req->ex->n_trailers > 0) {
		ret_ev->headers = req->ex->trailers;
		ret_ev->n_headers = req->ex->n_trailers;
	}
	return 0;
}

const weir_io asgi_io = { on_receive, on_send, NULL };

int weir_receive(weir_req *req, weir_event *ret_ev)
{
	return req->io->receive(req->io, req, ret_ev);
}

int weir_send(weir_req *req, const weir_event *ev)
{
	return req->io->send(req->io, req, ev);
}
