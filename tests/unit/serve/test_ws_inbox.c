/* test_ws_inbox.c - messages as they are pulled: whole or by pieces, up to a size, inflated or not. */
#include "serve/ws_inbox.h"

#include <criterion/criterion.h>
#include <string.h>
#include <zlib.h>

#include "oom.h"
#include "ws_feed.h"
#include "ws_world.h"

static struct ws_world world;
static struct ws_client *client;

static void begin_with(uint64_t max_message, const struct ws_deflate_params *deflate)
{
	struct ws_limits limits = ws_world_limits();

	limits.max_message = max_message;
	ws_world_init(&world, &limits, 0);
	client = client_new(&world, deflate);
}

static void begin(void)
{
	begin_with(64 * 1024, NULL);
}

static void finish(void)
{
	client_free(client);
	ws_world_done(&world);
}

/* ---- whole messages */

Test(ws_inbox, whole_messages_in_their_order)
{
	begin();
	cr_assert_str_eq(client_pull(client, true), "again");
	client_says(client, "a");
	cr_assert_eq(client->n_readable, 1);
	client_sends(client, 0x82, WEIR_STR("b"));
	client_says(client, "");
	cr_assert_eq(client->n_readable, 1);
	cr_assert_str_eq(client_pull(client, true), "text:a");
	cr_assert(client->session->is_text);
	cr_assert_str_eq(client_pull(client, true), "binary:b");
	cr_assert(!client->session->is_text);
	cr_assert_str_eq(client_pull(client, true), "text:");
	cr_assert_str_eq(client_pull(client, true), "again");
	ws_world_assert_nothing_owned(&world);
	finish();
}

Test(ws_inbox, fragments_with_pings_between_are_one_message)
{
	begin();
	cr_assert_str_eq(client_pull(client, true), "again");
	client_sends(client, 0x01, WEIR_STR("o"));
	client_sends(client, 0x89, WEIR_STR("1"));
	client_sends(client, 0x00, WEIR_STR("n"));
	client_sends(client, 0x00, WEIR_STR(""));
	cr_assert_eq(client->n_readable, 0);
	/* Only what is put together is held, no buffer to read with. */
	cr_assert_eq(world.shared.tools.rooms.n_taken, 0);
	cr_assert_eq(world.shared.tools.intakes.n_taken, 0);
	cr_assert_eq(world.blocks.n_taken, 2); /* and the pong */
	cr_assert_eq(client->tunnel.held, BLOCK_SIZE);
	client_sends(client, 0x80, WEIR_STR("e"));
	cr_assert_eq(client->n_readable, 1);
	cr_assert_str_eq(client_pull(client, true), "text:one");
	cr_assert_str_eq(client_hears(client), "pong:1");
	cr_assert_str_eq(client_pull(client, true), "again");
	cr_assert_eq(client->tunnel.held, 0);
	ws_world_assert_nothing_owned(&world);
	finish();
}

Test(ws_inbox, byte_by_byte)
{
	struct buf bytes;

	begin();
	buf_init(&bytes, 0);
	ws_feed_frame(&bytes, 0x01, WEIR_STR("hel"));
	ws_feed_frame(&bytes, 0x80, WEIR_STR("lo"));
	ws_feed_frame(&bytes, 0x82, WEIR_STR("again"));
	cr_assert_str_eq(client_pull(client, true), "again");
	for (size_t i = 0; i < bytes.len; i++)
		client_sends_raw(client, (weir_str){ bytes.data + i, 1 });
	cr_assert_str_eq(client_pull(client, true), "text:hello");
	cr_assert_str_eq(client_pull(client, true), "binary:again");
	cr_assert_str_eq(client_pull(client, true), "again");
	buf_done(&bytes);
	finish();
}

Test(ws_inbox, one_of_many_blocks)
{
	struct ws_event ev;
	weir_str big = world_filler(60000);

	begin();
	cr_assert_str_eq(client_pull(client, true), "again");
	client_sends(client, 0x82, big);
	cr_assert_eq(client->n_readable, 1);
	cr_assert_eq(ws_inbox_next(client->session, true, &ev), 1);
	cr_assert_eq(ev.bytes.len, big.len);
	cr_assert_arr_eq(ev.bytes.ptr, big.ptr, big.len);
	cr_assert_str_eq(client_pull(client, true), "again");
	ws_world_assert_nothing_owned(&world);
	finish();
}

