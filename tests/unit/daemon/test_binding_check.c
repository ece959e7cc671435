/* test_binding_check.c - what a child process finds is said here, and nothing else of it stays. */
#include "daemon/binding_check.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "base/log.h"
#include "conf_fixture.h"

struct world {
	struct fixture fixture;
	struct buf words;
	int r;
	bool has_jobs;
};

static void check(struct world *w, const char *text)
{
	struct log log;

	memset(w, 0, sizeof(*w));
	log_init(&log, 2, LOG_AT_ERROR);
	fixture_init(&w->fixture);
	fixture_load(&w->fixture, text);
	cr_assert_eq(w->fixture.r, 0, "%s", w->fixture.said);
	w->r = binding_check(w->fixture.conf, &log, &w->fixture.messages, &w->has_jobs);
	buf_init(&w->words, 0);
	cr_assert_eq(messages_format(&w->fixture.messages, &w->words), 0);
	cr_assert_eq(buf_append(&w->words, "", 1), 0);
}

static void done(struct world *w)
{
	/* Whatever came of it, the child has been reaped. */
	cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
	cr_assert_eq(errno, ECHILD);
	buf_done(&w->words);
	fixture_done(&w->fixture);
}

static bool is_loaded(const char *module)
{
	return dlopen(module, RTLD_LAZY | RTLD_NOLOAD) != NULL;
}

Test(binding_check, finds_nothing_wrong_and_loads_nothing_here)
{
	struct world w;

	check(&w, "modules: [{path: " TEST_MODULES "/good.so}]\n"
		  "routes: [{path: /x, handler: good.user, middleware: [good.audit]}]\n");
	cr_assert_eq(w.r, 0);
	cr_assert_str_eq(w.words.data, "");
	cr_assert_not(is_loaded(TEST_MODULES "/good.so"));
	done(&w);
}

Test(binding_check, hands_over_every_message_with_its_place)
{
	struct world w;

	check(&w, "modules: [{path: " TEST_MODULES "/good.so}, {path: /nowhere.so}]\n"
		  "routes:\n"
		  "  - {path: /x, handler: good.usr}\n"
		  "  - {path: /y, handler: nowhere.y}\n");
	cr_assert_eq(w.r, -EINVAL);
	cr_assert_eq(w.fixture.messages.n_errors, 2u, "%s", w.words.data);
	cr_assert_not_null(strstr(w.words.data, "/nowhere.so: no such file"));
	cr_assert_not_null(strstr(w.words.data, "test.yaml:3:25: "));
	cr_assert_not_null(strstr(w.words.data, "  - {path: /x, handler: good.usr}\n"), "%s",
			   w.words.data);
	done(&w);
}

Test(binding_check, survives_a_module_that_does_not)
{
	struct world w;

	check(&w, "modules: [{path: " TEST_MODULES "/aborts.so}]\n");
	cr_assert_eq(w.r, -EINVAL);
	cr_assert_not_null(strstr(w.words.data, "killed by signal 6 (SIGABRT)"), "%s",
			   w.words.data);
	done(&w);
}

Test(binding_check, hands_over_more_than_a_pipe_holds)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	struct world w;

	cr_assert_eq(buf_printf(&text, "modules: [{path: " TEST_MODULES "/good.so}]\nroutes:\n"),
		     0);
	for (int i = 0; i < 900; i++)
		cr_assert_eq(buf_printf(&text, "  - {path: /x%d, handler: good.%0100d}\n", i, i),
			     0);
	cr_assert_eq(buf_append(&text, "", 1), 0);
	check(&w, text.data);
	cr_assert_eq(w.r, -EINVAL);
	cr_assert_eq(w.fixture.messages.n_items, 100u); /* what anybody reads */
	done(&w);
}

Test(binding_check, knows_whether_a_module_has_jobs)
{
	struct world w;

	check(&w, "modules: [{path: " TEST_MODULES "/no_paths.so}, {path: " TEST_MODULES
		  "/good.so}]\n");
	cr_assert_eq(w.r, 0, "%s", w.words.data);
	cr_assert(w.has_jobs);
	done(&w);
	check(&w, "modules: [{path: " TEST_MODULES "/no_paths.so}]\n");
	cr_assert_eq(w.r, 0, "%s", w.words.data);
	cr_assert_not(w.has_jobs);
	done(&w);
}
