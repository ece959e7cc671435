/* test_ws_frames.c - messages into frames: straight, in pieces, compressed. */
#include "serve/ws_frames.h"

#include <criterion/criterion.h>
#include <string.h>

#include "ws_world.h"

static struct ws_world world;
static struct ws_client *client;

static weir_str rest_of(weir_str bytes, ssize_t n)
{
	return (weir_str){ bytes.ptr + n, bytes.len - (size_t)n };
}

static void begin_with(const struct ws_limits *limits, const struct ws_deflate_params *deflate)
{
	ws_world_init(&world, limits, 0);
	client = client_new(&world, deflate);
}

static void begin(void)
{
	struct ws_limits limits = ws_world_limits();

	begin_with(&limits, NULL);
}

static void finish(void)
{
	client_free(client);
	ws_world_done(&world);
}

/* ---- plain */

Test(ws_frames, messages)
{
	begin();
	cr_assert_eq(ws_frames_begin(client->session, true, true, WEIR_STR("a")), 1);
	cr_assert_eq(ws_frames_begin(client->session, false, true, WEIR_STR("bc")), 2);
	cr_assert_eq(ws_frames_begin(client->session, false, true, WEIR_STR("")), 0);
	cr_assert(!ws_frames_is_busy(client->session));
	cr_assert_str_eq(client_hears(client), "text:a binary:bc binary:");
	cr_assert_eq(client->n_writable, 0);
	ws_world_assert_nothing_owned(&world);
	finish();
}

/* No more than there is room for, and writable() when there is some; but one that is put goes whole. */
Test(ws_frames, as_much_as_there_is_room_for)
{
	weir_str big = world_filler(60000);
	ssize_t n;

	begin();
	n = ws_frames_begin(client->session, true, true, big);
	cr_assert_lt(n, 60000);
	cr_assert(ws_frames_is_busy(client->session));
	cr_assert(!ws_frames_may_interrupt(client->session));
	while (n < 60000) {
		cr_assert_str_eq(client_hears(client), "");
		n += ws_frames_more(client->session, rest_of(big, n));
	}
	cr_assert_gt(client->n_writable, 0);
	cr_assert_str_eq(client_hears(client), "text:[60000]");
	cr_assert_eq(ws_frames_put(client->session, false, big), 0);
	cr_assert(ws_frames_is_between(client->session));
	cr_assert_str_eq(client_hears(client), "binary:[60000]");
	finish();
}

Test(ws_frames, control_frames_between_parts)
{
	begin();
	cr_assert_eq(ws_frames_begin(client->session, true, false, WEIR_STR("a")), 1);
	cr_assert(ws_frames_may_interrupt(client->session));
	cr_assert(!ws_frames_is_between(client->session));
	ws_frames_control(client->session, WS_OP_PING, WEIR_STR("?"));
	cr_assert_eq(ws_frames_begin(client->session, true, true, WEIR_STR("b")), 1);
	cr_assert(ws_frames_is_between(client->session));
	cr_assert_str_eq(client_hears(client), "text+:a ping:? more:b");
	finish();
}

/* ---- compressed */

static struct ws_deflate_params agreed(bool keeps_context)
{
	return (struct ws_deflate_params){ 15, 15, !keeps_context, true, false, false };
}

Test(ws_frames, compresses_what_is_worth_it)
{
	struct ws_limits limits = ws_world_limits();
	struct ws_deflate_params deflate = agreed(false);

	limits.deflate_min = 4;
	begin_with(&limits, &deflate);
	cr_assert_eq(client_begin(client, "abc", true), 3);
	cr_assert_eq(client_begin(client, "abcd", true), 4);
	cr_assert_eq(ws_frames_put(client->session, false, WEIR_STR("efgh")), 0);
	cr_assert_str_eq(client_hears(client), "text:abc z:text:abcd z:binary:efgh");
	ws_world_assert_nothing_owned(&world);
	finish();
}

Test(ws_frames, a_compressed_message_in_pieces_with_a_pong_inside)
{
	struct ws_limits limits = ws_world_limits();
	struct ws_deflate_params deflate = agreed(false);
	weir_str big = world_filler(300000);
	ssize_t n;

	begin_with(&limits, &deflate);
	cr_assert_eq(client_begin(client, "ab", false), 2);
	client_sends(client, 0x89, WEIR_STR("1"));
	cr_assert_eq(client_begin(client, "cd", true), 2);
	cr_assert_str_eq(client_hears(client), "pong:1 z:text:abcd");
	n = ws_frames_begin(client->session, true, true, big);
	cr_assert(n > 0 && ws_frames_is_busy(client->session));
	client_sends(client, 0x89, WEIR_STR("2"));
	while (n < 300000) {
		(void)client_hears(client);
		n += ws_frames_more(client->session, rest_of(big, n));
	}
	cr_assert(strstr(client_hears(client), "z:text:[300000]"));
	cr_assert(!client->session->is_deflating);
	cr_assert_null(client->session->outbox);
	ws_world_assert_nothing_owned(&world);
	finish();
}

Test(ws_frames, contexts_are_kept_if_that_was_agreed)
{
	struct ws_limits limits = ws_world_limits();
	struct ws_deflate_params deflate = agreed(true);
	size_t first;

	begin_with(&limits, &deflate);
	cr_assert_eq(ws_frames_begin(client->session, true, true, world_filler(1000)), 1000);
	first = client->out.queued;
	cr_assert_not_null(client->session->deflater);
	cr_assert_str_eq(client_hears(client), "z:text:[1000]");
	cr_assert_eq(ws_frames_begin(client->session, true, true, world_filler(1000)), 1000);
	cr_assert_lt(client->out.queued, first / 4);
	cr_assert_str_eq(client_hears(client), "z:text:[1000]");
	client_vanishes(client);
	ws_world_assert_nothing_owned(&world);
	finish();
}

/* The peer's window is as it was: what comes then simply refers to nothing in it. */
Test(ws_frames, of_an_idle_session_the_compressor_is_not_kept)
{
	struct ws_limits limits = ws_world_limits();
	struct ws_deflate_params deflate = agreed(true);

	limits.ping_interval_ms = 1000;
	begin_with(&limits, &deflate);
	cr_assert_eq(ws_frames_begin(client->session, true, true, world_filler(1000)), 1000);
	cr_assert_str_eq(client_hears(client), "z:text:[1000]");
	cr_assert_not_null(client->session->deflater);
	ws_world_pass(&world, 1100);
	cr_assert_null(client->session->deflater);
	cr_assert_str_eq(client_hears(client), "ping:");
	cr_assert_eq(ws_frames_begin(client->session, true, true, world_filler(1000)), 1000);
	cr_assert_str_eq(client_hears(client), "z:text:[1000]");
	client_vanishes(client);
	ws_world_assert_nothing_owned(&world);
	finish();
}
