/*
 * test_binding.c - configurations bound to the modules of tests/modules, in
 * this process: each test is one of its own.
 */
#include "daemon/binding.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <weir/module.h>
#include <weir/ws.h>

#include "app/asgi.h"
#include "app/hosts.h"
#include "app/router.h"
#include "base/log.h"
#include "conf_fixture.h"
#include "proto/http.h"
#include "serve/ratelimit.h"

struct world {
	struct fixture fixture;
	struct log log;
	struct binding *binding;
	struct buf words; /* all that messages say after the binding */
	int r;
};

#define GOOD "module_path: [" TEST_MODULES "]\nmodules: [{path: good.so}]\n"

static void bind_loaded(struct world *w)
{
	log_init(&w->log, 2, LOG_AT_ERROR);
	buf_init(&w->words, 0);
	w->r = binding_new(w->fixture.conf, &w->log, &w->fixture.messages, &w->binding);
	cr_assert_eq(messages_format(&w->fixture.messages, &w->words), 0);
	cr_assert_eq(buf_append(&w->words, "", 1), 0);
}

static void bind_text(struct world *w, const char *text)
{
	memset(w, 0, sizeof(*w));
	fixture_init(&w->fixture);
	fixture_load(&w->fixture, text);
	cr_assert_eq(w->fixture.r, 0, "%s", w->fixture.said);
	bind_loaded(w);
}

/* `weir run` with this module. */
static void bind_run(struct world *w, const char *module)
{
	memset(w, 0, sizeof(*w));
	fixture_init(&w->fixture);
	w->fixture.cli.file = NULL;
	w->fixture.cli.run_module = module;
	fixture_load(&w->fixture, NULL);
	cr_assert_eq(w->fixture.r, 0, "%s", w->fixture.said);
	bind_loaded(w);
}

static void done(struct world *w)
{
	w->binding = binding_free(w->binding);
	buf_done(&w->words);
	fixture_done(&w->fixture);
}

static const struct route *find(const struct world *w, enum http_method method, const char *path)
{
	struct router_match match;

	if (router_find(w->binding->router, method, weir_strz(path), &match) != ROUTER_FOUND)
		return NULL;
	return match.target;
}

static void expect_words(const struct world *w, const char *words)
{
	cr_assert_eq(w->r, -EINVAL);
	cr_assert_not_null(strstr(w->words.data, words), "\"%s\" is not in: %s", words,
			   w->words.data);
}

Test(binding, gives_a_route_what_the_configuration_says_about_it)
{
	const struct route *route;
	struct world w;

	bind_text(&w, GOOD "max_body: 2MiB\n"
			   "request_memory: 512KiB\n"
			   "routes:\n"
			   "  - path: /u/{id}\n"
			   "    methods: [GET]\n"
			   "    handler: good.user\n"
			   "    max_body: 5KiB\n"
			   "    half_close: finish\n"
			   "    access_log: false\n");
	cr_assert_eq(w.r, 0, "%s", w.words.data);
	cr_assert_eq(w.binding->n_routes, 1u);
	route = find(&w, HTTP_METHOD_GET, "/u/1");
	cr_assert_eq(route, w.binding->routes);
	cr_assert_str_eq(route->name, "good.user");
	cr_assert_eq(route->app, w.binding->apps[0]);
	cr_assert_not_null(route->fn);
	cr_assert_eq(route->flags, (uint32_t)WEIR_FINISH_ANYWAY);
	cr_assert_eq(route->max_body, 5u * 1024);
	cr_assert_eq(route->request_memory, 512u * 1024);
	cr_assert_eq(route->half_close, HALF_CLOSE_FINISH);
	cr_assert_not(route->is_logged);
	cr_assert_null(route->io);
	done(&w);
}

Test(binding, gives_each_method_its_own_handler)
{
	struct world w;

	bind_text(&w, GOOD "routes:\n"
			   "  - {path: /x, methods: [GET], handler: good.user}\n"
			   "  - {path: /x, methods: [POST], handler: good.users}\n");
	cr_assert_eq(w.r, 0, "%s", w.words.data);
	cr_assert_str_eq(find(&w, HTTP_METHOD_GET, "/x")->name, "good.user");
	cr_assert_str_eq(find(&w, HTTP_METHOD_POST, "/x")->name, "good.users");
	cr_assert_null(find(&w, HTTP_METHOD_PUT, "/x"));
	done(&w);
}

