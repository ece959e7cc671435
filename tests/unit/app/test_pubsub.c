/* test_pubsub.c - subscriptions of requests and of sessions, and publishing. */
#include "app/pubsub.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <weir/coro.h>
#include <weir/ws.h>

#include "app/lifespan.h"
#include "app_ws.h"
#include "oom.h"

/* What a handler leaves for its test; each test is a process of its own. */
static int seen, seen_too, n_got;
static char got[256];
static weir_sub *shared_sub;

static void note(weir_str message)
{
	size_t len = strlen(got);

	n_got++;
	(void)snprintf(got + len, sizeof(got) - len, "%.*s ", WEIR_ARG(message));
}

/* Publishes what the query says to the topic that the path says. */
static int publish(weir_req *req)
{
	int r;

	r = weir_publish(req, weir_param(req, "topic"), req->scope->query, 0);
	return r < 0 ? r : weir_respond(req, 204, NULL, (weir_str){ NULL, 0 });
}

static int listen_to_news(weir_req *req)
{
	weir_str message;
	weir_sub *sub;
	int r;

	r = weir_subscribe(req, &sub, .topic = WEIR_STR("news"));
	if (r < 0)
		return r;
	shared_sub = sub;
	while ((r = weir_sub_next(sub, &message)) > 0)
		note(message);
	seen = r;
	return r;
}

static struct app_world *world(void)
{
	static char name[] = "shop";
	struct app_world *a = app_world_new();

	a->app.name = name;
	app_world_route(a, "/publish/{topic}", publish);
	app_world_route(a, "/listen", listen_to_news);
	return a;
}

static void ask(struct app_world *a, const char *target)
{
	struct client *c = client_new(a->w);

	cr_assert_eq(strncmp(app_world_get(a, c, target), "HTTP/1.1 204", 12), 0, "%s", c->text);
	client_close(c);
}

static size_t n_topics(const struct app_world *a)
{
	size_t n = 0;

	for (struct topic *t = topics_next(&a->topics, NULL); t; t = topics_next(&a->topics, t))
		n++;
	return n;
}

Test(pubsub, brings_what_is_published_in_order)
{
	struct app_world *a = world();

	client_send(client_new(a->w), "GET /listen HTTP/1.1\r\nHost: x\r\n\r\n");
	ask(a, "/publish/news?a");
	ask(a, "/publish/olds?b");
	ask(a, "/publish/news?c");
	cr_assert_str_eq(got, "a c ");
	app_world_free(a);
}

