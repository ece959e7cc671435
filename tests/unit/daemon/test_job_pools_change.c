/* test_job_pools_change.c - pools that come, change and go while jobs wait and run. */
#include "daemon/job_pools.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "pools_world.h"

/* Two idle processes of the second pool: 0 and 1. */
static void begin_slow(struct world *w)
{
	world_begin(w);
	for (unsigned i = 0; i < 2; i++) {
		world_add(w, i, 1, false);
		world_idle(w, i);
	}
}

static int submit_slow(struct world *w, unsigned number)
{
	w->jobs[number] = (struct pool_job){ .deadline_ms = INT64_MAX };
	return world_submit_as_is(w, number, "slow");
}

/* ---- they change */

Test(job_pools_change, a_new_pool_takes_jobs)
{
	struct world w;

	world_begin(&w);
	w.jobs[1] = (struct pool_job){ .deadline_ms = INT64_MAX };
	cr_assert_eq(world_submit_as_is(&w, 1, "new"), -ENOENT);
	w.plan.pools[JOB_PLAN_MAX - 1] = w.plan.pools[0];
	(void)strcpy(w.plan.pools[JOB_PLAN_MAX - 1].name, "new");
	world_set(&w, JOB_PLAN_MAX - 1);
	cr_assert_eq(world_submit_as_is(&w, 1, "new"), 0);
	world_add(&w, 0, JOB_PLAN_MAX - 1, false);
	world_idle(&w, 0);
	world_expect(&w, "queued 1, started 1, run 1 on 0");
	world_done(&w);
}

Test(job_pools_change, the_same_may_be_said_again)
{
	struct world w;

	begin_slow(&w);
	for (unsigned i = 1; i <= 3; i++)
		cr_assert_eq(submit_slow(&w, i), 0);
	world_forget(&w);
	world_set(&w, 1);
	world_set(&w, 1);
	world_expect(&w, "");
	world_finish(&w, 0, 0);
	world_expect(&w, "ended 1: well, started 3, run 3 on 0");
	world_done(&w);
}

Test(job_pools_change, a_shorter_queue_keeps_who_is_in_it)
{
	struct world w;

	world_begin(&w);
	for (unsigned i = 1; i <= 3; i++)
		cr_assert_eq(world_submit(&w, i), 0);
	w.plan.pools[0].queue = 1;
	world_set(&w, 0);
	world_expect(&w, "queued 1, queued 2, queued 3");
	cr_assert_eq(world_submit(&w, 4), -EAGAIN);
	world_cancel(&w, 1);
	world_cancel(&w, 2);
	cr_assert_eq(world_submit(&w, 4), -EAGAIN);
	world_cancel(&w, 3);
	cr_assert_eq(world_submit(&w, 4), 0);
	world_done(&w);
}

Test(job_pools_change, with_fewer_processes_nothing_begins_before_enough_have_ended)
{
	struct world w;

	world_begin(&w);
	world_add_idle(&w, 3);
	for (unsigned i = 1; i <= 3; i++)
		cr_assert_eq(world_submit(&w, i), 0);
	w.plan.pools[0].processes = 1;
	world_set(&w, 0);
	world_forget(&w);
	world_finish(&w, 0, 0);
	world_expect(&w, "ended 1: well");
	world_finish(&w, 1, 0);
	world_expect(&w, "ended 2: well, started 3, run 3 on 1");
	world_done(&w);
}

Test(job_pools_change, with_more_processes_who_waits_begins_at_once)
{
	struct world w;

	world_begin(&w);
	world_add_idle(&w, 3);
	for (unsigned i = 1; i <= 3; i++)
		cr_assert_eq(world_submit(&w, i), 0);
	world_forget(&w);
	w.plan.pools[0].processes = 3;
	world_set(&w, 0);
	world_expect(&w, "started 3, run 3 on 2");
	world_done(&w);
}

Test(job_pools_change, other_times_are_for_jobs_that_begin_then)
{
	struct world w;

	world_begin(&w);
	world_add_idle(&w, 2);
	cr_assert_eq(world_submit(&w, 1), 0);
	w.plan.pools[0].run_timeout_ms = 50;
	world_set(&w, 0);
	cr_assert_eq(world_submit(&w, 2), 0);
	world_forget(&w);
	world_advance(&w, 50);
	world_expect(&w, "ask 1");
	world_advance(&w, 10000);
	world_expect(&w, "kill 1");
	world_done(&w);
}

