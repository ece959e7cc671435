/* test_conf_answer.c - what answers a route. What is refused is in conf_broken. */
#include "conf/conf_answer.h"

#include "conf_fixture.h"

Test(conf_answer, a_mapping_names_the_handler)
{
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, "modules: [{path: a.so}]\n"
			 "routes:\n"
			 "  - {path: /1, handler: a.b}\n"
			 "  - {path: /2, redirect: {to: /3}}\n"
			 "  - {path: /3, respond: {headers: {a: b, c: d}}}\n"
			 "  - {path: /4, handler: weir.any}\n");
	cr_assert_eq(f.r, 0, "%s", f.said);
	cr_assert_eq(f.conf->n_routes, 4);
	cr_expect_eq(f.conf->routes[0].answer, CONF_ANSWER_HANDLER);
	cr_expect_str_eq(f.conf->routes[0].handler.text, "a.b");
	cr_expect_eq(f.conf->routes[1].answer, CONF_ANSWER_REDIRECT);
	cr_expect_str_eq(f.conf->routes[1].handler.text, "weir.redirect");
	cr_expect_eq(f.conf->routes[1].handler.pos.line, 4);
	cr_expect_str_eq(f.conf->routes[1].redirect.to.text, "/3");
	cr_expect_eq(f.conf->routes[1].redirect.status, 308);
	cr_expect(f.conf->routes[1].redirect.keeps_query);
	cr_expect_eq(f.conf->routes[2].answer, CONF_ANSWER_RESPOND);
	cr_expect_eq(f.conf->routes[2].respond.status, 200);
	cr_expect_eq(f.conf->routes[2].respond.n_headers, 2);
	cr_expect_str_eq(f.conf->routes[2].respond.headers[1].key, "c");
	cr_expect_null(f.conf->routes[2].respond.body.text);
	cr_expect_eq(f.conf->routes[3].answer, CONF_ANSWER_HANDLER);
	fixture_done(&f);
}
