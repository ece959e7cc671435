/*
 * test_ws_read_held.c - what ws_read hands out and holds on the way: pieces of long
 * messages, compressed ones with every window, memory between frames, and none of it.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "proto/ws_deflater.h"
#include "proto/ws_intake.h"
#include "proto/ws_read.h"
#include "proto/ws_tools.h"
#include "ws_feed.h"

#include "oom.h"

#define FINAL 0x80
#define RSV1 0x40
enum { CONT, TEXT, BINARY, CLOSE = 8, PING, PONG };

static struct ws_tools tools;

static void setup(void)
{
	cr_assert_eq(ws_tools_init(&tools), 0);
}

static void teardown(void)
{
	ws_tools_done(&tools);
}

TestSuite(ws_read_held, .init = setup, .fini = teardown);

static const struct ws_deflate_params fresh = {
	.server_bits = 15, .client_bits = 15, .no_server_context = true, .no_client_context = true
};
static const struct ws_deflate_params kept = { .server_bits = 15, .client_bits = 15 };

/* A compressed message, in one frame. */
static void put_compressed(struct buf *out, struct ws_deflater **context,
			   const struct ws_deflate_params *params, uint8_t first, weir_str message)
{
	struct buf packed = { 0 };

	cr_assert_eq(ws_deflater_piece(&tools, context, params, message, true, &packed), 0);
	ws_feed_frame(out, first, buf_str(&packed));
	buf_done(&packed);
}

static char *text_of(size_t len)
{
	char *text = malloc(len + 32);
	size_t n = 0;

	for (unsigned i = 0; n < len; i++)
		n += (size_t)snprintf(text + n, 32, "%u\xc3\xa4%x,", i, i * 2654435761u);
	/* No character is cut. */
	while (((unsigned char)text[len] & 0xc0) == 0x80)
		text[len--] = 'x';
	return text;
}

static int next(struct ws_read *r, weir_str *bytes, struct ws_event *event)
{
	enum fault fault;

	return ws_read_next(r, bytes, event, &fault);
}

Test(ws_read_held, is_small)
{
	cr_expect_leq(sizeof(struct ws_read), 64);
}

Test(ws_read_held, a_long_message_comes_in_pieces_that_say_what_is_left)
{
	size_t len = 1 << 20, at = 0;
	char *message = calloc(1, len);
	struct buf frame = { 0 };
	struct ws_event event;
	struct ws_read r;
	weir_str bytes;

	ws_feed_frame(&frame, FINAL | BINARY, (weir_str){ message, len });
	bytes = buf_str(&frame);
	ws_read_init(&r, &tools, NULL);
	while (next(&r, &bytes, &event) == 1) {
		cr_assert_eq(event.is_first, at == 0);
		at += event.bytes.len;
		cr_assert_eq(event.left, len - at);
		cr_assert_eq(event.is_last, at == len);
		cr_expect_leq(ws_read_held(&r), WS_INTAKE_SIZE);
	}
	cr_expect_eq(at, len);
	cr_expect_eq(ws_read_held(&r), 0);
	ws_read_done(&r);
	buf_done(&frame);
	free(message);
}

Test(ws_read_held, a_limit_can_refuse_before_the_bytes_are_there)
{
	struct ws_event event;
	struct ws_read r;
	weir_str bytes = { "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0x", 15 };

	ws_read_init(&r, &tools, NULL);
	cr_assert_eq(next(&r, &bytes, &event), 1);
	cr_expect_eq(event.bytes.len, 1);
	cr_expect_eq(event.left, INT64_MAX - 1);
	ws_read_done(&r);
}

