/*
 * asgi_ws.c - ASGI 3's WebSocket protocol on a session: connect, accept or
 * close, then messages both ways, and disconnect. Until it is accepted,
 * http.response.start and body refuse it (the denial response extension).
 */
#include "app/asgi_ws.h"

#include <errno.h>

#include "app/asgi.h"
#include "app/req_io.h"
#include "app/ws.h"
#include "base/str.h"

static int out_of_order(struct req *req, const char *what, const char *why)
{
	weir_log(&req->pub, WEIR_LOG_ERROR, "sent websocket.%s %s", what, why);
	return -EINVAL;
}

/* ASGI: websocket.close before websocket.accept is a 403. */
static int send_close(struct req *req, const weir_event *ev)
{
	struct ws_offer *offer = req->offer;

	if (!offer->is_accepted)
		return req_io_respond(req, 403, (weir_str){ NULL, 0 }, (weir_str){ NULL, 0 });
	if (ws_close(offer->ws, ev->status ? ev->status : 1000, ev->body) < 0)
		return out_of_order(req, "close", "with a code or a reason that may not be sent");
	return 0;
}

int asgi_ws_send(struct req *req, const weir_event *ev)
{
	struct ws_offer *offer = req->offer;

	switch (ev->type) {
	case WEIR_WS_ACCEPT:
		if (offer->is_accepted)
			return out_of_order(req, "accept", "twice");
		return ws_accept(req, ev->body, ev->headers, ev->n_headers);
	case WEIR_WS_SEND:
		if (!offer->is_accepted)
			return out_of_order(req, "send", "before websocket.accept");
		return ws_send(offer->ws, ev->text, ev->body);
	case WEIR_WS_CLOSE:
		return send_close(req, ev);
	default:
		return out_of_order(req, "an event", "of another protocol");
	}
}

/* Nothing comes before it is accepted, but that the client leaves. */
static int receive_refused(struct req *req, weir_event *ret_ev)
{
	int r;

	while (req->ex && !exchange_is_gone(req->ex) && req->ex->phase != EXCHANGE_ENDED) {
		r = wait_park(&req->readable);
		if (r < 0)
			return r;
	}
	*ret_ev = (weir_event){ .type = WEIR_WS_DISCONNECT, .status = 1006 };
	return 0;
}

int asgi_ws_receive(struct req *req, weir_event *ret_ev)
{
	struct ws_offer *offer = req->offer;
	struct ws_event ev;
	int r;

	if (!offer->has_connected) {
		offer->has_connected = true;
		*ret_ev = (weir_event){ .type = WEIR_WS_CONNECT };
		return 0;
	}
	if (!offer->is_accepted)
		return receive_refused(req, ret_ev);
	r = ws_receive(offer->ws, true, &ev);
	if (r < 0 && r != -EPIPE)
		return r;
	if (r > 0)
		*ret_ev = (weir_event){ .type = WEIR_WS_RECEIVE,
					.body = ev.bytes,
					.text = ev.is_text };
	else
		*ret_ev = (weir_event){ .type = WEIR_WS_DISCONNECT,
					.status = weir_ws_close_code(offer->ws),
					.body = weir_ws_close_reason(offer->ws) };
	return 0;
}
