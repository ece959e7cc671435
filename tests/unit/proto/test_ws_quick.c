/* test_ws_quick.c - what it takes, wslay and ws_read would take, and find the same in it. */
#include "proto/ws_quick.h"

#include <criterion/criterion.h>
#include <string.h>

#include "oom.h"
#include "ws_feed.h"

static struct ws_tools tools;

static void setup(void)
{
	cr_assert_eq(ws_tools_init(&tools), 0);
}

static void teardown(void)
{
	ws_tools_done(&tools);
}

TestSuite(ws_quick, .init = setup, .fini = teardown);

Test(ws_quick, unmasks_frames_of_any_length)
{
	char payload[WS_ROOM_SIZE];

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (char)(i * 7);
	for (size_t len = 0; len <= sizeof(payload); len += len < 300 ? 1 : len < 16000 ? 997 : 1) {
		struct buf frame = { 0 };
		struct ws_room *room = NULL;
		weir_str bytes, got;
		bool is_text = true;

		ws_feed_frame(&frame, 0x82, (weir_str){ payload, len });
		cr_assert_eq(buf_append(&frame, "next", 4), 0);
		bytes = buf_str(&frame);
		cr_assert(ws_quick_take(&tools, &bytes, &room, &got, &is_text), "len %zu", len);
		cr_expect(weir_str_eq(got, (weir_str){ payload, len }), "len %zu", len);
		cr_expect(weir_str_eq(bytes, WEIR_STR("next")), "len %zu", len);
		cr_expect(!is_text);
		(void)ws_tools_give_room(&tools, room);
		buf_done(&frame);
	}
}

struct left_row {
	const char *why;
	uint8_t first;
	size_t payload_len, missing;
	const char *payload;
};

static const struct left_row left_rows[] = {
	{ "not final", 0x01, 5, 0, "hello" },
	{ "a continuation", 0x80, 5, 0, "hello" },
	{ "a ping", 0x89, 5, 0, "hello" },
	{ "a close", 0x88, 0, 0, "" },
	{ "compressed", 0xc1, 5, 0, "hello" },
	{ "a reserved bit", 0xa1, 5, 0, "hello" },
	{ "a byte is missing", 0x81, 5, 1, "hello" },
	{ "the payload is missing", 0x81, 5, 5, "hello" },
	{ "the mask is not whole", 0x81, 5, 6, "hello" },
	{ "one byte of all", 0x81, 0, 5, "" },
	{ "not UTF-8", 0x81, 3, 0, "\xed\xa0\x80" },
	{ "ends inside a character", 0x81, 2, 0, "\xe2\x82" },
};

static void check_left_row(const struct left_row *row)
{
	struct buf frame = { 0 };
	struct ws_room *room = NULL;
	weir_str bytes, got;
	bool is_text;

	ws_feed_frame(&frame, row->first, (weir_str){ row->payload, row->payload_len });
	bytes = (weir_str){ frame.data, frame.len - row->missing };
	cr_expect(!ws_quick_take(&tools, &bytes, &room, &got, &is_text), "%s", row->why);
	cr_expect_eq(bytes.ptr, frame.data, "%s", row->why);
	cr_expect_eq(tools.rooms.n_taken, 0, "%s", row->why);
	buf_done(&frame);
}

Test(ws_quick, leaves_what_is_not_usual)
{
	for (size_t i = 0; i < ARRAY_LEN(left_rows); i++)
		check_left_row(&left_rows[i]);
}

static bool takes(weir_str bytes)
{
	struct ws_room *room = NULL;
	weir_str got;
	bool is_text, is_taken = ws_quick_take(&tools, &bytes, &room, &got, &is_text);

	(void)ws_tools_give_room(&tools, room);
	return is_taken;
}

Test(ws_quick, leaves_odd_lengths)
{
	char frame[200] = "\x82\xfe\x00\x7d";

	cr_expect(!takes((weir_str){ frame, 4 + 4 + 125 }), "125 in two bytes");
	frame[3] = 0x7e;
	cr_expect(takes((weir_str){ frame, 4 + 4 + 126 }));
	for (size_t len = 0; len < 4 + 4 + 126; len++)
		cr_expect(!takes((weir_str){ frame, len }), "%zu bytes of it", len);
	frame[1] = 0x7e;
	cr_expect(!takes((weir_str){ frame, sizeof(frame) }), "not masked");
	frame[1] = (char)0xff;
	cr_expect(!takes((weir_str){ frame, sizeof(frame) }), "in eight bytes");
	cr_expect(!takes((weir_str){ "", 0 }), "nothing");
}

Test(ws_quick, leaves_everything_without_memory)
{
	struct buf frame = { 0 };

	ws_feed_frame(&frame, 0x82, WEIR_STR("hello"));
	oom_fail_at(1);
	cr_expect(!takes(buf_str(&frame)));
	cr_expect(oom_has_failed());
	cr_expect(takes(buf_str(&frame)));
	buf_done(&frame);
}