Test(ws_read_held, nothing_is_held_between_frames_and_after_a_release)
{
	struct buf bytes = { 0 };
	struct ws_event event;
	struct ws_read r;

	ws_read_init(&r, &tools, &fresh);
	ws_feed_frame(&bytes, FINAL | TEXT, WEIR_STR("whole"));
	ws_feed_frame(&bytes, TEXT, WEIR_STR("a fragment"));
	ws_feed_frame(&bytes, FINAL | PING, WEIR_STR("ping"));
	ws_feed_frame(&bytes, FINAL | CONT, WEIR_STR("another"));
	for (size_t step = 1; step <= bytes.len; step++) {
		int n_events = 0;

		for (size_t at = 0; at < bytes.len; at += step) {
			size_t n = step < bytes.len - at ? step : bytes.len - at;
			weir_str part = { bytes.data + at, n };

			while (next(&r, &part, &event) == 1) {
				n_events += event.type != WS_PIECE || event.is_last;
				cr_expect_gt(ws_read_held(&r), 0);
			}
			cr_expect(!ws_read_has_more(&r));
		}
		cr_expect_eq(n_events, 3, "step %zu", step);
		cr_expect_eq(ws_read_held(&r), 0, "step %zu", step);
	}
	ws_read_done(&r);
	buf_done(&bytes);
}

Test(ws_read_held, an_event_is_good_until_it_is_released_whatever_others_read)
{
	struct buf a = { 0 }, b = { 0 };
	struct ws_read read_a, read_b;
	struct ws_event event_a, event_b;
	struct ws_deflater *none = NULL;
	weir_str bytes;

	ws_read_init(&read_a, &tools, &fresh);
	ws_read_init(&read_b, &tools, &fresh);
	ws_feed_frame(&a, FINAL | TEXT, WEIR_STR("quick a"));
	put_compressed(&a, &none, &fresh, FINAL | RSV1 | TEXT, WEIR_STR("packed a"));
	ws_feed_frame(&a, FINAL | PING, WEIR_STR("ping a"));
	ws_feed_frame(&b, FINAL | TEXT, WEIR_STR("quick b"));
	put_compressed(&b, &none, &fresh, FINAL | RSV1 | TEXT, WEIR_STR("packed b"));
	ws_feed_frame(&b, FINAL | PING, WEIR_STR("ping b"));

	bytes = buf_str(&a);
	for (size_t i = 0; i < 3; i++) {
		static const char *const words[] = { "quick a", "packed a", "ping a" };
		weir_str other = buf_str(&b);

		cr_assert_eq(next(&read_a, &bytes, &event_a), 1);
		while (next(&read_b, &other, &event_b) == 1)
			;
		cr_expect(weir_str_eq(event_a.bytes, weir_strz(words[i])), "%s", words[i]);
	}
	ws_read_done(&read_a);
	ws_read_done(&read_b);
	buf_done(&a);
	buf_done(&b);
}

Test(ws_read_held, inflates_with_every_window_with_and_without_contexts)
{
	static const size_t lens[] = { 0, 10, 0, 0, 3000, 16384, 60000, 10 };
	char *text = text_of(60000);

	for (unsigned i = 0; i < 14; i++) {
		uint8_t bits = (uint8_t)(9 + i / 2);
		bool is_fresh = i % 2;
		struct ws_deflate_params params = { .server_bits = bits,
						    .client_bits = bits,
						    .no_server_context = is_fresh,
						    .no_client_context = is_fresh };
		struct ws_feed how = { .deflate = &params };
		struct ws_deflater *context = NULL;
		struct buf bytes = { 0 }, expected = { 0 };
		char *out;

		for (size_t j = 0; j < ARRAY_LEN(lens); j++) {
			weir_str message = { text, lens[j] };

			put_compressed(&bytes, &context, &params, FINAL | RSV1 | BINARY, message);
			ws_feed_frame(&bytes, FINAL | TEXT, WEIR_STR("plain"));
			buf_say(&expected, "binary ");
			ws_feed_say_bytes(&expected, message);
			buf_say(&expected, "text 5 plain\n");
		}
		buf_say(&expected, "done\n");
		for (size_t step = 0; step < 1000; step = step * 9 + 1) {
			how.first = how.step = step;
			out = ws_feed_run(&how, buf_str(&bytes));
			cr_expect(weir_str_eq(weir_strz(out), buf_str(&expected)),
				  "bits %u step %zu:\n%s", bits, step, out);
			free(out);
		}
		(void)ws_deflater_give(&tools, context);
		buf_done(&bytes);
		buf_done(&expected);
	}
	free(text);
}

