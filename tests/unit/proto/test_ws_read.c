/*
 * test_ws_read.c - every rule, however the bytes are cut: see ws_feed.h. What
 * frames ws_quick takes is test_ws_quick.c's, what messages inflate to is test_ws_inflater.c's.
 */
#include "proto/ws_read.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/ws_deflater.h"
#include "proto/ws_intake.h"
#include "proto/ws_tools.h"
#include "ws_feed.h"
#include "ws_model.h"

#define FINAL 0x80
#define RSV1 0x40
enum { CONT, TEXT, BINARY, CLOSE = 8, PING, PONG };

/* Frames in a row; a row ends with a first byte of 0xff. */
struct frame {
	uint8_t first;
	size_t len;
	const char *payload;
};

#define F(first, s)                     \
	{                               \
		first, sizeof(s) - 1, s \
	}
#define END                   \
	{                     \
		0xff, 0, NULL \
	}

struct row {
	const char *name;
	struct frame frames[8];
	const char *expected;
};

static void put_frames(struct buf *out, const struct frame *frame)
{
	for (; frame->first != 0xff; frame++)
		ws_feed_frame(out, frame->first, (weir_str){ frame->payload, frame->len });
}

static void expect(const char *name, const struct ws_deflate_params *deflate, weir_str bytes,
		   const char *expected)
{
	struct ws_feed how = { .deflate = deflate };
	char *text = ws_feed_run(&how, bytes), *differs = ws_feed_differs(&how, bytes);

	cr_expect_str_eq(text, expected, "%s:\n%s", name, text);
	cr_expect_null(differs, "%s: %s", name, differs);
	free(differs);
	free(text);
}

#define TEN "0123456789"
#define FORTY TEN TEN TEN TEN
#define LONG_126 FORTY FORTY FORTY "012345"
_Static_assert(sizeof(LONG_126) - 1 == 126, "just too long");

