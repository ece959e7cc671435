#ifndef WEIR_SERVE_H1_BODY_H
#define WEIR_SERVE_H1_BODY_H
/* h1_body.h - the body of an HTTP/1 request; see h1_conn.h for the struct. */
#include "serve/h1_conn.h"

/* Gives the application the next piece, or the end: exchange_down's next(). */
MUST_USE int h1_body_next(struct exchange *ex, weir_str *ret_piece);

/* Does the client hold its body back until it hears 100? */
bool h1_body_is_held_back(const struct h1_conn *c);

/* Would what is left of the body, when some is, be thrown away for the sake of the next request? */
bool h1_body_can_discard(const struct h1_conn *c);
/* Throws away what is here. 1: the body is over; 0: more bytes are needed; negative: give up. */
MUST_USE int h1_body_discard(struct h1_conn *c, enum fault *reterr_fault);

#endif
