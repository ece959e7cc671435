/* test_traceparent.c - which are good, by the examples of the specification and its test suite. */
#include "proto/traceparent.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"
#define GOOD "00-" TRACE "-" PARENT "-01"

Test(traceparent, says_whose_it_is)
{
	struct traceparent parent;
	char text[TRACEPARENT_LEN];

	cr_assert_eq(traceparent_parse(WEIR_STR(GOOD), &parent), 0);
	cr_expect_eq(memcmp(parent.trace, TRACE, 32), 0);
	cr_expect_eq(memcmp(parent.parent, PARENT, 16), 0);
	cr_expect_eq(parent.flags, 1);
	traceparent_format(&parent, text);
	cr_expect_eq(memcmp(text, GOOD, TRACEPARENT_LEN), 0);
}

Test(traceparent, later_versions_may_say_more)
{
	struct traceparent parent;
	char text[TRACEPARENT_LEN];

	cr_expect_eq(traceparent_parse(WEIR_STR("cc-" TRACE "-" PARENT "-ff"), &parent), 0);
	cr_expect_eq(traceparent_parse(WEIR_STR("01-" TRACE "-" PARENT "-ff-more"), &parent), 0);
	traceparent_format(&parent, text);
	cr_expect_eq(memcmp(text, GOOD, TRACEPARENT_LEN), 0,
		     "in our version, with the flag we know");
}

Test(traceparent, others_are_none)
{
	static const char *const bad[] = {
		"",
		"00",
		"00-" TRACE "-" PARENT "-0",
		"00-" TRACE "-" PARENT "-01-",
		"00-" TRACE "-" PARENT "-01-more",
		"01-" TRACE "-" PARENT "-01more",
		"ff-" TRACE "-" PARENT "-01",
		"0G-" TRACE "-" PARENT "-01",
		"00-00000000000000000000000000000000-" PARENT "-01",
		"00-" TRACE "-0000000000000000-01",
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01",
		"00-" TRACE "-" PARENT "-0X",
		"00_" TRACE "-" PARENT "-01",
		"00-" TRACE "_" PARENT "-01",
		"00-" TRACE "-" PARENT "_01",
		" 00-" TRACE "-" PARENT "-01",
	};
	struct traceparent parent;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		cr_expect_eq(traceparent_parse(weir_strz(bad[i]), &parent), -EINVAL, "%s", bad[i]);
}

Test(traceparent, nothing_is_read_beyond_it)
{
	for (size_t len = 0; len <= sizeof(GOOD) - 1; len++) {
		char *text = malloc(len ? len : 1);
		struct traceparent parent;

		cr_assert_not_null(text);
		memcpy(text, GOOD, len);
		cr_expect_eq(traceparent_parse((weir_str){ text, len }, &parent),
			     len == sizeof(GOOD) - 1 ? 0 : -EINVAL);
		free(text);
	}
}

Test(traceparent, a_made_one_is_good)
{
	unsigned char random[24] = { 0 };
	struct traceparent made, parsed;
	char text[TRACEPARENT_LEN];

	traceparent_make(random, &made);
	traceparent_format(&made, text);
	cr_expect_eq(traceparent_parse((weir_str){ text, TRACEPARENT_LEN }, &parsed), 0);
	memset(random, 0xa5, sizeof(random));
	traceparent_make(random, &made);
	cr_expect_eq(memcmp(made.trace, "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5", 32), 0);
	cr_expect_eq(made.flags, 0);
}

Test(traceparent, ids_are_words)
{
	char many[129];

	memset(many, 'a', sizeof(many));
	cr_expect(traceparent_is_id(WEIR_STR("0123-abc_DEF.1:2/3+4=@")));
	cr_expect(traceparent_is_id((weir_str){ many, 128 }));
	cr_expect_not(traceparent_is_id((weir_str){ many, 129 }));
	cr_expect_not(traceparent_is_id(WEIR_STR("")));
	cr_expect_not(traceparent_is_id(WEIR_STR("a b")));
	cr_expect_not(traceparent_is_id(WEIR_STR("a\"b")));
	cr_expect_not(traceparent_is_id((weir_str){ "a\0b", 3 }));
	cr_expect_not(traceparent_is_id(WEIR_STR("\xc3\xa9")));
}
