/* test_job_counts.c - what is counted, and that others see it. */
#include "daemon/job_counts.h"

#include <criterion/criterion.h>
#include <sys/wait.h>
#include <unistd.h>

Test(job_counts, all_that_was_submitted_is_somewhere)
{
	struct job_counts counts;
	struct job_pool_counts *c, now;

	cr_assert_eq(job_counts_init(&counts, 2), 0);
	c = job_counts_at(&counts, 1);
	for (unsigned i = 0; i < 6; i++)
		job_counts_submit(c);
	job_counts_refuse(c);
	for (unsigned i = 0; i < 4; i++)
		job_counts_start(c, 100);
	job_counts_give_up(c);
	job_counts_end(c, JOB_COUNTS_DONE, 1000);
	job_counts_end(c, JOB_COUNTS_FAILED, 1000);
	job_counts_end(c, JOB_COUNTS_KILLED, 1000);
	now = job_counts_read(c);
	cr_assert_eq(now.submitted, 6u);
	cr_assert_eq(now.refused, 1u);
	cr_assert_eq(now.waiting, 1u);
	cr_assert_eq(now.running, 1u);
	cr_assert_eq(now.done, 1u);
	cr_assert_eq(now.failed, 2u);
	cr_assert_eq(now.killed, 1u);
	cr_assert_eq(now.wait_us.n, 4u);
	cr_assert_eq(now.run_us.n, 3u);
	cr_assert_eq(job_counts_read(job_counts_at(&counts, 0)).submitted, 0u);
	job_counts_done(&counts);
}

Test(job_counts, other_processes_see_it)
{
	struct job_counts counts;
	pid_t pid;

	cr_assert_eq(job_counts_init(&counts, 1), 0);
	pid = fork();
	if (pid == 0) {
		job_counts_submit(job_counts_at(&counts, 0));
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
	cr_assert_eq(job_counts_read(job_counts_at(&counts, 0)).submitted, 1u);
	job_counts_done(&counts);
}

Test(job_counts, what_a_dead_hub_had_has_failed)
{
	struct job_counts counts;
	struct job_pool_counts *c, now;

	cr_assert_eq(job_counts_init(&counts, 1), 0);
	c = job_counts_at(&counts, 0);
	for (unsigned i = 0; i < 3; i++)
		job_counts_submit(c);
	job_counts_start(c, 1);
	job_counts_begin(c);
	now = job_counts_read(c);
	cr_assert_eq(now.waiting + now.running, 0u);
	cr_assert_eq(now.failed, 3u);
	job_counts_done(&counts);
}

Test(job_counts, without_memory_nothing_is_counted)
{
	struct job_counts none = { 0 };
	struct job_pool_counts *c = job_counts_at(&none, 0);

	cr_assert_null(c);
	cr_assert_null(job_counts_at(NULL, 0));
	job_counts_begin(c);
	job_counts_submit(c);
	job_counts_refuse(c);
	job_counts_start(c, 1);
	job_counts_give_up(c);
	job_counts_end(c, JOB_COUNTS_DONE, 1);
	cr_assert_eq(job_counts_read(c).submitted, 0u);
	job_counts_done(&none);
}

Test(job_counts, it_can_be_said_in_words)
{
	struct job_counts counts;
	char words[JOB_COUNTS_WORDS_MAX];
	struct job_pool_counts *c;

	cr_assert_eq(job_counts_init(&counts, 1), 0);
	c = job_counts_at(&counts, 0);
	job_counts_submit(c);
	job_counts_start(c, 200);
	job_counts_end(c, JOB_COUNTS_DONE, 100000);
	job_counts_describe(c, words);
	cr_assert_str_eq(words, "1 submitted, 1 done, 0 failed, 0 killed, 0 refused; half of them "
				"waited 0.256 ms at most and ran 131.072 ms, 99 % of them 0.256 ms "
				"and 131.072 ms");
	job_counts_done(&counts);
}
