/* test_ws_inflater.c - the ends that messages have, and rooms that are too small. */
#include "proto/ws_inflater.h"

#include <criterion/criterion.h>

#include "base/buf.h"
#include "oom.h"

static struct ws_tools tools;

static void setup(void)
{
	cr_assert_eq(ws_tools_init(&tools), 0);
}

static void teardown(void)
{
	ws_tools_done(&tools);
}

TestSuite(ws_inflater, .init = setup, .fini = teardown);

/* All that comes out; the last result. */
static int inflate_all(struct ws_inflater *i, weir_str bytes, bool is_end, struct buf *out)
{
	struct ws_room *room = ws_tools_take_room(&tools);
	int r;

	ws_inflater_feed(i, bytes, is_end);
	do {
		weir_str piece = { 0 };

		r = ws_inflater_next(i, room, &piece);
		if (r >= 0)
			cr_assert_eq(buf_append_str(out, piece), 0);
	} while (r == WS_INFLATER_FULL);
	(void)ws_tools_give_room(&tools, room);
	return r;
}

static void expect(struct ws_inflater *i, weir_str bytes, weir_str expected)
{
	struct buf out = { 0 };

	cr_expect_eq(inflate_all(i, bytes, true, &out), WS_INFLATER_OVER, "%.*s", (int)expected.len,
		     expected.ptr);
	cr_expect(weir_str_eq(buf_str(&out), expected), "%.*s", (int)out.len, out.data);
	buf_done(&out);
}

#define BYTES(s) ((weir_str){ s, sizeof(s) - 1 })

