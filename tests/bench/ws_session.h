#ifndef BENCH_WS_SESSION_H
#define BENCH_WS_SESSION_H
/*
 * ws_session.h - one WebSocket session of the load client.
 */
#include "wsload.h"

/* Connects and shakes hands, blocking; watched from then on. */
int ws_session_open(struct load *l, struct session *s) MUST_USE;

void ws_session_close(struct session *s);

/* Reads what is there and hands each message to l->on_message. */
int ws_session_read(struct load *l, struct session *s) MUST_USE;

int ws_session_send(struct session *s, const char *bytes, size_t len) MUST_USE;

/* Writes the frames of one of the batches, compressed if that was asked for. */
int ws_session_write_batch(struct load *l, size_t turn) MUST_USE;

#endif
