/* test_ws_session_time.c - what time does to a session: pings, the closing handshake's end, idleness, age. */
#include <criterion/criterion.h>
#include <string.h>

#include "oom.h"
#include "serve/ws_session.h"
#include "ws_world.h"

static struct ws_world world;
static struct ws_client *client;

static void begin(const struct ws_limits *limits)
{
	ws_world_init(&world, limits, 0);
	client = client_new(&world, NULL);
}

static void finish(void)
{
	client_free(client);
	ws_world_done(&world);
}

static void close_session(int code, const char *reason)
{
	ws_session_close(client->session, code, weir_strz(reason));
	ws_session_tell(client->session);
}

static void assert_over(int state, int code)
{
	cr_assert_eq(client->n_over, 1);
	cr_assert_eq(client->state, state);
	cr_assert_eq(client->code, code, "%d", client->code);
	cr_assert_eq(world.shared.n_open, 0);
	ws_world_assert_nothing_owned(&world);
}

static struct ws_limits with_pings(void)
{
	struct ws_limits limits = ws_world_limits();

	limits.ping_interval_ms = 1000;
	limits.ping_timeout_ms = 300;
	return limits;
}

Test(ws_session_time, silence_is_pinged_and_then_cut_off)
{
	struct ws_limits limits = with_pings();

	begin(&limits);
	ws_world_pass(&world, 999);
	cr_assert_str_eq(client_hears(client), "");
	ws_world_pass(&world, 1);
	cr_assert_str_eq(client_hears(client), "ping:");
	ws_world_pass(&world, 299);
	cr_assert_eq(client->n_over, 0);
	ws_world_pass(&world, 1);
	cr_assert(client->was_aborted);
	cr_assert_eq(world.shared.n_faults[FAULT_WS_SILENT], 1);
	cr_assert_str_eq(ws_world_log(&world),
			 "info: peer: route: cut off: no sign of life after a ping\n");
	assert_over(WS_LOST, 1006);
	finish();
}

Test(ws_session_time, any_byte_is_life)
{
	struct ws_limits limits = with_pings();

	begin(&limits);
	ws_world_pass(&world, 900);
	client_sends_raw(client, WEIR_STR("\x81"));
	ws_world_pass(&world, 900);
	cr_assert_str_eq(client_hears(client), "");
	ws_world_pass(&world, 100);
	cr_assert_str_eq(client_hears(client), "ping:");
	ws_world_pass(&world, 200);
	client_sends_raw(client, WEIR_STR("\x85"));
	ws_world_pass(&world, 999);
	cr_assert_eq(client->n_over, 0);
	ws_world_pass(&world, 1);
	cr_assert_str_eq(client_hears(client), "ping:");
	finish();
}

/* Who talks all the time is not put behind all others for each byte: its ping comes that much early. */
Test(ws_session_time, life_a_moment_after_life_is_not_noted)
{
	struct ws_limits limits = with_pings();

	begin(&limits);
	ws_world_pass(&world, 14);
	client_sends_raw(client, WEIR_STR("\x81"));
	ws_world_pass(&world, 985);
	cr_assert_str_eq(client_hears(client), "");
	ws_world_pass(&world, 1);
	cr_assert_str_eq(client_hears(client), "ping:");
	finish();
}

/* However a moment compares with the time of a pong. */
Test(ws_session_time, a_pong_is_noted_at_once)
{
	for (int64_t timeout_ms = 985; timeout_ms <= 1015; timeout_ms += 5) {
		struct ws_limits limits = with_pings();

		limits.ping_timeout_ms = timeout_ms;
		begin(&limits);
		ws_world_pass(&world, 1000);
		cr_assert_str_eq(client_hears(client), "ping:");
		client_sends(client, 0x8a, WEIR_STR(""));
		ws_world_pass(&world, 999);
		cr_assert_str_eq(client_hears(client), "", "after %d ms", (int)timeout_ms);
		ws_world_pass(&world, 1);
		cr_assert_str_eq(client_hears(client), "ping:");
		cr_assert_eq(client->n_over, 0);
		finish();
	}
}

/* A thousand idle sessions, each with a buffer for its last pong, are what this is about. */
Test(ws_session_time, owns_nothing_behind_a_control_frame)
{
	struct ws_limits limits = with_pings();

	begin(&limits);
	ws_world_pass(&world, 1000);
	cr_assert_str_eq(client_hears(client), "ping:");
	client_sends(client, 0x8a, WEIR_STR(""));
	ws_world_assert_nothing_owned(&world);
	client_sends(client, 0x89, WEIR_STR("are you there?"));
	cr_assert_str_eq(client_hears(client), "pong:are you there?");
	ws_world_assert_nothing_owned(&world);
	finish();
}

Test(ws_session_time, without_a_pong_timeout_it_goes_on_pinging)
{
	struct ws_limits limits = with_pings();

	limits.ping_timeout_ms = 0;
	begin(&limits);
	ws_world_pass(&world, 3500);
	cr_assert_str_eq(client_hears(client), "ping: ping: ping:");
	finish();
}

