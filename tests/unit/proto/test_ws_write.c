/* test_ws_write.c - frames byte by byte, as RFC 6455, section 5.2, draws them. */
#include "proto/ws_write.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

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

TestSuite(ws_write, .init = setup, .fini = teardown);

static bool is(const char *out, size_t n, weir_str expected)
{
	return weir_str_eq((weir_str){ out, n }, expected);
}

struct header_row {
	enum ws_opcode opcode;
	bool is_last, is_compressed;
	uint64_t len;
	weir_str expected;
};

#define BYTES(s)                 \
	{                        \
		s, sizeof(s) - 1 \
	}

static const struct header_row header_rows[] = {
	{ WS_OP_TEXT, true, false, 0, BYTES("\x81\x00") },
	{ WS_OP_TEXT, true, false, 125, BYTES("\x81\x7d") },
	{ WS_OP_TEXT, true, false, 126, BYTES("\x81\x7e\x00\x7e") },
	{ WS_OP_BINARY, true, false, 65535, BYTES("\x82\x7e\xff\xff") },
	{ WS_OP_BINARY, true, false, 65536, BYTES("\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00") },
	{ WS_OP_BINARY, true, false, INT64_MAX, BYTES("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff") },
	{ WS_OP_TEXT, false, false, 1, BYTES("\x01\x01") },
	{ WS_OP_CONTINUATION, false, false, 1, BYTES("\x00\x01") },
	{ WS_OP_CONTINUATION, true, false, 300, BYTES("\x80\x7e\x01\x2c") },
	{ WS_OP_TEXT, true, true, 1, BYTES("\xc1\x01") },
	{ WS_OP_BINARY, false, true, 300, BYTES("\x42\x7e\x01\x2c") },
	{ WS_OP_PING, true, false, 125, BYTES("\x89\x7d") },
	{ WS_OP_PONG, true, false, 0, BYTES("\x8a\x00") },
};

static void check_header_row(const struct header_row *row)
{
	char out[WS_WRITE_HEADER_MAX];

	/* Twice: wslay's context is as new after the first. */
	for (int i = 0; i < 2; i++) {
		size_t n = ws_write_header(&tools, out, row->opcode, row->is_last,
					   row->is_compressed, row->len);

		cr_expect(is(out, n, row->expected), "opcode %d len %llu", (int)row->opcode,
			  (unsigned long long)row->len);
	}
}

Test(ws_write, writes_a_header)
{
	for (size_t i = 0; i < ARRAY_LEN(header_rows); i++)
		check_header_row(&header_rows[i]);
}

Test(ws_write, writes_a_frame_with_its_payload_behind_its_header)
{
	char payload[70000], *out = malloc(sizeof(payload) + WS_WRITE_HEADER_MAX);
	static const size_t lens[] = { 0, 1, 125, 126, 65535, 65536, 70000 };

	memset(payload, 'x', sizeof(payload));
	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		char header[WS_WRITE_HEADER_MAX];
		size_t n, header_len;

		n = ws_write_frame(&tools, out, WS_OP_BINARY, true, false,
				   (weir_str){ payload, lens[i] });
		header_len = ws_write_header(&tools, header, WS_OP_BINARY, true, false, lens[i]);
		cr_assert_eq(n, header_len + lens[i], "len %zu", lens[i]);
		cr_expect(memcmp(out, header, header_len) == 0, "len %zu", lens[i]);
		cr_expect(memcmp(out + header_len, payload, lens[i]) == 0, "len %zu", lens[i]);
	}
	free(out);
}

Test(ws_write, writes_a_close_with_code_and_reason)
{
	char out[WS_WRITE_CLOSE_MAX];

	cr_expect(is(out, ws_write_close(&tools, out, 1000, WEIR_STR("bye")),
		     (weir_str)BYTES("\x88\x05\x03\xe8"
				     "bye")));
	cr_expect(is(out, ws_write_close(&tools, out, 4999, WEIR_STR("")),
		     (weir_str)BYTES("\x88\x02\x13\x87")));
}

Test(ws_write, writes_an_empty_close_for_1005)
{
	char out[WS_WRITE_CLOSE_MAX];

	cr_expect(is(out, ws_write_close(&tools, out, 1005, WEIR_STR("not sent")),
		     (weir_str)BYTES("\x88\x00")));
}

Test(ws_write, cuts_a_reason_between_characters)
{
	char out[WS_WRITE_CLOSE_MAX], reason[200];

	memset(reason, 'x', sizeof(reason));
	cr_expect_eq(ws_write_close(&tools, out, 1000, (weir_str){ reason, 123 }), 4 + 123);
	cr_expect_eq(ws_write_close(&tools, out, 1000, (weir_str){ reason, 124 }), 4 + 123);

	/* A character of four bytes that would end one byte behind the limit, and one that just fits. */
	memcpy(reason + 120, "\xf0\x9f\x98\x80", 4);
	cr_expect_eq(ws_write_close(&tools, out, 1000, (weir_str){ reason, 200 }), 4 + 120);
	memset(reason, 'x', sizeof(reason));
	memcpy(reason + 119, "\xf0\x9f\x98\x80", 4);
	cr_expect_eq(ws_write_close(&tools, out, 1000, (weir_str){ reason, 200 }), 4 + 123);
}

Test(ws_write, knows_which_codes_may_be_sent)
{
	for (int code = -1; code <= 70000; code++) {
		bool ok = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
			  (code >= 3000 && code <= 4999);

		cr_assert_eq(ws_write_code_ok(code), ok, "%d", code);
	}
}
