/* test_conf.c - where a configuration comes from, and which source wins. */
#include "conf/conf.h"

#include <sched.h>

#include "base/log.h"
#include "conf_fixture.h"

static void clean_environment(void)
{
	cr_assert_eq(unsetenv("PORT"), 0);
	cr_assert_eq(unsetenv("WEIR_LISTEN"), 0);
	cr_assert_eq(unsetenv("WEB_CONCURRENCY"), 0);
	cr_assert_eq(unsetenv("WEIR_WORKERS"), 0);
}

TestSuite(conf, .init = clean_environment);

Test(conf, an_empty_file_is_all_defaults_and_a_warning)
{
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, "# nothing\n");
	cr_assert_eq(f.r, 0, "%s", f.said);
	cr_expect_str_eq(f.said, "test.yaml: warning: there are no routes: every request is "
				 "answered 404\n");
	cr_expect_eq(f.conf->n_listen, 1);
	cr_expect_str_eq(f.conf->listen[0].address.text, "127.0.0.1:8000");
	cr_expect_geq(f.conf->n_workers, 1);
	cr_expect_eq(f.conf->log_level, LOG_AT_INFO);
	cr_expect_eq(f.conf->access_log.type, CONF_ACCESS_LOG_STDOUT);
	cr_expect_eq(f.conf->limits.header_timeout_ms, 10000);
	cr_expect_eq(f.conf->limits.body_timeout_ms, 30000);
	cr_expect_eq(f.conf->limits.send_timeout_ms, 30000);
	cr_expect_eq(f.conf->limits.keep_alive_ms, 75000);
	cr_expect_eq(f.conf->limits.graceful_timeout_ms, 30000);
	cr_expect_eq(f.conf->limits.max_head, 32768);
	cr_expect_eq(f.conf->limits.max_fields, 100);
	cr_expect_eq(f.conf->limits.max_body, 1 << 20);
	cr_expect_eq(f.conf->limits.request_memory, 1 << 20);
	cr_expect_eq(f.conf->limits.backlog, 4096);
	cr_expect_eq(f.conf->limits.stack_size, 131072);
	cr_expect_eq(f.conf->n_module_path, 2);
	cr_expect_str_eq(f.conf->module_path[0], f.dir);
	cr_expect_str_eq(f.conf->module_path[1], WEIR_MODULE_DIR);
	fixture_done(&f);
}

Test(conf, the_file_wins_over_defaults)
{
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, "workers: 2\nlisten: [{address: 127.0.0.1:1}]\n");
	cr_expect_eq(f.conf->n_workers, 2);
	cr_expect_str_eq(f.conf->listen[0].address.text, "127.0.0.1:1");
	fixture_done(&f);
}

Test(conf, hosting_variables_win_over_the_file)
{
	struct fixture f;

	cr_assert_eq(setenv("WEB_CONCURRENCY", "3", 1), 0);
	cr_assert_eq(setenv("PORT", "9000", 1), 0);
	fixture_init(&f);
	fixture_load(&f, "workers: 2\nlisten: [{address: 127.0.0.1:1}]\n");
	cr_assert_eq(f.r, 0, "%s", f.said);
	cr_expect_eq(f.conf->n_workers, 3);
	cr_expect_eq(f.conf->n_listen, 1);
	cr_expect_str_eq(f.conf->listen[0].address.text, "*:9000");
	fixture_done(&f);
}

Test(conf, weir_variables_win_over_hosting_variables)
{
	struct fixture f;

	cr_assert_eq(setenv("WEB_CONCURRENCY", "3", 1), 0);
	cr_assert_eq(setenv("PORT", "9000", 1), 0);
	cr_assert_eq(setenv("WEIR_WORKERS", "4", 1), 0);
	cr_assert_eq(setenv("WEIR_LISTEN", "127.0.0.1:2, [::1]:2", 1), 0);
	fixture_init(&f);
	fixture_load(&f, "workers: 2\nlisten: [{address: 127.0.0.1:1}]\n");
	cr_assert_eq(f.r, 0, "%s", f.said);
	cr_expect_eq(f.conf->n_workers, 4);
	cr_expect_eq(f.conf->n_listen, 2);
	cr_expect_str_eq(f.conf->listen[1].address.text, "[::1]:2");
	fixture_done(&f);
}

Test(conf, the_command_line_wins_over_all)
{
	struct fixture f;

	cr_assert_eq(setenv("WEIR_WORKERS", "4", 1), 0);
	cr_assert_eq(setenv("WEIR_LISTEN", "127.0.0.1:2", 1), 0);
	fixture_init(&f);
	f.cli.workers = "5";
	f.cli.listen[0] = "127.0.0.1:3";
	f.cli.listen[1] = "127.0.0.1:4";
	f.cli.n_listen = 2;
	fixture_load(&f, "workers: 2\nlisten: [{address: 127.0.0.1:1}]\n");
	cr_assert_eq(f.r, 0, "%s", f.said);
	cr_expect_eq(f.conf->n_workers, 5);
	cr_expect_eq(f.conf->n_listen, 2);
	cr_expect_str_eq(f.conf->listen[1].address.text, "127.0.0.1:4");
	fixture_done(&f);
}