static const struct row rows[] = {
	{ "a text", { F(FINAL | TEXT, "hello"), END }, "text 5 hello\ndone\n" },
	{ "binary is not text",
	  { F(FINAL | BINARY, "\xff\x00"), END },
	  "binary 2 \\xff\\x00\ndone\n" },
	{ "empty messages",
	  { F(FINAL | TEXT, ""), F(FINAL | BINARY, ""), END },
	  "text 0 \nbinary 0 \ndone\n" },
	{ "fragments",
	  { F(TEXT, "a"), F(CONT, "bc"), F(FINAL | CONT, "d"), END },
	  "text 4 abcd\ndone\n" },
	{ "empty fragments",
	  { F(BINARY, ""), F(CONT, ""), F(CONT, "x"), F(FINAL | CONT, ""), END },
	  "binary 1 x\ndone\n" },
	{ "nothing but empty fragments",
	  { F(TEXT, ""), F(FINAL | CONT, ""), END },
	  "text 0 \ndone\n" },
	{ "control frames inside a message",
	  { F(TEXT, "he"), F(FINAL | PING, "p"), F(CONT, "l"), F(FINAL | PONG, ""),
	    F(FINAL | CONT, "lo"), END },
	  "ping 1 p\npong 0 \ntext 5 hello\ndone\n" },
	{ "a close inside a message",
	  { F(TEXT, "he"), F(FINAL | CLOSE, "\x03\xe8"), F(FINAL | CONT, "llo"), END },
	  "close 1000 0 \nover\n" },
	{ "a message that is not over", { F(TEXT, "he"), END }, "inside text 2 he\n" },
	{ "a character across fragments",
	  { F(TEXT, "\xe2"), F(CONT, "\x82"), F(FINAL | CONT, "\xac"), END },
	  "text 3 \\xe2\\x82\\xac\ndone\n" },
	{ "two messages",
	  { F(FINAL | TEXT, "a"), F(FINAL | TEXT, "b"), END },
	  "text 1 a\ntext 1 b\ndone\n" },

	{ "a close with nothing", { F(FINAL | CLOSE, ""), END }, "close 1005 0 \nover\n" },
	{ "a close with a reason",
	  { F(FINAL | CLOSE, "\x03\xe9off"), END },
	  "close 1001 3 off\nover\n" },
	{ "nothing counts behind a close",
	  { F(FINAL | CLOSE, "\x03\xe8"), F(FINAL | TEXT, "x"), F(0xf3, "x"), END },
	  "close 1000 0 \nover\n" },
	{ "a close of one byte", { F(FINAL | CLOSE, "\x03"), END }, "fault 1002 ws-close\nover\n" },
	{ "a reason that is not UTF-8",
	  { F(FINAL | CLOSE, "\x03\xe8\xc0\x80"), END },
	  "fault 1007 ws-not-utf8\nover\n" },
	{ "a reason that ends inside a character",
	  { F(FINAL | CLOSE, "\x03\xe8\xe2\x82"), END },
	  "fault 1007 ws-not-utf8\nover\n" },

	{ "RSV1 without compression",
	  { F(FINAL | RSV1 | TEXT, "x"), END },
	  "fault 1002 ws-reserved-bits\nover\n" },
	{ "RSV2", { F(FINAL | 0x20 | TEXT, "x"), END }, "fault 1002 ws-reserved-bits\nover\n" },
	{ "RSV3", { F(FINAL | 0x10 | PING, ""), END }, "fault 1002 ws-reserved-bits\nover\n" },
	{ "opcode 3", { F(FINAL | 3, "x"), END }, "fault 1002 ws-opcode\nover\n" },
	{ "opcode 7", { F(FINAL | 7, ""), END }, "fault 1002 ws-opcode\nover\n" },
	{ "opcode 11", { F(FINAL | 11, "x"), END }, "fault 1002 ws-opcode\nover\n" },
	{ "opcode 15 behind a text",
	  { F(FINAL | TEXT, "a"), { FINAL | 15, 0, "" }, END },
	  "text 1 a\nfault 1002 ws-opcode\nover\n" },
	{ "a fragmented ping", { F(PING, "x"), END }, "fault 1002 ws-frame\nover\n" },
	{ "a ping of 126 bytes",
	  { F(FINAL | PING, LONG_126), END },
	  "fault 1002 ws-frame\nover\n" },
	{ "a continuation of nothing",
	  { F(FINAL | CONT, "x"), END },
	  "fault 1002 ws-continuation\nover\n" },
	{ "a continuation of what is over",
	  { F(FINAL | TEXT, "a"), F(CONT, "x"), END },
	  "text 1 a\nfault 1002 ws-continuation\nover\n" },
	{ "a text inside a message",
	  { F(TEXT, "a"), F(FINAL | TEXT, "b"), END },
	  "fault 1002 ws-interleaved\nover\n" },
	{ "a message inside an empty beginning",
	  { F(BINARY, ""), F(BINARY, "b"), END },
	  "fault 1002 ws-interleaved\nover\n" },

	{ "text that is not UTF-8",
	  { F(FINAL | TEXT, "a\xed\xa0\x80"), END },
	  "fault 1007 ws-not-utf8\nover\n" },
	{ "text that ends inside a character",
	  { F(FINAL | TEXT, "\xe2\x82"), END },
	  "fault 1007 ws-not-utf8\nover\n" },
	{ "the same in fragments",
	  { F(TEXT, "\xe2\x82"), F(FINAL | CONT, ""), END },
	  "fault 1007 ws-not-utf8\nover\n" },
	{ "not UTF-8 in a fragment, before the rest is there",
	  { F(TEXT, "a\xff"), END },
	  "fault 1007 ws-not-utf8\nover\n" },
	{ "a new text begins with a character",
	  { F(TEXT, "\xe2\x82\xac"), F(FINAL | CONT, "x"), F(FINAL | TEXT, "\x82"), END },
	  "text 4 \\xe2\\x82\\xacx\nfault 1007 ws-not-utf8\nover\n" },
};

static void check_row(const struct row *row)
{
	struct buf bytes = { 0 };
	struct ws_feed terse = { .is_terse = true };
	char *model, *text;

	put_frames(&bytes, row->frames);
	expect(row->name, NULL, buf_str(&bytes), row->expected);
	text = ws_feed_run(&terse, buf_str(&bytes));
	model = ws_model_run(buf_str(&bytes));
	cr_expect_str_eq(text, model, "%s: the model says\n%s", row->name, model);
	free(text);
	free(model);
	buf_done(&bytes);
}

Test(ws_read, keeps_to_the_rules)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_row(&rows[i]);
}

struct raw_row {
	const char *name;
	weir_str bytes;
	const char *expected;
};

#define B(s)                     \
	{                        \
		s, sizeof(s) - 1 \
	}