Test(pubsub, ends_with_the_request)
{
	struct app_world *a = world();
	struct client *c = client_new(a->w);

	client_send(c, "GET /listen HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_eq(n_topics(a), 1);
	client_close(c);
	cr_assert_eq(seen, -ECANCELED);
	cr_assert_eq(n_topics(a), 0);
	app_world_free(a);
}

static int unsubscribe(weir_req *req)
{
	weir_unsubscribe(NULL);
	weir_unsubscribe(shared_sub);
	return weir_respond(req, 204, NULL, (weir_str){ NULL, 0 });
}

Test(pubsub, tells_who_waits_that_it_is_unsubscribed)
{
	struct app_world *a = world();

	app_world_route(a, "/unsubscribe", unsubscribe);
	client_send(client_new(a->w), "GET /listen HTTP/1.1\r\nHost: x\r\n\r\n");
	ask(a, "/publish/news?a");
	ask(a, "/unsubscribe");
	cr_assert_eq(seen, -EPIPE);
	cr_assert_eq(n_topics(a), 0);
	app_world_free(a);
}

static int unsubscribe_with_message(weir_req *req)
{
	weir_str message;
	weir_sub *sub;
	int r;

	r = weir_subscribe(req, &sub, .topic = WEIR_STR("t"));
	if (r < 0)
		return r;
	for (int i = 0; i < 3; i++) {
		r = weir_publish(req, WEIR_STR("t"), WEIR_STR("x"), 0);
		if (r < 0)
			return r;
	}
	seen = weir_sub_next(sub, &message);
	cr_assert(weir_str_eq(weir_sub_topic(sub), WEIR_STR("t")));
	cr_assert(weir_sub_is_text(sub));
	weir_unsubscribe(sub);
	return weir_respond(req, 204, NULL, (weir_str){ NULL, 0 });
}

Test(pubsub, may_be_unsubscribed_with_messages_left)
{
	struct app_world *a = world();

	app_world_route(a, "/", unsubscribe_with_message);
	ask(a, "/");
	cr_assert_eq(seen, 1);
	cr_assert_eq(n_topics(a), 0);
	app_world_free(a);
}

static int wait_too(void *arg)
{
	weir_str message;

	seen_too = weir_sub_next(arg, &message);
	return 0;
}

static int two_wait(weir_req *req)
{
	weir_str message;
	weir_sub *sub;
	int r;

	r = weir_subscribe(req, &sub, .topic = WEIR_STR("t"));
	if (r < 0)
		return r;
	WEIR_GROUP(g, WEIR_ALL);
	weir_spawn(g, wait_too, sub);
	r = weir_yield();
	if (r < 0)
		return r;
	seen = weir_sub_next(sub, &message);
	r = weir_publish(req, WEIR_STR("t"), WEIR_STR("x"), 0);
	if (r < 0)
		return r;
	r = weir_join(g);
	return r < 0 ? r : weir_respond(req, 204, NULL, (weir_str){ NULL, 0 });
}

Test(pubsub, has_one_task_that_waits)
{
	struct app_world *a = world();

	app_world_route(a, "/", two_wait);
	ask(a, "/");
	cr_assert_eq(seen, -EBUSY);
	cr_assert_eq(seen_too, 1);
	app_world_free(a);
}

static int fall_behind(weir_req *req)
{
	weir_sub *losing, *ending;
	weir_str message;
	int r;

	r = weir_subscribe(req, &losing, .topic = WEIR_STR("t"), .queue = 2);
	if (r < 0)
		return r;
	r = weir_subscribe(req, &ending, .topic = WEIR_STR("t"), .queue = 2, .end_if_slow = 1);
	if (r < 0)
		return r;
	for (int i = 0; i < 5; i++) {
		r = weir_publish(req, WEIR_STR("t"), weir_printf(req, "%d", i), 0);
		if (r < 0)
			return r;
	}
	cr_assert_eq(weir_sub_next(losing, &message), 1);
	note(message);
	cr_assert_eq(weir_sub_next(losing, &message), 1);
	note(message);
	seen = (int)weir_sub_lost(losing);
	while ((r = weir_sub_next(ending, &message)) > 0)
		note(message);
	seen_too = r;
	return weir_respond(req, 204, NULL, (weir_str){ NULL, 0 });
}

Test(pubsub, loses_the_oldest_or_is_ended_as_it_asked)
{
	struct app_world *a = world();

	app_world_route(a, "/", fall_behind);
	ask(a, "/");
	cr_assert_str_eq(got, "3 4 ");
	cr_assert_eq(seen, 3);
	cr_assert_eq(seen_too, -EPIPE);
	app_world_free(a);
}

/* ---- publishing */

static int publish_wrongly(weir_req *req)
{
	char *name = weir_alloc(req, 1025);
	weir_sub *sub;

	memset(name, 'n', 1025);
	cr_assert_eq(weir_publish(req, (weir_str){ NULL, 0 }, WEIR_STR("x"), 0), -EINVAL);
	cr_assert_eq(weir_publish(req, WEIR_STR("t"), WEIR_STR("\xff"), 0), -EBADMSG);
	cr_assert_eq(weir_publish(req, WEIR_STR("t"), WEIR_STR("\xff"), WEIR_BINARY), 0);
	cr_assert_eq(weir_publish(req, WEIR_STR("t"), WEIR_STR("x"), 1 << 7), -EINVAL);
	cr_assert_eq(weir_publish(req, WEIR_STR("t"), WEIR_STR("123456789"), 0), -EMSGSIZE);
	cr_assert_eq(weir_publish(req, (weir_str){ name, 1025 }, WEIR_STR("x"), 0), -EMSGSIZE);
	cr_assert_eq(weir_publish(req, (weir_str){ name, 1024 }, WEIR_STR("x"), 0), 0);
	cr_assert_eq(weir_subscribe(req, &sub, .topic = WEIR_STR("")), -EINVAL);
	cr_assert_eq(weir_subscribe(req, &sub, .topic = { name, 1025 }), -EMSGSIZE);
	cr_assert_eq(weir_subscribe(req, &sub, .prefix = 1), 0);
	weir_unsubscribe(sub);
	return weir_respond(req, 204, NULL, (weir_str){ NULL, 0 });
}

Test(pubsub, refuses_what_makes_no_sense)
{
	struct app_world *a = world();

	a->site.max_publication = 8;
	app_world_route(a, "/", publish_wrongly);
	ask(a, "/");
	app_world_free(a);
}

static int publish_when_cancelled(weir_req *req)
{
	int r;

	r = weir_sleep(1000);
	cr_assert_eq(r, -ECANCELED);
	seen = weir_publish(req, WEIR_STR("news"), WEIR_STR("gone"), 0);
	return r;
}

Test(pubsub, publishes_in_a_cancelled_task)
{
	struct app_world *a = world();
	struct client *c = client_new(a->w);

	app_world_route(a, "/", publish_when_cancelled);
	client_send(client_new(a->w), "GET /listen HTTP/1.1\r\nHost: x\r\n\r\n");
	client_send(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	client_close(c);
	cr_assert_eq(seen, 0);
	cr_assert_str_eq(got, "gone ");
	app_world_free(a);
}

static int subscribe_shared(weir_req *req)
{
	weir_str message;
	weir_sub *own, *shared;
	int r;

	r = weir_subscribe(req, &own, .topic = WEIR_STR("t"));
	if (r < 0)
		return r;
	r = weir_subscribe(req, &shared, .topic = WEIR_STR("t"), .shared = 1);
	if (r < 0)
		return r;
	cr_assert_eq(weir_publish(req, WEIR_STR("t"), WEIR_STR("own"), 0), 0);
	cr_assert_eq(weir_publish(req, WEIR_STR("t"), WEIR_STR("all"), WEIR_SHARED), 0);
	cr_assert_eq(weir_sub_next(own, &message), 1);
	note(message);
	cr_assert_eq(weir_sub_next(shared, &message), 1);
	note(message);
	cr_assert_eq(weir_within(10, weir_sub_next(own, &message)), -ETIMEDOUT);
	cr_assert_eq(weir_within(10, weir_sub_next(shared, &message)), -ETIMEDOUT);
	return weir_respond(req, 204, NULL, (weir_str){ NULL, 0 });
}

Test(pubsub, keeps_the_topics_of_modules_apart)
{
	struct app_world *a = world();
	struct client *c = client_new(a->w);

	app_world_route(a, "/", subscribe_shared);
	client_send(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	h1_world_pass(a->w, 100);
	cr_assert_str_eq(got, "own all ");
	app_world_free(a);
}

Test(pubsub, survives_every_failure_to_allocate)
{
	struct app_world *a = world();
	bool failed = true;
	unsigned n;

	app_world_route(a, "/", unsubscribe_with_message);
	for (n = 1; failed && n < 60; n++) {
		struct client *c = client_new(a->w);

		oom_fail_at(n);
		(void)client_push(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27);
		h1_world_settle(a->w);
		failed = oom_has_failed();
		client_close(c);
		cr_assert_eq(n_topics(a), 0);
	}
	cr_assert_not(failed);
	cr_assert_gt(n, 3);
	app_world_free(a);
}

/* ---- of sessions */

static int relay(weir_req *req)
{
	weir_str message;
	weir_sub *sub;
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	if (r < 0)
		return r;
	r = weir_subscribe(req, &sub, .topic = WEIR_STR("news"));
	if (r < 0)
		return r;
	cr_assert_eq(weir_ws_relay(ws, sub, 1), -EINVAL);
	r = weir_ws_relay(ws, sub, 0);
	if (r < 0)
		return r;
	cr_assert_eq(weir_ws_relay(ws, sub, 0), -EBUSY);
	cr_assert_eq(weir_sub_next(sub, &message), -EBUSY);
	while ((r = weir_ws_recv(ws, &message)) > 0) {
		if (weir_str_eq(message, WEIR_STR("stop")))
			weir_unsubscribe(sub);
	}
	seen = r;
	/* Its session is over, and it is still the handler's to look at. */
	if (weir_ws_close_code(ws) == 4000) {
		seen_too = 1 + (int)weir_sub_lost(sub);
		cr_assert_eq(n_got, 0);
		cr_assert_eq(weir_ws_relay(ws, sub, 0), -EPIPE);
		weir_unsubscribe(sub);
	}
	return r;
}

Test(pubsub, relays_to_a_session)
{
	struct app_world *a = world();
	struct client *c;

	app_ws_route(a, "/ws", relay);
	c = app_ws_open(a, "/ws", "");
	ask(a, "/publish/news?a");
	ask(a, "/publish/news?b");
	cr_assert_str_eq(app_ws_text(c), "101 text:a text:b");
	app_ws_say(c, "stop");
	ask(a, "/publish/news?c");
	cr_assert_str_eq(app_ws_text(c), "101 text:a text:b");
	cr_assert_eq(n_topics(a), 0);
	app_world_free(a);
}

Test(pubsub, ends_a_relayed_one_with_its_session)
{
	struct app_world *a = world();
	struct client *c;

	app_ws_route(a, "/ws", relay);
	c = app_ws_open(a, "/ws", "");
	cr_assert_eq(n_topics(a), 1);
	app_ws_frame(c, 0x88, "\x0f\xa0", 2);
	cr_assert_eq(seen, 0);
	cr_assert_eq(seen_too, 1);
	cr_assert_eq(n_topics(a), 0);
	c = app_ws_open(a, "/ws", "");
	cr_assert_eq(n_topics(a), 1);
	client_close(c);
	cr_assert_eq(n_topics(a), 0);
	app_world_free(a);
}

static int relay_and_stay(weir_req *req)
{
	weir_sub *sub;
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	if (r < 0)
		return r;
	r = weir_subscribe(req, &sub, .topic = WEIR_STR("news"));
	if (r < 0)
		return r;
	r = weir_ws_relay(ws, sub, 0);
	if (r < 0)
		return r;
	r = weir_shielded(10000, weir_sleep(1000));
	seen = r;
	weir_unsubscribe(sub);
	return r;
}

Test(pubsub, may_be_unsubscribed_when_its_session_is_over)
{
	struct app_world *a = world();
	struct client *c;

	app_ws_route(a, "/ws", relay_and_stay);
	c = app_ws_open(a, "/ws", "");
	client_close(c);
	cr_assert_eq(n_topics(a), 0);
	ask(a, "/publish/news?a");
	h1_world_pass(a->w, 2000);
	cr_assert_eq(seen, 0);
	app_world_free(a);
}

Test(pubsub, does_not_keep_a_handler_that_only_relays)
{
	struct app_world *a = world();
	struct client *c;

	app_ws_route(a, "/ws", relay_and_stay);
	c = app_ws_open(a, "/ws", "");
	ask(a, "/publish/news?a");
	h1_world_pass(a->w, 2000);
	cr_assert_str_eq(app_ws_text(c), "101 text:a close:1000");
	cr_assert_eq(n_topics(a), 0);
	app_world_free(a);
}
