#ifndef WEIR_APP_TEST_JOBS_H
#define WEIR_APP_TEST_JOBS_H
/*
 * test_jobs.h - jobs in the world of a test: they run in this process, in virtual time, as
 * weir/test.h says.
 */
#include "app/job_carrier.h"
#include "base/list.h"
#include "coro/stack.h"

struct log;
struct loop;

struct test_jobs {
	struct job_carrier carrier;
	struct loop *loop; /* borrowed */
	struct stack_pool stacks;
	struct list jobs;      /* struct test_job, owned */
	const struct log *log; /* borrowed */
	size_t max_result;
};

void test_jobs_init(struct test_jobs *jobs, struct loop *loop, const struct log *log,
		    size_t max_result);
/* What still runs is made to end; one that does not is forgotten, and its calls end all the same. */
void test_jobs_done(struct test_jobs *jobs);

#endif
