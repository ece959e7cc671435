/* test_ratelimit.c - buckets that fill, run empty, and are forgotten. The clock is the test's. */
#include "serve/ratelimit.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static struct ratelimit limit;
static struct ratelimit_rule rule;

static void setup(void)
{
	cr_assert_eq(ratelimit_init(&limit, 64), 0);
	ratelimit_make(&rule, 1, 10, 1000, 0);
}

static void teardown(void)
{
	ratelimit_done(&limit);
}

TestSuite(ratelimit, .init = setup, .fini = teardown);

static int64_t take(const char *client, int64_t now_ms)
{
	return ratelimit_take(&limit, &rule, weir_strz(client), now_ms);
}

/* How many of n are welcome. */
static int take_many(const char *client, int n, int64_t now_ms)
{
	int n_taken = 0;

	for (int i = 0; i < n; i++)
		n_taken += take(client, now_ms) == 0;
	return n_taken;
}

Test(ratelimit, a_bucket_holds_its_burst_and_fills_at_its_rate)
{
	cr_expect_eq(take_many("192.0.2.7:1", 30, 1000), 10);
	cr_expect_eq(take("192.0.2.7:1", 1000), 100);
	cr_expect_eq(take("192.0.2.7:1", 1099), 1);
	cr_expect_eq(take_many("192.0.2.7:1", 5, 1100), 1);
	cr_expect_eq(take_many("192.0.2.7:1", 30, 1600), 5);
	cr_expect_eq(take_many("192.0.2.7:1", 30, 100000), 10);
}

Test(ratelimit, in_the_long_run_the_rate_counts)
{
	int n = 0;

	for (int64_t now_ms = 1000; now_ms < 11000; now_ms += 7)
		n += take("192.0.2.7:1", now_ms) == 0;
	cr_expect_geq(n, 108);
	cr_expect_leq(n, 110);
}

Test(ratelimit, a_burst_may_be_smaller_or_larger)
{
	ratelimit_make(&rule, 1, 10, 1000, 2);
	cr_expect_eq(take_many("192.0.2.7:1", 30, 1000), 2);
	ratelimit_make(&rule, 2, 1, 60000, 5);
	cr_expect_eq(take_many("192.0.2.7:1", 30, 1000), 5);
	cr_expect_eq(take("192.0.2.7:1", 1000), 60000);
}

Test(ratelimit, addresses_ports_and_networks)
{
	cr_expect_eq(take_many("192.0.2.7:1", 30, 1000), 10);
	cr_expect_eq(take_many("192.0.2.7:2", 30, 1000), 0);
	cr_expect_eq(take_many("192.0.2.8:1", 30, 1000), 10);
	cr_expect_eq(take_many("[2001:db8::1]:1", 30, 1000), 10);
	cr_expect_eq(take_many("[2001:db8::2]:1", 30, 1000), 0);
	cr_expect_eq(take_many("[2001:db8:0:1::2]:1", 30, 1000), 10);
	cr_expect_eq(take_many("_hidden", 30, 1000), 10);
	cr_expect_eq(take_many("_hidden", 30, 1000), 0);
	cr_expect_eq(take_many("unix:", 30, 1000), 30);
}

Test(ratelimit, each_rule_has_buckets_of_its_own)
{
	struct ratelimit_rule other;

	ratelimit_make(&other, 2, 3, 1000, 0);
	cr_expect_eq(take_many("192.0.2.7:1", 30, 1000), 10);
	for (int i = 0; i < 3; i++)
		cr_expect_eq(ratelimit_take(&limit, &other, WEIR_STR("192.0.2.7:1"), 1000), 0);
	cr_expect_gt(ratelimit_take(&limit, &other, WEIR_STR("192.0.2.7:1"), 1000), 0);
}

Test(ratelimit, who_has_asked_most_is_remembered_longest)
{
	char client[32];

	cr_expect_eq(take_many("192.0.2.7:1", 30, 1000), 10);
	/* Far more than there is room for, once each. */
	for (int i = 0; i < 2000; i++) {
		(void)snprintf(client, sizeof(client), "10.1.%d.%d:1", i / 250, i % 250);
		cr_expect_eq(take(client, 1000), 0);
	}
	cr_expect_gt(take("192.0.2.7:1", 1000), 0);
}

Test(ratelimit, all_processes_have_the_same_buckets)
{
	int n = 0, status;

	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();

		cr_assert_geq(pid, 0);
		if (pid == 0)
			_exit(take_many("192.0.2.7:1", 4, 1000));
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		n += WEXITSTATUS(status);
	}
	cr_expect_eq(n, 10);
}
