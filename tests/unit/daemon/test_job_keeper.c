/* test_job_keeper.c - job processes begin, die and end; test_job_keeper_change.c is for reloads. */
#include "daemon/job_keeper.h"

#include "keeper_world.h"

Test(job_keeper, without_jobs_there_are_no_processes)
{
	struct job_keeper keeper;

	cr_assert_eq(job_keeper_init(&keeper, NULL, NULL, false), 0);
	cr_assert_null(job_keeper_due(&keeper, INT64_MAX));
	cr_assert(job_keeper_is_ready(&keeper));
	cr_assert(job_keeper_is_empty(&keeper));
	cr_assert_eq(job_keeper_next_ms(&keeper), INT64_MAX);
	job_keeper_done(&keeper);
}

Test(job_keeper, each_pool_has_a_spare)
{
	unsigned n_slow = 0;
	struct world w;

	begin_met(&w);
	for (unsigned i = 0; i < w.n_met; i++) {
		cr_assert_not(w.met[i].is_old);
		cr_assert_gt(w.met[i].pid, 1);
		n_slow += w.met[i].pool == 1;
		for (unsigned j = 0; j < i; j++)
			cr_assert_neq(w.numbers[i], w.numbers[j]);
	}
	cr_assert_eq(n_slow, 3u);
	/* Once. */
	cr_assert_eq(job_keeper_introduce_all(&w.keeper, w.hub[0], HUB), 0u);
	meet_all(&w);
	cr_assert_eq(w.n_met, 0u);
	end(&w);
}

Test(job_keeper, the_next_hub_meets_them_too)
{
	struct world w;

	begin_met(&w);
	cr_assert_eq(job_keeper_introduce_all(&w.keeper, -1, 0), 0u);
	cr_assert_eq(job_keeper_introduce_all(&w.keeper, w.hub[0], HUB + 1), 0u);
	meet_all(&w);
	cr_assert_eq(w.n_met, 5u);
	cr_assert(w.met[0].is_old);
	end(&w);
}

Test(job_keeper, one_that_dies_is_said_and_replaced_at_once)
{
	bool has_failed = true;
	struct world w;
	int status = 0;

	begin_met(&w);
	worker_notes_clear(job_keeper_note(&w.keeper, &w.keeper.slots[0]));
	*worker_notes_last(job_keeper_note(&w.keeper, &w.keeper.slots[0])) = worker_notes_add(
		job_keeper_note(&w.keeper, &w.keeper.slots[0]), "shop.resize");
	cr_assert_eq(kill(w.keeper.slots[0].slot.pid, SIGSEGV), 0);
	(void)reap(&w, &has_failed);
	cr_assert_not(has_failed);
	cr_assert_not_null(strstr(said(&w), "a job process of pool default (pid "), "%s", w.said);
	cr_assert_not_null(strstr(w.said, "ended: killed by signal 11 (SIGSEGV)"), "%s", w.said);
	cr_assert_not_null(strstr(w.said, "; it ran shop.resize; starting another\n"), "%s",
			   w.said);
	/* Its number is not given away before the hub has heard. */
	cr_assert_null(job_keeper_due(&w.keeper, clock_monotonic_ms()));
	cr_assert_eq(job_keeper_introduce_all(&w.keeper, w.hub[0], HUB), 0u);
	cr_assert_eq(control_receive(w.hub[1], &w.message), 1);
	cr_assert_eq(w.message.number, w.numbers[0]);
	cr_assert_eq(control_read_job_ended(&w.message, &status), 0);
	cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	cr_assert_leq(job_keeper_next_ms(&w.keeper), clock_monotonic_ms());
	cr_assert_eq(start(&w, be_good), 1u);
	cr_assert_gt(w.keeper.slots[0].number, 5u);
	end(&w);
}