Test(binding, without_hosts_there_is_one_router)
{
	struct world w;

	bind_text(&w, GOOD "routes: [{path: /x, handler: good.user}]\n");
	cr_assert_eq(w.r, 0, "%s", w.words.data);
	cr_expect_not_null(w.binding->router);
	cr_expect_not(hosts_are_named(w.binding->hosts));
	cr_expect_null(w.binding->stray);
	cr_expect_not(w.binding->routes[0].has_rules);
	done(&w);
}

Test(binding, each_host_has_routes_of_its_own)
{
	struct router_match match;
	struct world w;

	bind_text(&w, GOOD "routes:\n"
			   "  - {path: /x, host: Example.org, handler: good.user}\n"
			   "  - {path: /x, handler: good.users}\n");
	cr_assert_eq(w.r, 0, "%s", w.words.data);
	cr_expect_null(w.binding->router);
	cr_assert_eq(hosts_find(w.binding->hosts, WEIR_STR("example.org:80"), HTTP_METHOD_GET,
				WEIR_STR("/x"), &match),
		     ROUTER_FOUND);
	cr_expect_str_eq(((struct route *)match.target)->name, "good.user");
	cr_assert_eq(hosts_find(w.binding->hosts, WEIR_STR("example.com"), HTTP_METHOD_GET,
				WEIR_STR("/x"), &match),
		     ROUTER_FOUND);
	cr_expect_str_eq(((struct route *)match.target)->name, "good.users");
	done(&w);
}

Test(binding, routes_share_a_rate_limit_unless_they_have_their_own)
{
	const struct route *routes;
	struct world w;

	bind_text(&w, "rate_limit: 10\n" GOOD "routes:\n"
		      "  - {path: /a, handler: good.user}\n"
		      "  - {path: /b, handler: good.user}\n"
		      "  - {path: /c, handler: good.user, rate_limit: 5, rate_burst: 2}\n"
		      "  - {path: /d, handler: good.user, rate_limit: 0}\n");
	cr_assert_eq(w.r, 0, "%s", w.words.data);
	routes = w.binding->routes;
	cr_expect_eq(routes[0].rate, w.binding->stray);
	cr_expect_eq(routes[1].rate, w.binding->stray);
	cr_expect_eq(routes[0].rate->ns, 100000000u);
	cr_assert_not_null(routes[2].rate);
	cr_expect_neq(routes[2].rate->number, routes[0].rate->number);
	cr_expect_eq(routes[2].rate->ns, 200000000u);
	cr_expect_eq(routes[2].rate->burst_ns, 400000000u);
	cr_expect(routes[2].has_rules);
	cr_expect_null(routes[3].rate);
	cr_expect_not(routes[3].has_rules);
	done(&w);
}

Test(binding, chains_middleware_in_its_order_and_ends_at_the_connection)
{
	const weir_io *io;
	struct world w;

	bind_text(&w, GOOD "routes:\n"
			   "  - path: /x\n"
			   "    handler: good.user\n"
			   "    middleware: [good.audit, good.audit, good.audit]\n"
			   "  - {path: /y, handler: good.user, middleware: [good.audit]}\n");
	cr_assert_eq(w.r, 0, "%s", w.words.data);
	io = find(&w, HTTP_METHOD_GET, "/x")->io;
	for (int i = 0; i < 3; i++, io = io->next)
		cr_assert_neq(io, &asgi_io);
	cr_assert_eq(io, &asgi_io);
	io = find(&w, HTTP_METHOD_GET, "/y")->io;
	cr_assert_eq(io->next, &asgi_io);
	done(&w);
}

Test(binding, reports_all_that_is_wrong_at_once)
{
	struct world w;

	bind_text(&w, GOOD "routes:\n"
			   "  - {path: /a, handler: good.usr}\n"
			   "  - {path: /b, handler: good.user, middleware: [good.audi]}\n"
			   "  - {path: /c, handler: good.chat}\n");
	cr_assert_eq(w.fixture.messages.n_errors, 3u, "%s", w.words.data);
	expect_words(&w, "test.yaml:4:25: ");
	expect_words(&w, "usr");
	expect_words(&w, "audi");
	expect_words(&w, "good.chat serves WebSockets: this route needs \"websocket: true\"");
	cr_assert_null(w.binding);
	done(&w);
}