/* ---- they leave */

Test(job_pools_change, a_pool_that_leaves_takes_jobs_and_runs_them_on_what_it_has)
{
	struct world w;

	begin_slow(&w);
	cr_assert_eq(submit_slow(&w, 1), 0);
	world_set_state(&w, 1, JOB_PLAN_LEAVES);
	job_pools_renew(&w.pools);
	cr_assert_eq(submit_slow(&w, 2), 0);
	cr_assert_eq(submit_slow(&w, 3), 0);
	world_expect(&w, "started 1, run 1 on 0, started 2, run 2 on 1, queued 3");
	world_finish(&w, 0, 0);
	world_expect(&w, "ended 1: well, started 3, run 3 on 0");
	world_done(&w);
}

Test(job_pools_change, nobody_of_a_pool_that_leaves_is_recycled)
{
	struct job_packet packet = { .word = JOB_ENDED, .resident = 5000 };
	struct world w;

	world_begin(&w);
	w.plan.pools[1].recycle_jobs = 1;
	w.plan.pools[1].recycle_age_ms = 1000;
	w.plan.pools[1].recycle_resident = 1000;
	world_set(&w, 1);
	world_add(&w, 0, 1, false);
	world_idle(&w, 0);
	world_set_state(&w, 1, JOB_PLAN_LEAVES);
	/* Nor one that another hub had. */
	world_add(&w, 1, 1, true);
	world_idle(&w, 1);
	world_advance(&w, 100000);
	for (unsigned i = 1; i <= 6; i++) {
		cr_assert_eq(submit_slow(&w, i), 0);
		packet.id = w.jobs[i].id;
		cr_assert_eq(job_pools_finish(w.jobs[i].process, &packet), 0);
	}
	cr_assert_null(strstr(w.said, "retire"), "%s", w.said);
	world_done(&w);
}

Test(job_pools_change, who_was_to_go_after_its_job_stays_when_the_pool_leaves)
{
	struct world w;

	begin_slow(&w);
	cr_assert_eq(submit_slow(&w, 1), 0);
	job_pools_renew(&w.pools);
	world_expect(&w, "started 1, run 1 on 0, retire 1");
	world_set_state(&w, 1, JOB_PLAN_LEAVES);
	world_finish(&w, 0, 0);
	world_expect(&w, "ended 1: well");
	cr_assert_eq(submit_slow(&w, 2), 0);
	world_expect(&w, "started 2, run 2 on 0");
	world_done(&w);
}

Test(job_pools_change,
     who_waits_for_a_pool_that_leaves_waits_until_the_master_says_that_it_has_gone)
{
	struct world w;

	world_begin(&w);
	/* A new hub has not met its processes yet. */
	world_set_state(&w, 1, JOB_PLAN_LEAVES);
	cr_assert_eq(submit_slow(&w, 1), 0);
	world_add(&w, 0, 1, true);
	world_idle(&w, 0);
	world_expect(&w, "queued 1, started 1, run 1 on 0");
	world_done(&w);
}

Test(job_pools_change, a_pool_that_is_back_is_renewed)
{
	struct world w;

	begin_slow(&w);
	world_set_state(&w, 1, JOB_PLAN_LEAVES);
	cr_assert_eq(submit_slow(&w, 1), 0);
	world_set_state(&w, 1, JOB_PLAN_SERVES);
	world_forget(&w);
	job_pools_renew(&w.pools);
	world_expect(&w, "retire 1");
	world_finish(&w, 0, 0);
	world_expect(&w, "ended 1: well, retire 0");
	world_done(&w);
}

/* ---- they end */

Test(job_pools_change, a_pool_that_ends_takes_nothing_and_lets_its_processes_go)
{
	struct world w;

	begin_slow(&w);
	world_set_state(&w, 1, JOB_PLAN_LEAVES);
	world_set_state(&w, 1, JOB_PLAN_ENDS);
	world_expect(&w, "retire 0, retire 1");
	cr_assert_eq(submit_slow(&w, 1), -ENOENT);
	/* One that comes late. */
	world_add(&w, 2, 1, false);
	world_idle(&w, 2);
	world_expect(&w, "retire 2");
	world_done(&w);
}

