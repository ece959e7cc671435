/* test_router_pattern.c - which patterns are refused, and in which words. */
#include "app/router_pattern.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

struct row {
	char pattern[256];
	char words[32]; /* in the message; empty: the pattern is good */
};

ParameterizedTestParameters(router_pattern, good_or_refused_with_words)
{
	static struct row rows[] = {
		{ "/", "" },
		{ "/a/b/", "" },
		{ "/{a}", "" },
		{ "/{a}/b/{c_2...}", "" },
		{ "/%7Bx%7D", "" },
		{ "", "begin with a slash" },
		{ "hello", "begin with a slash" },
		{ "*", "begin with a slash" },
		{ "//", "empty segment" },
		{ "/a//b", "empty segment" },
		{ "/{}", "a parameter is" },
		{ "/{...}", "a parameter is" },
		{ "/{1}", "a parameter is" },
		{ "/{a b}", "a parameter is" },
		{ "/{a...}/b", "has to be the last" },
		{ "/{a...}/", "has to be the last" },
		{ "/{a}/{a}", "two parameters of one name" },
		{ "/x{a}", "a brace" },
		{ "/{a", "a brace" },
		{ "/a}", "a brace" },
		{ "/a?b=c", "a brace, ?" },
		{ "/a#b", "a brace, ?" },
		{ "/a b", "or space" },
		{ "/.", "dot segment" },
		{ "/a/../b", "dot segment" },
		{ "/%2e%2E", "dot segment" },
		{ "/a%", "broken escape" },
		{ "/a%4", "broken escape" },
		{ "/a%zz", "broken escape" },
		{ "/%00", "not text" },
		{ "/%ff", "not text" },
		{ "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y/z/1/2/3/4/5/6/7",
		  "more than 32 segments" },
		{ "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}/{j}/{k}/{l}/{m}/{n}/{o}/{p}/{q}",
		  "more than 16" },
	};

	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, router_pattern, good_or_refused_with_words)
{
	struct router_pattern pattern;
	const char *words = "";
	int r = router_pattern_parse(weir_strz(row->pattern), &pattern, &words);

	if (row->words[0] == '\0') {
		cr_assert_eq(r, 0, "%s: %s", row->pattern, words);
		return;
	}
	cr_assert_eq(r, -EINVAL, "%s", row->pattern);
	cr_assert_not_null(strstr(words, row->words), "%s: %s", row->pattern, words);
}

Test(router_pattern, parts_are_in_order)
{
	struct router_pattern pattern;
	const char *words = "";

	cr_assert_eq(router_pattern_parse(WEIR_STR("/caf%C3%A9/{a}/{b...}"), &pattern, &words), 0);
	cr_assert_eq(pattern.n_segments, 2);
	cr_assert(weir_str_eq(pattern.segments[0].text, WEIR_STR("caf\xc3\xa9")));
	cr_assert(pattern.segments[1].is_param);
	cr_assert_eq(pattern.n_params, 2);
	cr_assert(weir_str_eq(pattern.params[1], WEIR_STR("b")));
	cr_assert(pattern.has_rest);
	cr_assert(!pattern.is_plain);
}

Test(router_pattern, only_what_needs_no_thought_is_plain)
{
	struct router_pattern pattern;
	const char *words = "";

	cr_assert_eq(router_pattern_parse(WEIR_STR("/a/b"), &pattern, &words), 0);
	cr_assert(pattern.is_plain);
	cr_assert_eq(router_pattern_parse(WEIR_STR("/a/%62"), &pattern, &words), 0);
	cr_assert(!pattern.is_plain);
}

Test(router_pattern, a_segment_longer_than_any_literal_is_refused)
{
	char path[400] = "/", bytes[ROUTER_MAX_LITERAL];
	struct router_pattern pattern;
	const char *words = "";
	weir_str decoded;

	memset(path + 1, 'x', 300);
	cr_assert_eq(router_pattern_parse(weir_strz(path), &pattern, &words), -EINVAL);
	cr_assert_eq(router_pattern_decode(weir_strz(path), bytes, &decoded), -EINVAL);
}
