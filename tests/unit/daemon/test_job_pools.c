/* test_job_pools.c - the hub's decisions, one by one; test_job_pools_random.c is for all of them together. */
#include "daemon/job_pools.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "oom.h"
#include "pools_world.h"

/* ---- running and waiting */

Test(job_pools, a_job_runs_at_once_where_a_process_is_idle)
{
	struct world w;

	world_begin(&w);
	world_add_idle(&w, 2);
	cr_assert_eq(world_submit(&w, 1), 0);
	world_expect(&w, "started 1, run 1 on 0");
	world_finish(&w, 0, 0);
	world_expect(&w, "ended 1: well");
	world_done(&w);
}

Test(job_pools, a_job_waits_until_a_process_is_there)
{
	struct world w;

	world_begin(&w);
	world_add(&w, 0, 0, false);
	cr_assert_eq(world_submit(&w, 1), 0);
	world_expect(&w, "queued 1");
	world_idle(&w, 0);
	world_expect(&w, "started 1, run 1 on 0");
	world_done(&w);
}

Test(job_pools, who_has_run_a_job_goes_before_one_that_is_new)
{
	struct world w;

	world_begin(&w);
	world_add(&w, 0, 0, false);
	world_add(&w, 1, 0, false);
	world_idle(&w, 0);
	cr_assert_eq(world_submit(&w, 1), 0);
	world_finish(&w, 0, 0);
	world_idle(&w, 1);
	cr_assert_eq(world_submit(&w, 2), 0);
	world_expect(&w, "started 1, run 1 on 0, ended 1: well, started 2, run 2 on 0");
	world_done(&w);
}

Test(job_pools, no_more_run_than_the_pool_has_processes)
{
	struct world w;

	world_begin(&w);
	world_add_idle(&w, 3); /* one of them spare */
	for (unsigned i = 1; i <= 3; i++)
		cr_assert_eq(world_submit(&w, i), 0);
	world_expect(&w, "started 1, run 1 on 0, started 2, run 2 on 1, queued 3");
	world_finish(&w, 1, -EIO);
	world_expect(&w, "ended 2: failed, started 3, run 3 on 1");
	world_done(&w);
}

Test(job_pools, a_full_queue_refuses)
{
	struct world w;

	world_begin(&w);
	for (unsigned i = 1; i <= 3; i++)
		cr_assert_eq(world_submit(&w, i), 0);
	cr_assert_eq(world_submit(&w, 4), -EAGAIN);
	world_cancel(&w, 2);
	cr_assert_eq(world_submit(&w, 4), 0);
	world_expect(&w, "queued 1, queued 2, queued 3, ended 2: canceled, queued 4");
	world_done(&w);
}

Test(job_pools, without_a_queue_only_what_can_run_is_taken)
{
	struct world w;

	world_begin(&w);
	w.plan.pools[0].queue = 0;
	world_set(&w, 0);
	cr_assert_eq(world_submit(&w, 1), -EAGAIN);
	world_add_idle(&w, 1);
	cr_assert_eq(world_submit(&w, 1), 0);
	cr_assert_eq(world_submit(&w, 2), -EAGAIN);
	world_expect(&w, "started 1, run 1 on 0");
	world_done(&w);
}

Test(job_pools, pools_do_not_share)
{
	struct world w;

	world_begin(&w);
	world_add_idle(&w, 1);
	w.jobs[1] = w.jobs[2] = (struct pool_job){ .deadline_ms = INT64_MAX };
	cr_assert_eq(world_submit_as_is(&w, 1, "slow"), 0);
	cr_assert_eq(world_submit_as_is(&w, 2, "default"), 0);
	world_expect(&w, "queued 1, started 2, run 2 on 0");
	world_add(&w, 5, 1, false);
	world_idle(&w, 5);
	world_expect(&w, "started 1, run 1 on 5");
	world_done(&w);
}

