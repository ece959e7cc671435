#ifndef WEIR_WS_H
#define WEIR_WS_H
/*
 * weir/ws.h - WebSocket sessions (RFC 6455, RFC 7692), on routes that say
 * `websocket: true`.
 *
 *	static int echo(weir_req *req)
 *	{
 *		weir_str message;
 *		weir_ws *ws;
 *		int r;
 *
 *		r = weir_ws_accept(req, NULL, &ws);
 *		if (r < 0)
 *			return r;
 *		while ((r = weir_ws_recv(ws, &message)) > 0) {
 *			r = weir_ws_is_text(ws) ? weir_ws_send(ws, message) :
 *						  weir_ws_send_binary(ws, message);
 *			if (r < 0)
 *				break;
 *		}
 *		return r;
 *	}
 *
 * In the module's description its method is "WS": { "echo", echo, "WS", "/echo", 0 }.
 *
 * A session starts as a request whose handshake was judged already: answer it
 * with weir_respond() to refuse, or weir_ws_accept() to go on. One task may
 * receive while others send; sends queue in call order. The server answers pings, sends its own, and
 * completes closing handshakes.
 *
 * When the handler returns, an open session is closed: 1000 for 0, 1011 for an
 * error. When the client vanishes the handler is cancelled, with reason
 * WEIR_DISCONNECT; when the worker stops, the session is closed with 1012, and
 * weir_ws_recv() returns 0. A handler that goes on, once its session is closed,
 * for longer than the route's close_timeout is cancelled as well, unless it is flagged
 * WEIR_FINISH_ANYWAY.
 *
 * What has come but was not received waits, in the end with the client; pings, and the client's
 * close, are seen as far as the first message that waits. So a handler that only sends should have a
 * task that receives, too.
 *
 * What a slow client does not take waits for it, at most high_water bytes and one message in its
 * session, and the rest where it came from:
 *
 * - What is sent with slow_client: wait, with its sender, who waits; likewise pieces of a message,
 *   always.
 * - What is sent with drop-oldest or close, in the session's send_queue, for send_queue_age at most,
 *   and all of a worker within send_queue_budget; then the oldest is dropped, or the session closed
 *   with 1013.
 * - What is relayed (weir_ws_relay()), in the worker's log: at most the subscription's queue of
 *   messages, and all of a worker within publish_budget; then the oldest is lost, and counted
 *   (weir_sub_lost()), or the session closed with 1013, where the subscription says end_if_slow or
 *   the route slow_client: close.
 *
 * A client that takes nothing for send_timeout, or less than min_rate on average while something
 * waits, is cut off in all of these cases.
 *
 * Scope, parameters and request memory stay as long as the handler; the HTTP side of the request is
 * over once it is accepted. Layers of middleware (weir/asgi.h) see all that a handler does as
 * events; of a session with functions for messages (below) they see open() only.
 */
#include <weir/http.h>
#include <weir/pubsub.h>
WEIR_BEGIN

typedef struct weir_ws weir_ws;

/*
 * subprotocol: one of scope->subprotocols, or NULL. Fields set before, by
 * weir_set_header(), go with it. The session lives as long as the request, at
 * least. -EINVAL for a subprotocol that was not offered, and for a field that the protocol sets
 * itself (Sec-WebSocket-…, Content-Length); -EPROTO when the request was answered already, or a layer
 * has refused it; -EOPNOTSUPP where it is not a WebSocket request; -EPIPE, -ENOMEM.
 */
WEIR_API WEIR_SUSPENDS int weir_ws_accept(weir_req *req, const char *subprotocol, weir_ws **ret_ws);

/*
 * 1 and a whole message, valid until the next call; 0 once the session is
 * closed, by either side. A message beyond max_message ends the session with
 * 1009. -EBUSY: another task is receiving. -EPIPE, if the client vanished and
 * the task is not cancelled by that.
 */
WEIR_API WEIR_SUSPENDS int weir_ws_recv(weir_ws *ws, weir_str *ret_message);
/*
 * The same in pieces, as they come, for messages larger than memory:
 * *ret_is_last is set on a message's last piece. Pieces of text may end in the
 * middle of a character; max_message does not apply.
 */
WEIR_API WEIR_SUSPENDS int weir_ws_recv_piece(weir_ws *ws, weir_str *ret_piece, bool *ret_is_last);
WEIR_API bool weir_ws_is_text(const weir_ws *ws); /* the last message received; else binary */

