/* test_ws_outbox.c - whose message goes when, and what becomes of those there is no room for. */
#include "serve/ws_outbox.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "oom.h"
#include "serve/ws_frames.h"
#include "ws_world.h"

static struct ws_world world;
static struct ws_client *client;

static void begin_with(const struct ws_limits *limits, const struct ws_deflate_params *deflate,
		       size_t queue_budget)
{
	ws_world_init(&world, limits, queue_budget);
	client = client_new(&world, deflate);
}

static void begin(void)
{
	struct ws_limits limits = ws_world_limits();

	begin_with(&limits, NULL, 0);
}

static void finish(void)
{
	client_free(client);
	ws_world_done(&world);
}

static weir_str rest_of(weir_str bytes, ssize_t n)
{
	return (weir_str){ bytes.ptr + n, bytes.len - (size_t)n };
}

/* ---- straight */

Test(ws_outbox, a_message_in_pieces_with_a_pong_inside)
{
	begin();
	cr_assert_eq(client_begin(client, "a", false), 1);
	client_sends(client, 0x89, WEIR_STR("?"));
	cr_assert_eq(client_begin(client, "", false), 0);
	cr_assert_eq(client_begin(client, "b", true), 1);
	cr_assert_eq(client_begin(client, "c", true), 1);
	cr_assert_str_eq(client_hears(client), "text+:a pong:? more+: more:b text:c");
	finish();
}

/* As much as there is room for; the rest goes as the client takes it, and nothing between. */
Test(ws_outbox, a_large_frame_goes_as_there_is_room)
{
	weir_str big = world_filler(100000);
	unsigned n_calls = 0;
	ssize_t n;

	begin();
	n = ws_outbox_begin(client->session, true, true, big);
	client_sends(client, 0x89, WEIR_STR("1"));
	client_sends(client, 0x89, WEIR_STR("2"));
	while (n < (ssize_t)big.len) {
		cr_assert(ws_frames_is_busy(client->session));
		cr_assert_leq(client->out.queued, WS_WORLD_HIGH_WATER + WS_WRITE_HEADER_MAX);
		cr_assert_eq(ws_outbox_more(client->session, rest_of(big, n)), 0);
		cr_assert_eq(client->n_writable, n_calls);
		cr_assert_str_eq(client_hears(client), "");
		cr_assert_eq(client->n_writable, ++n_calls);
		n += ws_outbox_more(client->session, rest_of(big, n));
	}
	cr_assert_str_eq(client_hears(client), "text:[100000] pong:2");
	cr_assert_null(client->session->outbox);
	finish();
}

Test(ws_outbox, waits_for_half_of_the_queue)
{
	begin();
	cr_assert_eq(ws_outbox_begin(client->session, true, true, world_filler(8000)), 8000);
	cr_assert_eq(ws_outbox_begin(client->session, true, true, world_filler(8192)), 8192);
	cr_assert_eq(ws_outbox_begin(client->session, true, true, world_filler(8192)), 8192);
	cr_assert_eq(client_begin(client, "x", true), -EAGAIN);
	client_takes(client, 10000);
	cr_assert_eq(client->n_writable, 0);
	client_takes(client, 7000);
	cr_assert_eq(client->n_writable, 1);
	cr_assert_eq(client_begin(client, "x", true), 1);
	finish();
}

Test(ws_outbox, the_latest_pong_waits_for_room)
{
	begin();
	cr_assert_eq(ws_outbox_begin(client->session, true, true, world_filler(8192)), 8192);
	cr_assert_eq(ws_outbox_begin(client->session, true, true, world_filler(8192)), 8192);
	client_sends(client, 0x89, WEIR_STR("1"));
	client_sends(client, 0x89, WEIR_STR("2"));
	cr_assert_str_eq(client_hears(client), "text:[8192] text:[8192] pong:2");
	cr_assert_null(client->session->outbox);
	finish();
}

/* ---- routes that do not wait */

static struct ws_limits route(enum ws_slow slow, size_t bytes, int64_t ms)
{
	struct ws_limits limits = ws_world_limits();

	limits.slow = slow;
	limits.queue_bytes = bytes;
	limits.queue_ms = ms;
	return limits;
}

