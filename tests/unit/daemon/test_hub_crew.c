/* test_hub_crew.c - job processes that die, and that talk nonsense. */
#include "daemon/hub_crew.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/job_carrier.h"
#include "hub_jobs_world.h"

/* ---- deaths and nonsense */

Test(hub_crew, a_process_that_dies_fails_its_job_and_no_other)
{
	struct job_packet p;
	struct world w;

	world_begin(&w);
	(void)world_run_one(&w, 1);
	(void)close(steal_fd(w.children[0]));
	world_expect_nothing(&w, w.workers[0]);
	hub_jobs_ended(&w.jobs, 0, SIGSEGV);
	p = world_take(&w, w.workers[0], JOB_ENDED);
	cr_assert_eq(p.result, -ECHILD);
	cr_assert_eq(p.status, SIGSEGV);
	cr_assert_str_eq(world_said(&w), "", "it is the master who says it");
	world_expect_no_control(&w);
	world_add_idle(&w, 1);
	world_submit(&w, 0, 2);
	(void)world_take(&w, w.workers[0], JOB_STARTED);
	(void)world_take(&w, w.children[1], JOB_RUN);
	world_done(&w);
}

Test(hub_crew, the_last_result_of_a_dead_process_counts_and_it_gets_no_other_job)
{
	struct job_packet p = { .word = JOB_ENDED };
	struct world w;

	world_begin(&w);
	p.id = world_run_one(&w, 1);
	w.plan.pools[0].processes = 1;
	world_set(&w, 0);
	world_submit(&w, 0, 2);
	(void)world_take(&w, w.workers[0], JOB_QUEUED);
	cr_assert_eq(job_wire_send(w.children[0], &p), 0);
	(void)close(steal_fd(w.children[0]));
	hub_jobs_ended(&w.jobs, 0, SIGTERM);
	cr_assert_eq(world_take(&w, w.workers[0], JOB_ENDED).result, 0);
	world_expect_nothing(&w, w.workers[0]);
	world_add_idle(&w, 1);
	(void)world_take(&w, w.workers[0], JOB_STARTED);
	world_done(&w);
}

static int status_after(int status)
{
	struct world w;

	world_begin(&w);
	(void)world_run_one(&w, 1);
	hub_jobs_ended(&w.jobs, 0, status);
	status = world_take(&w, w.workers[0], JOB_ENDED).status;
	world_done(&w);
	return status;
}

Test(hub_crew, a_process_that_ends_well_is_known_to_have_done_so)
{
	cr_assert_eq(status_after(0), 0);
	cr_assert_eq(status_after(SIGKILL), SIGKILL);
}

Test(hub_crew, a_jobs_own_echild_is_no_death)
{
	struct job_packet p = { .word = JOB_ENDED, .result = -ECHILD };
	struct world w;

	world_begin(&w);
	p.id = world_run_one(&w, 1);
	world_say(&w, w.children[0], &p);
	cr_assert_eq(world_take(&w, w.workers[0], JOB_ENDED).status, JOB_STATUS_OWN);
	world_done(&w);
}

static void check_killed(struct world *w)
{
	struct job_packet p;

	world_expect_control(w, CONTROL_JOB_KILL, 0);
	hub_jobs_ended(&w->jobs, 0, SIGKILL);
	p = world_take(w, w->workers[0], JOB_ENDED);
	cr_assert_eq(p.result, -ECHILD);
	cr_assert_eq(p.status, SIGKILL);
	cr_assert_eq(world_n_lines(world_said(w)), 1u, "%s", w->said);
	world_add_idle(w, 1);
	world_submit(w, 0, 2);
	(void)world_take(w, w->workers[0], JOB_STARTED);
	(void)world_take(w, w->children[1], JOB_RUN);
	world_done(w);
}

Test(hub_crew, a_job_that_writes_garbage_on_its_descriptor_is_killed)
{
	struct world w;

	world_begin(&w);
	(void)world_run_one(&w, 1);
	cr_assert_eq(send(w.children[0], "garbage", 7, 0), 7);
	world_turns(&w);
	check_killed(&w);
}

Test(hub_crew, a_job_that_says_what_only_others_say_is_killed)
{
	struct world w;

	world_begin(&w);
	(void)world_run_one(&w, 1);
	world_say(&w, w.children[0], &(struct job_packet){ .word = JOB_STARTED, .id = 1 });
	check_killed(&w);
}

Test(hub_crew, a_job_that_reports_for_another_is_killed)
{
	struct world w;
	uint64_t number;

	world_begin(&w);
	number = world_run_one(&w, 1);
	world_say(&w, w.children[0],
		  &(struct job_packet){ .word = JOB_PROGRESS, .id = number + 1 });
	check_killed(&w);
}

