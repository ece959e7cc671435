/* test_ticks.c - ticks against the clock. */
#include "base/ticks.h"

#include <criterion/criterion.h>

#include "base/clock.h"

Test(ticks, are_microseconds_in_the_end)
{
	struct ticks ticks;
	int64_t first_us, last_us;
	uint64_t first, last, us;

	ticks_init(&ticks);
	cr_assert_neq(ticks.source, TICKS_NONE);
	/* The clock around the ticks: however long we are held up, it saw more; inside, less. */
	first_us = clock_monotonic_us();
	first = ticks_now(&ticks);
	while (clock_monotonic_us() < first_us + 20000)
		;
	last = ticks_now(&ticks);
	last_us = clock_monotonic_us();
	us = ticks_us(&ticks, first, last);
	cr_expect_gt(us, 19000);
	cr_expect_lt(us, (uint64_t)(last_us - first_us) * 105 / 100);
}

Test(ticks, never_go_back)
{
	struct ticks ticks;

	ticks_init(&ticks);
	cr_expect_eq(ticks_us(&ticks, 10, 9), 0);
	cr_expect_eq(ticks_us(&ticks, 10, 10), 0);
}

Test(ticks, stand_still_where_nobody_measures)
{
	struct ticks ticks = { TICKS_NONE, 0 };

	cr_expect_eq(ticks_now(&ticks), 0);
	cr_expect_eq(ticks_us(&ticks, 0, 1000), 0);
}
