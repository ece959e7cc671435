#ifndef WEIR_SSE_H
#define WEIR_SSE_H
/*
 * weir/sse.h - server-sent events: an answer that goes on, which a browser reads
 * with EventSource and comes back to by itself (HTML standard, section 9.2).
 *
 *	static int news(weir_req *req)
 *	{
 *		weir_sse *sse;
 *		weir_sub *sub;
 *		int r;
 *
 *		r = weir_subscribe(req, &sub, .topic = WEIR_STR("news"));
 *		if (r < 0)
 *			return r;
 *		r = weir_sse_start(req, &sse, .heartbeat_ms = 20000);
 *		if (r < 0)
 *			return r;
 *		if (!weir_sse_last_id(req).ptr) {
 *			r = weir_sse_send(sse, .event = WEIR_STR("hello"), .id = WEIR_STR("1"),
 *					  .data = WEIR_STR("two\nlines"));
 *			if (r < 0)
 *				return r;
 *		}
 *		return weir_sse_relay(sse, sub, NULL);
 *	}
 *
 * The stream is the request's answer: it ends when the handler returns, and the
 * handler is cancelled when the client goes away. Whoever has nothing to do in
 * between sleeps or waits as in any handler; the heartbeat is weir's own.
 */
#include <weir/http.h>
#include <weir/pubsub.h>
WEIR_BEGIN

typedef struct weir_sse weir_sse;

typedef struct weir_sse_opts {
	size_t size;
	/*
	 * A comment whenever nothing was sent for so long: proxies keep the
	 * connection, and a client that vanished is noticed. 0: 15 s; below 0: none.
	 * Middleware must see all that is sent, in a task: on routes that have some,
	 * it goes out while a task is in weir_sse_relay().
	 */
	int32_t heartbeat_ms;
} weir_sse_opts;

/*
 * Answers 200 with text/event-stream, `cache-control: no-cache` unless it was set before,
 * `x-accel-buffering: no` and a comment, so that the client sees at once that it is
 * connected. -EPROTO when the request was answered already, -EOPNOTSUPP
 * where it is no HTTP request, -ENOMEM, and what weir_start() may return. The stream lives as long as
 * the request.
 */
#define weir_sse_start(req, ret_sse, ...)     \
	weir_sse_start_with((req), (ret_sse), \
			    &(weir_sse_opts){ .size = sizeof(weir_sse_opts), __VA_ARGS__ })
WEIR_API WEIR_SUSPENDS int weir_sse_start_with(weir_req *req, weir_sse **ret_sse,
					       const weir_sse_opts *opts);

/* What is left out is not sent. */
typedef struct weir_sse_event {
	size_t size;
	weir_str event; /* its type; nothing: "message" */
	weir_str id; /* what weir_sse_last_id() says after a reconnect; "" forgets the last one */
	weir_str
		data; /* any text; nothing, and no event: the client is not told, but keeps id and retry */
	uint32_t retry_ms; /* the client's pause before it reconnects, from now on */
} weir_sse_event;

/*
 * One event; the bytes are yours again when this returns. Suspends while the client is slow.
 * Several tasks may send: whole events, in call order. A line of data ends with CR LF, LF or CR; the
 * client gets LF. -EINVAL: CR or LF in event or id, NUL in id, or nothing to send.
 * -EBADMSG for what is not UTF-8. -EPIPE: the client is gone, or asked with HEAD.
 */
#define weir_sse_send(sse, ...) \
	weir_sse_send_with((sse), &(weir_sse_event){ .size = sizeof(weir_sse_event), __VA_ARGS__ })
WEIR_API WEIR_SUSPENDS int weir_sse_send_with(weir_sse *sse, const weir_sse_event *event);

/* The id of the last event that the client saw before it reconnected; nothing at first. */
WEIR_API weir_str weir_sse_last_id(const weir_req *req);

/*
 * From now on each text that sub gets is an event of this type (NULL: "message"); binary is left
 * out. Returns 0 when the worker stops: return, and the client reconnects to another.
 * -EPIPE: the subscription has ended, or the client is gone and this task is not cancelled by that.
 * -EBUSY: another task waits for sub, or a session relays it. -EINVAL: CR or LF in event.
 */
WEIR_API WEIR_SUSPENDS int weir_sse_relay(weir_sse *sse, weir_sub *sub, const char *event);

WEIR_END
#endif
