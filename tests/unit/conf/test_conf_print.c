/* test_conf_print.c - what is printed says everything, and is the same when it is read again. */
#include "conf/conf_print.h"

#include "conf_fixture.h"

static char *print(const struct conf *conf, bool has_origins)
{
	struct buf out;
	char *text;

	buf_init(&out, 0);
	cr_assert_eq(conf_print(conf, has_origins, &out), 0);
	text = buf_steal(&out);
	cr_assert_not_null(text);
	return text;
}

static void clean_environment(void)
{
	static const char *const names[] = { "PORT", "WEIR_LISTEN", "WEB_CONCURRENCY",
					     "WEIR_WORKERS", "WEIR_MAX_HEAD" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		cr_assert_eq(unsetenv(names[i]), 0);
}

TestSuite(conf_print, .init = clean_environment);

/* Reads what was printed with origins, from another directory, with nothing set. */
static void expect_same_again(const struct conf *conf)
{
	_cleanup_(freep) char *text = print(conf, true);
	_cleanup_(freep) char *values = print(conf, false);
	_cleanup_(freep) char *values_again = NULL;
	struct fixture f;

	clean_environment();
	fixture_init(&f);
	fixture_load(&f, text);
	cr_assert_eq(f.r, 0, "%s\n%s", text, f.said);
	values_again = print(f.conf, false);
	cr_expect_str_eq(values, values_again);
	fixture_done(&f);
}

static void expect_lines(const char *text, const char *const *lines, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cr_expect_not_null(strstr(text, lines[i]), "%s is not in:\n%s", lines[i], text);
}

Test(conf_print, says_where_each_value_is_from)
{
	static const char *const lines[] = {
		"\nworkers: 2  # command line --workers\n",
		"\nlisten:  # environment PORT\n  - address: \"*:9000\"  # environment PORT\n",
		"\n    mode: 0666  # default\n",
		"\nmodules:  # test.yaml:2\n  - path: \"a.so\"  # test.yaml:2\n",
		"\n  - path: \"/a\"  # test.yaml:3\n    handler: \"a.a\"  # test.yaml:3\n",
		"\n    max_body: 2MiB  # test.yaml:1\n",
		"\nmax_head: 64KiB  # environment WEIR_MAX_HEAD\n",
		"\nkeep_alive: 75s  # default\n",
		"\naccess_log: stdout  # default\n",
	};
	_cleanup_(freep) char *text = NULL;
	struct fixture f;

	cr_assert_eq(setenv("WEIR_MAX_HEAD", "65536", 1), 0);
	cr_assert_eq(setenv("PORT", "9000", 1), 0);
	fixture_init(&f);
	f.cli.workers = "2";
	fixture_load(&f, "max_body: 2048KiB\nmodules: [{path: a.so}]\n"
			 "routes: [{path: /a, handler: a.a}]\n");
	cr_assert_eq(f.r, 0, "%s", f.said);
	text = print(f.conf, true);
	expect_lines(text, lines, ARRAY_LEN(lines));
	expect_same_again(f.conf);
	conf_free(f.conf);
	f.conf = NULL;
	fixture_done(&f);
}

Test(conf_print, has_every_kind_of_value)
{
	static const char *const lines[] = {
		"\nlog_level: warn\n",
		"\naccess_log: \"/x/log\"\n",
		"\ngraceful_timeout: 0s\n",
		"  - address: \"unix:/x/sock\"\n    mode: 0600\n",
		"\nmodule_path: [\"/m\", \"/n o\"]\n",
		"    settings:\n      \"k\": \"v\"\n",
		"    methods: [GET, POST]\n",
		"    middleware: [\"a.b\", \"a.c\"]\n",
		"    half_close: finish\n",
		"    access_log: false\n",
	};
	_cleanup_(freep) char *text = NULL;
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, "log_level: warn\naccess_log: /x/log\ngraceful_timeout: 0\n"
			 "listen: [{address: unix:/x/sock, mode: 600}]\n"
			 "module_path: [/m, /n o]\n"
			 "modules: [{path: a.so, settings: {k: v}}]\n"
			 "routes: [{path: /, handler: a.a, methods: [POST, GET],\n"
			 "  middleware: [a.b, a.c], half_close: finish, access_log: false}]\n");
	cr_assert_eq(f.r, 0, "%s", f.said);
	text = print(f.conf, false);
	expect_lines(text, lines, ARRAY_LEN(lines));
	fixture_done(&f);
}

/* Quotes, ${, control characters, ends of lines that only YAML knows, and a key beyond 1 024. */
Test(conf_print, quotes_whatever_there_may_be)
{
	_cleanup_(freep) char *text = NULL, *key = NULL;
	struct fixture f;
	const char *value;

	key = malloc(1501);
	cr_assert_not_null(key);
	memset(key, 'k', 1500);
	key[1500] = '\0';
	cr_assert_gt(
		asprintf(&text,
			 "modules:\n  - path: a.so\n    settings:\n"
			 "      a: \"\\\"\\\\ $${x} $$${y} $z \\x01\\t\\n\\x7f\\x85\\u2028\\uFEFF "
			 "\\xe4\"\n"
			 "      \"${k} # '\": ' # - : '\n"
			 "      ? %s\n      : long\n",
			 key),
		0);
	fixture_init(&f);
	fixture_load(&f, text);
	cr_assert_eq(f.r, 0, "%s", f.said);
	value = f.conf->modules[0].settings[0].value;
	cr_assert_str_eq(value, "\"\\ ${x} $${y} $z \x01\t\n\x7f\xc2\x85\xe2\x80\xa8\xef\xbb\xbf "
				"\xc3\xa4");
	cr_assert_str_eq(f.conf->modules[0].settings[1].key, "${k} # '");
	expect_same_again(f.conf);
	conf_free(f.conf);
	f.conf = NULL;
	fixture_done(&f);
}

