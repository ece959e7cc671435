/* test_uri.c - targets taken apart, decoded once, and never above the root. */
#include "proto/uri.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "base/arena.h"
#include "oom.h"

struct row {
	const char *target;
	const char *raw_path, *query, *segments, *path; /* raw_path NULL: refused */
};

static const struct row rows[] = {
	{ "/", "/", NULL, "/", "/" },
	{ "/a/b", "/a/b", NULL, "/a/b", "/a/b" },
	{ "/a?", "/a", "", "/a", "/a" },
	{ "/a?b=c?d", "/a", "b=c?d", "/a", "/a" },
	{ "/a?b=%2F/../c", "/a", "b=%2F/../c", "/a", "/a" },
	{ "*", "*", NULL, "*", "*" },
	{ "//a//b/", "//a//b/", NULL, "//a//b/", "//a//b/" },
	/* escapes */
	{ "/%61%20b", "/%61%20b", NULL, "/%61%20b", "/a b" },
	{ "/a%2Fb", "/a%2Fb", NULL, "/a%2Fb", "/a/b" },
	{ "/a%2fb/%2e%2e%2fc", "/a%2fb/%2e%2e%2fc", NULL, "/a%2fb/%2e%2e%2fc", "/a/b/../c" },
	{ "/%2561", "/%2561", NULL, "/%2561", "/%61" },
	{ "/%C3%A4", "/%C3%A4", NULL, "/%C3%A4", "/\xc3\xa4" },
	{ "/a+b", "/a+b", NULL, "/a+b", "/a+b" },
	/* dot segments */
	{ "/a/./b", "/a/./b", NULL, "/a/b", "/a/b" },
	{ "/a/../b", "/a/../b", NULL, "/b", "/b" },
	{ "/a/b/../../c", "/a/b/../../c", NULL, "/c", "/c" },
	{ "/a/b/..", "/a/b/..", NULL, "/a/", "/a/" },
	{ "/a/b/.", "/a/b/.", NULL, "/a/b/", "/a/b/" },
	{ "/..", "/..", NULL, "/", "/" },
	{ "/../../../etc/passwd", "/../../../etc/passwd", NULL, "/etc/passwd", "/etc/passwd" },
	{ "/a/%2e%2E/b", "/a/%2e%2E/b", NULL, "/b", "/b" },
	{ "/a/.%2e/b", "/a/.%2e/b", NULL, "/b", "/b" },
	{ "/a/%2e/b", "/a/%2e/b", NULL, "/a/b", "/a/b" },
	{ "/a//../b", "/a//../b", NULL, "/a/b", "/a/b" },
	{ "/.../a", "/.../a", NULL, "/.../a", "/.../a" },
	{ "/.a/..b", "/.a/..b", NULL, "/.a/..b", "/.a/..b" },
	{ "/%2e%2e%2e", "/%2e%2e%2e", NULL, "/%2e%2e%2e", "/..." },
	{ "/a/..?/../b", "/a/..", "/../b", "/", "/" },
	{ "/%252e%252e/a", "/%252e%252e/a", NULL, "/%252e%252e/a", "/%2e%2e/a" },
	/* absolute form */
	{ "http://a", "/", NULL, "/", "/" },
	{ "http://a:80/b?c", "/b", "c", "/b", "/b" },
	{ "HTTPS://a?c", "/", "c", "/", "/" },
	/* refused */
	{ "", NULL, NULL, NULL, NULL },
	{ "a", NULL, NULL, NULL, NULL },
	{ "?a", NULL, NULL, NULL, NULL },
	{ "ftp://a/", NULL, NULL, NULL, NULL },
	{ "http:///a", NULL, NULL, NULL, NULL },
	{ "http://", NULL, NULL, NULL, NULL },
	{ "/%00", NULL, NULL, NULL, NULL },
	{ "/a%", NULL, NULL, NULL, NULL },
	{ "/a%4", NULL, NULL, NULL, NULL },
	{ "/a%4x", NULL, NULL, NULL, NULL },
	{ "/%ff", NULL, NULL, NULL, NULL },
	{ "/%c0%af", NULL, NULL, NULL, NULL },
	{ "/%ed%a0%80", NULL, NULL, NULL, NULL },
	{ "/a?%zz", NULL, NULL, NULL, NULL },
	{ "/a/%2e%", NULL, NULL, NULL, NULL },
};

