/* test_option_value.c - texts into fields; forms of values are conf_value's tests. */
#include "conf/option_value.h"

#include <criterion/criterion.h>

#include "base/log.h"
#include "serve/ws_policy.h"

struct fixture {
	struct conf *conf;
	char words[OPTION_WORDS];
};

static void init(struct fixture *f)
{
	*f = (struct fixture){ .conf = conf_new() };
	cr_assert_not_null(f->conf);
}

static int set(struct fixture *f, const char *name, const char *text)
{
	struct option_context context = { .arena = &f->conf->arena,
					  .dir = "/dir",
					  .pos = { "x.yaml", 1, 2 } };

	f->words[0] = '\0';
	return option_value_set(option_table_find(OPTION_TOP, weir_strz(name)), weir_strz(text),
				&context, f->conf, f->words);
}

Test(option_value, numbers_keep_to_their_limits)
{
	struct fixture f;

	init(&f);
	cr_assert_eq(set(&f, "max_fields", "1"), 0);
	cr_assert_eq(set(&f, "max_fields", "10000"), 0);
	cr_assert_eq(f.conf->limits.max_fields, 10000);
	cr_assert_eq(set(&f, "max_fields", "10001"), -EINVAL);
	cr_assert_str_eq(f.words, "\"10001\" is more than 10000");
	cr_assert_eq(set(&f, "max_fields", "0"), -EINVAL);
	cr_assert_str_eq(f.words, "\"0\" is less than 1");
	cr_assert_eq(set(&f, "keep_alive", "25h"), -EINVAL);
	cr_assert_str_eq(f.words, "\"25h\" is more than 24h");
	cr_assert_eq(f.conf->limits.max_fields, 10000, "a refused value leaves the field alone");
	conf_free(f.conf);
}

Test(option_value, nothing_is_no_value)
{
	struct fixture f;

	init(&f);
	cr_assert_eq(set(&f, "max_body", ""), -EINVAL);
	cr_assert_str_eq(f.words, "has no value");
	conf_free(f.conf);
}

Test(option_value, a_choice_is_stored_as_its_number)
{
	struct fixture f;

	init(&f);
	cr_assert_eq(set(&f, "log_level", "warn"), 0);
	cr_assert_eq(f.conf->log_level, LOG_AT_WARN);
	cr_assert_eq(set(&f, "log_level", "warning"), -EINVAL);
	cr_assert_str_eq(f.words, "\"warning\" is none of error, warn, notice, info, debug; did "
				  "you mean \"warn\"?");
	conf_free(f.conf);
}

Test(option_value, limits_of_websockets_are_stored_where_they_belong)
{
	struct conf_websocket *ws;
	struct fixture f;

	init(&f);
	ws = &f.conf->limits.websocket;
	cr_assert_eq(set(&f, "slow_client", "drop-oldest"), 0);
	cr_assert_eq(ws->slow_client, WS_SLOW_DROP_OLDEST);
	cr_assert_eq(set(&f, "slow_client", "drop"), -EINVAL);
	cr_assert_str_eq(f.words, "\"drop\" is none of wait, drop-oldest, close; did you mean "
				  "\"drop-oldest\"?");
	cr_assert_eq(set(&f, "deflate_window", "9"), 0);
	cr_assert_eq(set(&f, "deflate_client_window", "8"), 0);
	cr_assert_eq(ws->deflate_window, 9);
	cr_assert_eq(ws->deflate_client_window, 8);
	cr_assert_eq(set(&f, "deflate_window", "8"), -EINVAL, "zlib has no such window");
	cr_assert_str_eq(f.words, "\"8\" is less than 9");
	cr_assert_eq(set(&f, "max_lifetime", "8760h"), 0);
	cr_assert_eq(ws->max_lifetime_ms, INT64_C(8760) * 3600 * 1000);
	cr_assert_eq(set(&f, "max_message", "1024GiB"), 0);
	cr_assert_eq(ws->max_message, UINT64_C(1) << 40);
	cr_assert_eq(set(&f, "deflate", "true"), 0);
	cr_assert(ws->has_deflate);
	cr_assert_not(ws->keeps_contexts);
	conf_free(f.conf);
}

/* A route's value is copied from the file's: as many bytes as this says. */
static void size_is(const char *name, size_t size)
{
	const struct option_spec *option = option_table_find(OPTION_ROUTE, weir_strz(name));

	cr_assert(option->is_inherited, "%s", name);
	cr_assert_eq(option_value_size(option->type), size, "%s", name);
}

