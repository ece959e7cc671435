#ifndef WEIR_TESTS_APP_WORLD_H
#define WEIR_TESTS_APP_WORLD_H
/*
 * app_world.h - a site with routes to handlers, served on a virtual loop to the
 * clients of h1_world.h.
 *
 *	struct app_world *a = app_world_new();
 *	struct client *c = client_new(a->w);
 *
 *	app_world_route(a, "/hello", hello);
 *	client_send(c, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
 *	...
 *	app_world_free(a);
 *
 * Routes of WebSockets are in app_ws.h.
 */
#include <weir/http.h>

#include "app/module.h"
#include "app/site.h"
#include "coro/sched.h"
#include "h1_world.h"
#include "serve/topics.h"
#include "serve/ws_policy.h"

#define APP_WORLD_ROUTES 16

struct app_world {
	struct h1_world *w; /* the server, the clients and the log */
	struct sched *sched;
	struct router *router;
	struct site site;
	struct weir_app app; /* of every route: its state is for the test to set */
	struct route routes[APP_WORLD_ROUTES];
	unsigned n_routes;

	struct topics topics;
	struct ws_shared ws;
	struct ws_policy policies[APP_WORLD_ROUTES]; /* of the routes that have one */
};

struct app_world *app_world_new(void);
void app_world_free(struct app_world *a);

/* Any method, a body of 1 MiB, logged; to be changed by the test before the first request. */
struct route *app_world_route(struct app_world *a, const char *pattern, weir_handler *fn);
struct route *app_world_route_for(struct app_world *a, const char *pattern, uint64_t methods,
				  weir_handler *fn);

/* Sends a request, and returns what came back. */
const char *app_world_get(struct app_world *a, struct client *c, const char *target);
/* The same, over a connection of its own. */
const char *app_world_ask(struct app_world *a, const char *target);

#endif