ParameterizedTestParameters(uri, parses)
{
	static size_t index[ARRAY_LEN(rows)];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		index[i] = i;
	return cr_make_param_array(size_t, index, ARRAY_LEN(rows));
}

static void expect_str(const char *target, const char *what, weir_str is, const char *expected)
{
	cr_expect_eq(!is.ptr, !expected, "%s: %s is there, or not", target, what);
	cr_expect(weir_str_eq(is, weir_strz(expected)), "%s: %s is %.*s", target, what,
		  WEIR_ARG(is));
}

ParameterizedTest(size_t *index, uri, parses)
{
	const struct row *row = &rows[*index];
	struct budget budget = { .limit = 1 << 16 };
	size_t len = strlen(row->target);
	char *copy = malloc(len ? len : 1);
	enum fault fault = FAULT_NONE;
	struct arena arena;
	struct uri uri;
	int r;

	memcpy(copy, row->target, len);
	arena_init(&arena, &budget);
	r = uri_parse(&arena, (weir_str){ copy, len }, &uri, &fault);
	cr_assert_eq(r, row->raw_path ? 0 : -EPROTO, "%s: %d", row->target, r);
	if (row->raw_path) {
		expect_str(row->target, "raw path", uri.raw_path, row->raw_path);
		expect_str(row->target, "query", uri.query, row->query);
		expect_str(row->target, "segments", uri.segments, row->segments);
		expect_str(row->target, "path", uri.path, row->path);
	} else {
		cr_expect_eq(fault, FAULT_H1_TARGET, "%s", row->target);
	}
	arena_done(&arena);
	free(copy);
}

static int parse(struct budget *budget, const char *target, struct uri *ret_uri)
{
	enum fault fault = FAULT_NONE;
	struct arena arena;
	int r;

	arena_init(&arena, budget);
	r = uri_parse(&arena, weir_strz(target), ret_uri, &fault);
	arena_done(&arena);
	return r;
}

Test(uri, copies_nothing_without_need)
{
	struct budget budget = { .limit = 0 };
	struct uri uri;

	cr_expect_eq(parse(&budget, "/a.b/c..d?e=%20/../", &uri), 0);
	cr_expect(!budget.is_short);
}

Test(uri, asks_for_the_server_where_an_absolute_form_ends_with_its_authority)
{
	static const struct {
		const char *target, *path;
	} options[] = {
		{ "http://a", "*" },	{ "https://a:1", "*" }, { "*", "*" },
		{ "http://a?", "/" },	{ "http://a?b", "/" },	{ "http://a/", "/" },
		{ "http://a/b", "/b" }, { "/", "/" },		{ "/a", "/a" },
	};
	struct budget budget = { .limit = 4096 };
	struct uri uri;

	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		const char *target = options[i].target;

		cr_assert_eq(parse(&budget, target, &uri), 0);
		uri_take_options(weir_strz(target), &uri);
		cr_assert(weir_str_eq(uri.path, weir_strz(options[i].path)), "%s", target);
		cr_assert(weir_str_eq(uri.segments, uri.path));
		cr_assert(weir_str_eq(uri.raw_path, uri.path));
	}
}

Test(uri, finds_the_authority)
{
	struct budget budget = { .limit = 0 };
	struct uri uri;

	cr_assert_eq(parse(&budget, "http://a:1/b", &uri), 0);
	cr_expect(weir_str_eq(uri.authority, WEIR_STR("a:1")));
	cr_assert_eq(parse(&budget, "/b", &uri), 0);
	cr_expect_null(uri.authority.ptr);
}

