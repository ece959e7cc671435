/* test_h1_second.c - what llhttp says of a head, and that both of its builds say the same. */
#include "proto/h1_second.h"

#include <criterion/criterion.h>

#include "proto/scan.h"

#define FIELDS_MAX 8

struct read {
	llhttp_t parser;
	struct h1_second second;
	weir_header fields[FIELDS_MAX];
	char bytes[512];
};

static int read_head(struct read *read, const char *head, size_t max_fields, enum fault *fault)
{
	*read = (struct read){ .second = { .bytes = read->bytes, .start = read->bytes } };
	read->second.fields = read->second.field = read->fields;
	read->second.fields_end = read->fields + max_fields;
	memcpy(read->bytes, head, strlen(head));
	h1_second_begin(&read->parser);
	return h1_second_run(&read->parser, &read->second, strlen(head), fault);
}

Test(h1_second, hands_out_fields_with_small_names_and_trimmed_values)
{
	enum fault fault = FAULT_NONE;
	struct read read;

	cr_assert_eq(
		read_head(&read,
			  "GET /a HTTP/1.1\r\nHost: a\r\nX-Empty:\r\nX-Blank: \tb c \t\r\n\r\n",
			  FIELDS_MAX, &fault),
		0);
	cr_assert_eq(read.second.field - read.fields, 3);
	cr_expect(weir_str_eq(read.fields[0].name, WEIR_STR("host")));
	cr_expect(weir_str_eq(read.fields[0].value, WEIR_STR("a")));
	cr_expect(weir_str_eq(read.fields[1].name, WEIR_STR("x-empty")));
	cr_expect_eq(read.fields[1].value.len, 0);
	cr_expect(weir_str_eq(read.fields[2].value, WEIR_STR("b c")));
	cr_expect(weir_str_eq(read.second.target, WEIR_STR("/a")));
	cr_expect(read.second.is_head_over && read.second.is_message_over);
}

Test(h1_second, never_writes_more_fields_than_there_is_room_for)
{
	enum fault fault = FAULT_NONE;
	struct read read;

	cr_expect_eq(read_head(&read, "GET / HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\n", 1, &fault),
		     -EPROTO);
	cr_expect_eq(fault, FAULT_H1_SYNTAX);
	cr_expect_eq(read.second.field - read.fields, 1);
}

Test(h1_second, goes_on_behind_a_head_that_asks_for_an_upgrade)
{
	enum fault fault = FAULT_NONE;
	struct read read;

	cr_expect_eq(read_head(&read,
			       "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n"
			       "Upgrade: h2c\r\n\r\n",
			       FIELDS_MAX, &fault),
		     0);
	cr_expect(read.second.is_message_over);
}

Test(h1_second, starts_anew_behind_connection_close)
{
	enum fault fault = FAULT_NONE;
	struct read read;

	for (int i = 0; i < 2; i++)
		cr_expect_eq(read_head(&read,
				       "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
				       FIELDS_MAX, &fault),
			     0);
}

#ifdef H1_SECOND_SSE42
static int note(llhttp_t *parser, const char *at, size_t len)
{
	weir_str *spans = parser->data;

	spans->ptr = at;
	spans->len = len;
	parser->data = spans + 1;
	return 0;
}

struct outcome {
	int error;
	const char *error_pos;
	weir_str spans[64];
	size_t n_spans;
};

static struct outcome run(int (*execute)(llhttp_t *, const char *, const char *), weir_str head)
{
	llhttp_settings_t settings = {
		.on_url = note, .on_header_field = note, .on_header_value = note, .on_body = note
	};
	struct outcome outcome = { 0 };
	llhttp_t parser;

	llhttp_init(&parser, HTTP_REQUEST, &settings);
	parser.data = outcome.spans;
	outcome.error = execute(&parser, head.ptr, head.ptr + head.len);
	outcome.error_pos = llhttp_get_error_pos(&parser);
	outcome.n_spans = (size_t)((weir_str *)parser.data - outcome.spans);
	return outcome;
}

static void expect_same(weir_str head, size_t at)
{
	struct outcome wide = run(sse42_llhttp__internal_execute, head);
	struct outcome plain = run(llhttp__internal_execute, head);

	cr_expect_eq(wide.error, plain.error, "error with 0x%02x at %zu", head.ptr[at], at);
	cr_expect_eq(wide.error_pos, plain.error_pos, "place with 0x%02x at %zu", head.ptr[at], at);
	cr_assert_eq(wide.n_spans, plain.n_spans, "spans with 0x%02x at %zu", head.ptr[at], at);
	for (size_t i = 0; i < wide.n_spans; i++) {
		cr_expect_eq(wide.spans[i].ptr, plain.spans[i].ptr);
		cr_expect_eq(wide.spans[i].len, plain.spans[i].len);
	}
}

Test(h1_second, reads_every_byte_at_every_place_alike_with_and_without_sse42)
{
	static const char head[] =
		"POST /some/where?item=17&lang=en HTTP/1.1\r\nHost: www.example.org\r\n"
		"X-Rather-Long-Field-Name: a rather long value, as values are\r\n"
		"Transfer-Encoding: chunked\r\n\r\n5;ext=\"quoted\"\r\nhello\r\n0\r\nA: b\r\n\r\n";
	char bytes[sizeof(head)];

	if (!__builtin_cpu_supports("sse4.2"))
		cr_skip_test("this CPU has no SSE4.2");
	memcpy(bytes, head, sizeof(head));
	for (size_t at = 0; at < sizeof(head) - 1; at++) {
		for (int c = 0; c < 256; c++) {
			bytes[at] = (char)c;
			expect_same((weir_str){ bytes, sizeof(head) - 1 }, at);
		}
		bytes[at] = head[at];
	}
}
#endif
