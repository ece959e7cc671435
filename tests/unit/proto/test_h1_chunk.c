/* test_h1_chunk.c - the frame alone; its refusals are also rows of test_h1_read.c. */
#include "proto/h1_chunk.h"

#include <criterion/criterion.h>

#include "base/buf.h"

/* Feeds step bytes at a time; the data goes to *body. Returns the last result. */
static int feed(weir_str bytes, size_t step, struct buf *body, size_t *ret_used, enum fault *fault)
{
	struct h1_chunk c;
	size_t at = 0;
	int r = 0;

	h1_chunk_init(&c);
	buf_init(body, 0);
	while (at < bytes.len && r != H1_CHUNK_LAST) {
		size_t n = step < bytes.len - at ? step : bytes.len - at, used = 0;
		weir_str piece;

		r = h1_chunk_next(&c, 1000, bytes.ptr + at, n, &used, &piece, fault);
		if (r < 0)
			return r;
		if (r == 1)
			cr_assert_eq(buf_append_str(body, piece), 0);
		at += used;
	}
	*ret_used = at;
	return r;
}

Test(h1_chunk, gives_the_same_data_however_it_is_fed)
{
	weir_str bytes = WEIR_STR("3\r\nabc\r\n00A;x=\"y z\"\r\n0123456789\r\n0;q\r\nrest");

	for (size_t step = 1; step <= bytes.len; step++) {
		enum fault fault = FAULT_NONE;
		struct buf body;
		size_t used = 0;

		cr_assert_eq(feed(bytes, step, &body, &used, &fault), H1_CHUNK_LAST, "step %zu: %s",
			     step, fault_name(fault));
		cr_expect(weir_str_eq(buf_str(&body), WEIR_STR("abc0123456789")), "step %zu", step);
		cr_expect_eq(used, bytes.len - 4, "step %zu", step);
		buf_done(&body);
	}
}

Test(h1_chunk, ends_a_piece_where_the_bytes_end)
{
	struct h1_chunk c;
	enum fault fault = FAULT_NONE;
	weir_str piece;
	size_t used;

	h1_chunk_init(&c);
	cr_expect_eq(h1_chunk_next(&c, 100, "5\r\nab", 5, &used, &piece, &fault), 1);
	cr_expect_eq(used, 5);
	cr_expect_eq(piece.len, 2);
	cr_expect_eq(h1_chunk_next(&c, 100, "", 0, &used, &piece, &fault), 0);
	cr_expect_eq(h1_chunk_next(&c, 100, "cde\r", 4, &used, &piece, &fault), 1);
	cr_expect_eq(used, 3);
}

Test(h1_chunk, refuses_a_chunk_before_its_data_when_the_body_would_be_too_large)
{
	enum fault fault = FAULT_NONE;
	struct buf body;
	size_t used;

	cr_expect_eq(feed(WEIR_STR("3e9\r\n"), 1, &body, &used, &fault), -EPROTO);
	cr_expect_eq(fault, FAULT_BODY_TOO_LARGE);
	cr_expect_eq(feed(WEIR_STR("3e8\r\n"), 1, &body, &used, &fault), 0);
	buf_done(&body);
}

Test(h1_chunk, counts_digits_not_values)
{
	enum fault fault = FAULT_NONE;
	struct buf body;
	size_t used;

	cr_expect_eq(feed(WEIR_STR("0000000000000001\r\nx\r\n0\r\n"), 1, &body, &used, &fault),
		     H1_CHUNK_LAST);
	buf_done(&body);
	cr_expect_eq(feed(WEIR_STR("00000000000000001"), 1, &body, &used, &fault), -EPROTO);
	cr_expect_eq(fault, FAULT_H1_CHUNK_SIZE);
}
