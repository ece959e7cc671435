/* test_sse_relay.c - subscriptions relayed as events. */
#include "app/asgi.h"
#include "sse_world.h"

static weir_sub *seen_sub;

static void publish(const char *name, const char *text, bool is_binary)
{
	struct publication_view view = { .scope = WEIR_STR(""),
					 .name = weir_strz(name),
					 .bytes = weir_strz(text),
					 .is_binary = is_binary };

	cr_assert_eq(topics_publish(&topics, &view), 0);
}

static int relay(weir_req *req)
{
	weir_sse *sse;
	int r;

	r = weir_subscribe(req, &seen_sub, .topic = WEIR_STR("news"), .shared = 1);
	if (r >= 0)
		r = weir_sse_start(req, &sse, .heartbeat_ms = 10000);
	if (r >= 0)
		seen[0] = weir_sse_relay(sse, seen_sub, "news");
	seen[1]++;
	return r < 0 ? r : seen[0];
}

static struct client *start_relay(struct app_world *a, weir_handler *fn)
{
	struct client *c = client_new(a->w);

	app_world_route(a, "/x", fn);
	(void)app_world_get(a, c, "/x");
	return c;
}

Test(sse, relays_each_publication_as_an_event)
{
	struct app_world *a = new_world();
	struct client *c = start_relay(a, relay);

	publish("news", "one", false);
	publish("news", "left\nout", true);
	publish("other", "not ours", false);
	publish("news", "two\nlines", false);
	h1_world_settle(a->w);
	cr_assert_str_eq(stream_of(client_text(c)), ":\nevent: news\ndata: one\n\n"
						    "event: news\ndata: two\ndata: lines\n\n");
	client_close(c);
	h1_world_settle(a->w);
	cr_assert_eq(seen[0], -ECANCELED);
	free_world(a);
}

Test(sse, relays_have_a_heartbeat)
{
	struct app_world *a = new_world();
	struct client *c = start_relay(a, relay);

	cr_assert_str_eq(after(a, c, 25000), ":\n:\n:\n");
	free_world(a);
}

static int receive(const weir_io *io, weir_req *req, weir_event *ret_ev)
{
	return io->next->receive(io->next, req, ret_ev);
}

/* A layer that counts what goes by. */
static int count(const weir_io *io, weir_req *req, const weir_event *ev)
{
	seen[5] += ev->type == WEIR_HTTP_BODY;
	seen[6] += (int)ev->body.len;
	return io->next->send(io->next, req, ev);
}

Test(sse, middleware_sees_the_heartbeats_of_relays)
{
	struct app_world *a = new_world();
	struct client *c = client_new(a->w);
	const weir_io layer = { receive, count, &asgi_io };

	app_world_route(a, "/x", relay)->io = &layer;
	(void)app_world_get(a, c, "/x");
	cr_assert_str_eq(after(a, c, 25000), ":\n:\n:\n");
	cr_assert_eq(seen[5], 3);
	cr_assert_eq(seen[6], 6);
	publish("news", "one", false);
	h1_world_settle(a->w);
	cr_assert_eq(seen[5], 4);
	free_world(a);
}

Test(sse, relays_end_properly_when_the_worker_stops)
{
	struct app_world *a = new_world();
	struct client *c = start_relay(a, relay);

	site_drain(&a->site);
	h1_world_settle(a->w);
	cr_assert_eq(seen[1], 1);
	cr_assert_eq(seen[0], 0);
	cr_assert(strstr(client_text(c), "2\r\n:\n\r\n0\r\n\r\n"));
	/* One that begins now ends at once. */
	c = client_new(a->w);
	cr_assert(strstr(app_world_get(a, c, "/x"), "2\r\n:\n\r\n0\r\n\r\n"));
	free_world(a);
}

Test(sse, relays_end_although_the_handler_is_not_cancelled)
{
	struct app_world *a = new_world();
	struct client *c = client_new(a->w);

	app_world_route(a, "/x", relay)->flags = WEIR_FINISH_ANYWAY;
	(void)app_world_get(a, c, "/x");
	client_close(c);
	h1_world_settle(a->w);
	cr_assert_eq(seen[0], -EPIPE);
	free_world(a);
}

static int relay_for_head(weir_req *req)
{
	int r = relay(req);

	seen[2] = r;
	return r;
}

Test(sse, relays_nothing_for_head)
{
	struct app_world *a = new_world();
	struct client *c = client_new(a->w);

	app_world_route(a, "/x", relay_for_head);
	client_send(c, "HEAD /x HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_eq(seen[2], -EPIPE);
	cr_assert_not(client_is_closed(c));
	free_world(a);
}

struct two {
	weir_req *req;
	weir_sse *sse;
	weir_sub *sub;
};

static int relay_a(void *arg)
{
	const struct two *two = arg;

	return weir_sse_relay(two->sse, two->sub, "a");
}

static int relay_b(void *arg)
{
	const struct two *two = arg;
	weir_sub *sub;
	int r;

	seen[3] = weir_sse_relay(two->sse, two->sub, "b");
	r = weir_subscribe(two->req, &sub, .topic = WEIR_STR("b"), .shared = 1);
	return r < 0 ? r : weir_sse_relay(two->sse, sub, "b");
}

static int relay_two(weir_req *req)
{
	struct two two = { .req = req };
	int r;

	r = weir_subscribe(req, &two.sub, .topic = WEIR_STR("news"), .shared = 1);
	if (r >= 0)
		r = weir_sse_start(req, &two.sse);
	if (r < 0)
		return r;
	seen_sub = two.sub;

	WEIR_GROUP(g, WEIR_ALL);
	weir_spawn(g, relay_a, &two);
	weir_spawn(g, relay_b, &two);
	seen[4] = weir_join(g);
	return seen[4];
}

Test(sse, relays_two_topics_by_two_tasks)
{
	struct app_world *a = new_world();
	struct client *c = start_relay(a, relay_two);

	cr_assert_eq(seen[3], -EBUSY);
	publish("b", "2", false);
	publish("news", "1", false);
	h1_world_settle(a->w);
	cr_assert_str_eq(stream_of(client_text(c)),
			 ":\nevent: b\ndata: 2\n\nevent: a\ndata: 1\n\n");
	site_drain(&a->site);
	h1_world_settle(a->w);
	cr_assert_eq(seen[4], 0);
	free_world(a);
}

Test(sse, a_relay_ends_with_its_subscription)
{
	struct app_world *a = new_world();
	struct client *c = start_relay(a, relay);

	weir_unsubscribe(seen_sub);
	h1_world_settle(a->w);
	cr_assert_eq(seen[0], -EPIPE);
	cr_assert(client_is_closed(c), "cut: the client must see that it is not complete");
	free_world(a);
}
