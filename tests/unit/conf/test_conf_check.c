/* test_conf_check.c - parts that do not fit together; the words are in conf_broken/. */
#include "conf/conf_check.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "conf_fixture.h"

struct row {
	char text[256];
	size_t n_errors;
};

ParameterizedTestParameters(conf_check, number_of_mistakes)
{
	static struct row rows[] = {
		{ "listen: [{address: 127.0.0.1:1}, {address: 127.0.0.1:2}]", 0 },
		{ "listen: [{address: 127.0.0.1:1}, {address: 127.0.0.1:1}]", 1 },
		/* each is said once, against the first it collides with */
		{ "listen: [{address: '*:1'}, {address: 127.0.0.1:1}, {address: 127.0.0.1:1}]", 2 },
		{ "modules: [{path: a.so}, {path: b.so}]", 0 },
		{ "modules: [{path: a.so}, {path: b/a.so}, {path: /c/a}]", 2 },
		{ "modules: [{path: a.so}]\nroutes: [{path: /, handler: a.x}]", 0 },
		{ "modules: [{path: a.so}]\nroutes: [{path: /, handler: b.x}]", 1 },
		{ "modules: [{path: a.so}]\nroutes: [{path: x, handler: b.x, middleware: b.y}]",
		  3 },
		{ "modules: [{path: a.so}]\nroutes: [{path: /x, handler: a.x, methods: GET}, "
		  "{path: /x, handler: a.x, methods: [POST, PUT]}]",
		  0 },
		{ "modules: [{path: a.so}]\nroutes: [{path: /x, handler: a.x, methods: GET}, "
		  "{path: /x, handler: a.x}]",
		  1 },
		{ "modules: [{path: a.so}]\nroutes: [{path: '/{a}', handler: a.x}, "
		  "{path: '/{b...}', handler: a.x}, {path: /c, handler: a.x}]",
		  0 },
		{ "max_head: 8KiB\nmax_target: 8KiB", 0 },
		{ "max_head: 4KiB\nmax_target: 8KiB", 1 },
		{ "max_head: 4KiB", 1 }, /* the default of max_target is larger */
	};

	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, conf_check, number_of_mistakes)
{
	struct fixture f;

	cr_assert_eq(unsetenv("WEIR_LISTEN"), 0);
	cr_assert_eq(unsetenv("PORT"), 0);
	fixture_init(&f);
	fixture_load(&f, row->text);
	cr_expect_eq(f.messages.n_errors, row->n_errors, "%s\n%s", row->text, f.said);
	fixture_done(&f);
}

Test(conf_check, a_thousand_routes_are_checked_in_good_time, .timeout = 20)
{
	struct fixture f;
	struct buf text;

	buf_init(&text, 0);
	cr_assert_eq(buf_printf(&text, "modules: [{path: a.so}]\nroutes:\n"), 0);
	for (int i = 0; i < 1000; i++)
		cr_assert_eq(buf_printf(&text, "  - {path: '/p%d/{x}', handler: a.x}\n", i), 0);
	fixture_init(&f);
	fixture_write("test.yaml", text.data, text.len);
	fixture_load(&f, NULL);
	cr_assert_eq(f.r, 0, "%s", f.said);
	cr_assert_eq(f.conf->n_routes, 1000);
	fixture_done(&f);
	buf_done(&text);
}

Test(conf_check, what_is_wrong_is_taken_out)
{
	struct fixture f;

	cr_assert_eq(unsetenv("WEIR_LISTEN"), 0);
	cr_assert_eq(unsetenv("PORT"), 0);
	fixture_init(&f);
	fixture_load(&f, "listen: [{address: 127.0.0.1:1}, {address: 127.0.0.1:1}, "
			 "{address: 127.0.0.1:2}]\n"
			 "modules: [{path: a.so}, {path: x/a.so}, {path: b.so}]\n"
			 "routes:\n"
			 "  - {path: /a, handler: none.a}\n"
			 "  - {path: /a, handler: a.a}\n"
			 "  - {path: /b, handler: a.b, middleware: none.b}\n"
			 "  - {path: /c, handler: a.c}\n");
	cr_assert_eq(f.r, -EINVAL);
	cr_assert_eq(f.messages.n_errors, 5, "%s", f.said);
	cr_assert_eq(f.conf->n_listen, 2);
	cr_expect_str_eq(f.conf->listen[1].address.text, "127.0.0.1:2");
	cr_assert_eq(f.conf->n_modules, 2);
	cr_expect_str_eq(f.conf->modules[1].name, "b");
	cr_assert_eq(f.conf->n_routes, 1);
	cr_expect_str_eq(f.conf->routes[0].path.text, "/c");
	fixture_done(&f);
}
