/* test_h1_second.c - what llhttp says of a head, and that both of its builds say the same. */
#include "proto/h1_second.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "h1_llhttp.h"
#include "proto/h1_read.h"

static const char plain_head[] =
	"GET /a HTTP/1.1\r\nHost: a\r\nX-Empty:\r\nX-Blank: \tb c \t\r\n\r\n";

/* What stands in the head above. */
static weir_header field_at(const char *name, size_t name_len, const char *value)
{
	const char *at = strstr(plain_head, name), *value_at = *value ? strstr(at, value) : at;

	return (weir_header){ { at, name_len }, { value_at, strlen(value) } };
}

static int run_on(weir_str bytes, struct h1_second *second, enum fault *fault)
{
	llhttp_t parser;

	second->start = bytes.ptr;
	h1_second_begin(&parser);
	return h1_second_run(&parser, second, bytes.len, fault);
}

/* What it says of the head above, of which this is to be true. */
static int run_with(const weir_header *fields, size_t n, struct h1_second *second)
{
	enum fault fault = FAULT_NONE;

	*second = (struct h1_second){ .start = NULL };
	h1_second_expect(second, fields, n);
	return run_on(weir_strz(plain_head), second, &fault);
}

Test(h1_second, comes_by_the_fields_it_should_see)
{
	weir_header fields[] = { field_at("Host", 4, "a"), field_at("X-Empty", 7, ""),
				 field_at("X-Blank", 7, "b c") };
	struct h1_second second;

	cr_assert_eq(run_with(fields, 3, &second), 0);
	cr_expect(h1_second_saw_all(&second));
	cr_expect(weir_str_eq(second.target, WEIR_STR("/a")));
	cr_expect(second.is_head_over && second.is_message_over);
}

Test(h1_second, notices_every_other_view_of_the_fields)
{
	const weir_header right[] = { field_at("Host", 4, "a"), field_at("X-Empty", 7, ""),
				      field_at("X-Blank", 7, "b c") };
	struct h1_second second;
	weir_header fields[4];

	cr_expect_eq(run_with(right, 2, &second), -EPROTO, "one more than it should see");
	cr_expect_eq(run_with(NULL, 0, &second), -EPROTO, "three more");
	for (int wrong = 0; wrong < 12; wrong++) {
		weir_header *field = &fields[wrong % 3];

		memcpy(fields, right, sizeof(right));
		fields[3] = right[2];
		if (wrong < 3)
			field->name.len--;
		else if (wrong < 6)
			field->name.ptr++;
		else if (wrong < 9)
			field->value.len++;
		else if (field->value.len > 0)
			field->value.ptr++;
		else
			continue;
		cr_expect(run_with(fields, 3, &second) < 0 || !h1_second_saw_all(&second),
			  "wrong in way %d", wrong);
	}
	cr_expect(run_with(fields, 4, &second) < 0 || !h1_second_saw_all(&second), "one too few");
}

Test(h1_second, goes_on_behind_a_head_that_asks_for_an_upgrade)
{
	static const char upgrade[] =
		"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n";
	const weir_header fields[] = { { { upgrade + 16, 10 }, { upgrade + 28, 7 } },
				       { { upgrade + 37, 7 }, { upgrade + 46, 3 } } };
	enum fault fault = FAULT_NONE;
	struct h1_second second = { 0 };

	h1_second_expect(&second, fields, 2);
	cr_expect_eq(run_on(weir_strz(upgrade), &second, &fault), 0);
	cr_expect(second.is_message_over);
}

Test(h1_second, starts_anew_behind_connection_close)
{
	static const char close[] = "GET / HTTP/1.1\r\nConnection: close\r\n\r\n";
	const weir_header field = { { close + 16, 10 }, { close + 28, 5 } };
	enum fault fault = FAULT_NONE;
	llhttp_t parser;

	for (int i = 0; i < 2; i++) {
		struct h1_second second = { .start = close };

		h1_second_expect(&second, &field, 1);
		h1_second_begin(&parser);
		cr_expect_eq(h1_second_run(&parser, &second, strlen(close), &fault), 0);
	}
}

/* ---- the tests' own second opinion, which must be able to object */

static const char asked[] = "POST /a?b HTTP/1.1\r\nHost: x\r\nA: 1\r\nContent-Length: 2\r\n\r\n";

/* What is asked above, rightly understood. */
static struct h1_head understood(weir_header fields[3])
{
	fields[0] = (weir_header){ WEIR_STR("host"), WEIR_STR("x") };
	fields[1] = (weir_header){ WEIR_STR("a"), WEIR_STR("1") };
	fields[2] = (weir_header){ WEIR_STR("content-length"), WEIR_STR("2") };
	return (struct h1_head){ .method = WEIR_STR("POST"),
				 .target = WEIR_STR("/a?b"),
				 .version = 11,
				 .fields = fields,
				 .n_fields = 3,
				 .content_length = 2,
				 .has_body = true };
}

static bool objects(const struct h1_head *head)
{
	char *differs = h1_llhttp_differs(weir_strz(asked), head);
	bool does = differs;

	free(differs);
	return does;
}

Test(h1_second, has_a_counterpart_in_the_tests_that_objects)
{
	weir_header fields[3];
	struct h1_head head = understood(fields);

	cr_expect(!objects(&head));
	head.method = WEIR_STR("PUT");
	cr_expect(objects(&head), "another method");
	head = understood(fields);
	head.target = WEIR_STR("/a");
	cr_expect(objects(&head), "another target");
	head = understood(fields);
	head.version = 10;
	cr_expect(objects(&head), "another version");
	head = understood(fields);
	head.n_fields = 2;
	cr_expect(objects(&head), "a field less");
	head = understood(fields);
	head.content_length = 3;
	cr_expect(objects(&head), "another length");
	head = understood(fields);
	head.is_chunked = true;
	cr_expect(objects(&head), "chunks");
	head = understood(fields);
	head.has_body = false;
	cr_expect(objects(&head), "no body");
	head = understood(fields);
	fields[1].name = WEIR_STR("b");
	cr_expect(objects(&head), "another name");
	head = understood(fields);
	fields[1].value = WEIR_STR("1 ");
	cr_expect(objects(&head), "another value");
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
	static const char post[] =
		"POST /some/where?item=17&lang=en HTTP/1.1\r\nHost: www.example.org\r\n"
		"X-Rather-Long-Field-Name: a rather long value, as values are\r\n"
		"Transfer-Encoding: chunked\r\n\r\n5;ext=\"quoted\"\r\nhello\r\n0\r\nA: b\r\n\r\n";
	char bytes[sizeof(post)];

	if (!__builtin_cpu_supports("sse4.2"))
		cr_skip_test("this CPU has no SSE4.2");
	memcpy(bytes, post, sizeof(post));
	for (size_t at = 0; at < sizeof(post) - 1; at++) {
		for (int c = 0; c < 256; c++) {
			bytes[at] = (char)c;
			expect_same((weir_str){ bytes, sizeof(post) - 1 }, at);
		}
		bytes[at] = post[at];
	}
}
#endif
