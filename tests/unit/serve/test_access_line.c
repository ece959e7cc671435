/* test_access_line.c - what a line looks like, and what clients cannot do to it. */
#include "serve/access_line.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define DATE "20/Nov/2026:18:03:07 +0000"

static struct access_log_line plain(void)
{
	return (struct access_log_line){ .client = WEIR_STR("192.0.2.7"),
					 .method = WEIR_STR("GET"),
					 .target = WEIR_STR("/hello"),
					 .version = 11,
					 .status = 200,
					 .bytes = 13,
					 .user_agent = WEIR_STR("curl/7.88.1") };
}

static void check(const struct access_log_line *line, const char *expected)
{
	char text[ACCESS_LINE_MAX + 1];
	size_t len;

	memset(text, '#', sizeof(text));
	len = access_line_format(text, line, DATE);
	text[len] = '\0';
	cr_assert_str_eq(text, expected);
}

Test(access_line, is_in_the_combined_format)
{
	struct access_log_line line = plain();

	check(&line, "192.0.2.7 - - [" DATE "] \"GET /hello HTTP/1.1\" 200 13 \"-\" "
		     "\"curl/7.88.1\"\n");
}

Test(access_line, has_the_referer_and_large_numbers)
{
	struct access_log_line line = plain();

	line.version = 10;
	line.bytes = UINT64_MAX;
	line.referer = WEIR_STR("http://example.com/a?b=c");
	check(&line, "192.0.2.7 - - [" DATE "] \"GET /hello HTTP/1.0\" 200 18446744073709551615 "
		     "\"http://example.com/a?b=c\" \"curl/7.88.1\"\n");
}

Test(access_line, has_a_dash_for_a_request_line_that_could_not_be_read)
{
	struct access_log_line line = { .client = WEIR_STR("::1"), .status = 400 };

	check(&line, "::1 - - [" DATE "] \"-\" 400 0 \"-\" \"-\"\n");
}

Test(access_line, escapes_quotes_and_backslashes)
{
	struct access_log_line line = plain();

	line.user_agent = WEIR_STR("a \"b\" \\c and then some");
	check(&line, "192.0.2.7 - - [" DATE "] \"GET /hello HTTP/1.1\" 200 13 \"-\" "
		     "\"a \\\"b\\\" \\\\c and then some\"\n");
}

Test(access_line, escapes_control_and_non_ascii_bytes)
{
	struct access_log_line line = plain();

	line.user_agent = WEIR_STR("x\r\n\t\x7f\xc3\xa9\xff");
	check(&line, "192.0.2.7 - - [" DATE "] \"GET /hello HTTP/1.1\" 200 13 \"-\" "
		     "\"x\\x0d\\x0a\\x09\\x7f\\xc3\\xa9\\xff\"\n");
}

/* Each byte at each place of a word, against the rule written down the simple way. */
Test(access_line, escapes_every_byte_at_every_place)
{
	for (unsigned c = 0; c < 256; c++) {
		bool is_plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';

		for (size_t at = 0; at < 17; at++) {
			char agent[17], text[ACCESS_LINE_MAX + 1];
			struct access_log_line line = plain();
			size_t len, n_more = is_plain ? 0 : c == '"' || c == '\\' ? 1 : 3;
			size_t len_plain;

			memset(agent, 'a', sizeof(agent));
			line.user_agent = (weir_str){ agent, sizeof(agent) };
			len_plain = access_line_format(text, &line, DATE);
			agent[at] = (char)c;
			len = access_line_format(text, &line, DATE);
			cr_assert_eq(len, len_plain + n_more, "byte %u at %zu", c, at);
		}
	}
}

Test(access_line, is_never_longer_than_a_pipe_takes_at_once)
{
	static char noise[100000];
	char *text = malloc(ACCESS_LINE_MAX);
	struct access_log_line line = { .status = 200, .bytes = UINT64_MAX, .version = 11 };
	size_t len;

	memset(noise, '\n', sizeof(noise));
	line.client = line.method = line.target = (weir_str){ noise, sizeof(noise) };
	line.referer = line.user_agent = line.target;
	len = access_line_format(text, &line, DATE);
	cr_assert_leq(len, ACCESS_LINE_MAX);
	cr_assert_eq(text[len - 1], '\n');
	cr_assert_eq(memchr(text, '\n', len - 1), NULL);
	free(text);
}

Test(access_line, says_where_it_was_cut)
{
	static char path[5000];
	char text[ACCESS_LINE_MAX + 1];
	struct access_log_line line = plain();

	memset(path, 'p', sizeof(path));
	line.target = (weir_str){ path, sizeof(path) };
	text[access_line_format(text, &line, DATE)] = '\0';
	cr_assert_not_null(strstr(text, "pp... HTTP/1.1\" 200 13"));
}