/* It waits with the client: nothing behind it is read, and nothing held but what has come. */
Test(ws_inbox, what_nobody_asks_for_waits)
{
	begin();
	for (int i = 0; i < 10; i++)
		client_sends(client, 0x82, world_filler(5000));
	cr_assert_gt(client->unsent.len, 0);
	cr_assert_leq(world.blocks.n_taken, 2);
	for (int i = 0; i < 10; i++) {
		cr_assert_str_eq(client_pull(client, true), "binary:[5000]");
	}
	cr_assert_str_eq(client_pull(client, true), "again");
	finish();
}

Test(ws_inbox, a_ping_in_front_of_a_message_is_answered_unasked)
{
	begin();
	client_sends(client, 0x89, WEIR_STR("1"));
	client_says(client, "message");
	client_sends(client, 0x89, WEIR_STR("2"));
	cr_assert_str_eq(client_hears(client), "pong:1");
	cr_assert_str_eq(client_pull(client, true), "text:message");
	cr_assert_str_eq(client_hears(client), "");
	cr_assert_str_eq(client_pull(client, true), "again");
	cr_assert_str_eq(client_hears(client), "pong:2");
	finish();
}

Test(ws_inbox, what_came_with_the_handshake)
{
	struct ws_limits limits = ws_world_limits();

	ws_world_init(&world, &limits, 0);
	client = client_new(&world, NULL);
	client_puts(client, 0x81, "early");
	cr_assert_str_eq(client_pull(client, true), "text:early");
	finish();
}

/* ---- pieces */

Test(ws_inbox, pieces_as_they_come)
{
	begin();
	cr_assert_str_eq(client_pull(client, false), "again");
	client_sends(client, 0x01, WEIR_STR("o"));
	cr_assert_eq(client->n_readable, 1);
	cr_assert_str_eq(client_pull(client, false), "text+:o");
	cr_assert_str_eq(client_pull(client, false), "again");
	client_sends(client, 0x00, WEIR_STR("n"));
	cr_assert_str_eq(client_pull(client, false), "more+:n");
	client_sends(client, 0x80, WEIR_STR(""));
	cr_assert_str_eq(client_pull(client, false), "more:");
	client_says(client, "next");
	cr_assert_str_eq(client_pull(client, false), "text:next");
	cr_assert_str_eq(client_pull(client, false), "again");
	ws_world_assert_nothing_owned(&world);
	finish();
}

Test(ws_inbox, pieces_have_no_limit)
{
	struct ws_event ev = { .is_last = false };
	size_t len = 0;

	begin_with(1000, NULL);
	client_sends(client, 0x82, world_filler(200000));
	while (!ev.is_last) {
		cr_assert_eq(ws_inbox_next(client->session, false, &ev), 1);
		cr_assert_arr_eq(ev.bytes.ptr, world_filler(200000).ptr + len, ev.bytes.len);
		len += ev.bytes.len;
		cr_assert_leq(world.blocks.n_taken, 2);
		client_sends_raw(client, WEIR_STR(""));
	}
	cr_assert_eq(len, 200000);
	cr_assert_str_eq(client_pull(client, false), "again");
	ws_world_assert_nothing_owned(&world);
	finish();
}

/* Who has waited for a whole message, and does not any more, loses nothing of it. */
Test(ws_inbox, pieces_of_what_was_to_be_whole)
{
	begin();
	cr_assert_str_eq(client_pull(client, true), "again");
	client_sends(client, 0x01, WEIR_STR("be"));
	client_sends(client, 0x00, WEIR_STR("gin"));
	cr_assert_str_eq(client_pull(client, false), "text+:begin");
	cr_assert_str_eq(client_pull(client, false), "again");
	client_sends(client, 0x80, WEIR_STR("end"));
	cr_assert_str_eq(client_pull(client, false), "more:end");
	cr_assert_str_eq(client_pull(client, true), "again");
	client_sends(client, 0x01, WEIR_STR("o"));
	client_sends(client, 0x80, WEIR_STR("k"));
	cr_assert_str_eq(client_pull(client, false), "text:ok");
	ws_inbox_release(client->session);
	ws_world_assert_nothing_owned(&world);
	finish();
}

Test(ws_inbox, the_rest_of_what_was_pulled_by_pieces)
{
	begin();
	client_sends(client, 0x01, WEIR_STR("a"));
	cr_assert_str_eq(client_pull(client, false), "text+:a");
	client_sends(client, 0x00, WEIR_STR("b"));
	client_sends(client, 0x80, WEIR_STR("c"));
	cr_assert_str_eq(client_pull(client, true), "text:bc");
	finish();
}

/* ---- too large */

