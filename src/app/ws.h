#ifndef WEIR_APP_WS_H
#define WEIR_APP_WS_H
/*
 * ws.h - WebSocket sessions and coroutines.
 *
 *	ws_start.c  a handshake is judged, and becomes a request with an offer
 *	ws.c        what handlers call: accept, receive, send, close
 *	ws_seat.c   the shape of a session with one handler for all of its life
 *	ws_turns.c  the shape with a short-lived task for each message
 *
 * The same for both shapes: struct weir_ws, which is the session and where
 * tasks wait for it. It outlives the handler, for the closing handshake.
 */
#include <weir/ws.h>

#include "app/req.h"
#include "coro/mutex.h"
#include "coro/wait.h"
#include "proto/ws_hello.h"
#include "serve/ws_session.h"

struct weir_sub;

/* The public weir_ws. */
struct weir_ws {
	struct ws_session session;
	struct site *site;	   /* borrowed */
	const struct route *route; /* borrowed */
	weir_str client;	   /* borrowed */
	struct req *req;	   /* borrowed: whose task works for it now; NULL: none */
	struct wait readable, writable;
	struct mutex sending;  /* whole messages, in call order */
	struct weir_sub *subs; /* that it relays; see pubsub.c */
	bool is_receiving;     /* a task is in weir_ws_recv() */
	bool is_in_pieces;     /* sending is locked from one weir_ws_send_piece() to the last */
};

/* A handshake that was judged good, until it is accepted or refused. */
struct ws_offer {
	char accept[WS_HELLO_ACCEPT_LEN];
	bool is_accepted, has_deflate;
	bool has_connected; /* the event was received: see asgi_ws.c */
	struct ws_deflate_params deflate;
	struct weir_ws *ws;		/* borrowed: what it will be */
	const struct ws_session_up *up; /* who hears of it */
};

/* All zeros but for these. */
void ws_init(struct weir_ws *ws, struct site *site, const struct route *route);
/* As weir_ws_accept(), with these fields. */
MUST_USE int ws_accept(struct req *req, weir_str subprotocol, const weir_header *fields,
		       size_t n_fields);
/* As weir_ws_recv() and weir_ws_recv_piece(). */
MUST_USE int ws_receive(struct weir_ws *ws, bool is_whole, struct ws_event *ret_event);
MUST_USE int ws_send(struct weir_ws *ws, bool is_text, weir_str bytes);
/* As weir_ws_close(). */
MUST_USE int ws_close(struct weir_ws *ws, int code, weir_str reason);
/* The handler has returned with this: what it left open is closed. */
void ws_leave(struct weir_ws *ws, int result);

/*
 * As req_run(), but req->task is known from the start: a session may be lost
 * before its task has ever suspended. Then ws_ran(), in spec.done.
 */
MUST_USE int ws_run(struct req *req);
void ws_ran(struct req *req);

/* For both shapes' struct ws_session_up. */
struct weir_ws *ws_of(const struct ws_session *s);
void ws_on_writable(struct ws_session *s);
weir_str ws_client(const struct ws_session *s);

/* "ws" or "wss". */
weir_str ws_scheme(const struct exchange *ex);

/* For site.c: the memory of turns that are over. */
void ws_turns_free_unused(struct site *site);

/* For req.c: a request for a WebSocket route. */
void ws_start(struct exchange *ex, const struct route *route, const struct router_match *match);
/* A good handshake, by shape. -ENOMEM: nothing was done. */
MUST_USE int ws_seat_start(struct exchange *ex, const struct route *route,
			   const struct router_match *match, const struct ws_hello *hello,
			   const struct ws_offer *offer);
MUST_USE int ws_turns_start(struct exchange *ex, const struct route *route,
			    const struct router_match *match, const struct ws_hello *hello,
			    const struct ws_offer *offer);

#endif
