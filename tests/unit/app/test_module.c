/* test_module.c - what a module may say about itself, and what it may not. */
#include "app/module.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODULE(name) TEST_MODULES "/" name

static int handle(weir_req *req)
{
	return 0;
}

static int handle_too(weir_req *req)
{
	return 1;
}

/* A description with nothing wrong, for tests to spoil. */
static weir_module describe(const weir_handler_entry *handlers)
{
	return (weir_module){
		.size = sizeof(weir_module),
		.handler_size = sizeof(weir_handler_entry),
		.job_size = sizeof(weir_job_entry),
		.abi_major = WEIR_ABI_MAJOR,
		.abi_minor = WEIR_ABI_MINOR,
		.name = "shop",
		.handlers = handlers,
	};
}

static void refuses(const weir_module *def, int error, const char *words)
{
	struct weir_app *app = NULL;
	struct buf said;
	char *text;

	buf_init(&said, 4096);
	cr_assert_eq(module_wrap(def, NULL, &said, &app), error);
	cr_assert_null(app);
	text = buf_steal(&said);
	cr_assert_str_eq(text, words);
	free(text);
}

static void refuses_handler(weir_handler_entry entry, const char *words)
{
	weir_handler_entry handlers[] = { entry, { 0 } };
	weir_module def = describe(handlers);

	refuses(&def, -EINVAL, words);
}

static void refuses_file(const struct module_spec *spec, int error, const char *words)
{
	struct weir_app *app = NULL;
	struct buf said;
	char *text;

	buf_init(&said, 4096);
	cr_assert_eq(module_open(spec, NULL, &said, &app), error);
	cr_assert_null(app);
	text = buf_steal(&said);
	cr_assert_str_eq(text, words);
	free(text);
}

static struct weir_app *open_good(void)
{
	static const struct module_setting settings[] = { { "greeting", "hi" }, { "empty", "" } };
	const char *const dirs[] = { TEST_MODULES };
	const struct module_spec spec = {
		.path = "good.so", .dirs = dirs, .n_dirs = 1, .settings = settings, .n_settings = 2
	};
	struct weir_app *app = NULL;
	struct buf said;

	buf_init(&said, 4096);
	cr_assert_eq(module_open(&spec, NULL, &said, &app), 0, "%.*s", (int)said.len, said.data);
	cr_assert_eq(said.len, 0);
	return app;
}

Test(module_open, takes_the_name_from_the_file)
{
	struct weir_app *app = open_good();

	cr_assert_str_eq(app->name, "good");
	cr_assert_str_eq(app->file, MODULE("good.so"));
	cr_assert_eq(app->n_handlers, 4);
	module_free(app);
}

Test(module_open, copies_the_settings)
{
	struct weir_app *app = open_good();

	cr_assert_str_eq(weir_app_setting(app, "greeting", "none"), "hi");
	cr_assert_str_eq(weir_app_setting(app, "empty", "none"), "");
	cr_assert_str_eq(weir_app_setting(app, "absent", "none"), "none");
	cr_assert_null(weir_app_setting(app, "absent", NULL));
	module_free(app);
}

Test(module_open, keeps_one_pointer_for_the_module)
{
	struct weir_app *app = open_good();
	int thing;

	cr_assert_null(weir_app_state(app));
	weir_app_set_state(app, &thing);
	cr_assert_eq(weir_app_state(app), &thing);
	module_free(app);
}

Test(module_open, may_open_the_same_file_again)
{
	struct weir_app *one = open_good(), *two = open_good();

	cr_assert_neq(one, two);
	module_free(one);
	cr_assert_str_eq(module_handler_at(two, 0).name, "user", "its file is still mapped");
	module_free(two);
}

Test(module_open, refuses_a_file_that_calls_itself_otherwise)
{
	refuses_file(&(struct module_spec){ .path = MODULE("good.so"), .name = "better" }, -EINVAL,
		     MODULE("good.so") ": calls itself 'good', but is known as 'better'");
}

