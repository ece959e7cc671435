#ifndef WEIR_ASGI_H
#define WEIR_ASGI_H
/*
 * weir/asgi.h - the floor under weir/http.h: scope, receive, send.
 *
 * Same events, same order and same rules as ASGI 3. Handlers rarely need this
 * header; middleware, bridges to other languages and tests are written on it.
 *
 *	static int hello(weir_req *req)
 *	{
 *		weir_header type = { WEIR_STR("content-type"), WEIR_STR("text/plain") };
 *		int r;
 *
 *		r = weir_send(req, &(weir_event){ .type = WEIR_HTTP_START, .status = 200,
 *						  .headers = &type, .n_headers = 1 });
 *		if (r < 0)
 *			return r;
 *		return weir_send(req, &(weir_event){ .type = WEIR_HTTP_BODY,
 *						     .body = WEIR_STR("hello, world\n") });
 *	}
 *
 * The order: WEIR_HTTP_START once, then WEIR_HTTP_BODY until one has more = 0.
 * What comes too early, too late or twice is refused with -EINVAL, and the log
 * names handler and event.
 *
 * A WebSocket: WEIR_WS_CONNECT is received first, and answered with
 * WEIR_WS_ACCEPT; or with WEIR_WS_CLOSE, which the client sees as 403; or with a
 * HTTP response as above (the denial response). Then WEIR_WS_SEND and
 * WEIR_WS_RECEIVE, whole messages, until WEIR_WS_DISCONNECT is received or
 * WEIR_WS_CLOSE was sent. A client that vanished is WEIR_WS_DISCONNECT with 1006, unless that has
 * cancelled the task.
 */
#include <weir/base.h>
WEIR_BEGIN

typedef enum weir_scope_type {
	WEIR_SCOPE_HTTP = 1,
	WEIR_SCOPE_WEBSOCKET = 2,
	WEIR_SCOPE_TASK = 3
} weir_scope_type;

/* Made by the server, read-only, valid until the handler returns. Grows at the end. */
typedef struct weir_scope {
	uint32_t type;	       /* weir_scope_type */
	uint32_t http_version; /* 10, 11 or 20 */
	weir_str method;       /* "GET" */
	weir_str scheme;       /* "http", "https", "ws", "wss" */
	weir_str path;	       /* percent-decoded, valid UTF-8, no query */
	weir_str raw_path;     /* as sent */
	weir_str query;	       /* as sent, without '?' */
	weir_str root_path;    /* where this module is mounted */
	const weir_header *headers;
	size_t n_headers;
	weir_str client; /* "192.0.2.7:51234"; behind a trusted proxy what that says: see below */
	weir_str server; /* the same of our end */
	const weir_str *subprotocols;
	size_t n_subprotocols;
	weir_str request_id;
	const weir_tls *tls; /* NULL: the connection has no TLS */
	weir_str host; /* "example.org:8080", who was asked for; empty if HTTP/1.0 said nothing */
} weir_scope;

/*
 * Behind proxies that the configuration trusts, client, scheme and host are what these say
 * of their client; it is port 0 if they name none, and no address ("unknown", "_hidden") if they
 * hide it. headers is always what came: X-Forwarded-For, Forwarded and Host in there may be anybody's
 * invention, and are not for decisions. server and tls are always those of the connection.
 */

typedef enum weir_event_type {
	WEIR_HTTP_REQUEST = 1, /* received: body, more; headers: the trailers, with the last */
	WEIR_HTTP_DISCONNECT,  /* received */
	WEIR_HTTP_START,       /* sent: status, headers */
	WEIR_HTTP_BODY,	       /* sent: body, more */
	WEIR_WS_CONNECT = 16,  /* received */
	WEIR_WS_ACCEPT,	       /* sent: body = subprotocol, headers */
	WEIR_WS_RECEIVE,       /* received: body, text */
	WEIR_WS_SEND,	       /* sent: body, text */
	WEIR_WS_CLOSE,	       /* sent: status = code, body = reason */
	WEIR_WS_DISCONNECT,    /* received: status = code, body = reason */
} weir_event_type;

/* Fixed for ABI 1: new meanings use the reserved words. */
typedef struct weir_event {
	uint32_t type;
	int32_t status;
	const weir_header *headers;
	size_t n_headers;
	weir_str body;
	uint8_t more;
	uint8_t text;
	uint8_t _pad[6];
	uint64_t _reserved[4];
} weir_event;

/*
 * One layer of middleware between a handler and the connection. It sees the
 * events of every request of the routes that list it, whether the handler uses
 * this header or weir/http.h, and hands them on, changed or not, to io->next,
 * the layer nearer to the connection:
 *
 *	static int stamp(const weir_io *io, weir_req *req, const weir_event *ev)
 *	{
 *		if (ev->type == WEIR_HTTP_START)
 *			weir_log(req, WEIR_LOG_INFO, "answers %d", ev->status);
 *		return io->next->send(io->next, req, ev);
 *	}
 *
 *	WEIR_MIDDLEWARE(audit, NULL, stamp);	<- NULL: hands everything on
 *
 * A route lists the layers, each as module.name, in the order in which a
 * request passes them; its response passes them in reverse:
 *
 *	middleware: [shop.audit, shop.session]
 *
 * Both functions may suspend. A layer is shared by all requests of its routes:
 * what belongs to one request goes into request memory.
 */
typedef struct weir_io weir_io;
struct weir_io {
	int (*receive)(const weir_io *io, weir_req *req, weir_event *ret_ev);
	int (*send)(const weir_io *io, weir_req *req, const weir_event *ev);
	const weir_io *next; /* the server fills it in */
};

#define WEIR_MIDDLEWARE(name, receive_fn, send_fn)            \
	extern WEIR_API const weir_io weir_middleware_##name; \
	const weir_io weir_middleware_##name = { (receive_fn), (send_fn), NULL }

/* Only this much of a request is public; the rest follows it in memory. */
struct weir_req {
	const weir_scope *scope;
	void *state; /* what startup() left in weir_app_set_state() */
	const weir_io *io;
};

WEIR_API WEIR_SUSPENDS int weir_receive(weir_req *req, weir_event *ret_ev);
WEIR_API WEIR_SUSPENDS int weir_send(weir_req *req, const weir_event *ev);

WEIR_END
#endif
