/* test_ws_session.c - how a session lives and ends: both ways of closing, faults, a lost peer. */
#include "serve/ws_session.h"

#include <criterion/criterion.h>
#include <string.h>

#include "oom.h"
#include "ws_world.h"

static struct ws_world world;
static struct ws_client *client;

static void begin(const struct ws_limits *limits)
{
	ws_world_init(&world, limits, 0);
	client = client_new(&world, NULL);
}

static void begin_plain(void)
{
	struct ws_limits limits = ws_world_limits();

	begin(&limits);
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

static unsigned n_moved_over;

static void on_moved_over(struct ws_session *s)
{
	n_moved_over++;
}

static weir_str on_client(const struct ws_session *s)
{
	return WEIR_STR("moved");
}

static const struct ws_session_up moved_up = { .over = on_moved_over, .client = on_client };

/* Most of a worker's sessions are idle: this is what each of them costs. */
Test(ws_session, is_small)
{
	cr_assert_leq(sizeof(struct ws_session), 192, "%zu", sizeof(struct ws_session));
}

/* ---- closing */

Test(ws_session, the_peer_closes)
{
	begin_plain();
	client_closes(client, 1001, "going");
	cr_assert_str_eq(client_hears(client), "close:1001:");
	cr_assert(client->has_ended);
	cr_assert_str_eq(client->reason, "going");
	assert_over(WS_CLOSED, 1001);
	finish();
}

Test(ws_session, the_peer_closes_without_a_code)
{
	begin_plain();
	client_sends(client, 0x88, WEIR_STR(""));
	cr_assert_str_eq(client_hears(client), "close:");
	cr_assert_str_eq(client->reason, "");
	assert_over(WS_CLOSED, 1005);
	finish();
}

Test(ws_session, we_close_and_the_peer_answers)
{
	begin_plain();
	close_session(4000, "enough");
	cr_assert_eq(client->session->state, WS_CLOSING);
	cr_assert_str_eq(client_hears(client), "close:4000:enough");
	cr_assert_eq(client->n_over, 0);
	client_closes(client, 4000, "");
	cr_assert(client->has_ended);
	assert_over(WS_CLOSED, 4000);
	finish();
}

Test(ws_session, closing_twice_is_closing_once)
{
	begin_plain();
	close_session(1000, "a");
	close_session(1011, "b");
	cr_assert_str_eq(client_hears(client), "close:1000:a");
	client_closes(client, 1000, "");
	assert_over(WS_CLOSED, 1000);
	finish();
}

Test(ws_session, both_close_at_once)
{
	begin_plain();
	client_puts(client, 0x88, "\x03\xe9");
	close_session(1000, "");
	cr_assert_str_eq(client_hears(client), "close:1000:");
	assert_over(WS_CLOSED, 1000);
	finish();
}

Test(ws_session, messages_that_come_while_we_close_are_thrown_away)
{
	begin_plain();
	client_says(client, "nobody wants this");
	close_session(1000, "");
	client_says(client, "nor this");
	client_sends(client, 0x89, WEIR_STR("a ping has no answer now"));
	cr_assert_eq(world.shared.tools.rooms.n_taken, 0);
	cr_assert_eq(world.shared.tools.intakes.n_taken, 0);
	client_closes(client, 1000, "");
	cr_assert_str_eq(client_hears(client), "close:1000:");
	assert_over(WS_CLOSED, 1000);
	finish();
}

Test(ws_session, who_waits_hears_that_it_closes)
{
	begin_plain();
	cr_assert_str_eq(client_pull(client, true), "again");
	close_session(1000, "");
	cr_assert_eq(client->n_readable, 1);
	cr_assert_str_eq(client_pull(client, true), "closed");
	client_closes(client, 1000, "");
	cr_assert_eq(client->n_readable, 1);
	finish();
}

/* A frame that was begun has to end before the close frame. */
Test(ws_session, the_peer_closes_in_the_middle_of_our_frame)
{
	weir_str big = world_filler(60000);
	ssize_t n;

	begin_plain();
	n = ws_outbox_begin(client->session, false, true, big);
	cr_assert(n > 0 && n < 60000);
	client_closes(client, 1000, "bye");
	cr_assert_eq(client->n_over, 0);
	cr_assert_eq(client->session->state, WS_CLOSING);
	while (client->session) {
		ssize_t more;

		cr_assert_str_eq(client_hears(client), "");
		big = (weir_str){ big.ptr + n, big.len - (size_t)n };
		more = ws_outbox_more(client->session, big);
		cr_assert_gt(more, 0);
		n = more;
		if (n == (ssize_t)big.len)
			break;
	}
	cr_assert_str_eq(client_hears(client), "binary:[60000] close:1000:");
	assert_over(WS_CLOSED, 1000);
	finish();
}

Test(ws_session, a_peer_that_ends_behind_its_close_frame_still_gets_ours)
{
	weir_str big = world_filler(20000);
	ssize_t n;

	begin_plain();
	n = ws_outbox_begin(client->session, false, true, big);
	client_closes(client, 1000, "");
	client_half_closes(client);
	cr_assert_eq(client->n_over, 0);
	cr_assert_str_eq(client_hears(client), "");
	cr_assert_eq(ws_outbox_more(client->session, (weir_str){ big.ptr + n, 20000 - (size_t)n }),
		     20000 - n);
	cr_assert_str_eq(client_hears(client), "binary:[20000] close:1000:");
	assert_over(WS_CLOSED, 1000);
	finish();
}

Test(ws_session, we_close_in_the_middle_of_a_frame)
{
	weir_str big = world_filler(20000);
	ssize_t n;

	begin_plain();
	n = ws_outbox_begin(client->session, false, true, big);
	close_session(1000, "");
	cr_assert_str_eq(client_hears(client), "");
	n = ws_outbox_more(client->session, (weir_str){ big.ptr + n, 20000 - (size_t)n });
	cr_assert_gt(n, 0);
	cr_assert_str_eq(client_hears(client), "binary:[20000] close:1000:");
	client_closes(client, 1000, "");
	assert_over(WS_CLOSED, 1000);
	finish();
}

/* A message that is compressed goes in fragments; a close frame may stand between them, but ends it. */
Test(ws_session, we_close_in_the_middle_of_a_compressed_message)
{
	struct ws_deflate_params deflate = { 15, 15, true, true, false, false };
	struct ws_limits limits = ws_world_limits();
	weir_str big = world_filler(400000);
	ssize_t n;

	ws_world_init(&world, &limits, 0);
	client = client_new(&world, &deflate);
	n = ws_outbox_begin(client->session, false, true, big);
	cr_assert(n > 0 && n < 400000);
	cr_assert_eq(client->session->wants_room, true);
	close_session(1000, "");
	cr_assert_eq(client->n_writable, 1);
	cr_assert_eq(ws_outbox_more(client->session, (weir_str){ big.ptr + n, 400000 - (size_t)n }),
		     -EPIPE);
	cr_assert(strstr(client_hears(client), " close:1000:"));
	client_closes(client, 1000, "");
	cr_assert_str_eq(client_hears(client), "");
	assert_over(WS_CLOSED, 1000);
	finish();
}

Test(ws_session, nothing_can_be_sent_once_it_closes)
{
	begin_plain();
	close_session(1000, "");
	cr_assert_eq(client_begin(client, "x", true), -EPIPE);
	cr_assert_eq(ws_outbox_post(client->session, true, WEIR_STR("x")), -EPIPE);
	cr_assert_eq(ws_outbox_more(client->session, WEIR_STR("x")), -EPIPE);
	finish();
}

Test(ws_session, draining_closes_with_1012)
{
	begin_plain();
	cr_assert_str_eq(client_pull(client, true), "again");
	client->tunnel.up->drain(&client->tunnel);
	cr_assert_eq(client->n_readable, 1);
	cr_assert_str_eq(client_hears(client), "close:1012:");
	client->tunnel.up->drain(&client->tunnel);
	client_closes(client, 1012, "");
	assert_over(WS_CLOSED, 1012);
	finish();
}

/* ---- faults */

Test(ws_session, a_fault_ends_it_with_its_code_and_one_line)
{
	begin_plain();
	cr_assert_str_eq(client_pull(client, true), "again");
	client_sends(client, 0x83, WEIR_STR("reserved"));
	cr_assert_eq(client->n_readable, 1);
	cr_assert_str_eq(client_hears(client), "close:1002:a frame with a reserved opcode");
	cr_assert(client->has_ended);
	cr_assert_eq(world.shared.n_faults[FAULT_WS_OPCODE], 1);
	cr_assert_str_eq(ws_world_log(&world), "info: peer: route: closed with 1002 ws-opcode: "
					       "a frame with a reserved opcode\n");
	assert_over(WS_CLOSED, 1002);
	finish();
}

/* Ours is out already, and has to arrive: a reset would take it along. */
Test(ws_session, a_fault_behind_our_close_frame_lets_that_leave)
{
	begin_plain();
	close_session(1000, "x");
	client_sends(client, 0x83, WEIR_STR("reserved"));
	cr_assert(client->has_ended && !client->was_aborted);
	cr_assert_str_eq(client_hears(client), "close:1000:x");
	assert_over(WS_CLOSED, 1000);
	finish();
}

/* Inside a frame nothing can be said. */
Test(ws_session, a_fault_in_the_middle_of_our_frame_cuts_it_off)
{
	begin_plain();
	cr_assert_gt(ws_outbox_begin(client->session, false, true, world_filler(60000)), 0);
	client_sends(client, 0x83, WEIR_STR("reserved"));
	cr_assert(client->was_aborted);
	assert_over(WS_CLOSED, 1002);
	finish();
}

/* ---- the peer vanishes */

Test(ws_session, gone_at_once)
{
	begin_plain();
	client_vanishes(client);
	assert_over(WS_LOST, 1006);
	finish();
}

Test(ws_session, gone_while_somebody_waits_for_a_message)
{
	begin_plain();
	client->keeps = true;
	cr_assert_str_eq(client_pull(client, true), "again");
	client_vanishes(client);
	cr_assert_eq(client->n_readable, 1);
	cr_assert_str_eq(client_pull(client, true), "lost");
	assert_over(WS_LOST, 1006);
	finish();
}

Test(ws_session, gone_while_somebody_waits_for_room)
{
	begin_plain();
	client->keeps = true;
	cr_assert_gt(ws_outbox_begin(client->session, false, true, world_filler(60000)), 0);
	client_vanishes(client);
	cr_assert_eq(client->n_writable, 1);
	cr_assert_eq(ws_outbox_more(client->session, WEIR_STR("x")), -EPIPE);
	assert_over(WS_LOST, 1006);
	finish();
}

Test(ws_session, gone_while_a_message_is_in_use)
{
	struct ws_event ev;

	begin_plain();
	client->keeps = true;
	client_says(client, "precious");
	cr_assert_eq(ws_inbox_next(client->session, true, &ev), 1);
	client_vanishes(client);
	cr_assert_eq(client->n_over, 1);
	cr_assert_arr_eq(ev.bytes.ptr, "precious", 8);
	cr_assert_str_eq(client_pull(client, true), "lost");
	assert_over(WS_LOST, 1006);
	finish();
}

Test(ws_session, gone_with_half_a_message)
{
	begin_plain();
	cr_assert_str_eq(client_pull(client, true), "again");
	client_sends(client, 0x01, WEIR_STR("half"));
	client_vanishes(client);
	assert_over(WS_LOST, 1006);
	finish();
}

Test(ws_session, gone_with_a_message_that_is_put_together)
{
	begin_plain();
	cr_assert_str_eq(client_pull(client, true), "again");
	client_sends(client, 0x01, WEIR_STR("ha"));
	client_sends(client, 0x80, WEIR_STR("lf"));
	cr_assert_eq(client->n_readable, 1);
	client_vanishes(client);
	assert_over(WS_LOST, 1006);
	finish();
}

Test(ws_session, gone_while_we_close)
{
	begin_plain();
	close_session(1000, "");
	client_vanishes(client);
	assert_over(WS_LOST, 1000);
	finish();
}

Test(ws_session, an_end_without_a_close_frame_is_a_loss)
{
	begin_plain();
	client_half_closes(client);
	cr_assert(client->has_ended && !client->was_aborted);
	assert_over(WS_LOST, 1006);
	finish();
}

/* One half may be closed, and the other still read. */
Test(ws_session, what_is_queued_leaves_for_who_has_ended)
{
	begin_plain();
	cr_assert_eq(client_begin(client, "answer", true), 6);
	client_half_closes(client);
	cr_assert_str_eq(client_hears(client), "text:answer");
	assert_over(WS_LOST, 1006);
	finish();
}

/* A handler that works on a message must not go on for nobody. */
Test(ws_session, an_end_is_seen_while_a_message_is_in_use)
{
	begin_plain();
	client_says(client, "work on this");
	cr_assert_str_eq(client_pull(client, true), "text:work on this");
	client_half_closes(client);
	assert_over(WS_LOST, 1006);
	finish();
}

Test(ws_session, what_came_before_the_end_is_pulled_before_it)
{
	begin_plain();
	client->keeps = true;
	client_says(client, "a");
	client_says(client, "b");
	client_half_closes(client);
	cr_assert_str_eq(client_pull(client, true), "text:a");
	cr_assert_str_eq(client_pull(client, true), "text:b");
	cr_assert_str_eq(client_pull(client, true), "lost");
	assert_over(WS_LOST, 1006);
	finish();
}

Test(ws_session, cut_off_by_us)
{
	begin_plain();
	ws_session_abort(client->session);
	cr_assert_eq(client->n_over, 0);
	ws_session_abort(client->session);
	ws_session_tell(client->session);
	cr_assert(client->was_aborted);
	assert_over(WS_LOST, 1006);
	finish();
}

/* A message in pieces that somebody else's close frame has ended. */
Test(ws_session, is_not_cut_off_behind_our_close_frame)
{
	begin_plain();
	cr_assert_eq(client_begin(client, "a", false), 1);
	close_session(1000, "");
	ws_session_abort(client->session);
	ws_session_tell(client->session);
	cr_assert_str_eq(client_hears(client), "text+:a close:1000:");
	client_closes(client, 1000, "");
	assert_over(WS_CLOSED, 1000);
	finish();
}

/* ---- another owner */

/* With all that it has: what waits, its clocks, its tunnel. */
Test(ws_session, moves)
{
	struct ws_limits limits = ws_world_limits();
	struct ws_session to;

	limits.slow = WS_SLOW_DROP_OLDEST;
	limits.queue_bytes = 100000;
	limits.queue_ms = 5000;
	limits.idle_ms = 1000;
	limits.close_ms = 500;
	begin(&limits);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(ws_outbox_post(client->session, false, world_filler(8192)), 0);
	cr_assert_eq(ws_outbox_post(client->session, true, WEIR_STR("waits")), 0);
	ws_session_move(&to, client->session, &moved_up);
	cr_assert_str_eq(client_hears(client), "binary:[8192] binary:[8192] text:waits");
	cr_assert_null(to.outbox);
	ws_world_pass(&world, 1000);
	cr_assert_str_eq(client_hears(client), "close:1001:idle");
	ws_world_pass(&world, 500);
	cr_assert_eq(n_moved_over, 1);
	cr_assert(client->has_ended);
	ws_session_done(&to);
	finish();
}

/* ---- memory */

Test(ws_session, closing_without_memory)
{
	for (unsigned n = 1;; n++) {
		bool has_failed;

		begin_plain();
		oom_fail_at(n);
		close_session(1000, "x");
		has_failed = oom_has_failed();
		cr_assert_eq(client->n_over, has_failed ? 1 : 0);
		finish();
		if (!has_failed)
			break;
	}
}

Test(ws_session, being_closed_without_memory)
{
	for (unsigned n = 1;; n++) {
		bool has_failed;

		begin_plain();
		client_puts(client, 0x88, "\x03\xe8why");
		oom_fail_at(n);
		client->tunnel.up->readable(&client->tunnel);
		has_failed = oom_has_failed();
		cr_assert_eq(client->n_over, 1);
		finish();
		if (!has_failed)
			break;
	}
}

/* A session without its limits is none that the route allows. */
Test(ws_session, opening_without_memory)
{
	struct ws_limits limits = ws_world_limits();

	limits.lifetime_ms = 1000;
	ws_world_init(&world, &limits, 0);
	oom_fail_at(3); /* behind the client's own */
	client = client_new(&world, NULL);
	cr_assert(oom_has_failed());
	cr_assert_str_eq(client_hears(client), "close:1013:no memory");
	client_closes(client, 1013, "");
	assert_over(WS_CLOSED, 1013);
	finish();
}
