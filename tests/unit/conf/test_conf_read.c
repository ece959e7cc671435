/*
 * test_conf_read.c - files into struct conf. The broken ones are in
 * conf_broken/: NN-name.yaml, and in NN-name.txt exactly what is said about it.
 */
#include "conf/conf_read.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <dirent.h>

#include "conf_fixture.h"
#include "proto/http.h"
#include "serve/exchange.h"
#include "serve/ws_policy.h"

/* --- broken files --- */

struct broken {
	char name[64];
};

static int is_yaml(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 5 && !strcmp(entry->d_name + len - 5, ".yaml");
}

ParameterizedTestParameters(conf_read, broken_file_says_exactly)
{
	struct dirent **entries;
	int n = scandir(CONF_BROKEN_DIR, &entries, is_yaml, alphasort);
	struct broken *rows;

	if (n <= 0)
		return cr_make_param_array(struct broken, NULL, 0);
	rows = cr_malloc((size_t)n * sizeof(*rows));
	for (int i = 0; i < n; i++) {
		(void)snprintf(rows[i].name, sizeof(rows[i].name), "%.*s",
			       (int)strlen(entries[i]->d_name) - 5, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return cr_make_param_array(struct broken, rows, (size_t)n);
}

static void read_text(const char *path, char *ret_text, size_t size)
{
	FILE *in = fopen(path, "re");

	cr_assert_not_null(in, "there is no %s", path);
	ret_text[fread(ret_text, 1, size - 1, in)] = '\0';
	(void)fclose(in);
}

ParameterizedTest(struct broken *row, conf_read, broken_file_says_exactly)
{
	static const char *const wins[] = { "WEIR_LISTEN", "PORT", "WEB_CONCURRENCY",
					    "WEIR_WORKERS" };
	char yaml[80], txt[80], want[16384];
	struct fixture f;

	for (size_t i = 0; i < ARRAY_LEN(wins); i++)
		cr_assert_eq(unsetenv(wins[i]), 0);
	fixture_init(&f);
	(void)snprintf(yaml, sizeof(yaml), "%s.yaml", row->name);
	(void)snprintf(txt, sizeof(txt), "%s.txt", row->name);
	cr_assert_eq(chdir(CONF_BROKEN_DIR), 0);
	read_text(txt, want, sizeof(want));
	f.cli.file = yaml;
	fixture_load(&f, NULL);
	cr_expect_eq(f.r, -EINVAL, "%s is not refused", yaml);
	cr_expect_str_eq(f.said, want, "%s: said\n%sbut %s has\n%s", yaml, f.said, txt, want);
	fixture_done(&f);
}

Test(conf_read, there_are_many_broken_files)
{
	struct dirent **entries;
	int n = scandir(CONF_BROKEN_DIR, &entries, is_yaml, alphasort);

	cr_assert_geq(n, 50);
	for (int i = 0; i < n; i++)
		free(entries[i]);
	free(entries);
}

/* --- good files --- */

Test(conf_read, every_option_arrives)
{
	struct fixture f;
	const struct conf_limits *l;

	fixture_init(&f);
	fixture_load(&f, "workers: 3\n"
			 "log_level: debug\n"
			 "access_log: log/access.log\n"
			 "header_timeout: 1s\n"
			 "body_timeout: 2s\n"
			 "send_timeout: 3s\n"
			 "keep_alive: 4m\n"
			 "graceful_timeout: 0\n"
			 "max_head: 16KiB\n"
			 "max_target: 4KiB\n"
			 "max_fields: 50\n"
			 "max_body: 2GiB\n"
			 "request_memory: 2MiB\n"
			 "high_water: 65536\n"
			 "max_connections: 7\n"
			 "backlog: 8\n"
			 "max_tasks: 9\n"
			 "stack_size: 256KiB\n"
			 "module_path: [/abs, rel]\n");
	cr_assert_eq(f.r, 0, "%s", f.said);
	l = &f.conf->limits;
	cr_expect_eq(f.conf->n_workers, 3);
	cr_expect_eq(f.conf->log_level, 7);
	cr_expect_eq(f.conf->access_log.type, CONF_ACCESS_LOG_FILE);
	cr_expect_eq(strncmp(f.conf->access_log.path, f.dir, strlen(f.dir)), 0);
	cr_expect_str_eq(f.conf->access_log.path + strlen(f.dir), "/log/access.log");
	cr_expect_eq(l->header_timeout_ms, 1000);
	cr_expect_eq(l->body_timeout_ms, 2000);
	cr_expect_eq(l->send_timeout_ms, 3000);
	cr_expect_eq(l->keep_alive_ms, 240000);
	cr_expect_eq(l->graceful_timeout_ms, 0);
	cr_expect_eq(l->max_head, 16384);
	cr_expect_eq(l->max_target, 4096);
	cr_expect_eq(l->max_fields, 50);
	cr_expect_eq(l->max_body, UINT64_C(2) << 30);
	cr_expect_eq(l->request_memory, 2 << 20);
	cr_expect_eq(l->high_water, 65536);
	cr_expect_eq(l->max_connections, 7);
	cr_expect_eq(l->backlog, 8);
	cr_expect_eq(l->max_tasks, 9);
	cr_expect_eq(l->stack_size, 262144);
	cr_expect_eq(f.conf->n_module_path, 2);
	cr_expect_str_eq(f.conf->module_path[0], "/abs");
	cr_expect_str_eq(f.conf->module_path[1] + strlen(f.dir), "/rel");
	fixture_done(&f);
}

Test(conf_read, listeners_modules_and_routes_arrive)
{
	struct fixture f;
	const struct conf_route *route;

	fixture_init(&f);
	fixture_load(&f, "listen:\n"
			 "  - address: 127.0.0.1:8000\n"
			 "  - {address: unix:http.sock, mode: 0660}\n"
			 "modules:\n"
			 "  - path: shop.so\n"
			 "    settings: {greeting: \"hello, world\", empty: , number: 3}\n"
			 "  - path: ./log.so\n"
			 "routes:\n"
			 "  - path: /hello\n"
			 "    methods: [GET, POST]\n"
			 "    handler: shop.hello\n"
			 "    middleware: [log.all, shop.audit]\n"
			 "    half_close: finish\n"
			 "    max_body: 64KiB\n"
			 "    request_memory: 32KiB\n"
			 "    body_timeout: 3s\n"
			 "    send_timeout: 4s\n"
			 "    min_rate: 1KiB/s\n"
			 "    access_log: false\n"
			 "  - path: /x/{rest...}\n"
			 "    methods: DELETE\n"
			 "    handler: log.x\n"
			 "    middleware: log.one\n");
	cr_assert_eq(f.r, 0, "%s", f.said);

	cr_assert_eq(f.conf->n_listen, 2);
	cr_expect_str_eq(f.conf->listen[0].address.text, "127.0.0.1:8000");
	cr_expect_eq(f.conf->listen[0].mode, 0666);
	cr_expect_eq(f.conf->listen[1].address.type, CONF_ADDRESS_UNIX);
	cr_expect_str_eq(f.conf->listen[1].address.text + 5 + strlen(f.dir), "/http.sock");
	cr_expect_eq(f.conf->listen[1].mode, 0660);
	cr_expect_eq(f.conf->listen[1].pos.line, 3);

	cr_assert_eq(f.conf->n_modules, 2);
	cr_expect_str_eq(f.conf->modules[0].path.text, "shop.so");
	cr_expect_str_eq(f.conf->modules[0].name, "shop");
	cr_assert_eq(f.conf->modules[0].n_settings, 3);
	cr_expect_str_eq(f.conf->modules[0].settings[0].value, "hello, world");
	cr_expect_str_eq(f.conf->modules[0].settings[1].value, "");
	cr_expect_str_eq(f.conf->modules[0].settings[2].key, "number");
	cr_expect_str_eq(f.conf->modules[1].path.text + strlen(f.dir), "/./log.so");
	cr_expect_str_eq(f.conf->modules[1].name, "log");

	cr_assert_eq(f.conf->n_routes, 2);
	route = &f.conf->routes[0];
	cr_expect_str_eq(route->path.text, "/hello");
	cr_expect_eq(route->methods, UINT64_C(1) << HTTP_METHOD_GET | UINT64_C(1)
									      << HTTP_METHOD_POST);
	cr_expect_str_eq(route->handler.text, "shop.hello");
	cr_expect_eq(route->handler.pos.line, 11);
	cr_expect_eq(route->handler.pos.col, 14);
	cr_assert_eq(route->n_middleware, 2);
	cr_expect_str_eq(route->middleware[1].text, "shop.audit");
	cr_expect_eq(route->half_close, HALF_CLOSE_FINISH);
	cr_expect_eq(route->max_body, 65536);
	cr_expect_eq(route->request_memory, 32768);
	cr_expect_eq(route->body_timeout_ms, 3000);
	cr_expect_eq(route->send_timeout_ms, 4000);
	cr_expect_eq(route->min_rate, 1024);
	cr_expect_not(route->has_access_log);
	route = &f.conf->routes[1];
	cr_expect_eq(route->methods, UINT64_C(1) << HTTP_METHOD_DELETE);
	cr_assert_eq(route->n_middleware, 1);
	cr_expect_eq(route->half_close, HALF_CLOSE_CANCEL);
	cr_expect(route->has_access_log);
	fixture_done(&f);
}

Test(conf_read, a_route_inherits_wherever_the_limit_stands)
{
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, "modules: [{path: a.so}]\n"
			 "routes:\n"
			 "  - {path: /a, handler: a.a}\n"
			 "  - {path: /b, handler: a.b, max_body: 5}\n"
			 "max_body: 7\n");
	cr_assert_eq(f.r, 0, "%s", f.said);
	cr_expect_eq(f.conf->routes[0].max_body, 7);
	cr_expect_eq(f.conf->routes[1].max_body, 5);
	cr_expect_eq(f.conf->routes[0].request_memory, 1 << 20);
	cr_expect_eq(f.conf->routes[0].body_timeout_ms, 30000);
	cr_expect_eq(f.conf->routes[0].send_timeout_ms, 30000);
	cr_expect_eq(f.conf->routes[0].min_rate, 240);
	fixture_done(&f);
}

static const char *const websocket_options =
	"max_message: 2MiB\nping_interval: 3s\nping_timeout: 4s\nclose_timeout: 5ms\n"
	"idle_timeout: 6m\nmax_lifetime: 7h\nslow_client: drop-oldest\nsend_queue: 8KiB\n"
	"send_queue_age: 9s\ndeflate: true\ndeflate_window: 10\ndeflate_client_window: 11\n"
	"deflate_contexts: true\ndeflate_min: 12\n";

static void expect_websocket_options(const struct conf_websocket *ws)
{
	cr_expect_eq(ws->max_message, 2 << 20);
	cr_expect_eq(ws->ping_interval_ms, 3000);
	cr_expect_eq(ws->ping_timeout_ms, 4000);
	cr_expect_eq(ws->close_timeout_ms, 5);
	cr_expect_eq(ws->idle_timeout_ms, 360000);
	cr_expect_eq(ws->max_lifetime_ms, INT64_C(7) * 3600 * 1000);
	cr_expect_eq(ws->slow_client, WS_SLOW_DROP_OLDEST);
	cr_expect_eq(ws->send_queue, 8192);
	cr_expect_eq(ws->send_queue_age_ms, 9000);
	cr_expect(ws->has_deflate);
	cr_expect_eq(ws->deflate_window, 10);
	cr_expect_eq(ws->deflate_client_window, 11);
	cr_expect(ws->keeps_contexts);
	cr_expect_eq(ws->deflate_min, 12);
}

static void expect_websocket_defaults(const struct conf_websocket *ws)
{
	cr_expect_eq(ws->max_message, 1 << 20);
	cr_expect_eq(ws->ping_interval_ms, 25000);
	cr_expect_eq(ws->ping_timeout_ms, 60000);
	cr_expect_eq(ws->close_timeout_ms, 5000);
	cr_expect_eq(ws->idle_timeout_ms, 0);
	cr_expect_eq(ws->max_lifetime_ms, 0);
	cr_expect_eq(ws->slow_client, WS_SLOW_WAIT);
	cr_expect_eq(ws->send_queue, 1 << 20);
	cr_expect_eq(ws->send_queue_age_ms, 30000);
	cr_expect_not(ws->has_deflate);
	cr_expect_eq(ws->deflate_window, 15);
	cr_expect_eq(ws->deflate_client_window, 15);
	cr_expect_not(ws->keeps_contexts);
	cr_expect_eq(ws->deflate_min, 128);
}

Test(conf_read, websocket_options_at_the_top_are_those_of_every_route)
{
	char text[1024];
	struct fixture f;

	(void)snprintf(text, sizeof(text),
		       "%ssend_queue_budget: 1MiB\npublish_budget: 2MiB\nmax_publication: 3KiB\n"
		       "modules: [{path: a.so}]\n"
		       "routes: [{path: /, websocket: true, handler: a.ws}]\n",
		       websocket_options);
	fixture_init(&f);
	fixture_load(&f, text);
	cr_assert_eq(f.r, 0, "%s", f.said);
	expect_websocket_options(&f.conf->limits.websocket);
	expect_websocket_options(&f.conf->routes[0].websocket);
	cr_expect_eq(f.conf->limits.send_queue_budget, 1 << 20);
	cr_expect_eq(f.conf->limits.publish_budget, 2 << 20);
	cr_expect_eq(f.conf->limits.max_publication, 3072);
	fixture_done(&f);
}

Test(conf_read, websocket_options_of_a_route_are_its_own)
{
	char text[1024] = "modules: [{path: a.so}]\n"
			  "routes:\n"
			  "  - path: /\n    websocket: true\n    handler: a.ws\n";
	size_t n = strlen(text);
	struct fixture f;

	for (const char *p = websocket_options; *p; p = strchr(p, '\n') + 1)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "    %.*s\n",
				      (int)strcspn(p, "\n"), p);
	fixture_init(&f);
	fixture_load(&f, text);
	cr_assert_eq(f.r, 0, "%s", f.said);
	expect_websocket_options(&f.conf->routes[0].websocket);
	expect_websocket_defaults(&f.conf->limits.websocket);
	cr_expect_eq(f.conf->limits.send_queue_budget, 64 << 20);
	cr_expect_eq(f.conf->limits.publish_budget, 64 << 20);
	cr_expect_eq(f.conf->limits.max_publication, 1 << 20);
	fixture_done(&f);
}

