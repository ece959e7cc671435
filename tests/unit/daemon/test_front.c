/* test_front.c - how many connections there may be, and that the log says why. */
#include "daemon/front.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "conf/conf.h"

static void set_descriptors(rlim_t n)
{
	struct rlimit limit;

	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = n;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void expect_said(const struct conf *conf, const char *words)
{
	char text[1000] = "";
	struct log log;
	int fds[2];

	cr_assert_eq(pipe(fds), 0);
	log_init(&log, fds[1], LOG_AT_INFO);
	front_describe(conf, &log);
	cr_assert_gt(read(fds[0], text, sizeof(text) - 1), 0);
	cr_expect_not_null(strstr(text, words), "%s", text);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

Test(front, descriptors_say_how_many_connections_there_may_be)
{
	struct conf conf = { .n_workers = 3 };

	set_descriptors(1024);
	cr_expect_eq(front_max_connections(&conf), 1024 - 128 - 64);
	expect_said(&conf, "connections: at most 2496: 3 workers, of 1024 descriptors each "
			   "(LimitNOFILE, ulimit -n) 832 for connections");
}

Test(front, the_operator_says_so_if_it_is_less)
{
	struct conf conf = { .n_workers = 3, .limits.max_connections = 100 };

	set_descriptors(1024);
	cr_expect_eq(front_max_connections(&conf), 100);
	expect_said(&conf, "connections: at most 100 (max_connections)");
	conf.limits.max_connections = 2497;
	cr_expect_eq(front_max_connections(&conf), 832);
	expect_said(&conf, "connections: at most 2496, not 2497 (max_connections): 3 workers");
}

Test(front, a_worker_takes_its_limits_from_the_configuration)
{
	struct conf conf = { .n_workers = 1,
			     .limits.max_connections = 5,
			     .front = { .max_connections_per_address = 1, .rate_addresses = 64 } };
	struct front front;
	struct log log;
	unsigned label;

	log_init(&log, STDERR_FILENO, LOG_AT_ERROR);
	cr_assert_eq(front_init(&front, &conf), 0);
	front_join(&front, &conf, &log);
	cr_expect_eq(front.headcount.max_all, 5);
	cr_expect_eq(headcount_add(&front.headcount, WEIR_STR("192.0.2.7:1"), true, &label),
		     FAULT_NONE);
	cr_expect_eq(headcount_add(&front.headcount, WEIR_STR("192.0.2.7:2"), true, &label),
		     FAULT_TOO_MANY);
	headcount_leave(&front.headcount);
	front_done(&front);
}