/* Two that leave no room. */
static void fill(struct ws_client *c)
{
	cr_assert_eq(ws_outbox_post(c->session, false, world_filler(8192)), 0);
	cr_assert_eq(ws_outbox_post(c->session, false, world_filler(8192)), 0);
	cr_assert_null(c->session->outbox);
}

#define FILLED "binary:[8192] binary:[8192]"

static int post(struct ws_client *c, const char *text)
{
	int r = ws_outbox_post(c->session, true, weir_strz(text));

	ws_session_tell(c->session);
	return r;
}

Test(ws_outbox, messages_wait_in_their_order)
{
	struct ws_limits limits = route(WS_SLOW_DROP_OLDEST, 10000, 0);

	begin_with(&limits, NULL, 0);
	fill(client);
	cr_assert_eq(post(client, "a"), 0);
	cr_assert_eq(post(client, "b"), 0);
	cr_assert_gt(world.shared.queued, 0);
	cr_assert_str_eq(client_hears(client), FILLED " text:a text:b");
	cr_assert_eq(world.shared.n_dropped, 0);
	cr_assert_null(client->session->outbox);
	ws_world_assert_nothing_owned(&world);
	finish();
}

Test(ws_outbox, the_oldest_are_dropped)
{
	struct ws_limits limits = route(WS_SLOW_DROP_OLDEST, 300, 0);
	char text[16];

	begin_with(&limits, NULL, 0);
	fill(client);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(text, sizeof(text), "%d", i);
		cr_assert_eq(post(client, text), 0);
		cr_assert_leq(world.shared.queued, 300);
	}
	cr_assert_gt(world.shared.n_dropped, 90);
	cr_assert(strstr(client_hears(client), FILLED " text:9"));
	cr_assert(strstr(client->told.data, " text:98 text:99"));
	finish();
}

/* One that is larger than all that may wait still goes, alone. */
Test(ws_outbox, the_last_one_is_never_dropped)
{
	struct ws_limits limits = route(WS_SLOW_DROP_OLDEST, 300, 0);

	begin_with(&limits, NULL, 0);
	fill(client);
	cr_assert_eq(post(client, "a"), 0);
	cr_assert_eq(ws_outbox_post(client->session, true, world_filler(1000)), 0);
	cr_assert_eq(world.shared.n_dropped, 1);
	cr_assert_str_eq(client_hears(client), FILLED " text:[1000]");
	finish();
}

Test(ws_outbox, the_slow_are_closed)
{
	struct ws_limits limits = route(WS_SLOW_CLOSE, 300, 0);

	begin_with(&limits, NULL, 0);
	fill(client);
	cr_assert_eq(post(client, "a"), 0);
	cr_assert_eq(ws_outbox_post(client->session, true, world_filler(1000)), -EPIPE);
	cr_assert_eq(post(client, "b"), -EPIPE);
	cr_assert_eq(world.shared.n_dropped, 2);
	cr_assert_str_eq(client_hears(client), FILLED " close:1013:too slow");
	client_closes(client, 1013, "");
	cr_assert_eq(client->code, 1013);
	finish();
}

Test(ws_outbox, too_old_to_be_sent)
{
	struct ws_limits limits = route(WS_SLOW_DROP_OLDEST, 10000, 1000);

	begin_with(&limits, NULL, 0);
	fill(client);
	cr_assert_eq(post(client, "a"), 0);
	ws_world_pass(&world, 600);
	cr_assert_eq(post(client, "b"), 0);
	ws_world_pass(&world, 399);
	cr_assert_eq(world.shared.n_dropped, 0);
	ws_world_pass(&world, 1);
	cr_assert_eq(world.shared.n_dropped, 1);
	ws_world_pass(&world, 599);
	cr_assert_eq(world.shared.n_dropped, 1);
	ws_world_pass(&world, 1);
	cr_assert_eq(world.shared.n_dropped, 2);
	cr_assert_null(client->session->outbox);
	ws_world_pass(&world, 60000);
	cr_assert_str_eq(client_hears(client), FILLED);
	finish();
}

