#ifndef WEIR_APP_ASGI_H
#define WEIR_APP_ASGI_H
/*
 * asgi.h - the innermost layer of a request's chain: events become calls on
 * the exchange, in ASGI's order or not at all.
 */
#include <weir/asgi.h>

struct req;

/* The connection itself: what every chain of middleware ends in. */
extern const weir_io asgi_io;

#endif