Test(option_value, what_a_route_inherits_has_the_size_of_its_field)
{
	struct conf_websocket ws;

	size_is("max_message", sizeof(ws.max_message));
	size_is("ping_interval", sizeof(ws.ping_interval_ms));
	size_is("slow_client", sizeof(ws.slow_client));
	size_is("send_queue", sizeof(ws.send_queue));
	size_is("send_queue_age", sizeof(ws.send_queue_age_ms));
	size_is("deflate", sizeof(ws.has_deflate));
	size_is("deflate_window", sizeof(ws.deflate_window));
	size_is("deflate_client_window", sizeof(ws.deflate_client_window));
	size_is("deflate_contexts", sizeof(ws.keeps_contexts));
	size_is("deflate_min", sizeof(ws.deflate_min));
}

Test(option_value, the_access_log_is_a_word_or_a_path)
{
	struct fixture f;

	init(&f);
	cr_assert_eq(set(&f, "access_log", "./a.log"), 0);
	cr_assert_eq(f.conf->access_log.type, CONF_ACCESS_LOG_FILE);
	cr_assert_str_eq(f.conf->access_log.path, "/dir/./a.log");
	cr_assert_eq(set(&f, "access_log", "/a.log"), 0);
	cr_assert_str_eq(f.conf->access_log.path, "/a.log");
	cr_assert_eq(set(&f, "access_log", "off"), 0);
	cr_assert_eq(f.conf->access_log.type, CONF_ACCESS_LOG_OFF);
	cr_assert_null(f.conf->access_log.path);
	cr_assert_eq(set(&f, "access_log", "stdout"), 0);
	cr_assert_eq(f.conf->access_log.type, CONF_ACCESS_LOG_STDOUT);
	cr_assert_eq(set(&f, "access_log", "stduot"), -EINVAL);
	conf_free(f.conf);
}

Test(option_value, workers_are_a_number_or_auto)
{
	struct fixture f;

	init(&f);
	cr_assert_eq(set(&f, "workers", "7"), 0);
	cr_assert_eq(f.conf->n_workers, 7);
	cr_assert_eq(set(&f, "workers", "auto"), 0);
	cr_assert_geq(f.conf->n_workers, 1);
	cr_assert_eq(set(&f, "workers", "all"), -EINVAL);
	cr_assert_str_eq(f.words, "\"all\" is not auto or a whole number");
	conf_free(f.conf);
}

Test(option_value, a_name_remembers_where_it_stands)
{
	const struct option_spec *path = option_table_find(OPTION_ROUTE, WEIR_STR("path"));
	struct conf_route route = { 0 };
	struct option_context context = { .dir = "/dir", .pos = { "x.yaml", 3, 4 } };
	struct fixture f;

	init(&f);
	context.arena = &f.conf->arena;
	cr_assert_eq(option_value_set(path, WEIR_STR("/a"), &context, &route, f.words), 0);
	cr_assert_str_eq(route.path.text, "/a");
	cr_assert_eq(route.path.pos.line, 3);
	conf_free(f.conf);
}

Test(option_value, a_module_with_a_slash_is_a_path)
{
	const struct option_spec *path = option_table_find(OPTION_MODULE, WEIR_STR("path"));
	struct conf_module module = { 0 };
	struct option_context context = { .dir = "/dir" };
	struct fixture f;

	init(&f);
	context.arena = &f.conf->arena;
	cr_assert_eq(option_value_set(path, WEIR_STR("a.so"), &context, &module, f.words), 0);
	cr_assert_str_eq(module.path.text, "a.so");
	cr_assert_eq(option_value_set(path, WEIR_STR("x/a.so"), &context, &module, f.words), 0);
	cr_assert_str_eq(module.path.text, "/dir/x/a.so");
	conf_free(f.conf);
}

Test(option_value, what_is_quoted_is_cut_to_a_bearable_length)
{
	char text[2000];
	struct fixture f;

	init(&f);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	cr_assert_eq(set(&f, "max_body", text), -EINVAL);
	cr_assert_lt(strlen(f.words), 120);
	conf_free(f.conf);
}

Test(option_value, no_room_in_the_arena_is_an_error)
{
	struct fixture f;

	init(&f);
	f.conf->budget.limit = 0;
	cr_assert_eq(set(&f, "access_log", "/a.log"), -ENOMEM);
	conf_free(f.conf);
}