Test(module_open, refuses_a_missing_file)
{
	refuses_file(&(struct module_spec){ .path = "/nowhere/shop.so" }, -ENOENT,
		     "/nowhere/shop.so: no such file");
}

Test(module_open, refuses_a_shared_object_that_is_no_module)
{
	refuses_file(&(struct module_spec){ .path = MODULE("no_description.so") }, -EINVAL,
		     MODULE("no_description.so") ": not a weir module: it has no WEIR_MODULE(...)");
}

Test(module_open, refuses_the_next_abi)
{
	refuses_file(&(struct module_spec){ .path = MODULE("next_abi.so") }, -ENOSYS,
		     MODULE("next_abi.so") ": built for weir's module ABI 2, this server has 1.0: "
					   "update weir");
}

Test(module_open, refuses_a_newer_minor)
{
	refuses_file(&(struct module_spec){ .path = MODULE("newer_minor.so") }, -ENOSYS,
		     MODULE("newer_minor.so") ": built for weir's module ABI 1.1, this server has "
					      "1.0: update weir, or build against its headers");
}

Test(module_free, of_nothing_is_nothing)
{
	cr_assert_null(module_free(NULL));
}

Test(module_wrap, takes_a_description_without_handlers)
{
	weir_module def = describe(NULL);
	struct weir_app *app = NULL;
	struct buf said;

	buf_init(&said, 4096);
	cr_assert_eq(module_wrap(&def, NULL, &said, &app), 0);
	cr_assert_eq(app->n_handlers, 0);
	cr_assert_null(app->file);
	module_free(app);
}

/* What a later minor of the same server family would look like to this one. */
struct longer_entry {
	weir_handler_entry known;
	uint64_t unknown[2];
};

Test(module_wrap, steps_through_the_table_with_the_modules_size)
{
	struct longer_entry handlers[] = {
		{ { "one", handle, "GET", "/1", 0 }, { 1, 2 } },
		{ { "two", handle_too, "GET", "/2", 0 }, { 3, 4 } },
		{ { 0 }, { 0 } },
	};
	weir_module def = describe(&handlers[0].known);
	struct weir_app *app = NULL;
	weir_handler_entry entry;
	struct buf said;

	def.handler_size = sizeof(struct longer_entry);
	buf_init(&said, 4096);
	cr_assert_eq(module_wrap(&def, NULL, &said, &app), 0);
	cr_assert_eq(app->n_handlers, 2);
	cr_assert_eq(module_handler(app, WEIR_STR("two"), &said, &entry), 0);
	cr_assert_eq(entry.fn, handle_too);
	module_free(app);
}

Test(module_wrap, refuses_an_older_major)
{
	weir_module def = describe(NULL);

	def.abi_major = 0;
	refuses(&def, -ENOSYS,
		"shop: built for weir's module ABI 0.0, this server has 1.0: rebuild the module");
}

Test(module_wrap, refuses_a_description_that_is_too_small)
{
	weir_module def = describe(NULL);

	def.size = 16;
	refuses(&def, -EINVAL,
		"shop: its description is damaged (size 16, handler size 48): "
		"write it with WEIR_MODULE(...)");
}

Test(module_wrap, refuses_entries_that_are_too_small)
{
	weir_module def = describe(NULL);

	def.handler_size = 0;
	refuses(&def, -EINVAL,
		"shop: its description is damaged (size 64, handler size 0): "
		"write it with WEIR_MODULE(...)");
}

Test(module_wrap, refuses_entries_of_an_odd_size)
{
	weir_module def = describe(NULL);

	def.handler_size = 41;
	refuses(&def, -EINVAL,
		"shop: its description is damaged (size 64, handler size 41): "
		"write it with WEIR_MODULE(...)");
}

Test(module_wrap, refuses_a_module_without_a_name)
{
	weir_module def = describe(NULL);

	def.name = NULL;
	refuses(&def, -EINVAL,
		"module: needs a name of letters, digits, '_' and '-', 64 of them at most");
}

Test(module_wrap, refuses_a_name_that_no_route_could_say)
{
	weir_module def = describe(NULL);

	def.name = "my.shop";
	refuses(&def, -EINVAL,
		"my.shop: needs a name of letters, digits, '_' and '-', 64 of them at most");
}