/* Nothing that its own kind of route would refuse when it is read again. */
Test(conf_print, websocket_options_stand_on_websocket_routes_only)
{
	static const char *const lines[] = {
		"\nmax_message: 2MiB  # test.yaml:1\n",
		"\nslow_client: wait  # default\n",
		"\n    websocket: true  # test.yaml:4\n"
		"    origins: [\"https://example.org\", \"*\"]  # test.yaml:5\n"
		"    max_message: 2MiB  # test.yaml:1\n"
		"    ping_interval: 25s  # default\n",
		"\n    slow_client: drop-oldest  # test.yaml:6\n",
		"\n    deflate: false  # default\n",
		"\n    websocket: false  # default\n",
	};
	_cleanup_(freep) char *text = NULL;
	const char *plain;
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, "max_message: 2MiB\n"
			 "modules: [{path: a.so}]\n"
			 "routes:\n  - {path: /ws, handler: a.ws, websocket: true,\n"
			 "    origins: [https://example.org, \"*\"],\n"
			 "    slow_client: drop-oldest}\n"
			 "  - {path: /plain, handler: a.a}\n");
	cr_assert_eq(f.r, 0, "%s", f.said);
	text = print(f.conf, true);
	expect_lines(text, lines, ARRAY_LEN(lines));
	cr_expect_null(strstr(text, "    methods:"));
	plain = strstr(text, "\"/plain\"");
	cr_assert_not_null(plain);
	cr_expect_null(strstr(plain, "\n    max_message:"), "%s", plain);
	cr_expect_null(strstr(plain, "\n    origins:"));
	expect_same_again(f.conf);
	conf_free(f.conf);
	f.conf = NULL;
	fixture_done(&f);
}

Test(conf_print, jobs_and_their_pools_are_there)
{
	static const char *const lines[] = {
		"\njobs:  # test.yaml:1\n  processes: 2  # test.yaml:2\n",
		"\n  grace: 500ms  # default\n",
		"\n  sandbox_paths: [\"/data\"]  # test.yaml:3\n",
		"\n  pools:  # test.yaml:5\n    - name: \"slow\"  # test.yaml:6\n"
		"      processes: 1  # test.yaml:7\n      queue: 64  # default\n",
		"\n      sandbox: true  # test.yaml:4\n"
		"      sandbox_paths: [\"/data\"]  # test.yaml:3\n    - name: \"b\"  # "
		"test.yaml:8\n",
	};
	_cleanup_(freep) char *text = NULL;
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, "jobs:\n  processes: 2\n  sandbox_paths: /data\n  sandbox: true\n"
			 "  pools:\n    - name: slow\n      processes: 1\n    - name: b\n");
	cr_assert_eq(f.r, 0, "%s", f.said);
	text = print(f.conf, true);
	expect_lines(text, lines, ARRAY_LEN(lines));
	expect_same_again(f.conf);
	conf_free(f.conf);
	f.conf = NULL;
	fixture_done(&f);
}

static void expect_good_again(struct fixture *f)
{
	cr_assert_eq(f->r, 0, "%s", f->said);
	expect_same_again(f->conf);
}

Test(conf_print, every_good_file_is_the_same_again)
{
	cr_expect_gt(fixture_load_all(CONF_GOOD_DIR, expect_good_again), 30);
}

Test(conf_print, a_file_name_cannot_end_the_comment)
{
	_cleanup_(freep) char *text = NULL;
	struct fixture f;

	fixture_init(&f);
	f.cli.file = "a\nworkers: 9.yaml";
	fixture_write(f.cli.file, "workers: 2\n", 11);
	fixture_load(&f, NULL);
	cr_assert_eq(f.r, 0, "%s", f.said);
	text = print(f.conf, true);
	cr_expect_not_null(strstr(text, "\nworkers: 2  # a?workers: 9.yaml:1\n"), "%s", text);
	cr_assert_eq(unlink(f.cli.file), 0);
	fixture_done(&f);
}

Test(conf_print, of_weir_run_it_says_that_the_routes_are_not_there)
{
	_cleanup_(freep) char *text = NULL;
	struct fixture f;

	fixture_init(&f);
	f.cli.file = NULL;
	f.cli.run_module = "hello.so";
	fixture_load(&f, NULL);
	cr_assert_eq(f.r, 0, "%s", f.said);
	text = print(f.conf, true);
	cr_expect_not_null(strstr(text, "\n# weir run: the routes are those that the module"));
	cr_expect_not_null(strstr(text, "hello.so\"  # command line run\n"));
	fixture_done(&f);
}
