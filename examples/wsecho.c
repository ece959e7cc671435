/*
 * wsecho.c - the smallest WebSocket handlers: what comes goes back.
 *
 *	/ws/echo		one coroutine for the whole session
 *	/ws/echo-deflate	the same, on a route with `deflate: true`
 *	/ws/echo-pieces		by pieces: messages may be larger than memory
 *	/ws/message-echo	a function for each message: no stack in between
 *
 * In a browser's console, on a page of this server:
 *
 *	ws = new WebSocket("ws://127.0.0.1:8000/ws/echo", "chat");
 *	ws.onmessage = (event) => console.log(event.data);
 *	ws.onopen = () => ws.send("hello");
 */
#include <weir/weir.h>

/* The subprotocol we speak, if the client offers it. */
static const char *choose(const weir_req *req)
{
	for (size_t i = 0; i < req->scope->n_subprotocols; i++) {
		if (weir_str_eq(req->scope->subprotocols[i], WEIR_STR("chat")))
			return "chat";
	}
	return NULL;
}

static int send_back(weir_ws *ws, weir_str message)
{
	if (weir_ws_is_text(ws))
		return weir_ws_send(ws, message);
	return weir_ws_send_binary(ws, message);
}

static int echo(weir_req *req)
{
	weir_str message;
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, choose(req), &ws);
	if (r < 0)
		return r;
	while ((r = weir_ws_recv(ws, &message)) > 0) {
		r = send_back(ws, message);
		if (r < 0)
			return r;
	}
	return r;
}

/* Never more than a piece in memory, whatever the client sends. */
static int echo_pieces(weir_req *req)
{
	bool is_last;
	weir_str piece;
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, choose(req), &ws);
	if (r < 0)
		return r;
	while ((r = weir_ws_recv_piece(ws, &piece, &is_last)) > 0) {
		r = weir_ws_send_piece(ws, piece, weir_ws_is_text(ws), is_last);
		if (r < 0)
			return r;
	}
	return r;
}

/* The other shape: called for each message, with what the session has to remember. */
struct seat {
	unsigned n_messages;
};

static int on_open(weir_req *req, void *state)
{
	weir_ws *ws;

	return weir_ws_accept(req, choose(req), &ws);
}

static int on_message(weir_req *req, weir_ws *ws, void *state, weir_str message)
{
	struct seat *seat = state;

	seat->n_messages++;
	return send_back(ws, message);
}

static void on_close(weir_req *req, weir_ws *ws, void *state)
{
	const struct seat *seat = state;

	weir_log(req, WEIR_LOG_DEBUG, "%u messages, closed with %d", seat->n_messages,
		 weir_ws_close_code(ws));
}

WEIR_WS_HANDLERS(message_echo, .state_size = sizeof(struct seat), .open = on_open,
		 .message = on_message, .close = on_close);

WEIR_MODULE(.name = "wsecho",
	    .handlers = WEIR_HANDLERS({ "echo", echo, "WS", "/ws/echo", 0 },
				      { "echo_pieces", echo_pieces, "WS", "/ws/echo-pieces", 0 },
				      { .name = "message_echo",
					.method = "WS",
					.path = "/ws/message-echo",
					.ws = &message_echo }));
