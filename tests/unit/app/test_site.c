/* test_site.c - what one worker serves, and how it stops. */
#include "app/site.h"

#include <criterion/criterion.h>
#include <string.h>
#include <weir/http.h>

#include "app_world.h"
#include "oom.h"

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

/* ---- without memory */

static int echo(weir_req *req)
{
	weir_str body;
	int r;

	r = weir_body(req, 1024, &body);
	if (r < 0)
		return r;
	r = weir_yield();
	if (r < 0)
		return r;
	return weir_respond(req, 200, "text/plain", body);
}

#define HELLO "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST "POST /echo HTTP/1.1\r\nHost: x\r\n"

/* A request in two parts, and what comes back if all is well. */
static const struct story {
	const char *first, *second, *body;
} stories[] = {
	{ HELLO, "", "" },
	{ POST "Content-Length: 10\r\n\r\n01234", "56789", "0123456789" },
	{ POST "Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n56",
	  "789\r\n0\r\nt: u\r\n\r\n", "0123456789" },
};

/* Nothing here allocates but the server. */
static void tell(struct client *c, const struct story *story)
{
	(void)client_push(c, story->first, strlen(story->first));
	h1_world_settle(c->world);
	(void)client_push(c, story->second, strlen(story->second));
	h1_world_settle(c->world);
}

static void assert_right_end(struct client *c, const struct story *story, bool has_failed,
			     unsigned n)
{
	const char *text = client_text(c), *body = strstr(text, "\r\n\r\n");

	if (!body) {
		cr_assert(has_failed, "allocation %u: %s", n, text);
		cr_assert_str_eq(text, "", "allocation %u", n);
		cr_assert(client_is_closed(c), "allocation %u", n);
		return;
	}
	if (strncmp(text, "HTTP/1.1 200 ", 13) == 0) {
		cr_assert_str_eq(body + 4, story->body, "allocation %u", n);
		return;
	}
	cr_assert(has_failed, "allocation %u: %s", n, text);
	cr_assert(strncmp(text, "HTTP/1.1 503 ", 13) == 0 ||
			  strncmp(text, "HTTP/1.1 500 ", 13) == 0,
		  "allocation %u: %s", n, text);
}

/* False when there are fewer than n allocations. */
static bool fail_at(const struct story *story, unsigned n)
{
	struct app_world *a = app_world_new();
	struct client *c = client_new(a->w);
	bool has_failed;

	app_world_route(a, "/echo", echo);
	h1_world_settle(a->w);
	oom_fail_at(n);
	tell(c, story);
	has_failed = oom_has_failed();
	assert_right_end(c, story, has_failed, n);
	cr_assert(strstr(app_world_ask(a, "/echo"), "HTTP/1.1 200 OK"), "after allocation %u", n);
	app_world_free(a);
	return has_failed;
}

static void survive(const struct story *story)
{
	unsigned n = 1;

	while (fail_at(story, n))
		n++;
	cr_assert_gt(n, 4, "%u", n);
}

Test(site, survives_every_allocation_that_fails_in_a_request)
{
	survive(&stories[0]);
}

Test(site, survives_every_allocation_that_fails_in_one_with_a_body)
{
	survive(&stories[1]);
}

Test(site, survives_every_allocation_that_fails_in_a_chunked_one)
{
	survive(&stories[2]);
}