Test(module_wrap, refuses_a_handler_without_a_function)
{
	refuses_handler((weir_handler_entry){ .name = "user" },
			"shop: handler 'user' has no function");
}

Test(module_wrap, refuses_a_handler_whose_name_has_a_dot)
{
	refuses_handler((weir_handler_entry){ .name = "a.b", .fn = handle },
			"shop: handler name 'a.b': only letters, digits, '_' and '-', "
			"64 of them at most");
}

#define OF_64 "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd"

Test(module_wrap, refuses_a_handler_whose_name_is_too_long)
{
	refuses_handler((weir_handler_entry){ .name = OF_64 "e", .fn = handle },
			"shop: handler name '" OF_64 "e': only letters, digits, '_' and '-', "
			"64 of them at most");
}

Test(module_wrap, refuses_a_method_in_small_letters)
{
	refuses_handler((weir_handler_entry){ .name = "user", .fn = handle, .method = "get" },
			"shop: handler 'user': 'get' is no method; say \"GET\", or NULL for any");
}

Test(module_wrap, refuses_a_path_without_a_slash)
{
	refuses_handler((weir_handler_entry){ .name = "user", .fn = handle, .path = "users" },
			"shop: handler 'user': path 'users' must begin with '/'");
}

Test(module_wrap, refuses_flags_it_does_not_know)
{
	refuses_handler((weir_handler_entry){ .name = "user", .fn = handle, .flags = 0x11 },
			"shop: handler 'user': flags 0x10 are not known");
}

Test(module_wrap, refuses_two_handlers_of_one_name)
{
	const weir_handler_entry handlers[] = {
		{ "user", handle, NULL, NULL, 0 },
		{ "cart", handle, NULL, NULL, 0 },
		{ "user", handle_too, NULL, NULL, 0 },
		{ 0 },
	};
	weir_module def = describe(handlers);

	refuses(&def, -EINVAL, "shop: two handlers are called 'user'");
}

/* n entries called h0, h1, ... and no empty one after them. */
static weir_handler_entry *many_handlers(size_t n)
{
	weir_handler_entry *handlers = calloc(n, sizeof(*handlers));
	char(*names)[24] = calloc(n, sizeof(*names));

	for (size_t i = 0; i < n; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "h%zu", i);
		handlers[i] = (weir_handler_entry){ .name = names[i], .fn = handle };
	}
	return handlers;
}

Test(module_wrap, stops_in_a_table_without_an_end)
{
	weir_handler_entry *handlers = many_handlers(1001);
	weir_module def = describe(handlers);

	refuses(&def, -EINVAL, "shop: more than 1000 handlers; write them with WEIR_HANDLERS(...)");
	free((char *)handlers[0].name);
	free(handlers);
}

Test(module_handler, finds_an_entry_by_name)
{
	struct weir_app *app = open_good();
	weir_handler_entry entry;
	struct buf said;

	buf_init(&said, 4096);
	cr_assert_eq(module_handler(app, WEIR_STR("user"), &said, &entry), 0);
	cr_assert_str_eq(entry.method, "GET");
	cr_assert_str_eq(entry.path, "/users/{id}");
	cr_assert_eq(entry.flags, WEIR_FINISH_ANYWAY);
	module_free(app);
}

static void does_not_find(const struct weir_app *app, const char *name, int error,
			  const char *words)
{
	weir_handler_entry entry;
	struct buf said;
	char *text;

	buf_init(&said, 4096);
	cr_assert_eq(module_handler(app, weir_strz(name), &said, &entry), error);
	text = buf_steal(&said);
	cr_assert_str_eq(text, words);
	free(text);
}

Test(module_handler, asks_did_you_mean)
{
	struct weir_app *app = open_good();

	does_not_find(app, "usre", -ENOENT,
		      "module 'good' has no handler 'usre'; did you mean 'user'?");
	module_free(app);
}