Test(job_pools, what_cannot_be_is_refused)
{
	struct world w;

	world_begin(&w);
	w.jobs[1] = (struct pool_job){ .deadline_ms = INT64_MAX };
	cr_assert_eq(world_submit_as_is(&w, 1, "fast"), -ENOENT);
	cr_assert_eq(job_pools_add(&w.pools, &w.processes[0], 2, false), -ENOENT);
	cr_assert_eq(world_submit(&w, 1), 0);
	w.jobs[2] = w.jobs[1];
	cr_assert_eq(job_pools_submit(&w.pools, &w.jobs[2], WEIR_STR("")), -EEXIST);
	w.jobs[2] = (struct pool_job){ .deadline_ms = 1000 };
	cr_assert_eq(world_submit_as_is(&w, 2, ""), -ETIMEDOUT);
	world_expect(&w, "queued 1");
	world_done(&w);
}

Test(job_pools, routes_and_workers_take_turns_and_priorities_go_first)
{
	struct world w;

	world_begin(&w);
	w.plan.pools[0].queue = 10;
	world_set(&w, 0);
	(void)!world_submit(&w, 1);
	(void)!world_submit(&w, 2);
	w.jobs[3] = (struct pool_job){ .deadline_ms = INT64_MAX, .item.worker = 1 };
	w.jobs[4] = (struct pool_job){ .deadline_ms = INT64_MAX, .item.route = 7 };
	w.jobs[5] = (struct pool_job){ .deadline_ms = INT64_MAX, .item.priority = 1 };
	for (unsigned i = 3; i <= 5; i++)
		cr_assert_eq(world_submit_as_is(&w, i, ""), 0);
	world_forget(&w);
	world_add_idle(&w, 1);
	world_expect(&w, "started 5, run 5 on 0");
	for (unsigned i = 0; i < 4; i++)
		world_finish(&w, 0, 0);
	world_expect(&w,
		     "ended 5: well, started 1, run 1 on 0, ended 1: well, started 4, run 4 on 0, "
		     "ended 4: well, started 3, run 3 on 0, ended 3: well, started 2, run 2 on 0");
	world_done(&w);
}

Test(job_pools, a_worker_that_does_not_listen_waits)
{
	struct world w;

	world_begin(&w);
	world_add_idle(&w, 2);
	w.is_blocked[0] = true;
	cr_assert_eq(world_submit(&w, 1), 0);
	w.jobs[2] = (struct pool_job){ .deadline_ms = INT64_MAX, .item.worker = 1 };
	cr_assert_eq(world_submit_as_is(&w, 2, ""), 0);
	world_expect(&w, "queued 1, started 2, run 2 on 0");
	w.is_blocked[0] = false;
	job_pools_unblocked(&w.pools);
	world_expect(&w, "started 1, run 1 on 1");
	world_done(&w);
}

/* ---- cancelling, and time */

Test(job_pools, a_queued_job_is_cancelled_at_once)
{
	struct world w;

	world_begin(&w);
	(void)!world_submit(&w, 1);
	world_cancel(&w, 1);
	world_expect(&w, "queued 1, ended 1: canceled");
	world_cancel(&w, 1);
	world_expect(&w, "");
	world_add_idle(&w, 1);
	world_expect(&w, "");
	world_done(&w);
}

Test(job_pools, a_running_job_is_asked_and_then_killed)
{
	struct world w;

	world_begin(&w);
	world_add_idle(&w, 3);
	(void)!world_submit(&w, 1);
	world_forget(&w);
	world_cancel(&w, 1);
	world_cancel(&w, 1);
	world_expect(&w, "ask 0");
	world_advance(&w, 99);
	world_expect(&w, "");
	world_advance(&w, 1);
	world_expect(&w, "kill 0");
	world_advance(&w, 1000);
	world_expect(&w, "");
	job_pools_remove(&w.processes[0], SIGKILL);
	world_expect(&w, "ended 1: canceled, killed");
	world_done(&w);
}