Test(conf_read, a_route_inherits_from_the_environment_what_is_no_number)
{
	struct fixture f;

	cr_assert_eq(setenv("WEIR_DEFLATE", "true", 1), 0);
	cr_assert_eq(setenv("WEIR_SLOW_CLIENT", "close", 1), 0);
	fixture_init(&f);
	fixture_load(&f, "modules: [{path: a.so}]\n"
			 "routes:\n"
			 "  - {path: /a, websocket: true, handler: a.ws}\n"
			 "  - {path: /b, websocket: true, handler: a.ws, deflate: false}\n");
	cr_assert_eq(f.r, 0, "%s", f.said);
	cr_expect(f.conf->routes[0].websocket.has_deflate);
	cr_expect_eq(f.conf->routes[0].websocket.slow_client, WS_SLOW_CLOSE);
	cr_expect_not(f.conf->routes[1].websocket.has_deflate);
	fixture_done(&f);
}

Test(conf_read, a_websocket_has_origins_and_is_a_get)
{
	const struct conf_route *route;
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, "modules: [{path: a.so}]\n"
			 "routes:\n"
			 "  - path: /a\n"
			 "    origins: [https://example.org, \"*\"]\n"
			 "    websocket: true\n"
			 "    handler: a.ws\n"
			 "  - {path: /b, websocket: true, origins: 'null', handler: a.ws}\n"
			 "  - {path: /c, websocket: true, handler: a.ws}\n"
			 "  - {path: /d, handler: a.a}\n");
	cr_assert_eq(f.r, 0, "%s", f.said);
	route = f.conf->routes;
	cr_expect(route->is_websocket);
	cr_expect_eq(route->methods, UINT64_C(1) << HTTP_METHOD_GET);
	cr_assert_eq(route->n_allowed_origins, 2);
	cr_expect_str_eq(route->allowed_origins[0].text, "https://example.org");
	cr_expect_str_eq(route->allowed_origins[1].text, "*");
	cr_assert_eq(route[1].n_allowed_origins, 1);
	cr_expect_str_eq(route[1].allowed_origins[0].text, "null");
	cr_expect_eq(route[2].n_allowed_origins, 0);
	cr_expect_not(route[3].is_websocket);
	cr_expect_eq(route[3].methods, 0);
	fixture_done(&f);
}