Test(conf, what_is_overruled_must_still_be_right)
{
	struct fixture f;

	cr_assert_eq(setenv("WEIR_WORKERS", "4", 1), 0);
	fixture_init(&f);
	fixture_load(&f, "workers: many\n");
	cr_assert_eq(f.r, -EINVAL);
	fixture_done(&f);
}

Test(conf, routes_inherit_from_the_environment_too)
{
	struct fixture f;

	cr_assert_eq(setenv("WEIR_MAX_BODY", "3KiB", 1), 0);
	fixture_init(&f);
	fixture_load(&f, "max_body: 1KiB\n"
			 "modules: [{path: a.so}]\n"
			 "routes: [{path: /, handler: a.a}]\n");
	cr_assert_eq(f.r, 0, "%s", f.said);
	cr_expect_eq(f.conf->routes[0].max_body, 3072);
	fixture_done(&f);
}

Test(conf, relative_paths_are_relative_to_the_file)
{
	struct fixture f;

	fixture_init(&f);
	cr_assert_eq(mkdir("sub", 0700), 0);
	fixture_write("sub/x.yaml", "modules: [{path: ./a.so}]\n", 26);
	f.cli.file = "sub/x.yaml";
	fixture_load(&f, NULL);
	cr_assert_eq(f.r, 0, "%s", f.said);
	cr_expect_str_eq(f.conf->modules[0].path.text + strlen(f.dir), "/sub/./a.so");
	cr_expect_str_eq(f.conf->module_path[0] + strlen(f.dir), "/sub");
	cr_assert_eq(unlink("sub/x.yaml"), 0);
	cr_assert_eq(rmdir("sub"), 0);
	fixture_done(&f);
}

Test(conf, a_file_in_the_root_directory_has_a_directory_too)
{
	struct fixture f;

	fixture_init(&f);
	f.cli.file = "/no-such-file-of-weir.yaml";
	fixture_load(&f, NULL);
	cr_assert_eq(f.r, -EINVAL);
	cr_assert_null(f.conf);
	cr_assert_str_eq(f.said, "/no-such-file-of-weir.yaml: cannot be read: No such file or "
				 "directory\n");
	fixture_done(&f);
}

Test(conf, run_makes_a_configuration_without_a_file)
{
	struct fixture f;

	fixture_init(&f);
	f.cli.file = NULL;
	f.cli.run_module = "hello.so";
	fixture_load(&f, NULL);
	cr_assert_eq(f.r, 0, "%s", f.said);
	cr_expect_str_eq(f.said, "");
	cr_expect_null(f.conf->file);
	cr_expect_eq(f.conf->n_routes, 0);
	cr_assert_eq(f.conf->n_modules, 1);
	cr_expect_str_eq(f.conf->modules[0].name, "hello");
	cr_expect_str_eq(f.conf->modules[0].path.text + strlen(f.dir), "/hello.so");
	cr_expect_eq(f.conf->run_module, f.conf->modules[0].path.text);
	cr_expect_str_eq(f.conf->listen[0].address.text, "127.0.0.1:8000");
	fixture_done(&f);
}

Test(conf, mistakes_of_all_sources_are_said_at_once)
{
	struct fixture f;

	cr_assert_eq(setenv("WEIR_KEEP_ALIVE", "soon", 1), 0);
	cr_assert_eq(setenv("PORT", "http", 1), 0);
	fixture_init(&f);
	fixture_load(&f, "wokers: 2\nmax_body: much\n");
	cr_assert_eq(f.r, -EINVAL);
	cr_assert_eq(f.messages.n_errors, 4, "%s", f.said);
	cr_assert_not_null(strstr(f.said, "PORT: \"http\" is not a port from 1 to 65535"));
	cr_assert_not_null(strstr(f.said, "WEIR_KEEP_ALIVE: \"soon\" is not a duration"));
	fixture_done(&f);
}

Test(conf, names_have_two_parts)
{
	weir_str module, entry;

	cr_assert_eq(conf_split_name("shop.user", &module, &entry), 0);
	cr_assert(weir_str_eq(module, WEIR_STR("shop")));
	cr_assert(weir_str_eq(entry, WEIR_STR("user")));
	cr_assert_eq(conf_split_name("my.shop.user", &module, &entry), 0);
	cr_assert(weir_str_eq(module, WEIR_STR("my.shop")));
	cr_assert_eq(conf_split_name("shop", &module, &entry), -EINVAL);
	cr_assert_eq(conf_split_name(".user", &module, &entry), -EINVAL);
	cr_assert_eq(conf_split_name("shop.", &module, &entry), -EINVAL);
}

Test(conf, auto_is_the_cpus_this_process_may_use)
{
	struct fixture f;
	cpu_set_t one;

	CPU_ZERO(&one);
	cr_assert_eq(sched_getaffinity(0, sizeof(one), &one), 0);
	for (int cpu = 0, n = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &one) && n++ > 0)
			CPU_CLR(cpu, &one);
	}
	cr_assert_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	fixture_init(&f);
	fixture_load(&f, "");
	cr_assert_eq(f.conf->n_workers, 1);
	fixture_done(&f);
}

static void expect_taken(struct fixture *f)
{
	cr_expect_eq(f->r, 0, "%s", f->said);
}

/* What editors are told is good (tests/e2e/test_schema.py), fuzzers begin with, and -T prints. */
Test(conf, takes_every_good_file)
{
	cr_expect_gt(fixture_load_all(CONF_GOOD_DIR, expect_taken), 30);
}