Test(job_pools_change, who_waits_when_a_pool_ends_still_runs)
{
	struct world w;

	begin_slow(&w);
	for (unsigned i = 1; i <= 4; i++)
		cr_assert_eq(submit_slow(&w, i), 0);
	world_forget(&w);
	world_set_state(&w, 1, JOB_PLAN_ENDS);
	world_expect(&w, "");
	world_finish(&w, 0, 0);
	world_expect(&w, "ended 1: well, started 3, run 3 on 0");
	world_finish(&w, 1, 0);
	world_expect(&w, "ended 2: well, started 4, run 4 on 1");
	world_finish(&w, 1, 0);
	world_expect(&w, "ended 4: well, retire 1");
	world_finish(&w, 0, 0);
	world_expect(&w, "ended 3: well, retire 0");
	world_done(&w);
}

Test(job_pools_change, when_nobody_waits_any_more_who_is_idle_goes)
{
	struct world w;

	begin_slow(&w);
	w.is_blocked[0] = true;
	cr_assert_eq(submit_slow(&w, 1), 0);
	w.jobs[2] = (struct pool_job){ .deadline_ms = 1500 };
	cr_assert_eq(world_submit_as_is(&w, 2, "slow"), 0);
	world_set_state(&w, 1, JOB_PLAN_ENDS);
	world_expect(&w, "queued 1, queued 2");
	world_cancel(&w, 1);
	world_expect(&w, "ended 1: canceled");
	world_advance(&w, 500);
	world_expect(&w, "ended 2: timed out, retire 0, retire 1");
	world_done(&w);
}

Test(job_pools_change, a_worker_that_dies_takes_what_waits_along)
{
	struct world w;

	begin_slow(&w);
	w.is_blocked[0] = true;
	for (unsigned i = 1; i <= 3; i++)
		cr_assert_eq(submit_slow(&w, i), 0);
	world_set_state(&w, 1, JOB_PLAN_ENDS);
	world_forget(&w);
	job_pools_worker_gone(&w.pools, 0);
	world_expect(&w, "ended 1: canceled, ended 2: canceled, ended 3: canceled, "
			 "retire 0, retire 1");
	world_done(&w);
}

Test(job_pools_change, where_no_pool_is_whatever_waits_fails)
{
	struct world w;

	world_begin(&w);
	cr_assert_eq(submit_slow(&w, 1), 0);
	cr_assert_eq(submit_slow(&w, 2), 0);
	cr_assert_eq(world_submit(&w, 3), 0);
	world_forget(&w);
	world_set_state(&w, 1, JOB_PLAN_NONE);
	world_expect(&w, "ended 1: died with -1, ended 2: died with -1");
	cr_assert_eq(submit_slow(&w, 4), -ENOENT);
	cr_assert_eq(job_pools_add(&w.pools, &w.processes[0], 1, false), -ENOENT);
	cr_assert_eq(job_pools_add(&w.pools, &w.processes[0], 2, false), -ENOENT);
	world_done(&w);
}

Test(job_pools_change, another_in_its_place_has_nothing_of_it)
{
	struct world w;

	world_begin(&w);
	cr_assert_eq(submit_slow(&w, 1), 0);
	world_forget(&w);
	(void)strcpy(w.plan.pools[1].name, "other");
	world_set(&w, 1);
	world_expect(&w, "ended 1: died with -1");
	cr_assert_eq(submit_slow(&w, 1), -ENOENT);
	cr_assert_eq(world_submit_as_is(&w, 1, "other"), 0);
	world_done(&w);
}

Test(job_pools_change, without_a_first_pool_there_is_none_without_a_name)
{
	struct world w;

	world_begin(&w);
	world_set_state(&w, 0, JOB_PLAN_NONE);
	cr_assert_eq(world_submit(&w, 1), -ENOENT);
	world_set_state(&w, 0, JOB_PLAN_SERVES);
	cr_assert_eq(world_submit(&w, 1), 0);
	world_done(&w);
}