Test(conf_read, of_a_route_whose_kind_is_not_known_nothing_else_is_said)
{
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, "modules: [{path: a.so}]\n"
			 "routes: [{path: /a, websocket: ja, methods: [GET], origins: '*', "
			 "handler: b.b}]\n");
	cr_assert_eq(f.r, -EINVAL);
	cr_assert_eq(f.messages.n_errors, 1, "%s", f.said);
	cr_assert_eq(f.conf->n_routes, 0);
	fixture_done(&f);
}

Test(conf_read, a_module_with_a_mistake_is_still_known_to_its_routes)
{
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, "modules: [{path: a.so, setings: {}}]\n"
			 "routes: [{path: /a, handler: a.a}]\n");
	cr_assert_eq(f.r, -EINVAL);
	cr_assert_eq(f.messages.n_errors, 1, "%s", f.said);
	cr_assert_eq(f.conf->n_modules, 1);
	fixture_done(&f);
}

Test(conf_read, an_item_without_what_it_needs_is_left_out)
{
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, "modules: [{path: a.so}]\n"
			 "routes: [{path: /a}, {path: /b, handler: a.b}]\n");
	cr_assert_eq(f.r, -EINVAL);
	cr_assert_eq(f.conf->n_routes, 1);
	cr_assert_str_eq(f.conf->routes[0].path.text, "/b");
	fixture_done(&f);
}