Test(binding, knows_which_handlers_serve_websockets)
{
	struct world w;

	bind_text(&w,
		  GOOD "routes:\n"
		       "  - {path: /a, websocket: true, handler: good.user}\n"
		       "  - {path: /b, websocket: true, handler: good.chat, max_message: 1KiB,\n"
		       "     origins: [\"https://example.org\"]}\n");
	cr_assert_eq(w.fixture.messages.n_errors, 1u, "%s", w.words.data);
	expect_words(&w, "good.user serves no WebSockets: its entry has no method \"WS\"");
	done(&w);
}

Test(binding, binds_websockets_with_their_limits)
{
	const struct route *route;
	struct world w;

	bind_text(&w,
		  GOOD "ping_interval: 7s\n"
		       "routes:\n"
		       "  - {path: /b, websocket: true, handler: good.chat, max_message: 1KiB,\n"
		       "     origins: [\"https://example.org\"]}\n");
	cr_assert_eq(w.r, 0, "%s", w.words.data);
	route = find(&w, HTTP_METHOD_GET, "/b");
	cr_assert(route->is_websocket);
	cr_assert_eq(route->ws_limits.max_message, 1024u);
	cr_assert_eq(route->ws_limits.ping_interval_ms, 7000);
	cr_assert_eq(route->n_origins, 1u);
	cr_assert(weir_str_eq(route->origins[0], WEIR_STR("https://example.org")));
	cr_assert_null(find(&w, HTTP_METHOD_POST, "/b"));
	done(&w);
}

Test(binding, gives_a_websocket_all_its_limits)
{
	const struct ws_limits *l;
	struct world w;

	bind_text(&w, GOOD
		  "deflate_min: 5\n"
		  "max_publication: 2KiB\n"
		  "routes:\n"
		  "  - {path: /b, websocket: true, handler: good.chat, middleware: good.audit,\n"
		  "     ping_interval: 1s, ping_timeout: 2s, idle_timeout: 3s,\n"
		  "     max_lifetime: 4s, close_timeout: 5s, slow_client: close,\n"
		  "     send_queue: 6KiB, send_queue_age: 7s, deflate: true,\n"
		  "     deflate_window: 10, deflate_client_window: 11,\n"
		  "     deflate_contexts: true}\n");
	cr_assert_eq(w.r, 0, "%s", w.words.data);
	l = &w.binding->routes[0].ws_limits;
	cr_assert_eq(l->max_message, 1u << 20);
	cr_assert_eq(l->ping_interval_ms, 1000);
	cr_assert_eq(l->ping_timeout_ms, 2000);
	cr_assert_eq(l->idle_ms, 3000);
	cr_assert_eq(l->lifetime_ms, 4000);
	cr_assert_eq(l->close_ms, 5000);
	cr_assert_eq(l->slow, WS_SLOW_CLOSE);
	cr_assert_eq(l->queue_bytes, 6u * 1024);
	cr_assert_eq(l->queue_ms, 7000);
	cr_assert(l->has_deflate);
	cr_assert_eq(l->deflate.max_server_bits, 10);
	cr_assert_eq(l->deflate.max_client_bits, 11);
	cr_assert(l->deflate.keeps_contexts);
	cr_assert_eq(l->deflate_min, 5u);
	cr_assert_not_null(w.binding->routes[0].io);
	done(&w);
}

Test(binding, binds_functions_for_each_message)
{
	const struct route *route;
	struct world w;

	bind_text(&w, GOOD "routes: [{path: /t, websocket: true, handler: good.turns}]\n");
	cr_assert_eq(w.r, 0, "%s", w.words.data);
	route = find(&w, HTTP_METHOD_GET, "/t");
	cr_assert(route->is_websocket);
	cr_assert_not_null(route->ws_handlers);
	cr_assert_not_null(route->ws_handlers->message);
	cr_assert_eq(route->n_origins, 0u, "the server's own");
	done(&w);
}

Test(binding, says_what_does_not_go_with_functions_for_each_message)
{
	struct world w;

	bind_text(&w, GOOD "routes:\n"
			   "  - {path: /a, handler: good.turns}\n"
			   "  - path: /b\n"
			   "    websocket: true\n"
			   "    handler: good.turns\n"
			   "    middleware: [good.audit]\n");
	cr_assert_eq(w.fixture.messages.n_errors, 2u, "%s", w.words.data);
	expect_words(&w, "test.yaml:4:25: handler: good.turns serves WebSockets: this route needs "
			 "\"websocket: true\"\n");
	expect_words(&w, "test.yaml:8:18: middleware: good.turns has a function for each message, "
			 "which no layer stands before\n");
	done(&w);
}

