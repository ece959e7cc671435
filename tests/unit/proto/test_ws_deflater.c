/* test_ws_deflater.c - what zlib itself makes of it, by every window, with and without contexts. */
#include "proto/ws_deflater.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <zlib.h>

#include "oom.h"
#include "proto/ws_tools.h"

static struct ws_tools tools;

static void setup(void)
{
	cr_assert_eq(ws_tools_init(&tools), 0);
}

static void teardown(void)
{
	ws_tools_done(&tools);
}

TestSuite(ws_deflater, .init = setup, .fini = teardown);

static const struct ws_deflate_params shared = { .server_bits = 15, .no_server_context = true };
static const struct ws_deflate_params kept = { .server_bits = 15 };

/* A receiver with the very window that was agreed; it forgets the messages before unless it keeps. */
struct receiver {
	z_stream z;
	bool keeps;
};

static void receiver_init(struct receiver *r, const struct ws_deflate_params *params)
{
	*r = (struct receiver){ .keeps = !params->no_server_context };
	cr_assert_eq(inflateInit2(&r->z, -params->server_bits), Z_OK);
}

/* RFC 7692, section 7.2.2. The message must end at a block's end. */
static void receive(struct receiver *r, weir_str compressed, weir_str expected)
{
	struct buf in = { 0 };
	Bytef *out = malloc(expected.len + 100);

	if (!r->keeps)
		cr_assert_eq(inflateReset(&r->z), Z_OK);
	cr_assert_eq(buf_append_str(&in, compressed), 0);
	cr_assert_eq(buf_append(&in, "\x00\x00\xff\xff", 4), 0);
	r->z.next_in = (Bytef *)in.data;
	r->z.avail_in = (uInt)in.len;
	r->z.next_out = out;
	r->z.avail_out = (uInt)expected.len + 100;
	cr_assert_eq(inflate(&r->z, Z_SYNC_FLUSH), Z_OK);
	cr_expect_eq(r->z.avail_in, 0);
	cr_expect(r->z.data_type & 128, "not at a block's end");
	cr_assert_eq(expected.len + 100 - r->z.avail_out, expected.len);
	cr_expect(memcmp(out, expected.ptr, expected.len) == 0);
	free(out);
	buf_done(&in);
}

/* Text that a compressor finds something in, and something not. */
static char *text_of(size_t len)
{
	char *text = malloc(len + 32);
	size_t n = 0;

	for (unsigned i = 0, odd = 1; n < len; i++) {
		odd = odd * 1103515245u + 12345u;
		n += (size_t)snprintf(text + n, 32, "{\"id\":%u,\"value\":%u},", i, odd >> 8);
	}
	return text;
}

Test(ws_deflater, is_understood_with_every_window_and_with_and_without_contexts)
{
	static const size_t lens[] = { 0, 1, 100, 0, 0, 5000, 100000, 100, 0 };
	char *text = text_of(100000);

	for (unsigned i = 0; i < 14; i++) {
		struct ws_deflate_params params = { .server_bits = (uint8_t)(9 + i / 2),
						    .no_server_context = i % 2 };
		struct ws_deflater *context = NULL;
		struct receiver r;

		receiver_init(&r, &params);
		for (size_t j = 0; j < ARRAY_LEN(lens); j++) {
			weir_str message = { text, lens[j] };
			struct buf out = { 0 };

			cr_assert_eq(
				ws_deflater_piece(&tools, &context, &params, message, true, &out),
				0);
			cr_expect_gt(out.len, 0, "no byte at all is no message for everybody");
			receive(&r, buf_str(&out), message);
			cr_expect_eq(context == NULL, params.no_server_context);
			buf_done(&out);
		}
		(void)ws_deflater_give(&tools, context);
		(void)inflateEnd(&r.z);
	}
	free(text);
}

Test(ws_deflater, takes_a_message_in_pieces)
{
	char *text = text_of(50000);
	struct ws_deflater *context = NULL;
	struct buf out = { 0 };
	struct receiver r;

	receiver_init(&r, &shared);
	for (size_t at = 0; at < 50000; at += 1000) {
		cr_assert_eq(ws_deflater_piece(&tools, &context, &shared,
					       (weir_str){ text + at, 1000 }, false, &out),
			     0);
		cr_expect_not_null(context, "a message is under way");
	}
	cr_assert_eq(ws_deflater_piece(&tools, &context, &shared, WEIR_STR(""), true, &out), 0);
	cr_expect_null(context);
	receive(&r, buf_str(&out), (weir_str){ text, 50000 });
	(void)inflateEnd(&r.z);
	buf_done(&out);
	free(text);
}

Test(ws_deflater, two_sessions_inside_messages_do_not_meet)
{
	struct ws_deflater *a = NULL, *b = NULL;
	struct buf out_a = { 0 }, out_b = { 0 };
	struct receiver r;

	receiver_init(&r, &shared);
	cr_assert_eq(ws_deflater_piece(&tools, &a, &shared, WEIR_STR("hello "), false, &out_a), 0);
	cr_assert_eq(ws_deflater_piece(&tools, &b, &shared, WEIR_STR("good "), false, &out_b), 0);
	cr_assert_eq(ws_deflater_piece(&tools, &a, &shared, WEIR_STR("world"), true, &out_a), 0);
	cr_assert_eq(ws_deflater_piece(&tools, &b, &shared, WEIR_STR("bye"), true, &out_b), 0);
	receive(&r, buf_str(&out_a), WEIR_STR("hello world"));
	receive(&r, buf_str(&out_b), WEIR_STR("good bye"));
	(void)inflateEnd(&r.z);
	buf_done(&out_a);
	buf_done(&out_b);
}

Test(ws_deflater, a_context_makes_the_second_message_shorter)
{
	char *text = text_of(1000);
	struct ws_deflater *context = NULL;
	struct buf first = { 0 }, second = { 0 };

	cr_expect_eq(ws_deflater_size(context), 0);
	cr_assert_eq(
		ws_deflater_piece(&tools, &context, &kept, (weir_str){ text, 1000 }, true, &first),
		0);
	cr_assert_eq(
		ws_deflater_piece(&tools, &context, &kept, (weir_str){ text, 1000 }, true, &second),
		0);
	cr_expect_lt(second.len * 10, first.len);
	cr_expect_gt(ws_deflater_size(context), 262144);
	(void)ws_deflater_give(&tools, context);
	buf_done(&first);
	buf_done(&second);
	free(text);
}

Test(ws_deflater, says_when_there_is_no_memory)
{
	char *text = text_of(3000);

	for (unsigned n = 1;; n++) {
		struct ws_deflater *context = NULL;
		struct buf out = { 0 };
		int r;

		ws_tools_trim(&tools);
		oom_fail_at(n);
		r = ws_deflater_piece(&tools, &context, &kept, (weir_str){ text, 3000 }, true,
				      &out);
		if (!oom_has_failed()) {
			cr_expect_eq(r, 0);
			(void)ws_deflater_give(&tools, context);
			buf_done(&out);
			break;
		}
		cr_expect_eq(r, -ENOMEM, "allocation %u", n);
		cr_expect_null(context, "allocation %u", n);
		buf_done(&out);
	}
	free(text);
}

Test(ws_deflater, stops_at_the_limit_of_its_buffer)
{
	char *text = text_of(50000);
	struct ws_deflater *context = NULL;
	struct buf out;

	buf_init(&out, 2000);
	cr_expect_eq(
		ws_deflater_piece(&tools, &context, &kept, (weir_str){ text, 50000 }, true, &out),
		-EMSGSIZE);
	cr_expect_null(context);
	buf_done(&out);
	free(text);
}