static const struct raw_row raw_rows[] = {
	{ "not masked", B("\x81\x01x"), "fault 1002 ws-unmasked\nover\n" },
	{ "not masked and empty", B("\x81\x00"), "fault 1002 ws-unmasked\nover\n" },
	{ "a close that is not masked", B("\x88\x02\x03\xe8"), "fault 1002 ws-unmasked\nover\n" },
	{ "5 in two bytes", B("\x81\xfe\x00\x05mask"), "fault 1002 ws-frame\nover\n" },
	{ "125 in two bytes", B("\x81\xfe\x00\x7dmask"), "fault 1002 ws-frame\nover\n" },
	{ "65535 in eight bytes", B("\x81\xff\0\0\0\0\0\0\xff\xff"),
	  "fault 1002 ws-frame\nover\n" },
	{ "a length of 64 bits", B("\x82\xff\x80\0\0\0\0\0\0\0mask"),
	  "fault 1002 ws-frame\nover\n" },
	{ "a length of 63 bits", B("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0x"),
	  "inside binary 1 x\n" },
	{ "a ping whose length takes two bytes", B("\x89\xfe\x00\x7e"),
	  "fault 1002 ws-frame\nover\n" },
	{ "half a header", B("\x81"), "done\n" },
	{ "a header and no payload", B("\x81\x81mask"), "done\n" },
	{ "a message, and half a header", B("\x81\x80mask\x82"), "text 0 \ndone\n" },
};

static void check_raw_row(const struct raw_row *row)
{
	struct ws_feed terse = { .is_terse = true };
	char *text = ws_feed_run(&terse, row->bytes), *model = ws_model_run(row->bytes);

	expect(row->name, NULL, row->bytes, row->expected);
	cr_expect_str_eq(text, model, "%s: the model says\n%s", row->name, model);
	free(text);
	free(model);
}

Test(ws_read, keeps_to_the_rules_of_headers)
{
	for (size_t i = 0; i < ARRAY_LEN(raw_rows); i++)
		check_raw_row(&raw_rows[i]);
}

Test(ws_read, takes_only_codes_that_may_be_sent)
{
	struct ws_feed how = { .is_terse = true };

	for (unsigned code = 0; code < 65536; code += code >= 5010 ? 911 : 1) {
		char payload[2] = { (char)(code >> 8), (char)code };
		bool ok = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
			  (code >= 3000 && code <= 4999);
		struct buf frame = { 0 };
		char expected[64], *text;

		ws_feed_frame(&frame, FINAL | CLOSE, (weir_str){ payload, 2 });
		(void)snprintf(expected, sizeof(expected),
			       ok ? "close %u 0 \nover\n" : "fault 1002\nover\n", code);
		text = ws_feed_run(&how, buf_str(&frame));
		cr_assert_str_eq(text, expected);
		free(text);
		buf_done(&frame);
	}
}

/* Frames of all kinds, most of them right. */
static void put_random(struct buf *out, unsigned *seed)
{
	static const uint8_t firsts[] = {
		0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8a, 0x80, 0x00
	};
	static const char *const texts[] = { "a",	 "\xc3\xa4", "\xe2",
					     "\x82\xac", "\xf0\x9f", "hello" };
	static const size_t lens[] = { 0, 1, 5, 30, 125, 126, 200, 1000, 4096, 9000 };
	struct buf payload = { 0 };
	uint8_t first = firsts[rand_r(seed) % ARRAY_LEN(firsts)];
	size_t len = lens[rand_r(seed) % ARRAY_LEN(lens)];

	if (rand_r(seed) % 40 == 0)
		first = (uint8_t)rand_r(seed);
	while (payload.len < len) {
		const char *text = rand_r(seed) % 30 ? "x" : texts[rand_r(seed) % ARRAY_LEN(texts)];

		cr_assert_eq(buf_append_str(&payload, weir_strz(text)), 0);
	}
	if ((first & 8) && payload.len > 125)
		payload.len = 125;
	ws_feed_frame(out, first, buf_str(&payload));
	buf_done(&payload);
}

Test(ws_read, agrees_with_the_model_on_random_sessions)
{
	for (unsigned i = 0; i < 3000; i++) {
		struct ws_feed how = { .is_terse = true };
		struct buf bytes = { 0 };
		unsigned seed = i;
		char *text, *model;

		for (unsigned n = 1 + i % 12; n > 0; n--)
			put_random(&bytes, &seed);
		if (i % 5 == 0)
			bytes.len -= (size_t)rand_r(&seed) % bytes.len;
		model = ws_model_run(buf_str(&bytes));
		for (unsigned cut = 0; cut < 3; cut++) {
			text = ws_feed_run(&how, buf_str(&bytes));
			cr_assert_str_eq(text, model, "session %u:\n%s--- model:\n%s", i, text,
					 model);
			free(text);
			how.first = 1 + (size_t)rand_r(&seed) % 300;
			how.step = 1 + (size_t)rand_r(&seed) % 3000;
		}
		free(model);
		buf_done(&bytes);
	}
}
