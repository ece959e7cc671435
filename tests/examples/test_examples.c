/*
 * test_examples.c - the examples, each called without a server and in virtual
 * time: ten seconds of ticks, the exact duration of a fan-out, every
 * allocation failing once.
 */
#include <weir/test.h>

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* Their weir_module_1; see meson.build. */
extern const weir_module example_asgi, example_chat, example_echo, example_events, example_fanout,
	example_hello, example_index, example_sleep, example_state, example_ticks, example_upload;

static const weir_handler_entry *entry_of(const weir_module *module, const char *name)
{
	const weir_handler_entry *entry = module->handlers;

	while (entry->name && strcmp(entry->name, name) != 0)
		entry++;
	cr_assert_not_null(entry->name, "%s has no handler %s", module->name, name);
	return entry;
}

static const weir_reply *call(const weir_module *module, const char *name, weir_test_opts opts)
{
	const weir_handler_entry *entry = entry_of(module, name);

	opts.size = sizeof(opts);
	opts.module = module;
	opts.method = entry->method;
	if (!opts.route)
		opts.route = entry->path;
	if (!opts.path)
		opts.path = entry->path;
	return weir_test_call_with(entry->fn, &opts);
}

#define CALL(module, name, ...) call(&(module), (name), (weir_test_opts){ __VA_ARGS__ })

static void body_is(const weir_reply *r, const char *expected)
{
	cr_assert(weir_str_eq(r->body, weir_strz(expected)), "%.*s", WEIR_ARG(r->body));
}

static void header_is(const weir_reply *r, const char *name, const char *expected)
{
	weir_str value = weir_reply_header(r, name);

	cr_assert(weir_str_eq(value, weir_strz(expected)), "%.*s", WEIR_ARG(value));
}

