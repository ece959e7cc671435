/* test_h1_trailer.c - memory that comes and goes. */
#include "proto/h1_trailer.h"

#include <criterion/criterion.h>

#include "oom.h"

Test(h1_trailer, frees_whatever_it_has)
{
	struct h1_trailers *t = h1_trailer_new(100);

	cr_assert_not_null(t);
	cr_expect_eq(buf_append(&t->bytes, "a: b", 4), 0);
	cr_expect_eq(h1_trailer_make_room(t, 3), 0);
	cr_expect_null(h1_trailer_free(t));
	cr_expect_null(h1_trailer_free(NULL));
}

Test(h1_trailer, takes_no_more_than_it_may)
{
	_cleanup_(h1_trailer_freep) struct h1_trailers *t = h1_trailer_new(4);

	cr_assert_not_null(t);
	cr_expect_eq(buf_append(&t->bytes, "12345", 5), -EMSGSIZE);
	cr_expect_eq(buf_append(&t->bytes, "1234", 4), 0);
}

Test(h1_trailer, says_when_there_is_no_memory)
{
	_cleanup_(h1_trailer_freep) struct h1_trailers *t = NULL;

	oom_fail_at(1);
	cr_expect_null(h1_trailer_new(4));
	cr_expect(oom_has_failed());
	t = h1_trailer_new(4);
	oom_fail_at(1);
	cr_expect_eq(h1_trailer_make_room(t, 1), -ENOMEM);
	cr_expect(oom_has_failed());
}