Test(job_pools, who_ends_within_the_grace_is_not_killed)
{
	struct world w;

	world_begin(&w);
	world_add_idle(&w, 1);
	(void)!world_submit(&w, 1);
	world_cancel(&w, 1);
	world_advance(&w, 99);
	world_forget(&w);
	world_finish(&w, 0, 0);
	world_expect(&w, "ended 1: canceled");
	world_advance(&w, 1000);
	(void)!world_submit(&w, 2);
	world_expect(&w, "started 2, run 2 on 0");
	world_done(&w);
}

Test(job_pools, a_killed_process_counts_until_it_has_gone)
{
	struct world w;

	world_begin(&w);
	world_add_idle(&w, 3);
	for (unsigned i = 1; i <= 3; i++)
		(void)!world_submit(&w, i);
	world_cancel(&w, 1);
	world_advance(&w, 100);
	world_forget(&w);
	world_advance(&w, 100);
	world_expect(&w, "");
	job_pools_remove(&w.processes[0], SIGKILL);
	world_expect(&w, "ended 1: canceled, killed, started 3, run 3 on 2");
	world_done(&w);
}

Test(job_pools, what_it_says_after_it_is_to_be_killed_changes_nothing)
{
	struct world w;

	world_begin(&w);
	world_add_idle(&w, 1);
	(void)!world_submit(&w, 1);
	world_cancel(&w, 1);
	world_advance(&w, 100);
	world_forget(&w);
	world_finish(&w, 0, 0);
	world_idle(&w, 0);
	world_expect(&w, "");
	job_pools_remove(&w.processes[0], SIGKILL);
	world_expect(&w, "ended 1: canceled, killed");
	world_done(&w);
}

Test(job_pools, a_deadline_ends_a_job_that_waits)
{
	struct world w;

	world_begin(&w);
	w.jobs[1] = (struct pool_job){ .deadline_ms = 1500 };
	(void)!world_submit_as_is(&w, 1, "");
	cr_assert_eq(job_pools_next_ms(&w.pools), 1500);
	world_advance(&w, 499);
	world_expect(&w, "queued 1");
	world_advance(&w, 1);
	world_expect(&w, "ended 1: timed out");
	cr_assert_eq(job_pools_next_ms(&w.pools), INT64_MAX);
	world_done(&w);
}

Test(job_pools, a_deadline_ends_a_job_that_runs)
{
	struct world w;

	world_begin(&w);
	world_add_idle(&w, 1);
	w.jobs[1] = (struct pool_job){ .deadline_ms = 1500 };
	(void)!world_submit_as_is(&w, 1, "");
	world_forget(&w);
	world_advance(&w, 500);
	world_expect(&w, "ask 0");
	world_advance(&w, 100);
	world_expect(&w, "kill 0");
	job_pools_remove(&w.processes[0], SIGKILL);
	world_expect(&w, "ended 1: timed out, killed");
	world_done(&w);
}

/* When a job of these limits is asked to end; INT64_MAX: never. */
static int64_t asked_at(int64_t deadline_ms, int64_t max_run_ms, int64_t run_timeout_ms,
			int64_t pool_max_run_ms)
{
	int64_t at_ms;
	struct world w;

	world_begin(&w);
	w.plan.pools[0].run_timeout_ms = run_timeout_ms;
	w.plan.pools[0].max_run_ms = pool_max_run_ms;
	world_set(&w, 0);
	world_add_idle(&w, 1);
	w.jobs[1] = (struct pool_job){ .deadline_ms = deadline_ms, .max_run_ms = max_run_ms };
	(void)!world_submit_as_is(&w, 1, "");
	cr_assert_eq(w.jobs[1].deadline_ms, job_pools_next_ms(&w.pools), "which it is told");
	at_ms = job_pools_next_ms(&w.pools);
	world_done(&w);
	return at_ms;
}

