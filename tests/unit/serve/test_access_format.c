/* test_access_format.c - lines as operators want them, and what clients cannot do to them. */
#include "serve/access_format.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct access_format_date date = { "20/Nov/2026:18:03:07 +0000",
						"2026-11-20T18:03:07Z" };
static const weir_header headers[] = { { WEIR_STR("x-a"), WEIR_STR("one\"two") } };

static struct access_log_line plain(void)
{
	return (struct access_log_line){ .client = WEIR_STR("192.0.2.7"),
					 .method = WEIR_STR("GET"),
					 .target = WEIR_STR("/hello?a"),
					 .version = 11,
					 .status = 200,
					 .bytes = 13,
					 .user_agent = WEIR_STR("curl/7.88.1"),
					 .duration_us = 1000042,
					 .queue_us = 7,
					 .route = WEIR_STR("/hello"),
					 .request_id = WEIR_STR("0123"),
					 .headers = headers,
					 .n_headers = 1 };
}

static struct access_format *make(const char *text)
{
	struct access_format *format;
	const char *words;
	weir_str field;

	cr_assert_eq(access_format_new(weir_strz(text), &format, &words, &field), 0, "%s", text);
	return format;
}

static void check(const char *text, const struct access_log_line *line, const char *expected)
{
	struct access_format *format = make(text);
	char out[ACCESS_LINE_MAX + 1];
	size_t len;

	memset(out, '#', sizeof(out));
	len = access_format_line(format, out, line, &date);
	cr_assert_leq(len, ACCESS_LINE_MAX);
	out[len] = '\0';
	cr_expect_str_eq(out, expected);
	(void)access_format_free(format);
}

Test(access_format, fields_between_text)
{
	struct access_log_line line = plain();

	check("{client} [{time}] \"{request}\" {status} {bytes} {{{duration}}} {route} {referer}",
	      &line,
	      "192.0.2.7 [20/Nov/2026:18:03:07 +0000] \"GET /hello?a HTTP/1.1\" 200 13 "
	      "{1.000042} /hello -\n");
	check("{header:X-A} {header:x-b}|{queue_time}", &line, "one\\\"two -|0.000007\n");
	check("{event} {close_code}", &line, "request -\n");
}

Test(access_format, sessions)
{
	struct access_log_line line = plain();

	line.status = 101;
	check("{event} {status} {close_code}", &line, "websocket_open 101 -\n");
	line.is_session_end = true;
	line.close_code = 1001;
	line.messages_in = 3;
	line.messages_out = 4;
	check("{event} {status} {close_code} {messages_in} {messages_out}", &line,
	      "websocket_close 101 1001 3 4\n");
}

Test(access_format, json)
{
	struct access_log_line line = plain();

	line.user_agent = WEIR_STR("a\"b\\c\n\xc3\xa9");
	line.referer = WEIR_STR("\xff");
	check("json", &line,
	      "{\"time_iso\":\"2026-11-20T18:03:07Z\",\"event\":\"request\",\"client\":\"192.0.2."
	      "7\","
	      "\"method\":\"GET\",\"target\":\"/hello?a\",\"protocol\":\"HTTP/"
	      "1.1\",\"scheme\":null,"
	      "\"host\":null,\"status\":200,\"bytes\":13,\"received\":0,\"duration\":1.000042,"
	      "\"queue_time\":0.000007,\"handler_time\":0.000000,\"job_time\":0.000000,"
	      "\"write_time\":0.000000,\"route\":\"/"
	      "hello\",\"handler\":null,\"request_id\":\"0123\","
	      "\"trace_id\":null,\"referer\":\"\\u00ff\",\"user_agent\":"
	      "\"a\\\"b\\\\c\\u000a\xc3\xa9\","
	      "\"messages_in\":0,\"messages_out\":0,\"close_code\":null}\n");
}

