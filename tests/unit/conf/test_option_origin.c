/* test_option_origin.c - origins that browsers send, and what people write instead. */
#include "conf/option_origin.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

struct row {
	char text[120];
	char words[200]; /* what is said; "": it is good */
};

#define NO_ORIGIN " is not scheme://host or scheme://host:port, \"null\" or \"*\""
#define WILDCARD " has a wildcard: name each origin, or say \"*\" for all"

ParameterizedTestParameters(option_origin, is_judged)
{
	static struct row rows[] = {
		{ "*", "" },
		{ "null", "" },
		{ "https://example.org", "" },
		{ "HTTP://Example.ORG:8080", "" },
		{ "http://[::1]:8000", "" },
		{ "http://127.0.0.1", "" },
		{ "file://", "" },
		{ "moz-extension://0f-1e", "" },
		{ "https://example.org/",
		  "\"https://example.org/\"" NO_ORIGIN "; did you mean \"https://example.org\"?" },
		{ "https://example.org:1/a/b?c#d", "\"https://example.org:1/a/b?c#d\"" NO_ORIGIN
						   "; did you mean \"https://example.org:1\"?" },
		{ "example.org/chat",
		  "\"example.org/chat\"" NO_ORIGIN "; did you mean \"https://example.org\"?" },
		{ "example.org:443",
		  "\"example.org:443\"" NO_ORIGIN "; did you mean \"https://example.org:443\"?" },
		{ "all", "\"all\"" NO_ORIGIN },
		{ "", "\"\"" NO_ORIGIN },
		{ "https:///path", "\"https:///path\"" NO_ORIGIN },
		{ "://example.org", "\"://example.org\"" NO_ORIGIN },
		{ "https://a b", "\"https://a b\"" NO_ORIGIN },
		{ "https://me@example.org", "\"https://me@example.org\"" NO_ORIGIN },
		{ "https://example.org:65536", "\"https://example.org:65536\"" NO_ORIGIN },
		{ "https://*.example.org", "\"https://*.example.org\"" WILDCARD },
		{ "https://example.org:*", "\"https://example.org:*\"" WILDCARD },
		{ "**", "\"**\"" WILDCARD },
		/* nothing is guessed that would not fit */
		{ "a.very-long-name-indeed-that-goes-on-and-on-and-on-and-on-and-on-and-on-and-on",
		  "\"a.very-long-name-indeed-that-goes-on-and-on-and-on-and-on-an…\"" NO_ORIGIN },
	};

	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, option_origin, is_judged)
{
	char words[OPTION_WORDS] = "";
	int r = option_origin_check(weir_strz(row->text), words);

	cr_expect_str_eq(words, row->words, "%s: %s", row->text, words);
	cr_expect_eq(r, row->words[0] ? -EINVAL : 0, "%s", row->text);
}