/* Its header says so: no byte of it is kept. */
Test(ws_inbox, one_frame_that_is_too_large)
{
	begin_with(20000, NULL);
	cr_assert_str_eq(client_pull(client, true), "again");
	/* 20 001 bytes are announced, one is there. */
	client_sends_raw(client, (weir_str){ "\x82\xfe\x4e\x21mask!", 9 });
	cr_assert_str_eq(client_hears(client), "close:1009:the message is larger than allowed");
	cr_assert_eq(world.shared.n_faults[FAULT_WS_TOO_LARGE], 1);
	cr_assert_eq(client->code, 1009);
	cr_assert(client->has_ended);
	ws_world_assert_nothing_owned(&world);
	finish();
}

Test(ws_inbox, just_not_too_large)
{
	begin_with(20000, NULL);
	cr_assert_str_eq(client_pull(client, true), "again");
	client_sends(client, 0x02, world_filler(19999));
	client_sends(client, 0x80, WEIR_STR("x"));
	cr_assert_str_eq(client_pull(client, true), "binary:[20000]");
	client_sends(client, 0x82, world_filler(20000));
	cr_assert_str_eq(client_pull(client, true), "binary:[20000]");
	finish();
}

Test(ws_inbox, fragments_that_are_too_large_together)
{
	begin_with(20000, NULL);
	cr_assert_str_eq(client_pull(client, true), "again");
	client_sends(client, 0x02, world_filler(20000));
	cr_assert_eq(client->n_over, 0);
	client_sends(client, 0x80, WEIR_STR("x"));
	cr_assert_eq(client->code, 1009);
	finish();
}

Test(ws_inbox, no_limit)
{
	begin_with(0, NULL);
	cr_assert_str_eq(client_pull(client, true), "again");
	client_sends(client, 0x82, world_filler(1000000));
	cr_assert_str_eq(client_pull(client, true), "binary:[1000000]");
	finish();
}

/* The fault is found by whoever pulls: that one hears that it is closed, once. */
Test(ws_inbox, a_fault_that_is_found_when_it_is_pulled)
{
	begin_with(1000, NULL);
	client->keeps = true;
	client_sends(client, 0x82, world_filler(1001));
	cr_assert_eq(client->n_over, 0);
	cr_assert_str_eq(client_pull(client, true), "closed");
	cr_assert_eq(client->n_over, 1);
	cr_assert_eq(client->n_readable, 0);
	cr_assert_str_eq(client_pull(client, true), "closed");
	finish();
}

Test(ws_inbox, whoever_frees_the_session_in_over_may_pull_a_fault)
{
	begin_with(1000, NULL);
	client_sends(client, 0x82, world_filler(1001));
	cr_assert_str_eq(client_pull(client, true), "closed");
	cr_assert_null(client->session);
	finish();
}

/* ---- inflated */

static const struct ws_deflate_params agreed = { 15, 15, true, true, false, false };

/* As one frame, or two. */
static void send_packed(weir_str plain, size_t first)
{
	static unsigned char packed[100000];
	z_stream z = { .next_in = (Bytef *)(uintptr_t)plain.ptr,
		       .avail_in = (uInt)plain.len,
		       .next_out = packed,
		       .avail_out = sizeof(packed) };
	size_t len;

	cr_assert_eq(deflateInit2(&z, 6, Z_DEFLATED, -15, 8, 0), Z_OK);
	cr_assert_eq(deflate(&z, Z_SYNC_FLUSH), Z_OK);
	len = sizeof(packed) - z.avail_out - 4;
	(void)deflateEnd(&z);
	if (first > 0)
		client_sends(client, 0x42, (weir_str){ (char *)packed, first });
	client_sends(client, first > 0 ? 0x80 : 0xc2,
		     (weir_str){ (char *)packed + first, len - first });
}

Test(ws_inbox, an_inflated_message)
{
	begin_with(64 * 1024, &agreed);
	cr_assert_str_eq(client_pull(client, true), "again");
	send_packed(WEIR_STR("compressed"), 0);
	cr_assert_str_eq(client_pull(client, true), "binary:compressed");
	send_packed(WEIR_STR("compressed"), 3);
	cr_assert_str_eq(client_pull(client, true), "binary:compressed");
	send_packed(world_filler(50000), 100);
	cr_assert_str_eq(client_pull(client, true), "binary:[50000]");
	cr_assert_str_eq(client_pull(client, true), "again");
	ws_world_assert_nothing_owned(&world);
	finish();
}