/* RFC 7692, section 7.2.3: its examples, all of "Hello". */
static const weir_str examples[] = {
	{ "\xf2\x48\xcd\xc9\xc9\x07\x00", 7 },			/* one block */
	{ "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11 }, /* not compressed */
	{ "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8 },		/* BFINAL, and an empty block */
	{ "\xf3\x48\xcd\xc9\xc9\x07\x00", 7 },			/* BFINAL alone */
	{ "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13 }, /* two blocks */
};

static void check_example(const weir_str *example)
{
	struct ws_inflater *i = ws_inflater_take(&tools, 15);

	/* And again: the stream has survived the end. */
	for (int n = 0; n < 3; n++)
		expect(i, *example, WEIR_STR("Hello"));
	(void)ws_inflater_give(&tools, i);
}

Test(ws_inflater, reads_the_examples)
{
	for (size_t i = 0; i < ARRAY_LEN(examples); i++)
		check_example(&examples[i]);
}

Test(ws_inflater, empty_messages_leave_the_stream_in_order)
{
	struct ws_inflater *i = ws_inflater_take(&tools, 15);

	expect(i, BYTES("\x00"), WEIR_STR(""));
	expect(i, BYTES(""), WEIR_STR(""));
	expect(i, BYTES("\x02\x00"), WEIR_STR(""));
	expect(i, BYTES("\xf2\x48\xcd\xc9\xc9\x07\x00"), WEIR_STR("Hello"));
	expect(i, BYTES("\x03\x00"), WEIR_STR(""));
	expect(i, BYTES("\xf2\x48\xcd\xc9\xc9\x07\x00"), WEIR_STR("Hello"));
	(void)ws_inflater_give(&tools, i);
}

Test(ws_inflater, a_message_may_refer_to_the_one_before)
{
	struct ws_inflater *i = ws_inflater_take(&tools, 15);

	/* RFC 7692, section 7.2.3.2. */
	expect(i, BYTES("\xf2\x48\xcd\xc9\xc9\x07\x00"), WEIR_STR("Hello"));
	expect(i, BYTES("\xf2\x00\x11\x00\x00"), WEIR_STR("Hello"));
	(void)ws_inflater_give(&tools, i);
}

Test(ws_inflater, the_window_goes_on_behind_a_final_block)
{
	struct ws_inflater *i = ws_inflater_take(&tools, 15);

	expect(i, BYTES("\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x00\x11\x00\x00"),
	       WEIR_STR("HelloHello"));
	(void)ws_inflater_give(&tools, i);
}

Test(ws_inflater, who_takes_one_sees_nothing_of_who_gave_it_back)
{
	struct ws_inflater *i = ws_inflater_take(&tools, 15);
	struct buf out = { 0 };

	expect(i, BYTES("\xf2\x48\xcd\xc9\xc9\x07\x00"), WEIR_STR("Hello"));
	(void)ws_inflater_give(&tools, i);
	cr_assert_eq(ws_inflater_take(&tools, 15), i, "it is the same");
	cr_expect_eq(inflate_all(i, BYTES("\xf2\x00\x11\x00\x00"), true, &out), -EPROTO);
	(void)ws_inflater_give(&tools, i);
	buf_done(&out);
}

static const weir_str broken[] = {
	{ "\xff\xff\xff", 3 },		       /* a block of a kind there is none of */
	{ "\xf2\x48\xcd\xc9\xc9", 5 },	       /* cut inside the block */
	{ "\x00\x05\x00\xfa\xff\x48\x65", 7 }, /* inside a stored one */
	{ "\xf2\x00\x11\x00\x00", 5 },	       /* refers to what never was */
	{ "\x00\x05\x00\xfa\xfe\x48\x65\x6c\x6c\x6f\x00", 11 }, /* length and complement differ */
	{ "\xf3\x48\xcd\xc9\xc9\x07\x00\xff", 8 },		/* rubbish behind the final block */
};

static void check_broken(const weir_str *bytes)
{
	struct ws_inflater *i = ws_inflater_take(&tools, 15);
	struct buf out = { 0 };

	cr_expect_eq(inflate_all(i, *bytes, true, &out), -EPROTO, "%zu bytes", bytes->len);
	(void)ws_inflater_give(&tools, i);
	buf_done(&out);
}

Test(ws_inflater, refuses_what_no_compressor_makes)
{
	for (size_t i = 0; i < ARRAY_LEN(broken); i++)
		check_broken(&broken[i]);
}

Test(ws_inflater, makes_much_of_little_one_room_at_a_time)
{
	static const char zeros[1 << 20];
	struct ws_inflater *i = ws_inflater_take(&tools, 15);
	struct ws_room *room = ws_tools_take_room(&tools);
	Bytef packed[4096];
	z_stream z = { .next_in = (const Bytef *)zeros,
		       .avail_in = sizeof(zeros),
		       .next_out = packed,
		       .avail_out = sizeof(packed) };
	size_t total = 0;
	weir_str piece;
	int r;

	cr_assert_eq(deflateInit2(&z, 9, Z_DEFLATED, -15, 8, 0), Z_OK);
	cr_assert_eq(deflate(&z, Z_SYNC_FLUSH), Z_OK);
	ws_inflater_feed(i, (weir_str){ (char *)packed, z.total_out - 4 }, true);
	while ((r = ws_inflater_next(i, room, &piece)) == WS_INFLATER_FULL) {
		cr_assert_eq(piece.len, WS_ROOM_SIZE);
		total += piece.len;
	}
	cr_expect_eq(r, WS_INFLATER_OVER);
	cr_expect_eq(total + piece.len, sizeof(zeros));
	(void)deflateEnd(&z);
	(void)ws_tools_give_room(&tools, room);
	(void)ws_inflater_give(&tools, i);
}

Test(ws_inflater, says_when_there_is_no_memory)
{
	struct ws_room *room = ws_tools_take_room(&tools);
	unsigned n = 1;

	/* Its struct, its state, and with the first bytes its window. */
	for (;; n++) {
		struct ws_inflater *i;
		weir_str piece;
		int r = -ENOMEM;

		ws_tools_trim(&tools);
		oom_fail_at(n);
		i = ws_inflater_take(&tools, 15);
		if (i) {
			ws_inflater_feed(i, BYTES("\xf2\x48\xcd\xc9\xc9\x07\x00"), true);
			r = ws_inflater_next(i, room, &piece);
		}
		(void)ws_inflater_give(&tools, i);
		if (!oom_has_failed()) {
			cr_expect_eq(r, WS_INFLATER_OVER);
			break;
		}
		cr_expect_eq(r, -ENOMEM, "allocation %u: %d", n, r);
		cr_expect_eq(tools.inflaters.n_taken, 0);
	}
	cr_expect_eq(n, 4u);
	(void)ws_tools_give_room(&tools, room);
}