Test(ws_session_time, what_nobody_reads_is_no_silence)
{
	struct ws_limits limits = with_pings();

	limits.max_message = 0;
	begin(&limits);
	client_sends(client, 0x82, world_filler(100));
	client_sends(client, 0x82, world_filler(60000));
	ws_world_pass(&world, 5000);
	cr_assert_eq(client->n_over, 0);
	/* Asked all the same: only so would the kernel of one that has closed tell. */
	cr_assert_str_eq(client_hears(client), "ping: ping: ping: ping: ping:");
	finish();
}

Test(ws_session_time, who_is_not_read_and_sends_no_more_is_silent)
{
	struct ws_limits limits = with_pings();

	limits.max_message = 0;
	begin(&limits);
	client_sends(client, 0x82, world_filler(100));
	client_sends(client, 0x82, world_filler(60000));
	client->tunnel.has_peer_ended = true;
	ws_world_pass(&world, 5000);
	cr_assert_eq(client->n_over, 1);
	finish();
}

Test(ws_session_time, there_is_no_ping_inside_a_frame)
{
	struct ws_limits limits = with_pings();
	weir_str big = world_filler(20000);
	ssize_t n;

	begin(&limits);
	n = ws_outbox_begin(client->session, false, true, big);
	client_takes(client, SIZE_MAX);
	ws_world_pass(&world, 2500);
	cr_assert_eq(client->n_over, 0);
	cr_assert_gt(
		ws_outbox_more(client->session, (weir_str){ big.ptr + n, big.len - (size_t)n }), 0);
	cr_assert_str_eq(client_hears(client), "binary:[20000]");
	ws_world_pass(&world, 500);
	cr_assert_str_eq(client_hears(client), "ping:");
	finish();
}

Test(ws_session_time, who_does_not_answer_a_close_frame_is_left)
{
	struct ws_limits limits = with_pings();

	limits.close_ms = 500;
	begin(&limits);
	close_session(1000, "");
	client_says(client, "I talk on");
	ws_world_pass(&world, 499);
	client_says(client, "and on");
	cr_assert_eq(client->n_over, 0);
	ws_world_pass(&world, 1);
	cr_assert(client->has_ended);
	cr_assert_str_eq(client_hears(client), "close:1000:");
	assert_over(WS_CLOSED, 1000);
	finish();
}

Test(ws_session_time, who_does_not_take_our_frame_to_the_end_is_cut_off)
{
	struct ws_limits limits = ws_world_limits();

	limits.close_ms = 500;
	begin(&limits);
	cr_assert_gt(ws_outbox_begin(client->session, false, true, world_filler(60000)), 0);
	client_closes(client, 1000, "");
	ws_world_pass(&world, 500);
	cr_assert(client->was_aborted);
	cr_assert_eq(client->n_writable, 1);
	assert_over(WS_CLOSED, 1000);
	finish();
}

Test(ws_session_time, nobody_says_anything)
{
	struct ws_limits limits = with_pings();

	limits.idle_ms = 5000;
	limits.close_ms = 500;
	begin(&limits);
	for (int i = 0; i < 4; i++) {
		ws_world_pass(&world, 1000);
		cr_assert_str_eq(client_hears(client), "ping:");
		client_sends(client, 0x8a, WEIR_STR(""));
		client_sends(client, 0x89, WEIR_STR(""));
		cr_assert_str_eq(client_hears(client), "pong:");
	}
	ws_world_pass(&world, 999);
	cr_assert_str_eq(client_hears(client), "");
	ws_world_pass(&world, 1);
	cr_assert(strstr(client_hears(client), "close:1001:idle"));
	client_closes(client, 1001, "");
	assert_over(WS_CLOSED, 1001);
	finish();
}

Test(ws_session_time, messages_keep_it_from_being_idle)
{
	struct ws_limits limits = ws_world_limits();

	limits.idle_ms = 1000;
	begin(&limits);
	for (int i = 0; i < 3; i++) {
		ws_world_pass(&world, 900);
		cr_assert_eq(client_begin(client, "x", true), 1);
		ws_world_pass(&world, 900);
		client_says(client, "y");
		cr_assert_str_eq(client_pull(client, true), "text:y");
	}
	cr_assert_str_eq(client_hears(client), "text:x text:x text:x");
	ws_world_pass(&world, 1000);
	cr_assert_str_eq(client_hears(client), "close:1001:idle");
	finish();
}

Test(ws_session_time, a_life_has_an_end)
{
	struct ws_limits limits = ws_world_limits();

	limits.lifetime_ms = 10000;
	limits.idle_ms = 4000;
	begin(&limits);
	for (int i = 0; i < 9; i++) {
		ws_world_pass(&world, 1000);
		cr_assert_eq(client_begin(client, "x", true), 1);
		cr_assert_str_eq(client_hears(client), "text:x");
	}
	ws_world_pass(&world, 999);
	cr_assert_str_eq(client_hears(client), "");
	ws_world_pass(&world, 1);
	cr_assert_str_eq(client_hears(client), "close:1001:its time is over");
	ws_world_pass(&world, 60000);
	cr_assert_str_eq(client_hears(client), "");
	finish();
}

Test(ws_session_time, pinging_without_memory)
{
	struct ws_limits limits = with_pings();

	begin(&limits);
	oom_fail_at(1);
	ws_world_pass(&world, 1000);
	cr_assert(oom_has_failed());
	assert_over(WS_LOST, 1006);
	finish();
}
