/* test_job_limits.c - each test is a process of its own: what is applied stays until its end. */
#include "daemon/job_limits.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "conf/conf.h"
#include "on_valgrind.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAS_SHADOW true /* terabytes of address space */
#else
#define HAS_SHADOW false
#endif

#define MIB ((uint64_t)1024 * 1024)

static struct job_limits apply(const struct conf_job_pool *pool)
{
	_cleanup_(buf_done) struct buf words = { 0 };
	struct job_limits limits;

	cr_assert_eq(job_limits_apply(&limits, pool, &words), 0, "%.*s", (int)words.len,
		     words.data);
	return limits;
}

Test(job_limits, a_process_steps_back_behind_others)
{
	struct job_limits limits = apply(&(struct conf_job_pool){ .nice = 7 });
	char text[16] = "";
	FILE *file;

	cr_assert_eq(getpriority(PRIO_PROCESS, 0), 7);
	cr_assert_eq(sched_getscheduler(0), SCHED_BATCH);
	file = fopen("/proc/self/oom_score_adj", "re");
	cr_assert(file && fgets(text, sizeof(text), file));
	cr_assert_eq(atoi(text), 500);
	(void)fclose(file);
	job_limits_done(&limits);
}

Test(job_limits, it_gets_no_new_privileges)
{
	struct job_limits limits = apply(&(struct conf_job_pool){ 0 });

	cr_assert_eq(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
	job_limits_done(&limits);
}

Test(job_limits, its_memory_has_an_end)
{
	struct job_limits limits;
	void *at;

	if (HAS_SHADOW || RUNNING_ON_VALGRIND)
		return;
	limits = apply(&(struct conf_job_pool){ .memory = 2048 * MIB });
	at = mmap(NULL, 1024 * MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(at, MAP_FAILED);
	(void)munmap(at, 1024 * MIB);
	cr_assert_eq(mmap(NULL, 2048 * MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		     MAP_FAILED);
	job_limits_done(&limits);
}

Test(job_limits, too_little_memory_is_said)
{
	struct conf_job_pool pool = { .memory = 5 * MIB };
	_cleanup_(buf_done) struct buf words = { 0 };
	struct job_limits limits;

	cr_assert_eq(job_limits_apply(&limits, &pool, &words), -ENOMEM);
	cr_assert_not_null(strstr(words.data, "memory: 5120 KiB are too few: with its modules"));
	job_limits_done(&limits);
}

static void burn(int64_t ms)
{
	int64_t until_us = 0;
	struct timespec ts;

	do {
		(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
		if (until_us == 0)
			until_us = ts.tv_sec * 1000000 + ts.tv_nsec / 1000 + ms * 1000;
	} while (ts.tv_sec * 1000000 + ts.tv_nsec / 1000 < until_us);
}

Test(job_limits, a_job_that_has_used_its_time_dies, .signal = SIGXCPU)
{
	struct job_limits limits = apply(&(struct conf_job_pool){ .cpu_time_ms = 30 });

	job_limits_begin(&limits);
	burn(5000);
}

Test(job_limits, each_job_has_its_own_time)
{
	struct job_limits limits = apply(&(struct conf_job_pool){ .cpu_time_ms = 200 });

	for (int i = 0; i < 5; i++) {
		job_limits_begin(&limits);
		burn(80);
		job_limits_end(&limits);
	}
	burn(300);
	job_limits_done(&limits);
}