static bool contains(weir_str text, const char *part)
{
	return memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

Test(hello, greets)
{
	const weir_reply *r = CALL(example_hello, "hello", .path = NULL);

	cr_assert_eq(r->status, 200);
	header_is(r, "content-type", "text/plain");
	body_is(r, "hello, world\n");
}

Test(index, lists_routes_with_a_line_to_try_each)
{
	const weir_header host = { WEIR_STR("host"), WEIR_STR("demo.example") };
	const weir_reply *r = CALL(example_index, "list", .headers = &host, .n_headers = 1);

	cr_assert_eq(r->status, 200);
	header_is(r, "content-type", "text/plain");
	cr_assert(contains(r->body, "curl 'http://demo.example/hello'\n"));
	cr_assert(contains(r->body, "curl -T LICENSE 'http://demo.example/upload'\n"));
	cr_assert(contains(r->body, "ws = new WebSocket('ws://demo.example/ws/echo'); "));
}

Test(echo, gives_a_body_back_with_its_type)
{
	const weir_header type = { WEIR_STR("content-type"), WEIR_STR("image/png") };
	const weir_reply *r = CALL(example_echo, "echo", .headers = &type, .n_headers = 1,
				   .body = WEIR_STR("any bytes"));

	cr_assert_eq(r->status, 200);
	header_is(r, "content-type", "image/png");
	body_is(r, "any bytes");
}

Test(echo, calls_a_body_without_a_type_bytes)
{
	const weir_reply *r = CALL(example_echo, "echo", .body = WEIR_STR("any bytes"));

	header_is(r, "content-type", "application/octet-stream");
	body_is(r, "any bytes");
}

Test(echo, gives_nothing_back_for_nothing)
{
	const weir_reply *r = CALL(example_echo, "echo", .path = NULL);

	cr_assert_eq(r->status, 200);
	body_is(r, "");
}

Test(echo, answers_413_before_it_starts)
{
	static char body[2 * 1024 * 1024];
	const weir_reply *r = CALL(example_echo, "echo", .body = { body, sizeof(body) });

	cr_assert_eq(r->status, 413);
}

Test(echo_json, wraps_what_was_sent)
{
	const weir_header type = { WEIR_STR("content-type"), WEIR_STR("application/json") };
	const weir_reply *r = CALL(example_echo, "json", .headers = &type, .n_headers = 1,
				   .body = WEIR_STR("[1, 2]"));

	cr_assert_eq(r->status, 200);
	header_is(r, "content-type", "application/json");
	body_is(r, "{\"you_sent\":[1, 2]}\n");
}

Test(echo_json, answers_415_to_anything_else)
{
	cr_assert_eq(CALL(example_echo, "json", .body = WEIR_STR("[1, 2]"))->status, 415);
}

Test(echo_json, answers_413_beyond_64_kib)
{
	const weir_header type = { WEIR_STR("content-type"), WEIR_STR("application/json") };
	static char body[64 * 1024 + 1];

	cr_assert_eq(CALL(example_echo, "json", .headers = &type, .n_headers = 1,
			  .body = { body, sizeof(body) })
			     ->status,
		     413);
}

Test(ticks, come_every_second_until_the_reader_leaves)
{
	const weir_reply *r = CALL(example_ticks, "ticks", .disconnect_after_ms = 9500);
	int n = 0;

	cr_assert_eq(r->status, 200);
	header_is(r, "content-type", "text/event-stream");
	header_is(r, "cache-control", "no-store");
	for (size_t i = 0; i + 3 < r->body.len; i++)
		n += memcmp(r->body.ptr + i, "id: ", 4) == 0;
	cr_assert_eq(n, 10);
	cr_assert(contains(r->body, "id: 9\ndata: "));
}

Test(events, begin_with_the_pause_before_a_client_comes_back)
{
	const weir_reply *r = CALL(example_events, "listen", .path = "/events/news",
				   .disconnect_after_ms = 14000);

	cr_assert_eq(r->status, 200);
	header_is(r, "content-type", "text/event-stream");
	header_is(r, "cache-control", "no-cache");
	body_is(r, ":\nretry: 2000\n\n");
}

Test(events, have_a_heartbeat_while_nobody_says_anything)
{
	body_is(CALL(example_events, "listen", .path = "/events/news",
		     .disconnect_after_ms = 31000),
		":\nretry: 2000\n\n:\n:\n");
}

Test(events, are_posted)
{
	const weir_reply *r = CALL(example_events, "post", .path = "/events/news",
				   .body = WEIR_STR("it rains"));

	cr_assert_eq(r->status, 202);
	body_is(r, "told\n");
}

Test(events, must_be_short_text)
{
	static char body[4097];

	cr_assert_eq(CALL(example_events, "post", .path = "/events/news", .body = WEIR_STR("\xff"))
			     ->status,
		     400);
	cr_assert_eq(
		CALL(example_events, "post", .path = "/events/news", .body = { body, sizeof(body) })
			->status,
		413);
}

Test(chat, has_a_page)
{
	const weir_reply *r = CALL(example_chat, "page", .path = NULL);

	cr_assert_eq(r->status, 200);
	header_is(r, "content-type", "text/html; charset=utf-8");
	cr_assert(contains(r->body, "new WebSocket("));
}

Test(fanout, takes_as_long_as_one_task)
{
	const weir_reply *r = CALL(example_fanout, "gather", .path = "/fanout?n=3");

	cr_assert_eq(r->status, 200);
	body_is(r, "{\"tasks\":3,\"sum\":14,\"ms\":100}\n");
}

Test(fanout, asks_ten_when_it_is_not_told)
{
	body_is(CALL(example_fanout, "gather", .path = NULL),
		"{\"tasks\":10,\"sum\":385,\"ms\":100}\n");
}

Test(fanout, goes_up_to_a_thousand)
{
	cr_assert_eq(CALL(example_fanout, "gather", .path = "/fanout?n=1000")->status, 200);
}

static void refuses_n(const char *path)
{
	cr_assert_eq(CALL(example_fanout, "gather", .path = path)->status, 400, "%s", path);
}

Test(fanout, refuses_nonsense)
{
	refuses_n("/fanout?n=0");
	refuses_n("/fanout?n=1001");
	refuses_n("/fanout?n=-1");
	refuses_n("/fanout?n=");
	refuses_n("/fanout?n=ten");
	refuses_n("/fanout?n=99999999999999999999");
}

Test(fanout, ends_its_tasks_when_the_client_leaves)
{
	cr_assert_eq(CALL(example_fanout, "gather", .disconnect_after_ms = 50)->status, 499);
}

Test(fanout_race, is_won_by_the_fastest)
{
	body_is(CALL(example_fanout, "race", .path = NULL), "{\"winner\":2}\n");
}

Test(fanout_ordered, reports_in_the_order_of_completion)
{
	body_is(CALL(example_fanout, "ordered", .path = NULL), "task 5 after 100 ms\n"
							       "task 4 after 200 ms\n"
							       "task 3 after 300 ms\n"
							       "task 2 after 400 ms\n"
							       "task 1 after 500 ms\n");
}

Test(fanout_ordered, sends_each_report_at_once)
{
	const weir_reply *r = CALL(example_fanout, "ordered", .disconnect_after_ms = 250);

	cr_assert(r->is_cut);
	body_is(r, "task 5 after 100 ms\ntask 4 after 200 ms\n");
}

Test(upload, counts_and_hashes)
{
	const weir_reply *r = CALL(example_upload, "upload", .body = WEIR_STR("hello"));

	cr_assert_eq(r->status, 200);
	body_is(r, "{\"bytes\":5,\"sha256\":"
		   "\"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\"}\n");
}

Test(upload, knows_the_hash_of_nothing)
{
	body_is(CALL(example_upload, "upload", .path = NULL),
		"{\"bytes\":0,\"sha256\":"
		"\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}\n");
}

Test(upload, refuses_what_is_too_large)
{
	static char body[2 * 1024 * 1024];

	cr_assert_eq(CALL(example_upload, "upload", .body = { body, sizeof(body) })->status, 413);
}

Test(sleep, answers_when_it_has_slept)
{
	body_is(CALL(example_sleep, "sleep", .path = "/sleep/500"), "slept 500 ms\n");
	body_is(CALL(example_sleep, "sleep", .path = "/sleep/0"), "slept 0 ms\n");
	body_is(CALL(example_sleep, "sleep", .path = "/sleep/60000"), "slept 60000 ms\n");
}

static void refuses_ms(const char *path)
{
	cr_assert_eq(CALL(example_sleep, "sleep", .path = path)->status, 400, "%s", path);
}

Test(sleep, refuses_nonsense)
{
	refuses_ms("/sleep/-1");
	refuses_ms("/sleep/60001");
	refuses_ms("/sleep/soon");
	refuses_ms("/sleep/1e3");
	refuses_ms("/sleep/%20");
	refuses_ms("/sleep/99999999999999999999");
}

Test(sleep, ends_when_the_client_leaves)
{
	cr_assert_eq(CALL(example_sleep, "sleep", .path = "/sleep/500", .disconnect_after_ms = 499)
			     ->status,
		     499);
}

Test(asgi, greets_the_client)
{
	const weir_reply *r = CALL(example_asgi, "hello", .body = WEIR_STR("read and forgotten"));

	cr_assert_eq(r->status, 200);
	header_is(r, "content-type", "text/plain");
	body_is(r, "hello, 127.0.0.1:40000\nyou asked for /asgi\n");
}

Test(state, counts_requests)
{
	const weir_reply *r = CALL(example_state, "show", .path = NULL);

	cr_assert_eq(r->status, 200);
	header_is(r, "content-type", "application/json");
	cr_assert(contains(r->body, "\"ticks\":0,\"requests\":1}"));
}

/* With one allocation missing, an answer is whole, or it is an error; never a half that looks whole. */
static void survives_every_allocation(const weir_module *module, const char *name, const char *path)
{
	weir_test_opts opts = { .path = path };
	const weir_reply *r;
	size_t len;

	r = call(module, name, opts);
	cr_assert_eq(r->status, 200);
	len = r->body.len;
	for (opts.fail_alloc_at = 1; opts.fail_alloc_at < 50; opts.fail_alloc_at++) {
		r = call(module, name, opts);
		cr_assert(r->status >= 500 || r->is_cut || (r->status == 200 && r->body.len == len),
			  "%s, allocation %zu: %d, %zu bytes", name, opts.fail_alloc_at, r->status,
			  r->body.len);
	}
}

Test(examples, survive_when_any_allocation_fails)
{
	survives_every_allocation(&example_hello, "hello", NULL);
	survives_every_allocation(&example_index, "list", NULL);
	survives_every_allocation(&example_echo, "echo", NULL);
	survives_every_allocation(&example_chat, "page", NULL);
	survives_every_allocation(&example_fanout, "gather", "/fanout?n=100");
	survives_every_allocation(&example_fanout, "race", NULL);
	survives_every_allocation(&example_fanout, "ordered", NULL);
	survives_every_allocation(&example_sleep, "sleep", "/sleep/1");
	survives_every_allocation(&example_asgi, "hello", NULL);
	survives_every_allocation(&example_upload, "upload", NULL);
}
