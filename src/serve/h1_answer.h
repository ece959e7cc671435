#ifndef WEIR_SERVE_H1_ANSWER_H
#define WEIR_SERVE_H1_ANSWER_H
/* h1_answer.h - an HTTP/1 connection's outgoing side; see h1_conn.h for the struct. */
#include "serve/h1_conn.h"

/* What an exchange of an HTTP/1 connection calls. */
extern const struct exchange_down h1_answer_down;

/* 100, if the client waits for it and nothing was answered yet. */
MUST_USE int h1_answer_continue(struct h1_conn *c);
/* A whole answer without an exchange, but for its body if a HEAD is answered. */
void h1_answer_refuse(struct h1_conn *c, enum fault fault, bool is_head);

#endif
