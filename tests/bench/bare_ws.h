#ifndef BENCH_BARE_WS_H
#define BENCH_BARE_WS_H
/*
 * bare_ws.h - the WebSocket half of the yardstick: unmask, frame, send.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/macro.h"

struct bare_ws; /* all sessions */
struct bare_ws_session;

/* is_broadcast: what one session sends goes to all, itself included. */
int bare_ws_new(bool is_broadcast, struct bare_ws **ret) MUST_USE;

/* Answers an upgrade whose head is in these bytes; 0 if it is none, 1 and a session if it is. */
int bare_ws_hello(struct bare_ws *w, int fd, const char *head, size_t len,
		  struct bare_ws_session **ret) MUST_USE;

/* The caller closes fd. */
struct bare_ws_session *bare_ws_free(struct bare_ws *w, struct bare_ws_session *s);

/* Reads and passes on; a negative errno when the session has ended. */
int bare_ws_read(struct bare_ws *w, struct bare_ws_session *s) MUST_USE;

/* When fd has become writable: sends what could not be sent. */
int bare_ws_write(struct bare_ws_session *s) MUST_USE;

#endif