Test(ws_inbox, an_inflated_message_by_pieces)
{
	size_t n = 0;

	begin_with(0, &agreed);
	send_packed((weir_str){ world_filler(1).ptr, 50000 }, 0);
	while (strcmp(client_pull(client, false), "again") != 0)
		n++;
	cr_assert_geq(n, 4);
	ws_world_assert_nothing_owned(&world);
	finish();
}

/* A bomb is found out before it is memory. */
Test(ws_inbox, inflated_too_large)
{
	static const char zeros[10 * 1024 * 1024];

	begin_with(64 * 1024, &agreed);
	cr_assert_str_eq(client_pull(client, true), "again");
	send_packed((weir_str){ zeros, sizeof(zeros) }, 0);
	cr_assert_eq(client->code, 1009);
	(void)client_hears(client);
	ws_world_assert_nothing_owned(&world);
	finish();
}

Test(ws_inbox, a_bomb_that_nobody_wants)
{
	static const char zeros[1024 * 1024];

	begin_with(64 * 1024, &agreed);
	send_packed((weir_str){ zeros, sizeof(zeros) }, 0);
	ws_session_close(client->session, 1000, WEIR_STR(""));
	ws_inbox_discard(client->session);
	(void)client_hears(client);
	ws_world_assert_nothing_owned(&world);
	client_closes(client, 1000, "");
	cr_assert_eq(client->code, 1000);
	finish();
}

/* ---- nobody pulls any more */

Test(ws_inbox, discards_what_waits_and_what_comes)
{
	begin();
	client->keeps = true;
	client_says(client, "a");
	client_says(client, "b");
	cr_assert_str_eq(client_pull(client, true), "text:a");
	ws_session_close(client->session, 1000, WEIR_STR(""));
	ws_inbox_discard(client->session);
	client_says(client, "c");
	client_closes(client, 1000, "");
	cr_assert_str_eq(client_hears(client), "close:1000:");
	cr_assert_eq(client->n_over, 1);
	cr_assert_eq(client->state, WS_CLOSED);
	finish();
}

/* The answer to our close frame waits behind a message that is in use, or that nobody has asked for. */
Test(ws_inbox, finds_the_close_frame_behind_what_is_released)
{
	begin();
	client->keeps = true;
	client_says(client, "a");
	client_says(client, "b");
	cr_assert_str_eq(client_pull(client, true), "text:a");
	ws_session_close(client->session, 1000, WEIR_STR(""));
	client_closes(client, 1000, "");
	cr_assert_eq(client->n_over, 0);
	cr_assert_str_eq(client_pull(client, true), "closed");
	cr_assert_eq(client->n_over, 1);
	cr_assert_eq(client->state, WS_CLOSED);
	finish();
}

Test(ws_inbox, is_quick_when_there_is_nothing_to_read)
{
	begin();
	cr_assert(ws_inbox_is_quick(client->session));
	client_puts(client, 0x81, "x");
	cr_assert(!ws_inbox_is_quick(client->session));
	cr_assert_str_eq(client_pull(client, true), "text:x");
	cr_assert(ws_inbox_is_quick(client->session));
	client_says(client, "y");
	cr_assert_str_eq(client_pull(client, true), "text:y");
	client_says(client, "z");
	cr_assert(!ws_inbox_is_quick(client->session));
	finish();
}

/* ---- memory */

static void pull_without_memory(unsigned n)
{
	oom_fail_at(n);
	client->tunnel.up->readable(&client->tunnel);
}

Test(ws_inbox, receiving_without_memory)
{
	for (unsigned n = 1;; n++) {
		bool has_failed;

		begin_with(64 * 1024, &agreed);
		cr_assert_str_eq(client_pull(client, true), "again");
		client_puts(client, 0x01, "ab");
		client_puts(client, 0x89, "ping");
		client_puts(client, 0x80, "cd");
		pull_without_memory(n);
		has_failed = oom_has_failed();
		/* 1011 if that could be said, lost if not; never half a message. */
		if (client->session)
			cr_assert_str_eq(client_pull(client, true), "text:abcd");
		else
			cr_assert(has_failed);
		finish();
		if (!has_failed)
			break;
	}
}

Test(ws_inbox, the_worker_has_no_memory_for_a_message)
{
	begin();
	world.blocks.budget = 40000;
	cr_assert_str_eq(client_pull(client, true), "again");
	client_sends(client, 0x82, world_filler(65000));
	cr_assert_eq(client->code, 1011);
	cr_assert_eq(world.shared.n_faults[FAULT_WS_NO_MEMORY], 1);
	cr_assert_str_eq(client_hears(client),
			 "close:1011:the server has no memory for the message");
	finish();
}
