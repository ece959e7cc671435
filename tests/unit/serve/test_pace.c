/* test_pace.c - averages, and who has the same limits; what comes of them is h1_time's test. */
#include "serve/pace.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

static const struct pace_limits usual = {
	.body_ms = 30000, .send_ms = 30000, .min_rate = 240, .average_ms = 20000
};

static void on_timeout(struct timeout *timeout)
{
}

struct row {
	uint64_t min_rate, bytes;
	int64_t average_ms, waited_ms;
	bool is_too_slow;
};

ParameterizedTestParameters(pace, averages)
{
	static struct row rows[] = {
		{ 240, 0, 20000, 19999, false },
		{ 240, 0, 20000, 20000, true },
		{ 240, 4799, 20000, 20000, true },
		{ 240, 4800, 20000, 20000, false },
		{ 240, 4800, 20000, 20100, true },
		{ 240, 1 << 30, 20000, 3600000, false },
		{ 0, 0, 20000, 3600000, false },
		{ 1, 0, 0, 0, false },
		{ 1, 0, 0, 1, true },
		{ 1 << 30, UINT64_C(1) << 60, 0, 1, false },
		{ 1 << 30, 1, 0, INT64_MAX / 2000, true },
		{ 240, UINT64_C(1) << 40, 20000, INT64_C(1) << 40, false },
	};

	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, pace, averages)
{
	struct pace pace = { .limits = { .min_rate = row->min_rate,
					 .average_ms = row->average_ms } };

	cr_expect_eq(pace_is_too_slow(&pace, row->bytes, row->waited_ms), row->is_too_slow,
		     "%lu bytes in %ld ms", (unsigned long)row->bytes, (long)row->waited_ms);
}

Test(pace, knows_its_limits)
{
	struct pace_limits other = usual;
	struct loop *loop;
	struct pace pace;

	cr_assert_eq(loop_new_virtual(&loop), 0);
	pace_init(&pace, loop, &usual, on_timeout, on_timeout);
	cr_assert(pace_has_limits(&pace, &other));
	other.body_ms = 1;
	cr_assert_not(pace_has_limits(&pace, &other));
	other = usual;
	other.send_ms = 1;
	cr_assert_not(pace_has_limits(&pace, &other));
	other = usual;
	other.min_rate = 1;
	cr_assert_not(pace_has_limits(&pace, &other));
	other = usual;
	other.average_ms = 1;
	cr_assert_not(pace_has_limits(&pace, &other));
	pace_done(&pace);
	loop_free(loop);
}

static int64_t look_after(int64_t send_ms)
{
	struct pace_limits limits = usual;
	struct loop *loop;
	struct pace pace;
	int64_t after_ms;

	limits.send_ms = send_ms;
	cr_assert_eq(loop_new_virtual(&loop), 0);
	pace_init(&pace, loop, &limits, on_timeout, on_timeout);
	after_ms = pace.looks.after_ms;
	pace_done(&pace);
	loop_free(loop);
	return after_ms;
}

Test(pace, looks_every_second_or_sooner_where_less_is_allowed)
{
	cr_assert_eq(look_after(30000), 1000);
	cr_assert_eq(look_after(250), 250);
	cr_assert_eq(look_after(0), 1000);
}