Test(binding, says_once_that_a_module_is_missing_and_nothing_about_its_routes)
{
	struct world w;

	bind_text(&w, "module_path: [" TEST_MODULES "]\n"
		      "modules: [{path: nowhere.so}]\n"
		      "routes:\n"
		      "  - {path: /a, handler: nowhere.a, middleware: [nowhere.m]}\n"
		      "  - {path: /b, handler: nowhere.b}\n");
	cr_assert_eq(w.fixture.messages.n_errors, 1u, "%s", w.words.data);
	expect_words(&w, "test.yaml:2:18: nowhere.so: no such file");
	done(&w);
}

Test(binding, refuses_a_module_of_another_abi)
{
	struct world w;

	bind_text(&w, "module_path: [" TEST_MODULES "]\n"
		      "modules: [{path: next_abi.so}, {path: no_description.so}]\n");
	cr_assert_eq(w.fixture.messages.n_errors, 2u, "%s", w.words.data);
	cr_assert_eq(w.r, -EINVAL);
	done(&w);
}

Test(binding, of_nothing_is_a_site_without_routes)
{
	struct world w;

	bind_text(&w, "workers: 1\n");
	cr_assert_eq(w.r, 0);
	cr_assert_eq(w.binding->n_apps, 0u);
	cr_assert_eq(w.binding->n_routes, 0u);
	cr_assert_null(find(&w, HTTP_METHOD_GET, "/"));
	done(&w);
}

Test(binding, runs_a_module_on_its_own_paths)
{
	const struct route *route;
	struct world w;

	bind_run(&w, TEST_MODULES "/good.so");
	cr_assert_eq(w.r, 0, "%s", w.words.data);
	/* The one without a path is left out. */
	cr_assert_eq(w.binding->n_routes, 2u);
	cr_assert(find(&w, HTTP_METHOD_GET, "/chat")->is_websocket);
	route = find(&w, HTTP_METHOD_GET, "/users/7");
	cr_assert_str_eq(route->name, "good.user");
	cr_assert_eq(route->flags, (uint32_t)WEIR_FINISH_ANYWAY);
	cr_assert(route->is_logged);
	cr_assert_eq(route->max_body, 1024u * 1024);
	cr_assert_null(find(&w, HTTP_METHOD_POST, "/users/7"));
	done(&w);
}

Test(binding, says_which_of_a_modules_own_paths_cannot_be)
{
	struct world w;

	bind_run(&w, TEST_MODULES "/run_odd.so");
	cr_assert_eq(w.fixture.messages.n_errors, 2u, "%s", w.words.data);
	expect_words(&w, "the path /same is already taken by run_odd.first");
	expect_words(&w, "the path /{open ");
	done(&w);
}

Test(binding, says_that_a_module_without_paths_needs_a_file)
{
	struct world w;

	bind_run(&w, TEST_MODULES "/no_paths.so");
	cr_assert_eq(w.fixture.messages.n_errors, 1u, "%s", w.words.data);
	expect_words(&w, "has no handler with a path of its own");
	done(&w);
}

Test(binding, free_takes_null)
{
	cr_assert_null(binding_free(NULL));
}

Test(binding, the_servers_own_handlers_need_no_module)
{
	struct world w;

	bind_text(&w, "routes:\n"
		      "  - {path: /a, redirect: {to: /b}}\n"
		      "  - {path: /b, respond: {body: x}}\n");
	cr_assert_eq(w.r, 0, "%s", w.words.data);
	cr_expect_eq(w.binding->n_apps, 1);
	cr_expect_str_eq(w.binding->routes[0].name, "weir.redirect");
	cr_expect_not_null(w.binding->routes[0].settings);
	cr_expect_not_null(w.binding->routes[1].settings);
	done(&w);
}

Test(binding, of_the_servers_own_handlers_a_wrong_name_is_said)
{
	struct world w;

	bind_text(&w, "routes: [{path: /a, handler: weir.nothing}]\n");
	cr_assert_eq(w.r, -EINVAL);
	expect_words(&w, "test.yaml:1:30: module 'weir' has no handler 'nothing'");
	done(&w);
}