Test(conf_read, variables_are_replaced_in_any_value)
{
	struct fixture f;

	cr_assert_eq(setenv("WEIR_TEST_N", "5", 1), 0);
	cr_assert_eq(setenv("WEIR_TEST_DIR", "/srv/x", 1), 0);
	fixture_init(&f);
	fixture_load(&f, "workers: ${WEIR_TEST_N}\n"
			 "module_path: [\"${WEIR_TEST_DIR}/modules\", ${WEIR_TEST_NONE:-/y}]\n"
			 "modules:\n"
			 "  - path: a.so\n"
			 "    settings: {x: \"${WEIR_TEST_NONE:-}\", y: '$${z}', z: $5}\n");
	/* ${...} is a mapping inside [], unless it is quoted. */
	cr_assert_eq(f.r, -EINVAL);
	fixture_done(&f);

	fixture_init(&f);
	fixture_load(&f, "workers: ${WEIR_TEST_N}\n"
			 "module_path: [\"${WEIR_TEST_DIR}/modules\", \"${WEIR_TEST_NONE:-/y}\"]\n"
			 "modules:\n"
			 "  - path: a.so\n"
			 "    settings: {x: \"${WEIR_TEST_NONE:-}\", y: '$${z}', z: $5}\n");
	cr_assert_eq(f.r, 0, "%s", f.said);
	cr_expect_eq(f.conf->n_workers, 5);
	cr_expect_str_eq(f.conf->module_path[0], "/srv/x/modules");
	cr_expect_str_eq(f.conf->module_path[1], "/y");
	cr_expect_str_eq(f.conf->modules[0].settings[0].value, "");
	cr_expect_str_eq(f.conf->modules[0].settings[1].value, "${z}");
	cr_expect_str_eq(f.conf->modules[0].settings[2].value, "$5");
	fixture_done(&f);
}

Test(conf_read, a_value_that_grows_without_bounds_is_refused)
{
	char big[40000];
	struct fixture f;

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	cr_assert_eq(setenv("WEIR_TEST_BIG", big, 1), 0);
	fixture_init(&f);
	fixture_load(&f, "access_log: ${WEIR_TEST_BIG}${WEIR_TEST_BIG}\n");
	cr_assert_eq(f.r, -EINVAL);
	cr_assert_not_null(strstr(f.said, "longer than 64 KiB"), "%s", f.said);
	fixture_done(&f);
}
