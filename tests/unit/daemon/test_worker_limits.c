/* test_worker_limits.c - from the configuration to the server. That routes have paces is test_worker.c's. */
#include "daemon/worker_limits.h"

#include <criterion/criterion.h>

#include "conf/conf.h"

Test(worker_limits, are_those_of_the_configuration)
{
	struct conf conf = { .n_workers = 1,
			     .limits = { .max_head = 1000,
					 .keep_alive_ms = 75,
					 .max_connections = 7,
					 .min_rate_after_ms = 20 } };
	struct server_limits limits = worker_limits_of(&conf);

	cr_expect_eq(limits.head.max_head, 1000);
	cr_expect_eq(limits.keep_alive_ms, 75);
	cr_expect_eq(limits.pace.average_ms, 20);
}
