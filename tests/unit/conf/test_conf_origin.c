/* test_conf_origin.c - each value knows which source it is from. */
#include "conf/conf_origin.h"

#include "conf/option_table.h"
#include "conf_fixture.h"

static const struct conf_pos *origin(enum option_place place, const char *name, const void *base)
{
	return conf_origin_get(option_table_find(place, weir_strz(name)), base);
}

static void expect_at(const struct conf_pos *pos, const char *file, int line)
{
	cr_expect(!file == !pos->file && (!file || !strcmp(file, pos->file)), "%s",
		  pos->file ? pos->file : "(a default)");
	cr_expect_eq(pos->line, line);
}

static void clean_environment(void)
{
	cr_assert_eq(unsetenv("PORT"), 0);
	cr_assert_eq(unsetenv("WEIR_LISTEN"), 0);
	cr_assert_eq(unsetenv("WEB_CONCURRENCY"), 0);
}

TestSuite(conf_origin, .init = clean_environment);

Test(conf_origin, values_of_the_top)
{
	struct fixture f;

	cr_assert_eq(setenv("WEIR_MAX_HEAD", "64KiB", 1), 0);
	cr_assert_eq(setenv("WEB_CONCURRENCY", "2", 1), 0);
	fixture_init(&f);
	fixture_load(&f, "# one\nmax_head: 1MiB\nmax_fields: 7\nworkers: 9\n");
	cr_assert_eq(f.r, 0, "%s", f.said);
	expect_at(origin(OPTION_TOP, "max_fields", f.conf), "test.yaml", 3);
	expect_at(origin(OPTION_TOP, "max_head", f.conf), "WEIR_MAX_HEAD", 0);
	expect_at(origin(OPTION_TOP, "workers", f.conf), "WEB_CONCURRENCY", 0);
	expect_at(origin(OPTION_TOP, "max_body", f.conf), NULL, 0);
	expect_at(origin(OPTION_TOP, "listen", f.conf), NULL, 0);
	expect_at(origin(OPTION_LISTEN, "address", &f.conf->listen[0]), NULL, 0);
	fixture_done(&f);
}

Test(conf_origin, values_of_items)
{
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, "listen: [{address: 127.0.0.1:1}]\n"
			 "modules:\n  - path: a.so\n    settings:\n      b: c\n"
			 "routes:\n  - path: /\n    handler: a.a\n    max_body: 1\n");
	cr_assert_eq(f.r, 0, "%s", f.said);
	expect_at(origin(OPTION_LISTEN, "address", &f.conf->listen[0]), "test.yaml", 1);
	expect_at(origin(OPTION_LISTEN, "mode", &f.conf->listen[0]), NULL, 0);
	expect_at(origin(OPTION_MODULE, "path", &f.conf->modules[0]), "test.yaml", 3);
	expect_at(&f.conf->modules[0].setting_origins[0], "test.yaml", 5);
	expect_at(origin(OPTION_ROUTE, "max_body", &f.conf->routes[0]), "test.yaml", 9);
	expect_at(origin(OPTION_ROUTE, "request_memory", &f.conf->routes[0]), NULL, 0);
	fixture_done(&f);
}

Test(conf_origin, the_command_line)
{
	struct fixture f;

	cr_assert_eq(setenv("WEIR_LISTEN", "127.0.0.1:3", 1), 0);
	cr_assert_eq(setenv("WEIR_WORKERS", "3", 1), 0);
	fixture_init(&f);
	f.cli.workers = "2";
	f.cli.listen[0] = "127.0.0.1:2";
	f.cli.n_listen = 1;
	f.cli.file = NULL;
	f.cli.run_module = "hello.so";
	fixture_load(&f, NULL);
	cr_assert_eq(f.r, 0, "%s", f.said);
	expect_at(origin(OPTION_TOP, "workers", f.conf), "--workers", 0);
	expect_at(origin(OPTION_TOP, "listen", f.conf), "--listen", 0);
	expect_at(origin(OPTION_LISTEN, "address", &f.conf->listen[0]), "--listen", 0);
	expect_at(origin(OPTION_MODULE, "path", &f.conf->modules[0]), "run", 0);
	fixture_done(&f);
}

Test(conf_origin, one_that_was_never_made_says_nothing)
{
	const struct option_spec *option = option_table_find(OPTION_LISTEN, WEIR_STR("mode"));
	struct conf_listen listen = { .mode = 0600 };

	conf_origin_set(option, &listen, &(struct conf_pos){ "x", 1, 1 });
	expect_at(conf_origin_get(option, &listen), NULL, 0);
}
