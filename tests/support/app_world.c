/* app_world.c - see app_world.h. */
#include "app_world.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/router.h"

struct app_world *app_world_new(void)
{
	struct app_world *a = calloc(1, sizeof(*a));
	const struct siphash_key secret = { 1, 2 };
	struct sched_opts opts = { 0 };

	a->w = h1_world_new();
	opts.log = &a->w->log;
	cr_assert_eq(sched_new(a->w->loop, &opts, &a->sched), 0);
	a->router = router_new();
	site_init(&a->site, a->w->loop, a->sched, &a->w->log, a->router);
	a->site.task_memory = 65536;
	topics_init(&a->topics, &secret, 0);
	a->site.topics = &a->topics;
	cr_assert_eq(ws_policy_init_shared(&a->ws, a->w->loop, &a->w->log, &a->w->server.blocks, 0),
		     0);
	a->w->server.up = &site_up;
	a->w->server.up_arg = &a->site;
	return a;
}

void app_world_free(struct app_world *a)
{
	h1_world_close(a->w);
	cr_assert_eq(sched_n_tasks(a->sched), 0);
	cr_assert(list_is_empty(&a->site.running));
	cr_assert_eq(a->site.n_sessions, 0);
	cr_assert_eq(a->ws.n_open, 0);
	cr_assert_null(topics_next(&a->topics, NULL));
	for (unsigned i = 0; i < a->n_routes; i++) {
		if (a->routes[i].ws)
			ws_policy_done(a->routes[i].ws);
	}
	ws_policy_done_shared(&a->ws);
	topics_done(&a->topics);
	site_done(&a->site);
	sched_free(a->sched);
	router_free(a->router);
	h1_world_free(a->w);
	free(a);
}

struct route *app_world_route_for(struct app_world *a, const char *pattern, uint64_t methods,
				  weir_handler *fn)
{
	struct route *route = &a->routes[a->n_routes++];
	const char *words = NULL;
	void *conflict;

	cr_assert_leq(a->n_routes, APP_WORLD_ROUTES);
	*route = (struct route){ .name = "test.handler",
				 .fn = fn,
				 .app = &a->app,
				 .max_body = 1 << 20,
				 .is_logged = true,
				 .number = a->n_routes };
	cr_assert_eq(router_add(a->router, weir_strz(pattern), methods, route, &words, &conflict),
		     0, "%s", words);
	return route;
}

struct route *app_world_route(struct app_world *a, const char *pattern, weir_handler *fn)
{
	return app_world_route_for(a, pattern, ROUTER_ANY_METHOD, fn);
}

const char *app_world_get(struct app_world *a, struct client *c, const char *target)
{
	char request[4096];

	(void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target);
	client_forget(c);
	client_send(c, request);
	return client_text(c);
}

const char *app_world_ask(struct app_world *a, const char *target)
{
	return app_world_get(a, client_new(a->w), target);
}