/*
 * When the session is closed: the client's code, 1005 if it gave none, 1006 if it
 * just vanished, or the one that this side closed it with; 0 while it is open. The reason is the client's.
 */
WEIR_API int weir_ws_close_code(const weir_ws *ws);
WEIR_API weir_str weir_ws_close_reason(const weir_ws *ws);

/*
 * A whole message; the bytes are yours again when this returns. Suspends while
 * more than high_water bytes wait for a slow client; where the route says
 * `slow_client: drop-oldest` or `close` it never does, but may drop one that waits. -EBADMSG for text that
 * is not UTF-8; -EPIPE once the session is closed. A deadline, or a cancellation, in the
 * middle of a large message has cut off the session; before its first byte it has not.
 */
WEIR_API WEIR_SUSPENDS int weir_ws_send(weir_ws *ws, weir_str text);
WEIR_API WEIR_SUSPENDS int weir_ws_send_binary(weir_ws *ws, weir_str bytes);
/*
 * A message in pieces, for one larger than memory. Others who send wait until
 * its last piece. Text is not checked: it must be UTF-8. Waits for slow
 * clients on any route. What fails in the middle has cut off the session; so has a handler that
 * returns without the last piece. -EDEADLK: weir_ws_send() of the same task in between.
 * -EOPNOTSUPP behind middleware, which sees whole messages.
 */
WEIR_API WEIR_SUSPENDS int weir_ws_send_piece(weir_ws *ws, weir_str piece, bool is_text,
					      bool is_last);
/*
 * Starts the closing handshake; nothing can be sent from then on, and
 * weir_ws_recv() returns 0. Harmless on a closed session. -EINVAL for a code that
 * may not be sent (RFC 6455, section 7.4) or a reason of more than 123 bytes, or that is not UTF-8.
 * Suspends in middleware only.
 */
WEIR_API WEIR_SUSPENDS int weir_ws_close(weir_ws *ws, int code, const char *reason);

/*
 * From now on, until the session ends, what sub gets goes to this session
 * without waking a task: text as text, binary as binary. Attaches and returns at
 * once; the subscription is the session's from now on, and weir_unsubscribe() ends it earlier. sub
 * may be asked, and unsubscribed, until the handler, or close(), has returned. For a client that is
 * behind, what is sent and what is relayed have their turns.
 * flags: 0. -EBUSY: it is relayed already, or a task waits for it; -EPIPE, -ENOMEM.
 */
WEIR_API WEIR_MUST_USE int weir_ws_relay(weir_ws *ws, weir_sub *sub, uint32_t flags);

/*
 * The other shape of handler: for each message a short-lived task, and no
 * stack in between, for very many sessions that say little. In weir_handler_entry:
 *
 *	static int repeat(weir_req *req, weir_ws *ws, void *state, weir_str message)
 *	{
 *		return weir_ws_send_binary(ws, message);
 *	}
 *
 *	WEIR_WS_HANDLERS(parrot, .message = repeat);
 *	WEIR_MODULE(.name = "zoo",
 *		    .handlers = WEIR_HANDLERS({ .name = "parrot",
 *						.method = "WS",
 *						.path = "/parrot",
 *						.ws = &parrot }));
 *
 * Messages of a session come one after the other, in order: the next one when
 * message() has returned, and until then nothing is read, unless by weir_ws_recv() in it; open() may
 * receive, too, once it has accepted. An error that message()
 * returns closes the session with 1011. When the client vanishes the running
 * task is cancelled, as a handler would be; one that goes on when its session has closed has the route's
 * close_timeout for it, and close() has as long (neither with WEIR_FINISH_ANYWAY). Each call has a
 * weir_req of its own, for memory, log and publishing; scope->headers, path and so on are there in
 * open() only.
 */
typedef struct weir_ws_handlers {
	size_t size;
	size_t state_size; /* bytes that each session has, zero at first; gone after close() */
	/* Accepts with weir_ws_accept() or refuses; 0 without either accepts. May be NULL. */
	int (*open)(weir_req *req, void *state);
	int (*message)(weir_req *req, weir_ws *ws, void *state, weir_str message);
	/* Once, for each session that was accepted, when it is over; may suspend. May be NULL. */
	void (*close)(weir_req *req, weir_ws *ws, void *state);
} weir_ws_handlers;
#define WEIR_WS_HANDLERS(name, ...) \
	static const weir_ws_handlers name = { .size = sizeof(weir_ws_handlers), __VA_ARGS__ }

WEIR_END
#endif
