/* test_slow_tasks.c - requests that wait, on a virtual loop, and which of them are told of. */
#include "daemon/slow_tasks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <weir/coro.h>
#include <weir/sse.h>

#include "app_world.h"
#include "base/buf.h"
#include "base/str.h"

static struct app_world *a;
static struct buf out;

static int wait_long(weir_req *req)
{
	return weir_sleep(60000);
}

static int wait_in_parts(weir_req *req)
{
	int r = 0;

	for (int i = 0; i < 60 && r >= 0; i++)
		r = weir_sleep(1000);
	return r;
}

static int stream(weir_req *req)
{
	weir_sse *sse;
	int r;

	r = weir_sse_start(req, &sse);
	return r < 0 ? r : weir_sleep(60000);
}

static void begin(void)
{
	a = app_world_new();
	buf_init(&out, 0);
	app_world_route(a, "/wait/{n}", wait_long);
	app_world_route(a, "/parts", wait_in_parts)->path = "/parts";
	app_world_route(a, "/stream", stream);
}

static void end(void)
{
	h1_world_pass(a->w, 120000);
	buf_done(&out);
	app_world_free(a);
}

TestSuite(slow_tasks, .init = begin, .fini = end);

static void ask(const char *target)
{
	char request[512];

	(void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target);
	client_send(client_new(a->w), request);
}

static const char *told(void)
{
	buf_clear(&out);
	cr_assert_eq(slow_tasks_write(a->sched, &out), 0);
	cr_assert_eq(buf_append(&out, "", 1), 0);
	return out.data;
}

static unsigned count(const char *text, const char *word)
{
	unsigned n = 0;

	for (; (text = strstr(text, word)); text += strlen(word))
		n++;
	return n;
}

Test(slow_tasks, are_none_where_nobody_waits)
{
	cr_expect_str_eq(told(), "[]\n");
}

Test(slow_tasks, are_told_of_with_what_they_await_and_for_how_long)
{
	ask("/parts");
	h1_world_pass(a->w, 2500);
	cr_expect(strstr(told(), "\"request\":\"GET /parts\",\"route\":\"/parts\",\"task\":\"\","),
		  "%s", out.data);
#if !defined(SWITCH_ASAN) /* whose frames are longer than what is looked at */
	cr_expect(strstr(out.data, "\"awaits\":\"weir_sleep\""), "%s", out.data);
#endif
	cr_expect(strstr(out.data, "\"since_ms\":500,\"age_ms\":2500}]"), "%s", out.data);
}

Test(slow_tasks, are_the_oldest_of_many)
{
	char target[32];

	for (int i = 0; i < 3 * SLOW_TASKS_MAX; i++) {
		(void)snprintf(target, sizeof(target), "/wait/%d", i);
		ask(target);
		h1_world_pass(a->w, 10);
	}
	cr_expect_eq(count(told(), "\"handler\""), SLOW_TASKS_MAX);
	cr_expect_eq(strncmp(strstr(out.data, "GET /wait/"), "GET /wait/0\"", 12), 0, "%s",
		     out.data);
	cr_expect(strstr(out.data, "GET /wait/9\""), "%s", out.data);
	cr_expect_null(strstr(out.data, "GET /wait/10\""), "%s", out.data);
}

Test(slow_tasks, streams_of_events_are_none)
{
	ask("/stream");
	h1_world_pass(a->w, 2500);
	cr_expect_str_eq(told(), "[]\n");
}

/* In paths there may be what JSON has to escape, and what is no UTF-8. */
Test(slow_tasks, say_nothing_that_is_no_json)
{
	ask("/wait/a\xff\"<script>\\\xc3");
	if (count(told(), "\"handler\"") == 0)
		ask("/wait/%22%5c%ff%00");
	(void)told();
	cr_expect(str_is_utf8(buf_str(&out)));
	cr_expect_eq(count(out.data, "\"handler\""), count(out.data, "\"age_ms\""));
	cr_expect_null(strstr(out.data, "\xff"));
	cr_expect_null(strstr(out.data, "\"<script>"));
}