Test(job_pools, the_earliest_of_all_limits_counts)
{
	cr_assert_eq(asked_at(INT64_MAX, 0, 0, 0), INT64_MAX);
	cr_assert_eq(asked_at(INT64_MAX, 0, 30, 0), 1030);
	cr_assert_eq(asked_at(INT64_MAX, 50, 30, 0), 1050, "a job may ask for more than is usual");
	cr_assert_eq(asked_at(INT64_MAX, 50, 30, 40), 1040, "not for more than the pool gives");
	cr_assert_eq(asked_at(INT64_MAX, 0, 0, 40), 1040);
	cr_assert_eq(asked_at(INT64_MAX, INT64_MAX, 0, 0), INT64_MAX);
	cr_assert_eq(asked_at(1020, 50, 30, 40), 1020);
	cr_assert_eq(asked_at(1045, 50, 30, 40), 1040);
}

Test(job_pools, waiting_is_not_running)
{
	struct world w;

	world_begin(&w);
	w.plan.pools[0].run_timeout_ms = 50;
	world_set(&w, 0);
	(void)!world_submit(&w, 1);
	world_advance(&w, 10000);
	world_add_idle(&w, 1);
	world_expect(&w, "queued 1, started 1, run 1 on 0");
	world_advance(&w, 50);
	world_expect(&w, "ask 0");
	world_done(&w);
}

/* ---- deaths */

Test(job_pools, a_process_that_dies_takes_only_its_job_along)
{
	struct world w;

	world_begin(&w);
	world_add_idle(&w, 2);
	for (unsigned i = 1; i <= 3; i++)
		(void)!world_submit(&w, i);
	world_forget(&w);
	job_pools_remove(&w.processes[0], SIGSEGV);
	world_expect(&w, "ended 1: died with 11");
	world_finish(&w, 1, 0);
	world_expect(&w, "ended 2: well, started 3, run 3 on 1");
	world_done(&w);
}

Test(job_pools, an_idle_process_that_dies_takes_nothing_along)
{
	struct world w;

	world_begin(&w);
	world_add_idle(&w, 2);
	job_pools_remove(&w.processes[0], SIGKILL);
	(void)!world_submit(&w, 1);
	world_expect(&w, "started 1, run 1 on 1");
	world_done(&w);
}

Test(job_pools, a_process_without_a_pipe_gets_no_job_and_has_the_grace_to_end)
{
	struct world w;

	world_begin(&w);
	world_add_idle(&w, 1);
	job_pools_lost(&w.processes[0], false);
	(void)!world_submit(&w, 1);
	world_advance(&w, 99);
	world_expect(&w, "queued 1");
	world_advance(&w, 1);
	world_expect(&w, "kill 0");
	job_pools_remove(&w.processes[0], SIGKILL);
	world_expect(&w, "");
	world_done(&w);
}

Test(job_pools, a_running_job_whose_pipe_is_closed_ends_with_its_process)
{
	struct world w;

	world_begin(&w);
	world_add_idle(&w, 1);
	(void)!world_submit(&w, 1);
	world_forget(&w);
	job_pools_lost(&w.processes[0], false);
	world_expect(&w, "");
	world_cancel(&w, 1);
	job_pools_remove(&w.processes[0], SIGSEGV);
	world_expect(&w, "ended 1: died with 11");
	world_done(&w);
}

Test(job_pools, who_talks_nonsense_is_killed_at_once)
{
	struct world w;

	world_begin(&w);
	world_add_idle(&w, 1);
	(void)!world_submit(&w, 1);
	world_forget(&w);
	job_pools_lost(&w.processes[0], true);
	job_pools_lost(&w.processes[0], true);
	world_expect(&w, "kill 0");
	job_pools_remove(&w.processes[0], SIGKILL);
	world_expect(&w, "ended 1: died with 9");
	world_done(&w);
}

