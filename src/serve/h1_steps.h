#ifndef WEIR_SERVE_H1_STEPS_H
#define WEIR_SERVE_H1_STEPS_H
/* h1_steps.h - what an HTTP/1 connection does next; see h1_conn.h for the struct. */
#include "serve/h1_conn.h"

/* One step of the state machine. True when there may be more to do. */
MUST_USE bool h1_steps_take(struct h1_conn *c);

/* Answers what cannot be trusted or served, between exchanges; the connection ends with it. */
void h1_steps_refuse(struct h1_conn *c, enum fault fault);

/* The application is done with the exchange: struct exchange's finish. */
void h1_steps_finish(struct exchange *ex);

#endif
