/* test_buf.c - see base/buf.h. */
#include "base/buf.h"

#include <criterion/criterion.h>
#include <stdint.h>

#include "oom.h"

#define assert_holds(b, text) cr_assert(weir_str_eq(buf_str(b), WEIR_STR(text)))

Test(buf, starts_empty_without_memory)
{
	struct buf b;

	buf_init(&b, 10);
	cr_assert_null(b.data);
	cr_assert_eq(buf_str(&b).len, 0);
	buf_done(&b);
}

Test(buf, appends)
{
	struct buf b;

	buf_init(&b, 0);
	cr_assert_eq(buf_append(&b, "abc", 3), 0);
	cr_assert_eq(buf_append(&b, "", 0), 0);
	cr_assert_eq(buf_append(&b, NULL, 0), 0);
	cr_assert_eq(buf_append_str(&b, WEIR_STR("def")), 0);
	assert_holds(&b, "abcdef");
	buf_done(&b);
}

Test(buf, keeps_what_it_has_while_it_grows)
{
	struct buf b;

	buf_init(&b, 0);
	for (int i = 0; i < 5000; i++)
		cr_assert_eq(buf_append(&b, &(char){ (char)i }, 1), 0);
	for (int i = 0; i < 5000; i++)
		cr_assert_eq(b.data[i], (char)i);
	cr_assert_eq(b.len, 5000);
	buf_done(&b);
}

Test(buf, fills_up_to_its_limit_and_no_further)
{
	struct buf b;

	buf_init(&b, 6);
	cr_assert_eq(buf_append(&b, "abc", 3), 0);
	cr_assert_eq(buf_append(&b, "defg", 4), -EMSGSIZE);
	assert_holds(&b, "abc");
	cr_assert_eq(buf_append(&b, "def", 3), 0);
	cr_assert_eq(buf_append(&b, "g", 1), -EMSGSIZE);
	assert_holds(&b, "abcdef");
	buf_done(&b);
}

Test(buf, never_allocates_more_than_its_limit)
{
	struct buf b;

	buf_init(&b, 1000);
	cr_assert_eq(buf_reserve(&b, 600), 0);
	cr_assert_leq(b.cap, 1000);
	buf_done(&b);
}

Test(buf, grows_in_few_steps_near_its_limit)
{
	unsigned n_steps = 0;
	struct buf b;

	buf_init(&b, 1000000);
	while (b.len < 1000000) {
		size_t cap = b.cap;

		cr_assert_eq(buf_append(&b, "x", 1), 0);
		n_steps += b.cap != cap;
	}
	cr_assert_lt(n_steps, 20);
	buf_done(&b);
}

Test(buf, refuses_a_length_that_overflows)
{
	struct buf b;

	buf_init(&b, 0);
	cr_assert_eq(buf_append(&b, "a", 1), 0);
	cr_assert_eq(buf_reserve(&b, SIZE_MAX), -EMSGSIZE);
	assert_holds(&b, "a");
	buf_done(&b);
}

Test(buf, reserves_without_changing_the_text)
{
	struct buf b;

	buf_init(&b, 0);
	cr_assert_eq(buf_append(&b, "abc", 3), 0);
	cr_assert_eq(buf_reserve(&b, 10000), 0);
	cr_assert_geq(b.cap, 10003);
	assert_holds(&b, "abc");
	buf_done(&b);
}

Test(buf, prints)
{
	struct buf b;

	buf_init(&b, 0);
	cr_assert_eq(buf_printf(&b, "%s=%d", "a", 1), 0);
	cr_assert_eq(buf_printf(&b, "&%s=%d", "b", 22), 0);
	assert_holds(&b, "a=1&b=22");
	buf_done(&b);
}

Test(buf, prints_what_is_longer_than_its_memory)
{
	struct buf b;

	buf_init(&b, 0);
	cr_assert_eq(buf_printf(&b, "%256d", 7), 0, "exactly the first allocation");
	cr_assert_eq(b.len, 256);
	cr_assert_eq(buf_printf(&b, "%2000d", 8), 0);
	cr_assert_eq(b.len, 2256);
	cr_assert_eq(b.data[255], '7');
	cr_assert_eq(b.data[2255], '8');
	buf_done(&b);
}

