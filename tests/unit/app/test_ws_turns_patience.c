/* test_ws_turns_patience.c - functions that go on when their session is over have close_timeout for it. */
#include <criterion/criterion.h>
#include <weir/coro.h>

#include "app/ws.h"
#include "app_ws.h"

#define LONG_MS 100000

/* What the functions leave for their test; each test is a process of its own. */
static int n_closed, seen, seen_in_close;
static weir_reason seen_reason;

static int sleep_long(void)
{
	int r = weir_sleep(LONG_MS);

	seen_reason = weir_cancel_reason();
	return r;
}

static int accept_and_sleep(weir_req *req, void *state)
{
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	if (r < 0)
		return r;
	seen = sleep_long();
	return 0;
}

static int close_and_sleep(weir_req *req, weir_ws *ws, void *state, weir_str message)
{
	int r;

	r = weir_ws_close(ws, 4000, "enough");
	if (r < 0)
		return r;
	seen = sleep_long();
	return 0;
}

static int sleep_on_message(weir_req *req, weir_ws *ws, void *state, weir_str message)
{
	seen = sleep_long();
	return 0;
}

static int ignore(weir_req *req, weir_ws *ws, void *state, weir_str message)
{
	return 0;
}

static void count_close(weir_req *req, weir_ws *ws, void *state)
{
	n_closed++;
}

static void sleep_in_close(weir_req *req, weir_ws *ws, void *state)
{
	n_closed++;
	seen_in_close = sleep_long();
}

WEIR_WS_HANDLERS(slow_opener, .open = accept_and_sleep, .message = ignore, .close = count_close);
WEIR_WS_HANDLERS(self_closer, .message = close_and_sleep, .close = count_close);
WEIR_WS_HANDLERS(sleeper, .message = sleep_on_message, .close = sleep_in_close);
WEIR_WS_HANDLERS(slow_closer, .message = ignore, .close = sleep_in_close);

/* A session on such a route, whose limit is 5 s. */
static struct client *meet(struct app_world **ret_world, const weir_ws_handlers *handlers,
			   unsigned flags)
{
	struct app_world *a = app_world_new();

	seen = seen_in_close = 1;
	app_ws_turns(a, "/", handlers)->flags = flags;
	*ret_world = a;
	return app_ws_open(a, "/", "");
}

static void assert_over(struct app_world *a)
{
	cr_assert_eq(n_closed, 1);
	cr_assert_eq(a->site.n_sessions, 0);
	app_world_free(a);
}

/* The client's answer, if there is one, is not read while message() runs: that takes as long once more. */
Test(ws_turns_patience, message_is_cancelled_some_time_after_the_session)
{
	struct app_world *a;
	struct client *c = meet(&a, &self_closer, 0);

	app_ws_say(c, "x");
	h1_world_pass(a->w, 9900);
	cr_assert_eq(seen, 1);
	cr_assert_eq(n_closed, 0);
	h1_world_pass(a->w, 200);
	cr_assert_eq(seen, -ECANCELED);
	cr_assert_eq(seen_reason, WEIR_DISCONNECT);
	assert_over(a);
}

Test(ws_turns_patience, message_finishes_anyway_where_it_may)
{
	struct app_world *a;
	struct client *c = meet(&a, &self_closer, WEIR_FINISH_ANYWAY);

	app_ws_say(c, "x");
	app_ws_frame(c, 0x88, "\x0f\xa0", 2);
	h1_world_pass(a->w, LONG_MS - 1000);
	cr_assert_eq(seen, 1);
	h1_world_pass(a->w, 2000);
	cr_assert_eq(seen, 0);
	assert_over(a);
}

Test(ws_turns_patience, open_is_cancelled_some_time_after_the_session)
{
	struct app_world *a;
	struct client *c = meet(&a, &slow_opener, 0);

	app_ws_close(c);
	h1_world_pass(a->w, 4900);
	cr_assert_eq(seen, 1);
	h1_world_pass(a->w, 200);
	cr_assert_eq(seen, -ECANCELED);
	cr_assert_eq(seen_reason, WEIR_DISCONNECT);
	assert_over(a);
}

Test(ws_turns_patience, open_finishes_anyway_where_it_may)
{
	struct app_world *a;
	struct client *c = meet(&a, &slow_opener, WEIR_FINISH_ANYWAY);

	app_ws_close(c);
	h1_world_pass(a->w, LONG_MS - 1000);
	cr_assert_eq(seen, 1);
	h1_world_pass(a->w, 2000);
	cr_assert_eq(seen, 0);
	assert_over(a);
}

Test(ws_turns_patience, close_is_cancelled_too)
{
	struct app_world *a;
	struct client *c = meet(&a, &slow_closer, 0);

	app_ws_close(c);
	h1_world_pass(a->w, 4900);
	cr_assert_eq(seen_in_close, 1);
	h1_world_pass(a->w, 200);
	cr_assert_eq(seen_in_close, -ECANCELED);
	cr_assert_eq(seen_reason, WEIR_DISCONNECT);
	assert_over(a);
}

Test(ws_turns_patience, close_finishes_anyway_where_it_may)
{
	struct app_world *a;
	struct client *c = meet(&a, &slow_closer, WEIR_FINISH_ANYWAY);

	app_ws_close(c);
	h1_world_pass(a->w, LONG_MS + 1000);
	cr_assert_eq(seen_in_close, 0);
	assert_over(a);
}

/* What message() has used up is not taken from close(). */
Test(ws_turns_patience, close_has_time_of_its_own)
{
	struct app_world *a;
	struct client *c = meet(&a, &sleeper, 0);

	app_ws_say(c, "x");
	client_close(c);
	cr_assert_eq(seen, -ECANCELED);
	cr_assert_eq(n_closed, 1);
	h1_world_pass(a->w, 4900);
	cr_assert_eq(seen_in_close, 1);
	h1_world_pass(a->w, 200);
	cr_assert_eq(seen_in_close, -ECANCELED);
	assert_over(a);
}