Test(job_keeper, what_the_hub_cannot_hear_now_it_hears_later)
{
	bool has_failed;
	struct world w;

	begin_met(&w);
	cr_assert_eq(kill(w.keeper.slots[0].slot.pid, SIGKILL), 0);
	(void)reap(&w, &has_failed);
	while (control_send_drain(w.hub[0]) == 0)
		;
	cr_assert_eq(job_keeper_introduce_all(&w.keeper, w.hub[0], HUB), 1u);
	cr_assert_null(job_keeper_due(&w.keeper, INT64_MAX));
	while (control_receive(w.hub[1], &w.message) == 1)
		cr_assert_eq(w.message.type, (uint32_t)CONTROL_DRAIN);
	cr_assert_eq(job_keeper_introduce_all(&w.keeper, w.hub[0], HUB), 0u);
	cr_assert_eq(control_receive(w.hub[1], &w.message), 1);
	cr_assert_eq(w.message.type, (uint32_t)CONTROL_JOB_ENDED);
	end(&w);
}

Test(job_keeper, a_hub_that_did_not_know_it_hears_nothing)
{
	bool has_failed;
	struct world w;

	begin_met(&w);
	cr_assert_eq(kill(w.keeper.slots[0].slot.pid, SIGKILL), 0);
	(void)reap(&w, &has_failed);
	cr_assert_not_null(strstr(said(&w), ", perhaps because memory ran out"), "%s", w.said);
	cr_assert_eq(job_keeper_introduce_all(&w.keeper, w.hub[0], HUB + 1), 0u);
	meet_all(&w);
	cr_assert_eq(w.n_met, 4u);
	end(&w);
}

Test(job_keeper, kills_for_the_hub)
{
	bool has_failed;
	struct world w;

	begin_met(&w);
	hub_says(&w, control_send_job_kill, w.numbers[3]);
	cr_assert_eq(reap(&w, &has_failed), w.met[3].pid);
	cr_assert_not_null(strstr(said(&w), "info: "), "%s", w.said);
	cr_assert_not_null(strstr(w.said, "ended: killed, as the hub has asked for"), "%s", w.said);
	cr_assert_eq(job_keeper_introduce_all(&w.keeper, w.hub[0], HUB), 0u);
	cr_assert_eq(start(&w, be_good), 1u);
	/* One that is dead already. */
	hub_says(&w, control_send_job_kill, w.numbers[3]);
	hub_says(&w, control_send_job_retire, w.numbers[3]);
	end(&w);
}

Test(job_keeper, retires_for_the_hub)
{
	bool has_failed;
	struct world w;

	begin_met(&w);
	hub_says(&w, control_send_job_retire, w.numbers[4]);
	hub_says(&w, control_send_job_retire, w.numbers[4]);
	cr_assert_eq(reap(&w, &has_failed), w.met[4].pid);
	cr_assert_not_null(strstr(said(&w), "a job process of pool slow (pid "), "%s", w.said);
	cr_assert_not_null(strstr(w.said, "was recycled\n"), "%s", w.said);
	cr_assert_eq(job_keeper_introduce_all(&w.keeper, w.hub[0], HUB), 0u);
	cr_assert_eq(start(&w, be_good), 1u);
	end(&w);
}

Test(job_keeper, one_that_does_not_retire_is_killed)
{
	bool has_failed;
	struct world w;

	begin_met(&w);
	cr_assert_eq(kill(w.met[4].pid, SIGSTOP), 0);
	hub_says(&w, control_send_job_retire, w.numbers[4]);
	cr_assert_leq(job_keeper_next_ms(&w.keeper), clock_monotonic_ms() + 200 + 500);
	job_keeper_tick(&w.keeper, clock_monotonic_ms());
	cr_assert_str_eq(said(&w), "");
	job_keeper_tick(&w.keeper, job_keeper_next_ms(&w.keeper));
	cr_assert_not_null(strstr(said(&w), "did not end in time"), "%s", w.said);
	cr_assert_eq(reap(&w, &has_failed), w.met[4].pid);
	cr_assert_not_null(strstr(said(&w), "did not stop cleanly: killed by signal 9 (SIGKILL)"),
			   "%s", w.said);
	end(&w);
}