Test(buf, prints_up_to_its_limit_and_no_further)
{
	struct buf b;

	buf_init(&b, 5);
	cr_assert_eq(buf_printf(&b, "%s", "abcdef"), -EMSGSIZE);
	cr_assert_eq(b.len, 0);
	cr_assert_eq(buf_printf(&b, "%s", "abcde"), 0);
	assert_holds(&b, "abcde");
	buf_done(&b);
}

Test(buf, prints_nothing)
{
	struct buf b;

	buf_init(&b, 0);
	cr_assert_eq(buf_printf(&b, "%s", ""), 0);
	cr_assert_eq(b.len, 0);
	buf_done(&b);
}

Test(buf, says_what_fits)
{
	struct buf b;

	buf_init(&b, 8);
	buf_say(&b, "%s", "short");
	buf_say(&b, "%s", "too long for that");
	buf_say(&b, "%s", "end");
	assert_holds(&b, "shortend");
	buf_done(&b);
}

Test(buf, consumes_from_the_front)
{
	struct buf b;

	buf_init(&b, 0);
	cr_assert_eq(buf_append(&b, "abcdef", 6), 0);
	buf_consume(&b, 0);
	buf_consume(&b, 2);
	assert_holds(&b, "cdef");
	buf_consume(&b, 4);
	cr_assert_eq(b.len, 0);
	buf_done(&b);
}

Test(buf, clears_and_keeps_its_memory)
{
	struct buf b;
	char *data;

	buf_init(&b, 0);
	cr_assert_eq(buf_append(&b, "abcdef", 6), 0);
	data = b.data;
	buf_clear(&b);
	cr_assert_eq(b.len, 0);
	cr_assert_eq(buf_append(&b, "x", 1), 0);
	cr_assert_eq(b.data, data);
	buf_done(&b);
}

Test(buf, gives_its_text_away)
{
	struct buf b;
	char *z;

	buf_init(&b, 100);
	cr_assert_eq(buf_append(&b, "abc", 3), 0);
	z = buf_steal(&b);
	cr_assert_str_eq(z, "abc");
	cr_assert_null(b.data);
	cr_assert_eq(b.len, 0);
	cr_assert_eq(b.limit, 100);
	free(z);
	buf_done(&b);
}

Test(buf, gives_away_an_empty_text)
{
	struct buf b;
	char *z;

	buf_init(&b, 0);
	z = buf_steal(&b);
	cr_assert_str_eq(z, "");
	free(z);
	buf_done(&b);
}

Test(buf, may_be_used_again_when_done)
{
	struct buf b;

	buf_init(&b, 3);
	cr_assert_eq(buf_append(&b, "abc", 3), 0);
	buf_done(&b);
	cr_assert_eq(buf_append(&b, "def", 3), 0);
	assert_holds(&b, "def");
	buf_done(&b);
}

Test(buf, is_as_it_was_when_an_append_finds_no_memory)
{
	struct buf b;

	buf_init(&b, 0);
	cr_assert_eq(buf_append(&b, "abc", 3), 0);
	oom_fail_at(1);
	cr_assert_eq(buf_reserve(&b, 10000), -ENOMEM);
	cr_assert(oom_has_failed());
	assert_holds(&b, "abc");
	buf_done(&b);
}

Test(buf, is_as_it_was_when_a_print_finds_no_memory)
{
	struct buf b;

	buf_init(&b, 0);
	cr_assert_eq(buf_append(&b, "abc", 3), 0);
	for (unsigned n = 1; n < 10; n++) {
		int r;

		oom_fail_at(n);
		r = buf_printf(&b, "%2000d", 7);
		if (!oom_has_failed())
			break;
		cr_assert_eq(r, -ENOMEM);
		assert_holds(&b, "abc");
	}
	cr_assert_eq(b.len, 2003);
	buf_done(&b);
}

Test(buf, keeps_its_text_when_it_cannot_be_given_away)
{
	struct buf b;

	buf_init(&b, 0);
	cr_assert_eq(buf_append(&b, "abc", 3), 0);
	oom_fail_at(1);
	cr_assert_null(buf_steal(&b));
	cr_assert(oom_has_failed());
	assert_holds(&b, "abc");
	buf_done(&b);
}