Test(ws_read_held, compressed_fragments_stand_between_control_frames)
{
	struct ws_feed how = { .deflate = &fresh };
	struct ws_deflater *none = NULL;
	struct buf packed = { 0 }, bytes = { 0 };
	char *text, *differs;

	cr_assert_eq(ws_deflater_piece(&tools, &none, &fresh, WEIR_STR("h\xc3\xa4llo h\xc3\xa4llo"),
				       true, &packed),
		     0);
	for (size_t i = 0; i < packed.len; i++) {
		ws_feed_frame(&bytes, i == 0 ? RSV1 | TEXT : CONT,
			      (weir_str){ packed.data + i, 1 });
		ws_feed_frame(&bytes, FINAL | PING, WEIR_STR(""));
	}
	ws_feed_frame(&bytes, FINAL | CONT, WEIR_STR(""));
	text = ws_feed_run(&how, buf_str(&bytes));
	cr_expect_not_null(strstr(text, "\ntext 13 h\\xc3\\xa4llo h\\xc3\\xa4llo\ndone\n"), "%s",
			   text);
	differs = ws_feed_differs(&how, buf_str(&bytes));
	cr_expect_null(differs, "%s", differs);
	free(text);
	free(differs);
	buf_done(&packed);
	buf_done(&bytes);
}

static void expect_fault(uint8_t first, weir_str payload, uint8_t second, const char *expected)
{
	struct ws_feed how = { .deflate = &fresh };
	struct buf bytes = { 0 };
	char *text, *differs;

	ws_feed_frame(&bytes, first, payload);
	ws_feed_frame(&bytes, second, WEIR_STR("x"));
	text = ws_feed_run(&how, buf_str(&bytes));
	differs = ws_feed_differs(&how, buf_str(&bytes));
	cr_expect_str_eq(text, expected);
	cr_expect_null(differs, "%s", differs);
	free(text);
	free(differs);
	buf_done(&bytes);
}

static void expect_not_utf8(weir_str text)
{
	struct ws_deflater *none = NULL;
	struct buf packed = { 0 };

	cr_assert_eq(ws_deflater_piece(&tools, &none, &fresh, text, true, &packed), 0);
	expect_fault(FINAL | RSV1 | TEXT, buf_str(&packed), FINAL | TEXT,
		     "fault 1007 ws-not-utf8\nover\n");
	buf_done(&packed);
}

Test(ws_read_held, refuses_what_is_wrong_with_compressed_messages)
{
	expect_not_utf8(WEIR_STR("a\xed\xa0\x80"));
	expect_not_utf8(WEIR_STR("ends inside \xe2\x82"));
	expect_fault(FINAL | RSV1 | TEXT, WEIR_STR("\xff\xff"), FINAL | TEXT,
		     "fault 1007 ws-inflate\nover\n");
	expect_fault(FINAL | RSV1 | PING, WEIR_STR(""), FINAL | TEXT,
		     "fault 1002 ws-reserved-bits\nover\n");
	expect_fault(RSV1 | TEXT, (weir_str){ "\x00", 1 }, FINAL | RSV1 | CONT,
		     "fault 1002 ws-reserved-bits\nover\n");
	expect_fault(TEXT, WEIR_STR("a"), FINAL | RSV1 | CONT,
		     "fault 1002 ws-reserved-bits\nover\n");
	expect_fault(FINAL | RSV1 | 0x20 | TEXT, WEIR_STR("a"), FINAL | TEXT,
		     "fault 1002 ws-reserved-bits\nover\n");
}

