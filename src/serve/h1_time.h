#ifndef WEIR_SERVE_H1_TIME_H
#define WEIR_SERVE_H1_TIME_H
/*
 * h1_time.h - the clocks of a connection, which run only while its peer is
 * waited for; see h1_conn.h for the struct, pace.h for the limits.
 */
#include <stdbool.h>
#include <stdint.h>

#include "serve/h1_conn.h"

/* The body's next byte is waited for. False: it has come too slowly so far, and is not. */
MUST_USE bool h1_time_await_body(struct h1_conn *c);
/* Some of it is here, or all. */
void h1_time_body_came(struct h1_conn *c);

/* The kernel's queue is full: from now on the peer has to take of it. */
void h1_time_await_taking(struct h1_conn *c);
/* All that was queued has left for the kernel. */
void h1_time_all_left(struct h1_conn *c);

/* What the lists of time-outs call: no bytes came; and, once a second, are any taken? */
void h1_time_expired(struct timeout *timeout);
void h1_time_look(struct timeout *timeout);

/* Since when the peer has moved nothing, though it could; -1: it is not waited for. */
int64_t h1_time_idle_since(const struct h1_conn *c);

#endif