Test(job_keeper, says_once_why_they_cannot_start)
{
	bool has_failed = false;
	struct world w;

	begin(&w);
	cr_assert_eq(start(&w, fail), 5u);
	while (listen_once(&w))
		continue;
	job_keeper_give_up(&w.keeper);
	while (!job_keeper_is_empty(&w.keeper)) {
		(void)reap(&w, &has_failed);
		cr_assert(has_failed);
	}
	/* Of either pool: which of them has failed first nobody knows. */
	cr_assert_not_null(strstr(said(&w), "error: a job process of pool "), "%s", w.said);
	cr_assert_not_null(strstr(w.said, " cannot start: no modules today\n"), "%s", w.said);
	cr_assert_null(strstr(strstr(w.said, "cannot start") + 1, "error"), "%s", w.said);
	job_keeper_done(&w.keeper);
}

Test(job_keeper, who_dies_before_it_is_ready_has_to_wait)
{
	bool has_failed = false;
	struct world w;

	begin(&w);
	for (int i = 0; i < 3; i++) {
		/* Only the first slot. */
		int control_fd = -1;
		pid_t pid = job_keeper_fork(&w.keeper, &w.keeper.slots[0], &control_fd);

		if (pid == 0)
			exit_at_once(control_fd);
		(void)reap(&w, &has_failed);
		cr_assert(has_failed);
	}
	cr_assert_not_null(strstr(said(&w), "ended: exit code 5; starting another in "), "%s",
			   w.said);
	cr_assert_not_null(strstr(w.said, " ms: it keeps dying\n"), "%s", w.said);
	cr_assert_eq(w.keeper.slots[0].slot.state, WORKER_BACKING_OFF);
	job_keeper_give_up(&w.keeper);
	cr_assert_null(job_keeper_due(&w.keeper, INT64_MAX));
	job_keeper_done(&w.keeper);
}

Test(job_keeper, what_it_has_started_itself_goes_with_it)
{
	bool has_failed;
	struct world w;
	int ends[2];
	char byte;

	begin_ready(&w);
	cr_assert_eq(pipe(ends), 0);
	/* As if it were the job's: in its group, and it keeps our pipe open. */
	if (fork() == 0) {
		(void)setpgid(0, w.keeper.slots[0].slot.pid);
		(void)close(ends[0]);
		cr_assert_eq(write(ends[1], "x", 1), 1);
		for (;;)
			(void)pause();
	}
	(void)close(ends[1]);
	cr_assert_eq(read(ends[0], &byte, 1), 1);
	cr_assert_eq(kill(w.keeper.slots[0].slot.pid, SIGKILL), 0);
	(void)reap(&w, &has_failed);
	cr_assert_eq(read(ends[0], &byte, 1), 0);
	end(&w);
}

Test(job_keeper, all_end_when_the_daemon_stops)
{
	bool has_failed;
	struct world w;

	begin_met(&w);
	job_keeper_stop(&w.keeper);
	job_keeper_stop(&w.keeper);
	while (!job_keeper_is_empty(&w.keeper))
		(void)reap(&w, &has_failed);
	cr_assert_str_eq(said(&w), "");
	cr_assert_null(job_keeper_due(&w.keeper, INT64_MAX));
	job_keeper_done(&w.keeper);
}

Test(job_keeper, all_can_be_killed)
{
	bool has_failed;
	struct world w;

	begin_met(&w);
	job_keeper_give_up(&w.keeper);
	job_keeper_kill_all(&w.keeper);
	while (!job_keeper_is_empty(&w.keeper))
		(void)reap(&w, &has_failed);
	cr_expect_not_null(strstr(said(&w), "ended: killed by signal 9 (SIGKILL)\n"), "%s", w.said);
	cr_expect_null(strstr(w.said, "another"), "%s", w.said);
	job_keeper_done(&w.keeper);
}