Test(ws_read_held, little_that_stands_for_much_comes_a_room_at_a_time)
{
	size_t len = 4 << 20, total = 0;
	char *zeros = calloc(1, len);
	struct ws_deflater *none = NULL;
	struct buf frame = { 0 };
	struct ws_event event;
	struct ws_read r;
	weir_str bytes;

	put_compressed(&frame, &none, &fresh, FINAL | RSV1 | BINARY, (weir_str){ zeros, len });
	cr_assert_lt(frame.len, 20000);
	bytes = buf_str(&frame);
	ws_read_init(&r, &tools, &fresh);
	while (bytes.len > 0 || ws_read_has_more(&r)) {
		cr_assert_eq(next(&r, &bytes, &event), 1);
		total += event.bytes.len;
		cr_assert_leq(event.bytes.len, WS_ROOM_SIZE);
		cr_assert_leq(ws_read_held(&r), 64 * 1024);
	}
	cr_expect(event.is_last);
	cr_expect_eq(total, len);
	ws_read_release(&r);
	cr_expect_eq(ws_read_held(&r), 0);

	/* Or the caller has had enough of it. */
	bytes = buf_str(&frame);
	cr_assert_eq(next(&r, &bytes, &event), 1);
	cr_expect(ws_read_has_more(&r));
	ws_read_done(&r);
	cr_expect_eq(ws_read_held(&r), 0);
	buf_done(&frame);
	free(zeros);
}

Test(ws_read_held, a_context_that_is_kept_is_all_that_is_held)
{
	struct ws_deflater *context = NULL;
	struct buf bytes = { 0 };
	struct ws_event event;
	struct ws_read r;
	weir_str rest;

	ws_read_init(&r, &tools, &kept);
	put_compressed(&bytes, &context, &kept, FINAL | RSV1 | TEXT, WEIR_STR("hello"));
	rest = buf_str(&bytes);
	cr_assert_eq(next(&r, &rest, &event), 1);
	ws_read_release(&r);
	cr_expect_eq(tools.rooms.n_taken, 0);
	cr_expect_eq(tools.intakes.n_taken, 0);
	cr_expect_eq(tools.inflaters.n_taken, 1);
	cr_expect_gt(ws_read_held(&r), 32768);
	ws_read_done(&r);
	cr_expect_eq(tools.inflaters.n_taken, 0);
	(void)ws_deflater_give(&tools, context);
	buf_done(&bytes);
}

/* All the ways to need memory; whether it went well. */
static int read_all(struct ws_read *r, weir_str bytes)
{
	struct ws_event event;
	int rc;

	for (size_t i = 0; i < bytes.len; i += 7) {
		weir_str part = { bytes.ptr + i, bytes.len - i < 7 ? bytes.len - i : 7 };

		while ((rc = next(r, &part, &event)) == 1)
			;
		if (rc < 0)
			return rc;
	}
	return 0;
}

Test(ws_read_held, says_when_there_is_no_memory)
{
	struct ws_deflater *none = NULL;
	struct buf bytes = { 0 };
	unsigned n = 1;

	ws_feed_frame(&bytes, FINAL | TEXT, WEIR_STR(""));
	put_compressed(&bytes, &none, &fresh, FINAL | RSV1 | TEXT, WEIR_STR("hello hello"));
	ws_feed_frame(&bytes, FINAL | PING, WEIR_STR("ping"));
	for (;; n++) {
		struct ws_read r;
		int rc;

		ws_tools_trim(&tools);
		ws_read_init(&r, &tools, &fresh);
		oom_fail_at(n);
		rc = read_all(&r, buf_str(&bytes));
		if (!oom_has_failed()) {
			cr_expect_eq(rc, 0);
			ws_read_done(&r);
			break;
		}
		/* The straight path does without, and wslay is asked. */
		cr_expect(rc == -ENOMEM || (rc == 0 && n == 1), "allocation %u: %d", n, rc);
		if (rc < 0)
			cr_expect_eq(ws_read_held(&r), 0, "allocation %u", n);
		ws_read_done(&r);
	}
	cr_expect_geq(n, 6u);
	buf_done(&bytes);
}
