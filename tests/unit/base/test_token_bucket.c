/* test_token_bucket.c - so many at once, and then as time goes by. */
#include "base/token_bucket.h"

#include <criterion/criterion.h>

/* Takes what there is. */
static unsigned take_all(struct token_bucket *b, int64_t now_us)
{
	unsigned n = 0;

	while (token_bucket_has(b, now_us)) {
		token_bucket_take(b);
		n++;
	}
	return n;
}

Test(token_bucket, is_full_at_first_and_then_empty)
{
	struct token_bucket b;

	token_bucket_init(&b, 3, 100, 5000);
	cr_assert_eq(take_all(&b, 5000), 3u);
	cr_assert_eq(take_all(&b, 5099), 0u);
}

Test(token_bucket, only_what_is_taken_counts)
{
	struct token_bucket b;

	token_bucket_init(&b, 1, 100, 0);
	cr_assert(token_bucket_has(&b, 0));
	cr_assert(token_bucket_has(&b, 0));
	token_bucket_take(&b);
	cr_assert_not(token_bucket_has(&b, 0));
	token_bucket_take(&b);
	cr_assert(token_bucket_has(&b, 100), "what is not there cannot be owed");
}

Test(token_bucket, has_one_more_for_each_interval)
{
	struct token_bucket b;

	token_bucket_init(&b, 3, 100, 0);
	(void)take_all(&b, 0);
	cr_assert_eq(take_all(&b, 100), 1u);
	cr_assert_eq(take_all(&b, 300), 2u);
}

Test(token_bucket, forgets_no_part_of_an_interval)
{
	struct token_bucket b;

	token_bucket_init(&b, 3, 100, 0);
	(void)take_all(&b, 0);
	cr_assert_eq(take_all(&b, 150), 1u);
	cr_assert_eq(take_all(&b, 199), 0u);
	cr_assert_eq(take_all(&b, 200), 1u);
}

Test(token_bucket, holds_no_more_than_it_can)
{
	struct token_bucket b;

	token_bucket_init(&b, 3, 100, 0);
	(void)take_all(&b, 0);
	cr_assert_eq(take_all(&b, INT64_MAX), 3u);
	cr_assert_eq(take_all(&b, INT64_MAX), 0u);
}

Test(token_bucket, a_full_one_saves_no_time)
{
	struct token_bucket b;

	token_bucket_init(&b, 2, 100, 0);
	cr_assert(token_bucket_has(&b, 1050));
	cr_assert_eq(take_all(&b, 1050), 2u);
	cr_assert_eq(take_all(&b, 1149), 0u);
}

Test(token_bucket, a_clock_that_has_not_moved_adds_nothing)
{
	struct token_bucket b;

	token_bucket_init(&b, 1, 100, 1000);
	(void)take_all(&b, 1000);
	cr_assert_not(token_bucket_has(&b, 900));
	cr_assert_not(token_bucket_has(&b, 1000));
}