Test(ws_outbox, too_old_to_stay)
{
	struct ws_limits limits = route(WS_SLOW_CLOSE, 10000, 1000);

	begin_with(&limits, NULL, 0);
	fill(client);
	cr_assert_eq(post(client, "a"), 0);
	ws_world_pass(&world, 500);
	cr_assert_str_eq(client_hears(client), FILLED " text:a");
	fill(client);
	cr_assert_eq(post(client, "b"), 0);
	ws_world_pass(&world, 999);
	cr_assert_eq(client->session->state, WS_OPEN);
	ws_world_pass(&world, 1);
	cr_assert_str_eq(client_hears(client), FILLED " close:1013:too slow");
	finish();
}

/* The age of what waits goes on when older ones leave for another reason. */
Test(ws_outbox, ages_go_on_when_older_ones_go)
{
	struct ws_limits limits = route(WS_SLOW_DROP_OLDEST, 100, 1000);

	begin_with(&limits, NULL, 0);
	fill(client);
	cr_assert_eq(post(client, "a"), 0);
	ws_world_pass(&world, 500);
	cr_assert_eq(post(client, "b"), 0);
	cr_assert_eq(post(client, "c"), 0); /* and a goes */
	cr_assert_eq(world.shared.n_dropped, 1);
	ws_world_pass(&world, 999);
	cr_assert_eq(world.shared.n_dropped, 1);
	ws_world_pass(&world, 1);
	cr_assert_eq(world.shared.n_dropped, 3);
	finish();
}

Test(ws_outbox, the_fullest_pays_for_all)
{
	struct ws_limits limits = route(WS_SLOW_DROP_OLDEST, 1000000, 1000);
	struct ws_client *other;

	begin_with(&limits, NULL, 10000);
	other = client_new(&world, NULL);
	fill(client);
	fill(other);
	cr_assert_eq(post(other, "b"), 0);
	for (int i = 0; i < 20; i++)
		cr_assert_eq(ws_outbox_post(client->session, false, world_filler(1000)), 0);
	cr_assert_leq(world.shared.queued, 10000);
	cr_assert_gt(world.shared.n_dropped, 0);
	cr_assert_str_eq(client_hears(other), FILLED " text:b");
	ws_world_pass(&world, 1000);
	cr_assert_eq(world.shared.queued, 0);
	cr_assert_str_eq(client_hears(client), FILLED);
	client_free(other);
	finish();
}

/* The payer may be another one than who sends, and is told. */
Test(ws_outbox, the_fullest_is_closed_for_all)
{
	struct ws_limits limits = route(WS_SLOW_CLOSE, 1000000, 0);
	struct ws_client *other;

	begin_with(&limits, NULL, 10000);
	other = client_new(&world, NULL);
	fill(client);
	fill(other);
	cr_assert_str_eq(client_pull(other, true), "again");
	cr_assert_eq(ws_outbox_post(other->session, false, world_filler(7000)), 0);
	cr_assert_eq(ws_outbox_post(client->session, false, world_filler(4000)), 0);
	cr_assert_eq(other->n_readable, 1);
	cr_assert_str_eq(client_hears(other), FILLED " close:1013:too slow");
	cr_assert_str_eq(client_hears(client), FILLED " binary:[4000]");
	client_free(other);
	finish();
}

Test(ws_outbox, the_fullest_is_who_sends)
{
	struct ws_limits limits = route(WS_SLOW_CLOSE, 1000000, 0);

	begin_with(&limits, NULL, 10000);
	fill(client);
	cr_assert_eq(ws_outbox_post(client->session, false, world_filler(20000)), -EPIPE);
	cr_assert_str_eq(client_hears(client), FILLED " close:1013:too slow");
	finish();
}

/* What waits behind a message in pieces goes when that is over, though nobody says more. */
Test(ws_outbox, waits_for_the_end_of_a_message_in_pieces)
{
	struct ws_limits limits = route(WS_SLOW_DROP_OLDEST, 10000, 0);

	begin_with(&limits, NULL, 0);
	cr_assert_eq(client_begin(client, "a", false), 1);
	cr_assert_eq(post(client, "x"), 0);
	cr_assert_str_eq(client_hears(client), "text+:a");
	cr_assert_eq(client_begin(client, "b", true), 1);
	cr_assert_str_eq(client_hears(client), "more:b text:x");
	finish();
}

