/* test_ws_intake.c - frames, one at a time, and no byte of the next. The rules are test_ws_read.c's. */
#include "proto/ws_intake.h"

#include <criterion/criterion.h>
#include <string.h>

#include "oom.h"
#include "proto/ws_write.h"
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

TestSuite(ws_intake, .init = setup, .fini = teardown);

Test(ws_intake, takes_no_byte_of_the_next_frame)
{
	static const size_t lens[] = {
		0, 1, 3, 125, 126, 127, 200, 4096, 5000, 65535, 65536, 70000
	};
	struct ws_intake *in = ws_intake_take(&tools);
	char *payload = calloc(1, 70000);

	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		struct buf frame = { 0 };
		struct ws_part part = { .left = 1 };
		size_t got = 0;
		weir_str bytes;

		ws_feed_frame(&frame, 0x82, (weir_str){ payload, lens[i] });
		cr_assert_eq(buf_append(&frame, "\x89\x80next", 6), 0);
		bytes = buf_str(&frame);
		do {
			cr_assert_eq(ws_intake_next(in, &bytes, &part), 1, "len %zu", lens[i]);
			cr_expect_eq(part.is_start, got == 0);
			got += part.bytes.len;
			cr_expect_eq(part.left, lens[i] - got, "len %zu", lens[i]);
		} while (part.left > 0);
		cr_expect_eq(bytes.len, 6, "len %zu: %zu", lens[i], bytes.len);
		cr_expect(ws_intake_is_between_frames(in));
		buf_done(&frame);
	}
	free(payload);
	(void)ws_intake_give(&tools, in);
}

/* It is refused, and this one may then serve another session. */
Test(ws_intake, takes_no_byte_behind_a_frame_that_is_not_masked)
{
	static const size_t lens[] = { 0, 1, 125, 126, 65535, 65536 };
	char payload[70000] = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		struct ws_intake *in = ws_intake_take(&tools);
		struct ws_part part = { .left = 1 };
		struct buf frame = { 0 };
		char header[WS_WRITE_HEADER_MAX];
		size_t n = ws_write_header(&tools, header, WS_OP_BINARY, true, false, lens[i]);
		weir_str bytes;

		cr_assert_eq(buf_append(&frame, header, n), 0);
		cr_assert_eq(buf_append(&frame, payload, lens[i]), 0);
		cr_assert_eq(buf_append(&frame, "\x89\x80next", 6), 0);
		bytes = buf_str(&frame);
		do {
			cr_assert_eq(ws_intake_next(in, &bytes, &part), 1, "len %zu", lens[i]);
			cr_expect(!part.is_masked);
		} while (part.left > 0);
		cr_expect_eq(bytes.len, 6, "len %zu: %zu", lens[i], bytes.len);
		cr_expect(ws_intake_is_between_frames(in));
		buf_done(&frame);
		(void)ws_intake_give(&tools, in);
	}
}

Test(ws_intake, goes_on_byte_by_byte)
{
	struct ws_intake *in = ws_intake_take(&tools);
	struct buf frame = { 0 }, got = { 0 };
	char payload[300];

	memset(payload, 'p', sizeof(payload));
	ws_feed_frame(&frame, 0x01, (weir_str){ payload, sizeof(payload) });
	for (size_t i = 0; i < frame.len; i++) {
		weir_str byte = { frame.data + i, 1 };
		struct ws_part part;
		int r;

		r = ws_intake_next(in, &byte, &part);
		cr_assert_eq(r, i >= 8, "byte %zu", i);
		cr_expect_eq(byte.len, 0);
		if (r == 1)
			cr_assert_eq(buf_append_str(&got, part.bytes), 0);
	}
	cr_expect(weir_str_eq(buf_str(&got), (weir_str){ payload, sizeof(payload) }));
	buf_done(&frame);
	buf_done(&got);
	(void)ws_intake_give(&tools, in);
}

Test(ws_intake, tells_what_a_header_says)
{
	struct ws_intake *in = ws_intake_take(&tools);
	weir_str bytes = { "\x7a\x01x", 3 };
	struct ws_part part;

	/* Not final, all three bits, a pong: but for that it is no final frame wslay judges nothing. */
	cr_expect_eq(ws_intake_next(in, &bytes, &part), -EPROTO);
	(void)ws_intake_give(&tools, in);

	in = ws_intake_take(&tools);
	bytes = (weir_str){ "\x73\x01x", 3 };
	cr_assert_eq(ws_intake_next(in, &bytes, &part), 1);
	cr_expect(!part.is_final && !part.is_masked && part.is_start);
	cr_expect_eq(part.reserved, 7);
	cr_expect_eq(part.opcode, 3);
	(void)ws_intake_give(&tools, in);
}

Test(ws_intake, is_used_again_between_frames_only)
{
	struct ws_intake *in = ws_intake_take(&tools);
	weir_str bytes = { "\x81", 1 };
	struct ws_part part;

	(void)ws_intake_give(&tools, in);
	cr_expect_eq(tools.intakes.n_unused, 1);
	in = ws_intake_take(&tools);
	cr_assert_eq(ws_intake_next(in, &bytes, &part), 0);
	cr_expect(!ws_intake_is_between_frames(in));
	(void)ws_intake_give(&tools, in);
	cr_expect_eq(tools.intakes.n_unused, 0);
	cr_expect_eq(tools.intakes.n_taken, 0);
}

Test(ws_intake, says_when_there_is_no_memory)
{
	cr_expect_null(ws_intake_give(&tools, NULL));
	oom_fail_at(1);
	cr_expect_null(ws_intake_take(&tools));
	cr_expect(oom_has_failed());
	cr_expect_eq(tools.intakes.n_taken, 0);
}
