#ifndef WEIR_APP_ASGI_WS_H
#define WEIR_APP_ASGI_WS_H
/* asgi_ws.h - the events of WebSockets, for asgi.c: see weir/asgi.h. */
#include <weir/asgi.h>

#include "base/macro.h"

struct req;

/* Of a request with an offer. */
MUST_USE int asgi_ws_receive(struct req *req, weir_event *ret_ev);
MUST_USE int asgi_ws_send(struct req *req, const weir_event *ev);

#endif