Test(module_handler, lists_what_there_is_when_nothing_is_alike)
{
	struct weir_app *app = open_good();

	does_not_find(app, "checkout", -ENOENT,
		      "module 'good' has no handler 'checkout'; it has user, users, chat, turns");
	module_free(app);
}

Test(module_handler, says_when_there_are_none)
{
	weir_module def = describe(NULL);
	struct weir_app *app = NULL;
	struct buf said;

	buf_init(&said, 4096);
	cr_assert_eq(module_wrap(&def, NULL, &said, &app), 0);
	does_not_find(app, "user", -ENOENT, "module 'shop' has no handler 'user', nor any other");
	module_free(app);
}

Test(module_handler, does_not_list_hundreds)
{
	weir_handler_entry *handlers = many_handlers(31);
	weir_module def = describe(handlers);
	struct weir_app *app = NULL;
	struct buf said;

	handlers[30] = (weir_handler_entry){ 0 };
	buf_init(&said, 4096);
	cr_assert_eq(module_wrap(&def, NULL, &said, &app), 0);
	does_not_find(app, "checkout", -ENOENT,
		      "module 'shop' has no handler 'checkout'; it has h0, h1, h2, h3, h4, h5, h6, "
		      "h7, h8, h9, h10, h11, h12, h13, h14, h15, h16, h17, h18, h19 and 10 more");
	module_free(app);
	free((char *)handlers[0].name);
	free(handlers);
}

Test(module_handler, knows_a_websocket)
{
	struct weir_app *app = open_good();
	weir_handler_entry entry = module_handler_at(app, 2);

	cr_assert(module_is_websocket(&entry));
	module_free(app);
}

/* A connection that remembers what reached it. */
struct end {
	weir_io io;
	unsigned n_received, n_sent;
};

static int end_receive(const weir_io *io, weir_req *req, weir_event *ret_ev)
{
	((struct end *)io)->n_received++;
	return 7;
}

static int end_send(const weir_io *io, weir_req *req, const weir_event *ev)
{
	((struct end *)io)->n_sent++;
	return 9;
}

Test(module_middleware, hands_on_what_it_leaves_out)
{
	struct end end = { .io = { end_receive, end_send, NULL } };
	struct weir_app *app = open_good();
	struct buf said;
	weir_event ev;
	weir_io layer;

	buf_init(&said, 4096);
	cr_assert_eq(module_middleware(app, WEIR_STR("audit"), &said, &layer), 0);
	layer.next = &end.io;
	cr_assert_eq(layer.receive(&layer, NULL, &ev), 7, "NULL in the module");
	cr_assert_eq(layer.send(&layer, NULL, &ev), 9, "the module's own");
	cr_assert_eq(end.n_received, 1);
	cr_assert_eq(end.n_sent, 1);
	module_free(app);
}

Test(module_middleware, says_how_a_missing_one_would_be_written)
{
	struct weir_app *app = open_good();
	struct buf said;
	weir_io layer;
	char *text;

	buf_init(&said, 4096);
	cr_assert_eq(module_middleware(app, WEIR_STR("session"), &said, &layer), -ENOENT);
	text = buf_steal(&said);
	cr_assert_str_eq(text, "module 'good' has no middleware 'session': it would say "
			       "WEIR_MIDDLEWARE(session, ...)");
	free(text);
	module_free(app);
}

Test(module_middleware, is_not_fooled_by_long_names)
{
	struct weir_app *app = open_good();
	char name[500];
	struct buf said;
	weir_io layer;

	memset(name, 'a', sizeof(name));
	buf_init(&said, 4096);
	cr_assert_eq(module_middleware(app, (weir_str){ name, sizeof(name) }, &said, &layer),
		     -ENOENT);
	buf_done(&said);
	module_free(app);
}

/* ---- jobs */

static int work(weir_work *w, weir_str input)
{
	return 0;
}

static int work_too(weir_work *w, weir_str input)
{
	return 1;
}

static void refuses_jobs(const weir_job_entry *jobs, const char *words)
{
	weir_module def = describe(NULL);

	def.jobs = jobs;
	refuses(&def, -EINVAL, words);
}

