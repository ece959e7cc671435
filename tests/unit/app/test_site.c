/* test_site.c - what one worker serves, and how it stops. */
#include "app/site.h"

#include <criterion/criterion.h>
#include <string.h>
#include <weir/http.h>

#include "app_world.h"

static int seen[3], n_seen;
static weir_reason seen_reason;
static bool was_draining;

static int wait_long(weir_req *req)
{
	int r;

	r = weir_sleep(100000);
	seen_reason = weir_cancel_reason();
	was_draining = weir_draining(req);
	seen[n_seen++] = r;
	return r;
}

Test(site, cancels_every_handler_when_the_worker_stops)
{
	struct app_world *a = app_world_new();

	app_world_route(a, "/x", wait_long);
	for (int i = 0; i < 3; i++)
		(void)app_world_ask(a, "/x");
	a->site.is_draining = true;
	site_cancel(&a->site);
	h1_world_settle(a->w);
	cr_assert_eq(n_seen, 3);
	cr_assert_eq(seen[2], -ECANCELED);
	cr_assert_eq(seen_reason, WEIR_SHUTDOWN);
	cr_assert(was_draining);
	cr_assert(strstr(client_text(a->w->clients[0]), "HTTP/1.1 503 Service Unavailable\r\n"));
	app_world_free(a);
}

Test(site, has_nothing_to_cancel_when_nobody_waits)
{
	struct app_world *a = app_world_new();

	site_cancel(&a->site);
	app_world_free(a);
}

static int answer(weir_req *req)
{
	return weir_respond(req, 200, "text/plain", WEIR_STR("x"));
}

Test(site, remembers_the_route_whose_handler_started_last)
{
	struct app_world *a = app_world_new();
	uint32_t last = 0;

	app_world_route(a, "/first", answer)->number = 1;
	app_world_route(a, "/second", wait_long)->number = 17;
	a->site.last_route = &last;
	(void)app_world_ask(a, "/first");
	cr_assert_eq(last, 1u);
	(void)app_world_ask(a, "/second");
	(void)app_world_ask(a, "/nowhere");
	cr_assert_eq(last, 17u);
	site_cancel(&a->site);
	app_world_free(a);
}

Test(site, drains_when_its_handlers_are_done)
{
	struct app_world *a = app_world_new();

	app_world_route(a, "/x", wait_long);
	(void)app_world_ask(a, "/x");
	server_drain(&a->w->server);
	h1_world_pass(a->w, 99000);
	cr_assert_eq(a->w->n_drained, 0, "%d %d", n_seen, seen[0]);
	h1_world_pass(a->w, 1001);
	cr_assert_eq(seen[0], 0);
	client_close(a->w->clients[0]);
	cr_assert_eq(a->w->n_drained, 1);
	app_world_free(a);
}
