/* test_builtin.c - the module of the server's own handlers, and what routes say to them. */
#include "app/builtin.h"

#include <criterion/criterion.h>
#include <string.h>

#include "app/metrics_page.h"
#include "app/module.h"
#include "app/status_page.h"
#include "app_world.h"
#include "base/log.h"

Test(builtin, is_a_module_like_any_other)
{
	struct weir_app *app = NULL;
	struct buf words = { 0 };
	weir_handler_entry entry;
	struct log log;

	log_init(&log, 2, LOG_AT_ERROR);
	cr_assert_eq(builtin_open(&log, &words, &app), 0);
	cr_expect_str_eq(app->name, BUILTIN_MODULE);
	cr_expect_eq(module_handler(app, WEIR_STR("respond"), &words, &entry), 0);
	cr_expect_eq(module_handler(app, WEIR_STR("respnd"), &words, &entry), -ENOENT);
	cr_expect(memmem(words.data, words.len, "did you mean 'respond'?", 23));
	buf_done(&words);
	(void)module_free(app);
}

Test(builtin, says_which_has_sessions_and_a_page)
{
	cr_expect(builtin_is_page_too(status_page));
	cr_expect_not(builtin_is_page_too(metrics_page));
	cr_expect_not(builtin_is_page_too(NULL), "one with functions for messages");
}

static struct builtin_settings *seen;

static int look(weir_req *req)
{
	seen = builtin_settings(req);
	return weir_respond(req, 200, NULL, WEIR_STR("x"));
}

Test(builtin, finds_what_the_route_says)
{
	struct app_world *a = app_world_new();
	struct builtin_settings settings = { .free = NULL };
	struct route *route = app_world_route(a, "/", look);

	(void)app_world_ask(a, "/");
	cr_expect_null(seen);
	route->settings = &settings;
	(void)app_world_ask(a, "/");
	cr_expect_eq(seen, &settings);
	app_world_free(a);
}

static int n_freed;

static void count_free(struct builtin_settings *settings)
{
	n_freed++;
}

Test(builtin, settings_are_freed_by_their_own_function)
{
	struct builtin_settings settings = { .free = count_free };

	cr_expect_null(builtin_settings_free(&settings));
	cr_expect_eq(n_freed, 1);
	cr_expect_null(builtin_settings_free(NULL));
	cr_expect_eq(n_freed, 1);
}