/* Sends go in call order, whatever kind they are. */
Test(ws_outbox, a_message_in_pieces_begins_behind_those_that_wait)
{
	struct ws_limits limits = route(WS_SLOW_DROP_OLDEST, 10000, 0);

	begin_with(&limits, NULL, 0);
	fill(client);
	cr_assert_eq(post(client, "x"), 0);
	client_takes(client, 4000); /* there is room, but not enough that anybody is told */
	cr_assert_eq(client_begin(client, "a", false), -EAGAIN);
	cr_assert_str_eq(client_hears(client), FILLED " text:x");
	cr_assert_eq(client->n_writable, 1);
	cr_assert_eq(client_begin(client, "a", true), 1);
	cr_assert_str_eq(client_hears(client), "text:a");
	finish();
}

/* ---- a task that waits to begin a message in pieces, on such a route */

/* x, if it is there, came before it, and y after it. */
static void begin_behind(const struct ws_limits *limits, bool is_behind)
{
	begin_with(limits, NULL, 0);
	fill(client);
	if (is_behind)
		cr_assert_eq(post(client, "x"), 0);
	cr_assert_eq(client_begin(client, "a", false), -EAGAIN);
	cr_assert_eq(post(client, "y"), 0);
}

Test(ws_outbox, nobody_overtakes_who_waits)
{
	struct ws_limits limits = route(WS_SLOW_DROP_OLDEST, 10000, 0);

	begin_behind(&limits, false);
	cr_assert_str_eq(client_hears(client), FILLED);
	cr_assert_eq(client->n_writable, 1);
	cr_assert_eq(post(client, "z"), 0); /* though there is room */
	cr_assert_str_eq(client_hears(client), "");
	cr_assert_eq(client_begin(client, "a", false), 1);
	cr_assert_eq(client_begin(client, "b", true), 1);
	cr_assert_str_eq(client_hears(client), "text+:a more:b text:y text:z");
	cr_assert_null(client->session->outbox);
	finish();
}

Test(ws_outbox, nobody_overtakes_who_waits_behind_others)
{
	struct ws_limits limits = route(WS_SLOW_DROP_OLDEST, 10000, 0);

	begin_behind(&limits, true);
	cr_assert_str_eq(client_hears(client), FILLED " text:x");
	cr_assert_eq(client->n_writable, 1);
	cr_assert_eq(client_begin(client, "a", true), 1);
	cr_assert_str_eq(client_hears(client), "text:a text:y");
	cr_assert_null(client->session->outbox);
	finish();
}

/* What is dropped need not be waited for. */
Test(ws_outbox, who_waits_moves_up_when_older_ones_go)
{
	struct ws_limits limits = route(WS_SLOW_DROP_OLDEST, 100, 0);

	begin_behind(&limits, true);
	cr_assert_eq(post(client, "z"), 0);
	cr_assert_eq(world.shared.n_dropped, 1);
	cr_assert_str_eq(client_hears(client), FILLED);
	cr_assert_eq(client->n_writable, 1);
	cr_assert_eq(client_begin(client, "a", true), 1);
	cr_assert_str_eq(client_hears(client), "text:a text:y text:z");
	finish();
}

Test(ws_outbox, others_go_on_when_who_was_told_gives_up)
{
	struct ws_limits limits = route(WS_SLOW_DROP_OLDEST, 10000, 0);

	begin_behind(&limits, true);
	cr_assert_str_eq(client_hears(client), FILLED " text:x");
	ws_outbox_waive(client->session);
	cr_assert_str_eq(client_hears(client), "text:y");
	cr_assert_null(client->session->outbox);
	finish();
}

Test(ws_outbox, others_go_on_when_who_waits_gives_up)
{
	struct ws_limits limits = route(WS_SLOW_DROP_OLDEST, 10000, 0);

	begin_behind(&limits, false);
	ws_outbox_waive(client->session);
	cr_assert_str_eq(client_hears(client), FILLED " text:y");
	cr_assert_eq(client->n_writable, 0);
	finish();
}

