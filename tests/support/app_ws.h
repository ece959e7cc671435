#ifndef WEIR_TESTS_APP_WS_H
#define WEIR_TESTS_APP_WS_H
/*
 * app_ws.h - WebSocket routes in an app_world, and a client's side of their
 * sessions.
 *
 *	struct app_world *a = app_ws_world(echo);
 *	struct client *c = app_ws_open(a, "/", "");
 *
 *	app_ws_say(c, "hello");
 *	cr_assert_str_eq(app_ws_text(c), "101 text:hello");
 *	app_world_free(a);
 */
#include <weir/ws.h>

#include "app_world.h"

/* 1 MiB of a message, 5 s for a closing handshake, no other limit; 64 KiB of request memory. */
struct route *app_ws_route(struct app_world *a, const char *pattern, weir_handler *fn);
/* With functions for messages. */
struct route *app_ws_turns(struct app_world *a, const char *pattern,
			   const weir_ws_handlers *handlers);

/* A world with just one of them, "/". */
struct app_world *app_ws_world(weir_handler *fn);
struct app_world *app_ws_turns_world(const weir_ws_handlers *handlers);

/* A client that has sent its handshake, with these lines of fields more. */
struct client *app_ws_open(struct app_world *a, const char *target, const char *fields);
/* A message of text; any frame: its first byte, its payload. */
void app_ws_say(struct client *c, const char *text);
void app_ws_frame(struct client *c, uint8_t first, const void *payload, size_t len);
/* 1000, without a reason. */
void app_ws_close(struct client *c);

/*
 * All that was received since, words with a space between them: the status of
 * the answer, with its body if that is not 101; text:, binary:, more: (a
 * fragment that is not the last), rest: (one that continues), ping:, pong:,
 * close:CODE REASON; and "end" when the server has closed the connection. Of
 * more than 40 bytes of payload only how many there are. Valid until the next call.
 */
const char *app_ws_text(struct client *c);

#endif
