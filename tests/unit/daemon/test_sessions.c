/* test_sessions.c - what routes of WebSockets get from the configuration, and topics from a budget. */
#include "daemon/sessions.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "app/site.h"
#include "base/log.h"
#include "conf/conf.h"
#include "conf_fixture.h"
#include "daemon/binding.h"
#include "io/loop.h"
#include "serve/server.h"
#include "serve/subscriber.h"

#define ROUTES                                                                     \
	"module_path: [" TEST_MODULES "]\n"                                        \
	"modules: [{path: good.so}]\n"                                             \
	"send_queue_budget: 5MiB\n"                                                \
	"max_publication: 9KiB\n"                                                  \
	"routes:\n"                                                                \
	"  - {path: /plain, handler: good.user}\n"                                 \
	"  - {path: /a, websocket: true, handler: good.chat, ping_interval: 3s}\n" \
	"  - {path: /b, websocket: true, handler: good.chat, slow_client: drop-oldest}\n"

static struct world {
	struct fixture fixture;
	struct loop *loop;
	struct log log;
	struct binding *binding;
	struct server server;
	struct site site;
	struct sessions sessions;
} w;

static void make(void)
{
	const struct server_limits limits = { .head = { .max_fields = 10 } };

	fixture_init(&w.fixture);
	fixture_load(&w.fixture, ROUTES);
	cr_assert_eq(w.fixture.r, 0, "%s", w.fixture.said);
	log_init(&w.log, 2, LOG_AT_ERROR);
	cr_assert_eq(loop_new_virtual(&w.loop), 0);
	cr_assert_eq(binding_new(w.fixture.conf, &w.log, &w.fixture.messages, &w.binding), 0);
	cr_assert_eq(server_init(&w.server, w.loop, &w.log, &limits), 0);
	site_init(&w.site, w.loop, NULL, &w.log, w.binding->router);
	cr_assert_eq(sessions_init(&w.sessions, w.fixture.conf, w.binding, &w.server, &w.site), 0);
}

static void unmake(void)
{
	sessions_done(&w.sessions);
	site_done(&w.site);
	server_done(&w.server);
	w.binding = binding_free(w.binding);
	w.loop = loop_free(w.loop);
	fixture_done(&w.fixture);
}

Test(sessions, gives_each_websocket_route_a_policy_of_its_own)
{
	const struct route *routes;

	make();
	routes = w.binding->routes;
	cr_assert_null(routes[0].ws);
	cr_assert_eq(routes[1].ws->limits.ping_interval_ms, 3000);
	cr_assert_eq(routes[1].ws->limits.slow, WS_SLOW_WAIT);
	cr_assert_eq(routes[2].ws->limits.ping_interval_ms, 25000);
	cr_assert_eq(routes[2].ws->limits.slow, WS_SLOW_DROP_OLDEST);
	cr_assert_str_eq(routes[1].ws->name, "good.chat");
	cr_assert_eq(w.sessions.n_policies, 2u);
	cr_assert_eq(routes[1].ws->shared, routes[2].ws->shared);
	cr_assert_eq(w.sessions.shared.queue_budget, 5u * 1024 * 1024);
	unmake();
}

static void on_ready(struct subscriber *s)
{
}

Test(sessions, gives_the_site_topics_to_publish_to)
{
	const struct topic_key key = { .scope = WEIR_STR("shop"), .name = WEIR_STR("news") };
	const struct topics_limit limit = { .queue = 1 };
	struct subscriber subscriber;

	make();
	cr_assert_eq(w.site.topics, &w.sessions.topics);
	cr_assert_eq(w.site.max_publication, 9u * 1024);
	subscriber_init(&subscriber, on_ready);
	cr_assert_eq(topics_subscribe(w.site.topics, &subscriber, &key, &limit), 0);
	topics_unsubscribe(&subscriber);
	unmake();
}