Test(hub_crew, a_job_that_closes_its_descriptor_is_killed_after_the_grace)
{
	struct world w;

	world_begin(&w);
	(void)world_run_one(&w, 1);
	(void)close(steal_fd(w.children[0]));
	world_wait_ms(&w, GRACE_MS - 1);
	world_expect_no_control(&w);
	world_wait_ms(&w, 1);
	check_killed(&w);
}

Test(hub_crew, an_idle_process_that_talks_nonsense_is_killed)
{
	struct world w;

	world_begin(&w);
	world_add_idle(&w, 0);
	world_say(&w, w.children[0], &(struct job_packet){ .word = JOB_ENDED, .id = 1 });
	world_expect_control(&w, CONTROL_JOB_KILL, 0);
	hub_jobs_ended(&w.jobs, 0, SIGKILL);
	cr_assert_not_null(strstr(world_said(&w),
				  "a job process of pool default (pid 100) sends what "
				  "makes no sense: it is killed"));
	cr_assert_eq(world_n_lines(w.said), 1u);
	world_done(&w);
}

Test(hub_crew, an_idle_process_that_closes_its_descriptor_is_killed_after_the_grace)
{
	struct world w;

	world_begin(&w);
	world_add_idle(&w, 0);
	(void)close(steal_fd(w.children[0]));
	world_turns(&w);
	world_wait_ms(&w, GRACE_MS);
	world_expect_control(&w, CONTROL_JOB_KILL, 0);
	cr_assert_eq(world_n_lines(world_said(&w)), 1u);
	world_done(&w);
}

/* ---- a master that has died, and others that cannot be */

Test(hub_crew, without_a_master_the_end_of_a_pipe_is_the_end_of_its_process)
{
	struct job_packet p;
	struct world w;

	world_begin(&w);
	(void)world_run_one(&w, 1);
	hub_jobs_orphaned(&w.jobs);
	world_expect_nothing(&w, w.workers[0]);
	(void)close(steal_fd(w.children[0]));
	p = world_take(&w, w.workers[0], JOB_ENDED);
	cr_assert_eq(p.result, -ECHILD);
	cr_assert_eq(p.status, JOB_STATUS_UNKNOWN);
	cr_assert(list_is_empty(&w.jobs.crew.processes));
	cr_assert_not_null(strstr(world_said(&w), "died: its process (pid 100) has gone"));
	world_done(&w);
}

/* A test is a process of its own. */
static pid_t killed;
static unsigned n_quiet;

static void on_kill(pid_t pid)
{
	killed = pid;
}

static void on_quiet(struct hub_jobs *jobs)
{
	n_quiet++;
}

Test(hub_crew, without_a_master_who_should_be_killed_is_killed_and_forgotten)
{
	struct world w;

	world_begin(&w);
	w.jobs.crew.setup.kill = on_kill;
	w.jobs.setup.quiet = on_quiet;
	(void)world_run_one(&w, 1);
	hub_jobs_orphaned(&w.jobs);
	cr_assert_not(hub_jobs_is_quiet(&w.jobs));
	world_say(&w, w.workers[0], &(struct job_packet){ .word = JOB_CANCEL, .id = 1 });
	world_wait_ms(&w, GRACE_MS - 1);
	cr_assert_eq(killed, 0);
	cr_assert_eq(n_quiet, 0u);
	world_wait_ms(&w, 1);
	cr_assert_eq(killed, 100);
	cr_assert_eq(world_take(&w, w.workers[0], JOB_ENDED).result, -ECANCELED);
	cr_assert(list_is_empty(&w.jobs.crew.processes));
	cr_assert(hub_jobs_is_quiet(&w.jobs));
	cr_assert_gt(n_quiet, 0u);
	world_done(&w);
}

Test(hub_crew, a_process_of_the_former_hub_that_says_nothing_is_killed)
{
	struct world w;

	world_begin(&w);
	world_meet(&w, 2, true);
	world_wait_ms(&w, GRACE_MS);
	world_expect_control(&w, CONTROL_JOB_KILL, 2);
	hub_jobs_ended(&w.jobs, 2, SIGKILL);
	world_done(&w);
}

Test(hub_crew, introductions_that_make_no_sense_are_ignored)
{
	struct control_job_process what = { .pool = 7 };
	struct world w;
	int fds[2];
	char byte;

	world_begin(&w);
	cr_assert_eq(ipc_pair(fds), 0);
	hub_jobs_meet(&w.jobs, 1, &what, fds[1]);
	cr_assert_eq(recv(fds[0], &byte, 1, 0), 0);
	(void)close(fds[0]);
	cr_assert_eq(ipc_pair(fds), 0);
	hub_jobs_connect(&w.jobs, N_WORKERS, fds[1]);
	cr_assert_eq(recv(fds[0], &byte, 1, 0), 0);
	(void)close(fds[0]);
	hub_jobs_ended(&w.jobs, 99, 0);
	world_done(&w);
}