/* However long, with whatever in it, the line fits, is one line, and JSON is whole. */
static void check_long(const char *text, char filling)
{
	struct access_format *format = make(text);
	struct access_log_line line = plain();
	char out[ACCESS_LINE_MAX], *many = malloc(10000);
	size_t len;

	cr_assert_not_null(many);
	memset(many, filling, 10000);
	line.client = line.method = line.target = line.scheme = line.host = line.route =
		line.handler = line.request_id = line.trace_id = line.referer = line.user_agent =
			(weir_str){ many, 10000 };
	line.bytes = line.received = line.duration_us = line.queue_us = line.handler_us =
		line.job_us = line.write_us = line.messages_in = line.messages_out = UINT64_MAX;
	len = access_format_line(format, out, &line, &date);
	cr_assert_leq(len, ACCESS_LINE_MAX);
	cr_expect_eq(memchr(out, '\n', len), out + len - 1);
	if (!strcmp(text, "json"))
		cr_expect_eq(out[len - 2], '}');
	free(many);
	(void)access_format_free(format);
}

Test(access_format, long_fields_are_cut)
{
	static const char all[] =
		"{target}{target}{target}{target}{target}{target}{target}{target}"
		"{referer}{referer}{referer}{referer}{bytes}{bytes}{bytes}{request}";

	check_long("json", 'a');
	check_long("json", '"');
	check_long("json", '\n');
	check_long("json", '\xff');
	check_long(all, 'a');
	check_long(all, '\n');
}

Test(access_format, json_is_cut_between_characters)
{
	struct access_format *format = make("json");
	struct access_log_line line = plain();
	char out[ACCESS_LINE_MAX], text[3001];
	size_t len;

	for (size_t i = 0; i + 2 < sizeof(text); i += 3)
		memcpy(text + i, "\xe2\x82\xac", 3);
	for (size_t n = 2900; n < 3000; n++) {
		line.target = (weir_str){ text, n / 3 * 3 };
		line.method = (weir_str){ "xxx", n % 3 + 1 };
		len = access_format_line(format, out, &line, &date);
		cr_assert_not_null(memmem(out, len, "\xe2\x82\xac...\"", 7));
	}
	(void)access_format_free(format);
}

struct broken {
	const char *text, *words, *field;
};

Test(access_format, what_makes_no_sense_is_refused)
{
	static const struct broken broken[] = {
		{ "", "is empty", "" },
		{ "a\nb", "has more than one line", "" },
		{ "{clinet}", "has a field that there is not", "clinet" },
		{ "{header:}", "has a field that there is not", "header:" },
		{ "{}", "has a field that there is not", "" },
		{ "a } b", "has a brace without its other one; one that is meant stands twice",
		  "" },
		{ "{status", "has a brace without its other one; one that is meant stands twice",
		  "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		struct access_format *format;
		const char *words = "";
		weir_str field;

		cr_expect_eq(access_format_new(weir_strz(broken[i].text), &format, &words, &field),
			     -EINVAL, "%s", broken[i].text);
		cr_expect_str_eq(words, broken[i].words);
		cr_expect(weir_str_eq(field, weir_strz(broken[i].field)), "%s", broken[i].text);
	}
}

Test(access_format, has_a_most_of_fields)
{
	struct access_format *format;
	const char *words = "";
	weir_str field;
	char text[1200];

	for (size_t i = 0; i < 120; i++)
		memcpy(text + 8 * i, "{status}", 8);
	cr_expect_eq(access_format_new((weir_str){ text, 960 }, &format, &words, &field), -EINVAL);
	cr_expect_str_eq(words, "is too long");
}

Test(access_format, knows_what_has_to_be_measured)
{
	struct access_format *format = make("{queue_time}");

	cr_expect(access_format_has_phases(format));
	(void)access_format_free(format);
	format = make("{duration}");
	cr_expect_not(access_format_has_phases(format));
	(void)access_format_free(format);
	cr_expect(access_format_is_combined(WEIR_STR("combined")));
	cr_expect_str_eq(access_format_field(0), "time_iso");
	cr_expect_null(access_format_field(1000));
}

Test(access_format, knows_which_fields_of_a_head_it_has)
{
	struct access_format *format;
	const char *words;
	weir_str field;

	cr_assert_eq(access_format_new(WEIR_STR("{header:X-A} {status}{header:b}"), &format, &words,
				       &field),
		     0);
	cr_expect(weir_str_eq(access_format_header(format, 0), WEIR_STR("x-a")));
	cr_expect(weir_str_eq(access_format_header(format, 1), WEIR_STR("b")));
	cr_expect_null(access_format_header(format, 2).ptr);
	(void)access_format_free(format);
}