Test(module_job, finds_an_entry_by_name)
{
	struct weir_app *app = open_good();
	weir_job_entry entry;
	struct buf said;

	buf_init(&said, 4096);
	cr_assert_eq(app->n_jobs, 2);
	cr_assert_eq(module_job(app, WEIR_STR("sum"), &said, &entry), 0);
	cr_assert_str_eq(entry.name, "sum");
	cr_assert_not_null(entry.fn);
	module_free(app);
}

static void does_not_find_job(const struct weir_app *app, const char *name, const char *words)
{
	weir_job_entry entry;
	struct buf said;
	char *text;

	buf_init(&said, 4096);
	cr_assert_eq(module_job(app, weir_strz(name), &said, &entry), -ENOENT);
	text = buf_steal(&said);
	cr_assert_str_eq(text, words);
	free(text);
}

Test(module_job, asks_did_you_mean)
{
	struct weir_app *app = open_good();

	does_not_find_job(app, "sun", "module 'good' has no job 'sun'; did you mean 'sum'?");
	module_free(app);
}

Test(module_job, is_no_handler)
{
	struct weir_app *app = open_good();

	does_not_find_job(app, "user", "module 'good' has no job 'user'; it has sum, noop");
	module_free(app);
}

struct longer_job {
	weir_job_entry known;
	uint64_t unknown;
};

Test(module_wrap, steps_through_the_jobs_with_the_modules_size)
{
	struct longer_job jobs[] = { { { "one", work }, 1 },
				     { { "two", work_too }, 2 },
				     { { 0 }, 0 } };
	weir_module def = describe(NULL);
	struct weir_app *app = NULL;
	weir_job_entry entry;
	struct buf said;

	def.jobs = &jobs[0].known;
	def.job_size = sizeof(struct longer_job);
	buf_init(&said, 4096);
	cr_assert_eq(module_wrap(&def, NULL, &said, &app), 0);
	cr_assert_eq(app->n_jobs, 2);
	cr_assert_eq(module_job(app, WEIR_STR("two"), &said, &entry), 0);
	cr_assert_eq(entry.fn, work_too);
	module_free(app);
}

/* Those that were built before there were jobs. */
Test(module_wrap, a_module_without_jobs_says_no_size)
{
	weir_module def = describe(NULL);
	struct weir_app *app = NULL;
	struct buf said;

	def.job_size = 0;
	buf_init(&said, 4096);
	cr_assert_eq(module_wrap(&def, NULL, &said, &app), 0);
	cr_assert_eq(app->n_jobs, 0);
	module_free(app);
}

Test(module_wrap, refuses_jobs_that_are_too_small)
{
	const weir_job_entry jobs[] = { { "sum", work }, { 0 } };
	weir_module def = describe(NULL);

	def.jobs = jobs;
	def.job_size = 8;
	refuses(&def, -EINVAL,
		"shop: its description is damaged (job size 8): write it with WEIR_MODULE(...)");
}

Test(module_wrap, refuses_a_job_without_a_function)
{
	refuses_jobs((const weir_job_entry[]){ { "sum", NULL }, { 0 } },
		     "shop: job 'sum' has no function");
}

Test(module_wrap, refuses_a_job_whose_name_has_a_dot)
{
	refuses_jobs((const weir_job_entry[]){ { "a.b", work }, { 0 } },
		     "shop: job name 'a.b': only letters, digits, '_' and '-', 64 of them at most");
}

Test(module_wrap, refuses_two_jobs_of_one_name)
{
	refuses_jobs((const weir_job_entry[]){ { "sum", work }, { "sum", work_too }, { 0 } },
		     "shop: two jobs are called 'sum'");
}

Test(module_wrap, stops_in_a_table_of_jobs_without_an_end)
{
	static weir_job_entry jobs[1001];
	static char names[1001][8];

	for (size_t i = 0; i < 1001; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "j%zu", i);
		jobs[i] = (weir_job_entry){ names[i], work };
	}
	refuses_jobs(jobs, "shop: more than 1000 jobs; write them with WEIR_JOBS(...)");
}
