/* test_fields.c - searching, splitting, joining. */
#include "proto/fields.h"

#include <criterion/criterion.h>

#include "base/arena.h"
#include "oom.h"

static const weir_header some[] = {
	{ { "a", 1 }, { "1", 1 } },	   { { "accept", 6 }, { "x, Y ,z", 7 } },
	{ { "cookie", 6 }, { "c=1", 3 } }, { { "accept", 6 }, { "w", 1 } },
	{ { "empty", 5 }, { "", 0 } },	   { { "cookie", 6 }, { "d=2", 3 } },
};

#define SOME some, ARRAY_LEN(some)

Test(fields, finds_the_first_of_a_name)
{
	cr_expect_eq(fields_find(SOME, WEIR_STR("accept")), &some[1]);
	cr_expect_null(fields_find(SOME, WEIR_STR("accep")));
	cr_expect_null(fields_find(NULL, 0, WEIR_STR("a")));
}

Test(fields, tells_an_empty_value_from_none)
{
	cr_expect_not_null(fields_get(SOME, WEIR_STR("empty")).ptr);
	cr_expect_null(fields_get(SOME, WEIR_STR("none")).ptr);
}

Test(fields, tells_one_from_several)
{
	weir_str value;

	cr_assert(fields_get_only(SOME, WEIR_STR("a"), &value));
	cr_expect(weir_str_eq(value, WEIR_STR("1")));
	cr_assert(fields_get_only(SOME, WEIR_STR("none"), &value));
	cr_expect_null(value.ptr);
	cr_expect_not(fields_get_only(SOME, WEIR_STR("accept"), &value));
	cr_expect_not(fields_get_only(SOME, WEIR_STR("cookie"), &value), "the last one is seen");
	cr_expect_null(value.ptr, "it is untouched");
}

static void expect_elements(weir_str value, const char *const *expected)
{
	weir_str rest = value, element;
	size_t n = 0;

	for (; fields_next_element(&rest, &element); n++) {
		cr_assert_not_null(expected[n], "one too many: %.*s", WEIR_ARG(element));
		cr_expect(weir_str_eq(element, weir_strz(expected[n])), "%.*s, not %s",
			  WEIR_ARG(element), expected[n]);
	}
	cr_expect_null(expected[n], "missing: %s", expected[n]);
}

Test(fields, splits_lists_at_commas)
{
	expect_elements(WEIR_STR("a, b\t,c"), (const char *[]){ "a", "b", "c", NULL });
}

Test(fields, leaves_out_empty_elements)
{
	expect_elements(WEIR_STR(" , a,,\t, b,"), (const char *[]){ "a", "b", NULL });
	expect_elements(WEIR_STR(""), (const char *[]){ NULL });
	expect_elements(WEIR_STR(" ,"), (const char *[]){ NULL });
}

Test(fields, does_not_split_inside_quotes)
{
	expect_elements(WEIR_STR("a=\"b,\\\",c\", d"),
			(const char *[]){ "a=\"b,\\\",c\"", "d", NULL });
	expect_elements(WEIR_STR("\"a,b"), (const char *[]){ "\"a,b", NULL });
	expect_elements(WEIR_STR("\"a\\"), (const char *[]){ "\"a\\", NULL });
}

Test(fields, finds_tokens_in_all_fields_of_a_name)
{
	cr_expect(fields_has_token(SOME, WEIR_STR("accept"), WEIR_STR("y")));
	cr_expect(fields_has_token(SOME, WEIR_STR("accept"), WEIR_STR("W")));
	cr_expect(!fields_has_token(SOME, WEIR_STR("accept"), WEIR_STR("x, Y")));
	cr_expect(!fields_has_token(SOME, WEIR_STR("a"), WEIR_STR("x")));
}

Test(fields, joins_values_of_one_name)
{
	struct budget budget = { .limit = 1 << 16 };
	struct arena arena;
	weir_str value;

	arena_init(&arena, &budget);
	cr_assert_eq(fields_combine(&arena, SOME, WEIR_STR("accept"), &value), 0);
	cr_expect(weir_str_eq(value, WEIR_STR("x, Y ,z, w")), "%.*s", WEIR_ARG(value));
	cr_assert_eq(fields_combine(&arena, SOME, WEIR_STR("cookie"), &value), 0);
	cr_expect(weir_str_eq(value, WEIR_STR("c=1; d=2")), "%.*s", WEIR_ARG(value));
	arena_done(&arena);
}

Test(fields, joins_nothing_without_memory)
{
	struct budget budget = { .limit = 1 << 16 };
	struct arena arena;
	weir_str value;

	arena_init(&arena, &budget);
	oom_fail_at(1);
	cr_expect_eq(fields_combine(&arena, SOME, WEIR_STR("a"), &value), 0);
	cr_expect_eq(value.ptr, some[0].value.ptr);
	cr_expect_eq(fields_combine(&arena, SOME, WEIR_STR("none"), &value), 0);
	cr_expect_null(value.ptr);
	cr_expect_eq(fields_combine(&arena, SOME, WEIR_STR("accept"), &value), -ENOMEM);
	cr_expect(oom_has_failed());
	arena_done(&arena);
}
