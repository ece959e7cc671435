/* test_headcount.c - connections of all workers, some of which are processes of their own here. */
#include "serve/headcount.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static struct headcount h;

static void setup(void)
{
	cr_assert_eq(headcount_init(&h, 4, 100), 0);
	cr_assert_eq(headcount_join(&h), 0);
}

static void teardown(void)
{
	headcount_leave(&h);
	headcount_done(&h);
}

TestSuite(headcount, .init = setup, .fini = teardown);

static unsigned add(const char *peer, enum fault fault)
{
	unsigned label = 77;

	cr_expect_eq(headcount_add(&h, weir_strz(peer), true, &label), fault, "%s", peer);
	return label;
}

Test(headcount, an_address_has_its_limit_and_others_have_theirs)
{
	unsigned first;

	h.max_address = 2;
	first = add("192.0.2.7:1", FAULT_NONE);
	(void)add("192.0.2.7:2", FAULT_NONE);
	cr_expect_eq(add("192.0.2.7:3", FAULT_TOO_MANY), 0);
	(void)add("192.0.2.8:1", FAULT_NONE);
	cr_expect_eq(headcount_from(&h, WEIR_STR("192.0.2.7:9")), 2);
	cr_expect_eq(headcount_all(&h), 3);
	headcount_drop(&h, first);
	(void)add("192.0.2.7:3", FAULT_NONE);
}

Test(headcount, of_ipv6_a_network_of_64_bits_is_one)
{
	h.max_address = 1;
	(void)add("[2001:db8:1:2::1]:1", FAULT_NONE);
	(void)add("[2001:db8:1:2:ffff::9]:1", FAULT_TOO_MANY);
	(void)add("[2001:db8:1:3::1]:1", FAULT_NONE);
	(void)add("[::ffff:192.0.2.7]:1", FAULT_NONE);
	(void)add("192.0.2.7:1", FAULT_TOO_MANY);
	(void)add("192.0.2.8:1", FAULT_NONE);
}

Test(headcount, who_has_no_address_or_is_exempt_counts_among_all_only)
{
	unsigned label_before, label;

	h.max_address = 1;
	h.max_all = 4;
	(void)add("unix:", FAULT_NONE);
	label_before = add("unix:", FAULT_NONE);
	cr_expect_eq(headcount_add(&h, WEIR_STR("10.0.0.1:1"), false, &label), FAULT_NONE);
	cr_expect_eq(headcount_add(&h, WEIR_STR("10.0.0.1:2"), false, &label), FAULT_NONE);
	cr_expect_eq(headcount_add(&h, WEIR_STR("10.0.0.1:3"), false, &label), FAULT_OVERLOADED);
	headcount_drop(&h, label_before);
	(void)add("unix:", FAULT_NONE);
}

Test(headcount, a_thousand_addresses_come_and_go)
{
	static unsigned labels[1000];
	char peer[32];

	h.max_address = 1;
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 100; i++) {
			(void)snprintf(peer, sizeof(peer), "10.%d.%d.1:1", round, i);
			labels[i] = add(peer, FAULT_NONE);
		}
		(void)add(peer, FAULT_TOO_MANY);
		for (int i = 0; i < 100; i++)
			headcount_drop(&h, labels[i]);
		cr_expect_eq(headcount_from(&h, weir_strz(peer)), 0);
	}
	cr_expect_eq(headcount_all(&h), 0);
}

/* A worker that has so many connections from there, and then waits, or dies. */
static pid_t worker(unsigned n, const char *peer, bool dies, int *ret_go_on)
{
	int ready[2], go_on[2];
	pid_t pid;
	char byte;

	cr_assert_eq(pipe(ready), 0);
	cr_assert_eq(pipe(go_on), 0);
	pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		unsigned label;

		(void)close(go_on[1]);
		if (headcount_join(&h) < 0)
			_exit(1);
		for (unsigned i = 0; i < n; i++)
			(void)headcount_add(&h, weir_strz(peer), true, &label);
		(void)!write(ready[1], "x", 1);
		if (dies)
			_exit(0);
		(void)!read(go_on[0], &byte, 1);
		headcount_leave(&h);
		_exit(0);
	}
	(void)close(ready[1]);
	(void)close(go_on[0]);
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	*ret_go_on = go_on[1];
	return pid;
}

static void reap(pid_t pid, int go_on)
{
	int status;

	(void)close(go_on);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
}

Test(headcount, limits_are_those_of_all_workers)
{
	int go_on;
	pid_t pid;

	h.max_address = 3;
	h.max_all = 4;
	pid = worker(2, "192.0.2.7:1", false, &go_on);
	cr_expect_eq(headcount_all(&h), 2);
	cr_expect_eq(headcount_from(&h, WEIR_STR("192.0.2.7:5")), 2);
	(void)add("192.0.2.7:2", FAULT_NONE);
	(void)add("192.0.2.7:3", FAULT_TOO_MANY);
	(void)add("192.0.2.8:1", FAULT_NONE);
	(void)add("192.0.2.9:1", FAULT_OVERLOADED);
	reap(pid, go_on);
	cr_expect_eq(headcount_all(&h), 2);
	(void)add("192.0.2.7:3", FAULT_NONE);
}

Test(headcount, the_dead_are_forgotten_when_the_next_one_starts)
{
	int go_on, go_on_2;
	pid_t pid;

	pid = worker(5, "192.0.2.7:1", true, &go_on);
	reap(pid, go_on);
	cr_expect_eq(headcount_all(&h), 5);
	pid = worker(1, "192.0.2.7:1", false, &go_on_2);
	cr_expect_eq(headcount_all(&h), 1);
	reap(pid, go_on_2);
	cr_expect_eq(headcount_all(&h), 0);
}

Test(headcount, a_worker_too_many_does_not_count)
{
	struct headcount others[4];

	for (int i = 0; i < 3; i++) {
		others[i] = h;
		cr_assert_eq(headcount_join(&others[i]), 0);
	}
	others[3] = h;
	cr_assert_eq(headcount_join(&others[3]), -EBUSY);
	for (int i = 0; i < 3; i++)
		headcount_leave(&others[i]);
}
