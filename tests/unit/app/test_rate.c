/* test_rate.c - who asks too often, of routes with rules and without. */
#include "app/rate.h"

#include <criterion/criterion.h>
#include <string.h>

#include "app_world.h"
#include "serve/ratelimit.h"

static int hello(weir_req *req)
{
	return weir_respond(req, 200, "text/plain", WEIR_STR("hello"));
}

struct scene {
	struct app_world *a;
	struct ratelimit rates;
	struct ratelimit_rule common, own;
};

static void scene_init(struct scene *s)
{
	struct route *route;

	cr_assert_eq(ratelimit_init(&s->rates, 64), 0);
	ratelimit_make(&s->common, 0, 2, 10000, 0);
	ratelimit_make(&s->own, 1, 1, 60000, 0);
	s->a = app_world_new();
	s->a->site.rates = &s->rates;
	s->a->site.stray = &s->common;
	route = app_world_route(s->a, "/common", hello);
	route->rate = &s->common;
	route->has_rules = true;
	route = app_world_route(s->a, "/own", hello);
	route->rate = &s->own;
	route->has_rules = true;
	(void)app_world_route(s->a, "/free", hello);
}

static void scene_done(struct scene *s)
{
	app_world_free(s->a);
	ratelimit_done(&s->rates);
}

/* Clients of h1_world have no address: they are one, of that name. */
static void expect(struct scene *s, const char *target, const char *status)
{
	const char *answer = app_world_ask(s->a, target);

	cr_expect_not_null(strstr(answer, status), "%s: %s", target, answer);
}

Test(rate, routes_that_say_nothing_share_a_bucket_with_what_is_no_route)
{
	struct scene s;

	scene_init(&s);
	expect(&s, "/common", "HTTP/1.1 200 ");
	expect(&s, "/nowhere", "HTTP/1.1 404 ");
	expect(&s, "/nowhere", "HTTP/1.1 429 ");
	expect(&s, "/common", "retry-after: 5\r\n");
	cr_expect_not_null(strstr(h1_world_log(s.a->w), "no route: refused with 429 too-frequent"));
	h1_world_pass(s.a->w, 5000);
	expect(&s, "/common", "HTTP/1.1 200 ");
	expect(&s, "/common", "HTTP/1.1 429 ");
	scene_done(&s);
}

Test(rate, a_rule_of_its_own_is_another_bucket)
{
	struct scene s;

	scene_init(&s);
	expect(&s, "/own", "HTTP/1.1 200 ");
	expect(&s, "/own", "retry-after: 60\r\n");
	expect(&s, "/common", "HTTP/1.1 200 ");
	expect(&s, "/common", "HTTP/1.1 200 ");
	expect(&s, "/common", "HTTP/1.1 429 ");
	for (int i = 0; i < 10; i++)
		expect(&s, "/free", "HTTP/1.1 200 ");
	scene_done(&s);
}

Test(rate, without_a_table_nobody_is_limited)
{
	struct scene s;

	scene_init(&s);
	s.a->site.rates = NULL;
	for (int i = 0; i < 10; i++)
		expect(&s, "/own", "HTTP/1.1 200 ");
	scene_done(&s);
}