Test(job_pools, words_at_the_wrong_time_make_no_sense)
{
	struct job_packet packet = { .word = JOB_ENDED };
	struct world w;

	world_begin(&w);
	world_add(&w, 0, 0, false);
	cr_assert_eq(job_pools_finish(&w.processes[0], &packet), -EPROTO);
	world_idle(&w, 0);
	cr_assert_eq(job_pools_idle(&w.processes[0]), -EPROTO);
	cr_assert_eq(job_pools_finish(&w.processes[0], &packet), -EPROTO);
	(void)!world_submit(&w, 1);
	cr_assert_eq(job_pools_idle(&w.processes[0]), -EPROTO);
	packet.id = w.jobs[1].id + 1;
	cr_assert_eq(job_pools_finish(&w.processes[0], &packet), -EPROTO);
	cr_assert_null(job_pools_job(&w.processes[0], packet.id));
	cr_assert_eq(job_pools_job(&w.processes[0], w.jobs[1].id), &w.jobs[1]);
	world_expect(&w, "started 1, run 1 on 0");
	world_done(&w);
}

Test(job_pools, a_worker_that_has_gone_wants_nothing_any_more)
{
	struct world w;

	world_begin(&w);
	world_add_idle(&w, 1);
	for (unsigned i = 1; i <= 3; i++)
		(void)!world_submit(&w, i);
	world_forget(&w);
	job_pools_worker_gone(&w.pools, 0);
	world_expect(&w, "ask 0, ended 2: canceled, ended 3: canceled");
	cr_assert(w.jobs[1].is_orphan);
	/* The next one in its slot has numbers of its own. */
	w.jobs[11] = (struct pool_job){ .deadline_ms = INT64_MAX, .worker_id = 1 };
	cr_assert_eq(job_pools_submit(&w.pools, &w.jobs[11], WEIR_STR("")), 0);
	world_cancel(&w, 1);
	world_expect(&w, "queued 1, ended 1: canceled");
	world_advance(&w, 100);
	job_pools_remove(&w.processes[0], SIGKILL);
	world_expect(&w, "kill 0, ended 1: canceled, killed");
	world_done(&w);
}

/* ---- recycling */

Test(job_pools, a_process_is_retired_after_so_many_jobs)
{
	struct world w;

	world_begin(&w);
	w.plan.pools[0].recycle_jobs = 2;
	world_set(&w, 0);
	world_add_idle(&w, 1);
	for (unsigned i = 1; i <= 3; i++)
		(void)!world_submit(&w, i);
	world_forget(&w);
	world_finish(&w, 0, 0);
	world_expect(&w, "ended 1: well, started 2, run 2 on 0");
	world_finish(&w, 0, 0);
	world_expect(&w, "ended 2: well, retire 0");
	world_advance(&w, 100000);
	job_pools_lost(&w.processes[0], false);
	job_pools_remove(&w.processes[0], 0);
	world_expect(&w, "");
	world_done(&w);
}

Test(job_pools, a_process_that_has_become_large_is_retired)
{
	struct job_packet packet = { .word = JOB_ENDED };
	struct world w;

	world_begin(&w);
	w.plan.pools[0].recycle_resident = 1000;
	world_set(&w, 0);
	world_add_idle(&w, 1);
	for (unsigned i = 1; i <= 2; i++)
		(void)!world_submit(&w, i);
	world_forget(&w);
	packet.resident = 900;
	packet.id = w.jobs[1].id;
	cr_assert_eq(job_pools_finish(&w.processes[0], &packet), 0);
	world_expect(&w, "ended 1: well, started 2, run 2 on 0");
	packet.resident = 1101;
	packet.id = w.jobs[2].id;
	cr_assert_eq(job_pools_finish(&w.processes[0], &packet), 0);
	world_expect(&w, "ended 2: well, retire 0");
	world_done(&w);
}

Test(job_pools, old_processes_are_retired_one_after_the_other)
{
	struct world w;

	world_begin(&w);
	w.plan.pools[0].recycle_age_ms = 10000;
	world_set(&w, 0);
	world_add_idle(&w, 3);
	world_advance(&w, 8999);
	world_expect(&w, "");
	world_advance(&w, 2001);
	cr_assert_eq(strlen(w.said), strlen("retire 0"));
	cr_assert_eq(w.pools.pools[0].n_unsettled, 1u);
	world_forget(&w);
	for (unsigned i = 0; i < 3; i++) {
		if (w.processes[i].state != POOL_PROCESS_RETIRED)
			continue;
		job_pools_remove(&w.processes[i], 0);
		break;
	}
	cr_assert_eq(strlen(w.said), strlen("retire 0"), "the next");
	world_done(&w);
}

