/* test_job_counts.c - what is counted, and that others see it. */
#include "daemon/job_counts.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/conf.h"

Test(job_counts, all_that_was_submitted_is_somewhere)
{
	struct job_counts counts;
	struct job_pool_counts *c, now;

	cr_assert_eq(job_counts_init(&counts), 0);
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

	cr_assert_eq(job_counts_init(&counts), 0);
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

	cr_assert_eq(job_counts_init(&counts), 0);
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

	cr_assert_eq(job_counts_init(&counts), 0);
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

/* ---- pools come and go */

Test(job_counts, a_place_is_that_of_its_pool_until_another_has_it)
{
	struct job_counts counts;

	cr_assert_eq(job_counts_init(&counts), 0);
	job_counts_open(&counts, 3, "slow");
	job_counts_submit(job_counts_at(&counts, 3));
	job_counts_open(&counts, 3, "slow");
	cr_assert_eq(job_counts_at(&counts, 3)->submitted, 1u);
	job_counts_close(&counts, 3);
	cr_assert_eq(job_counts_at(&counts, 3)->submitted, 1u, "it may come back");
	job_counts_open(&counts, 3, "other");
	cr_assert_eq(job_counts_at(&counts, 3)->submitted, 0u);
	cr_assert_str_eq(job_counts_at(&counts, 3)->name, "other");
	/* No name is anywhere twice. */
	job_counts_open(&counts, 4, "other");
	cr_assert_str_eq(job_counts_at(&counts, 3)->name, "");
	cr_assert_null(job_counts_at(&counts, JOB_PLAN_MAX));
	job_counts_done(&counts);
}

static const struct conf_job_pool pools[] = { { .name = "default" }, { .name = "new" } };
static const struct conf_jobs conf = { .pools = pools, .n_pools = 2 };

Test(job_counts, shows_what_is_configured_and_what_is_there_still)
{
	struct job_counts_walk walk = { 0 };
	struct job_counts counts;

	cr_assert_eq(job_counts_init(&counts), 0);
	job_counts_open(&counts, 0, "default");
	job_counts_open(&counts, 1, "leaves");
	job_counts_open(&counts, 2, "gone");
	job_counts_close(&counts, 2);
	job_counts_submit(job_counts_at(&counts, 1));
	cr_assert(job_counts_next(&counts, &conf, &walk));
	cr_assert_str_eq(walk.name, "default");
	/* The hub has not heard of it. */
	cr_assert(job_counts_next(&counts, &conf, &walk));
	cr_assert_str_eq(walk.name, "new");
	cr_assert_eq(walk.counts.submitted, 0u);
	cr_assert(job_counts_next(&counts, &conf, &walk));
	cr_assert_str_eq(walk.name, "leaves");
	cr_assert_eq(walk.counts.submitted, 1u);
	cr_assert_not(job_counts_next(&counts, &conf, &walk));
	job_counts_done(&counts);
}

Test(job_counts, shows_one_that_has_gone_and_is_configured_to_who_goes_by_that)
{
	struct job_counts_walk walk = { 0 };
	struct job_counts counts;

	cr_assert_eq(job_counts_init(&counts), 0);
	job_counts_open(&counts, 7, "new");
	job_counts_submit(job_counts_at(&counts, 7));
	job_counts_close(&counts, 7);
	(void)job_counts_next(&counts, &conf, &walk);
	(void)job_counts_next(&counts, &conf, &walk);
	cr_assert_eq(walk.counts.submitted, 1u);
	cr_assert_not(job_counts_next(&counts, &conf, &walk));
	job_counts_done(&counts);
}

Test(job_counts, without_memory_no_pool_is_shown)
{
	struct job_counts_walk walk = { 0 };
	struct job_counts none = { 0 };

	job_counts_open(&none, 0, "default");
	job_counts_close(&none, 0);
	job_counts_open(NULL, 0, "default");
	cr_assert_not(job_counts_next(&none, &conf, &walk));
	cr_assert_not(job_counts_next(NULL, &conf, &walk));
}