Test(uri, reports_a_spent_budget)
{
	struct budget budget = { .limit = 0 };
	struct uri uri;

	cr_expect_eq(parse(&budget, "/a/../b", &uri), -ENOMEM);
	cr_expect_eq(parse(&budget, "/%20", &uri), -ENOMEM);
	cr_expect(budget.is_short);
}

Test(uri, survives_every_allocation_that_fails)
{
	bool has_failed = true;

	for (unsigned n = 1; has_failed; n++) {
		struct budget budget = { .limit = 1 << 20 };
		struct uri uri;
		int r;

		oom_fail_at(n);
		r = parse(&budget, "/a/../%20", &uri);
		has_failed = oom_has_failed();
		cr_expect_eq(r, has_failed ? -ENOMEM : 0, "allocation %u", n);
		cr_expect_eq(budget.used, 0);
	}
}

Test(uri, decodes_one_segment)
{
	struct budget budget = { .limit = 1 << 16 };
	enum fault fault = FAULT_NONE;
	struct arena arena;
	weir_str text;

	arena_init(&arena, &budget);
	cr_expect_eq(uri_decode(&arena, WEIR_STR("a%2Fb+c"), &text, &fault), 0);
	cr_expect(weir_str_eq(text, WEIR_STR("a/b+c")));
	cr_expect_eq(uri_decode(&arena, WEIR_STR(""), &text, &fault), 0);
	cr_expect_eq(text.len, 0);
	cr_expect_eq(uri_decode(&arena, WEIR_STR("%00"), &text, &fault), -EPROTO);
	cr_expect_eq(fault, FAULT_H1_TARGET);
	cr_expect_eq(uri_decode(&arena, WEIR_STR("%"), &text, &fault), -EPROTO);
	arena_done(&arena);
}

static void expect_pair(struct arena *arena, weir_str query, size_t *iter, const char *name,
			const char *value)
{
	weir_str is_name, is_value;

	cr_assert_eq(uri_query_next(arena, query, iter, &is_name, &is_value), 1, "no %s", name);
	cr_expect(weir_str_eq(is_name, weir_strz(name)), "%.*s, not %s", WEIR_ARG(is_name), name);
	cr_expect_not_null(is_value.ptr);
	cr_expect(weir_str_eq(is_value, weir_strz(value)), "%.*s, not %s", WEIR_ARG(is_value),
		  value);
}

Test(uri, walks_a_query)
{
	weir_str query = WEIR_STR("&a=1&&b=c+d%26e&f&=g&h=%3d=i&%6a=%zz%4&");
	struct budget budget = { .limit = 1 << 16 };
	struct arena arena;
	weir_str name, value;
	size_t iter = 0;

	arena_init(&arena, &budget);
	expect_pair(&arena, query, &iter, "a", "1");
	expect_pair(&arena, query, &iter, "b", "c d&e");
	expect_pair(&arena, query, &iter, "f", "");
	expect_pair(&arena, query, &iter, "", "g");
	expect_pair(&arena, query, &iter, "h", "==i");
	expect_pair(&arena, query, &iter, "j", "%zz%4");
	cr_expect_eq(uri_query_next(&arena, query, &iter, &name, &value), 0);
	cr_expect_eq(uri_query_next(&arena, query, &iter, &name, &value), 0);
	arena_done(&arena);
}

Test(uri, walks_no_query)
{
	weir_str name, value;
	size_t iter = 0;

	cr_expect_eq(uri_query_next(NULL, (weir_str){ NULL, 0 }, &iter, &name, &value), 0);
}

Test(uri, reports_a_query_it_has_no_memory_for)
{
	struct budget budget = { .limit = 0 };
	struct arena arena;
	weir_str name, value;
	size_t iter = 0;

	arena_init(&arena, &budget);
	cr_expect_eq(uri_query_next(&arena, WEIR_STR("a=+"), &iter, &name, &value), -ENOMEM);
	arena_done(&arena);
}
