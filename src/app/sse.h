#ifndef WEIR_APP_SSE_H
#define WEIR_APP_SSE_H
/* sse.h - weir/sse.h: streams of events, as their requests and their site see them. */
#include <weir/sse.h>

#include "base/list.h"
#include "base/macro.h"

struct req;

/* The handler has returned with result: its stream, which it must have, is over. Returns what is to be made of it. */
MUST_USE int sse_end(struct req *req, int result);
/* The client is gone; req may have no stream. */
void sse_gone(struct req *req);
/* The worker stops: relays of all of a site's streams return. */
void sse_drain(struct list *streams);
/* One of so many equal parts of those that were not told yet is cancelled; 0: none. */
void sse_drain_part(struct list *streams, unsigned parts);

#endif