Test(job_pools, with_other_modules_the_idle_are_retired_and_the_others_after_their_job)
{
	struct world w;

	world_begin(&w);
	world_add_idle(&w, 2);
	(void)!world_submit(&w, 1);
	world_forget(&w);
	job_pools_renew(&w.pools);
	cr_assert_eq(strlen(w.said), strlen("retire 0"), "%s", w.said);
	(void)!world_submit(&w, 2);
	world_forget(&w);
	world_finish(&w, w.processes[0].state == POOL_PROCESS_RUNNING ? 0 : 1, 0);
	cr_assert_not_null(strstr(w.said, "ended 1: well, retire "), "%s", w.said);
	cr_assert_null(strstr(w.said, "run 2"), "%s", w.said);
	world_done(&w);
}

Test(job_pools, age_does_not_interrupt_a_job)
{
	struct world w;

	world_begin(&w);
	w.plan.pools[0].recycle_age_ms = 10000;
	world_set(&w, 0);
	world_add_idle(&w, 1);
	(void)!world_submit(&w, 1);
	world_forget(&w);
	world_advance(&w, 20000);
	world_expect(&w, "");
	world_finish(&w, 0, 0);
	world_expect(&w, "ended 1: well, retire 0");
	world_done(&w);
}

Test(job_pools, limits_of_age_differ_by_up_to_a_tenth)
{
	int64_t min_ms = INT64_MAX, max_ms = 0;
	struct world w;

	world_begin(&w);
	w.plan.pools[0].recycle_age_ms = 100000;
	world_set(&w, 0);
	for (unsigned i = 0; i < WORLD_PROCESSES; i++) {
		world_add(&w, i, 0, false);
		if (w.processes[i].retire_ms < min_ms)
			min_ms = w.processes[i].retire_ms;
		if (w.processes[i].retire_ms > max_ms)
			max_ms = w.processes[i].retire_ms;
	}
	cr_assert_geq(min_ms, 91000);
	cr_assert_leq(max_ms, 111000);
	cr_assert_gt(max_ms - min_ms, 5000);
	world_done(&w);
}

/* ---- a new hub */

Test(job_pools, processes_of_a_former_hub_count_as_running_until_they_say_otherwise)
{
	struct world w;

	world_begin(&w);
	for (unsigned i = 0; i < 3; i++)
		world_add(&w, i, 0, true);
	(void)!world_submit(&w, 1);
	(void)!world_submit(&w, 2);
	world_idle(&w, 2);
	world_expect(&w, "queued 1, queued 2");
	world_idle(&w, 1);
	world_expect(&w, "started 1, run 1 on 2");
	world_advance(&w, 100);
	world_expect(&w, "kill 0");
	job_pools_remove(&w.processes[0], SIGKILL);
	world_expect(&w, "started 2, run 2 on 1");
	world_done(&w);
}

Test(job_pools, a_new_process_may_take_its_time)
{
	struct world w;

	world_begin(&w);
	world_add(&w, 0, 0, false);
	world_advance(&w, 100000);
	world_expect(&w, "");
	world_idle(&w, 0);
	world_done(&w);
}

Test(job_pools, without_memory_it_is_not_there)
{
	struct world w;

	world_begin(&w);
	for (unsigned n = 1; n <= 3; n++) {
		struct job_pools pools;

		oom_fail_at(n);
		cr_assert_eq(job_pools_init(&pools, &w.plan, WORLD_WORKERS, 1, w.pools.ops),
			     -ENOMEM);
		cr_assert(oom_has_failed());
	}
	oom_fail_at(1);
	cr_assert_eq(world_submit(&w, 1), -ENOMEM);
	cr_assert(oom_has_failed());
	cr_assert_eq(world_submit(&w, 1), 0);
	world_done(&w);
}