/* He will not begin any more, so nobody waits for him. */
Test(ws_outbox, last_words_go_without_who_waits)
{
	struct ws_limits limits = route(WS_SLOW_DROP_OLDEST, 10000, 0);

	begin_behind(&limits, false);
	cr_assert_str_eq(client_hears(client), FILLED);
	ws_session_close(client->session, 1000, WEIR_STR(""));
	ws_session_tell(client->session);
	cr_assert_eq(client_begin(client, "a", false), -EPIPE);
	cr_assert_str_eq(client_hears(client), "text:y close:1000:");
	finish();
}

/* ---- closing */

Test(ws_outbox, what_waits_goes_before_our_close_frame)
{
	struct ws_limits limits = route(WS_SLOW_DROP_OLDEST, 10000, 0);

	begin_with(&limits, NULL, 0);
	fill(client);
	cr_assert_eq(post(client, "last words"), 0);
	ws_session_close(client->session, 1000, WEIR_STR(""));
	ws_session_tell(client->session);
	cr_assert_str_eq(client_hears(client), FILLED " text:last words close:1000:");
	client_closes(client, 1000, "");
	cr_assert_eq(client->state, WS_CLOSED);
	finish();
}

Test(ws_outbox, but_not_if_the_peer_has_closed)
{
	struct ws_limits limits = route(WS_SLOW_DROP_OLDEST, 10000, 0);

	begin_with(&limits, NULL, 0);
	fill(client);
	cr_assert_eq(post(client, "too late"), 0);
	ws_session_close(client->session, 1000, WEIR_STR(""));
	ws_session_tell(client->session);
	client_closes(client, 1001, "");
	cr_assert_eq(client->state, WS_CLOSED);
	cr_assert_str_eq(client_hears(client), FILLED " close:1000:");
	finish();
}

Test(ws_outbox, what_waits_is_forgotten_when_it_is_over)
{
	struct ws_limits limits = route(WS_SLOW_DROP_OLDEST, 10000, 1000);

	begin_with(&limits, NULL, 0);
	fill(client);
	cr_assert_eq(post(client, "x"), 0);
	client_vanishes(client);
	ws_world_assert_nothing_owned(&world);
	ws_world_pass(&world, 5000);
	finish();
}

/* ---- memory */

static struct ws_deflate_params agreed(bool keeps_context)
{
	return (struct ws_deflate_params){ 15, 15, !keeps_context, true, false, false };
}

/* What is said to be sent arrives, unless the session is cut off. */
static void say_without_memory(const struct ws_deflate_params *deflate, unsigned n,
			       bool *ret_failed)
{
	struct ws_limits limits = route(WS_SLOW_DROP_OLDEST, 100000, 1000);
	bool ok = true;
	char *heard;

	begin_with(&limits, deflate, 0);
	oom_fail_at(n);
	ok &= client_begin(client, "one", true) >= 0;
	ok &= !client->session->tunnel ||
	      ws_outbox_post(client->session, false, world_filler(9000)) == 0;
	ok &= !client->session->tunnel ||
	      ws_outbox_post(client->session, false, world_filler(9000)) == 0;
	ok &= !client->session->tunnel || post(client, "two") == 0;
	*ret_failed = oom_has_failed();
	if (client->session)
		ws_session_tell(client->session);
	cr_assert(ok || *ret_failed);
	cr_assert(client->session || *ret_failed);
	if (client->session && ok) {
		heard = (char *)(uintptr_t)client_hears(client);
		cr_assert(strstr(heard, "text:one"));
		cr_assert(strstr(heard, "text:two"));
	}
	finish();
}

Test(ws_outbox, sending_without_memory)
{
	bool has_failed = true;

	for (unsigned n = 1; has_failed; n++)
		say_without_memory(NULL, n, &has_failed);
}

Test(ws_outbox, compressing_without_memory)
{
	struct ws_deflate_params deflate = agreed(false);
	bool has_failed = true;

	for (unsigned n = 1; has_failed; n++)
		say_without_memory(&deflate, n, &has_failed);
	deflate = agreed(true);
	has_failed = true;
	for (unsigned n = 1; has_failed; n++)
		say_without_memory(&deflate, n, &has_failed);
}
