/* test_hub_job.c - what the hub keeps of a job, and what it says of its death. */
#include "daemon/hub_job.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "conf/conf.h"
#include "oom.h"

static const struct job_packet submit = { .word = JOB_SUBMIT,
					  .id = 7,
					  .priority = -2,
					  .route = 3,
					  .max_run_ms = 30,
					  .deadline_ms = 40,
					  .module = { "primes", 6 },
					  .name = { "count", 5 },
					  .request_id = { "abc-1", 5 },
					  .traceparent = { "00-trace", 8 },
					  .bytes = { "a\0b", 3 },
					  .fd = -1 };

Test(hub_job, keeps_what_it_has_to_pass_on)
{
	struct hub_job *job = hub_job_new(&submit, 99);
	struct job_packet run;

	cr_assert_eq(job->job.worker_id, 7u);
	cr_assert_eq(job->job.item.priority, -2);
	cr_assert_eq(job->job.item.route, 3u);
	cr_assert_eq(job->job.max_run_ms, 30);
	cr_assert_eq(job->submitted_us, 99);
	job->job.id = 12;
	run = hub_job_packet(job);
	cr_assert_eq(run.word, JOB_RUN);
	cr_assert_eq(run.id, 12u);
	cr_assert_eq(run.deadline_ms, 40);
	cr_assert(weir_str_eq(run.module, submit.module));
	cr_assert(weir_str_eq(run.name, submit.name));
	cr_assert(weir_str_eq(run.request_id, submit.request_id));
	cr_assert(weir_str_eq(run.traceparent, submit.traceparent));
	cr_assert(weir_str_eq(run.bytes, submit.bytes));
	cr_assert_eq(run.fd, -1);
	(void)hub_job_free(job);
	(void)hub_job_free(NULL);
}

Test(hub_job, takes_the_descriptor_and_closes_it)
{
	struct job_packet with_fd = submit;
	struct hub_job *job;

	with_fd.bytes = (weir_str){ 0 };
	with_fd.fd = dup(0);
	with_fd.fd_len = 70000;
	job = hub_job_new(&with_fd, 1);
	cr_assert_eq(hub_job_packet(job).fd, with_fd.fd);
	cr_assert_eq(hub_job_packet(job).fd_len, 70000u);
	(void)hub_job_free(job);
	cr_assert_eq(fcntl(with_fd.fd, F_GETFD), -1);
}

Test(hub_job, without_memory_the_descriptor_is_not_taken)
{
	struct job_packet with_fd = submit;

	with_fd.fd = dup(0);
	oom_fail_at(1);
	cr_assert_null(hub_job_new(&with_fd, 1));
	cr_assert(oom_has_failed());
	cr_assert_eq(close(with_fd.fd), 0);
}

static void check_words(int why, struct hub_job_death death, const char *words)
{
	struct job_pool pool = { .plan = { .name = "slow" } };
	struct hub_job *job = hub_job_new(&submit, 1);
	char said[300] = "";
	struct log log;
	int fds[2];

	cr_assert_eq(pipe(fds), 0);
	log_init(&log, fds[1], LOG_AT_DEBUG);
	log.has_time = false;
	log_set_who(&log, "hub");
	job->job.pool = &pool;
	job->job.why = why;
	death.pid = 42;
	hub_job_say_death(job, &log, &death);
	cr_assert_gt(read(fds[0], said, sizeof(said) - 1), 0);
	cr_assert_str_eq(said, words);
	(void)hub_job_free(job);
}

Test(hub_job, says_how_it_died)
{
	check_words(0, (struct hub_job_death){ .status = SIGSEGV },
		    "error hub: job primes.count of pool slow died: its process (pid 42) ended: "
		    "killed by signal 11 (SIGSEGV)\n");
	check_words(0,
		    (struct hub_job_death){
			    .status = SIGKILL, .was_killed = true, .fault = HUB_JOB_FAULT_GARBAGE },
		    "error hub: job primes.count of pool slow died: its process (pid 42) sent what "
		    "makes no sense, and was killed\n");
	check_words(0,
		    (struct hub_job_death){
			    .status = SIGKILL, .was_killed = true, .fault = HUB_JOB_FAULT_CLOSED },
		    "error hub: job primes.count of pool slow died: its process (pid 42) closed "
		    "its descriptor, and was killed\n");
}

Test(hub_job, says_whose_it_was_where_that_is_wanted)
{
	check_words(0, (struct hub_job_death){ .status = SIGSEGV, .with_id = true },
		    "error hub: job primes.count of pool slow died: its process (pid 42) ended: "
		    "killed by signal 11 (SIGSEGV) [abc-1]\n");
}

Test(hub_job, what_the_master_says_is_a_detail)
{
	check_words(0, (struct hub_job_death){ .status = SIGSEGV, .is_said = true },
		    "debug hub: job primes.count of pool slow died: its process (pid 42) ended: "
		    "killed by signal 11 (SIGSEGV)\n");
}

Test(hub_job, says_why_it_was_killed)
{
	check_words(
		-ECANCELED, (struct hub_job_death){ .status = SIGKILL, .was_killed = true },
		"notice hub: job primes.count of pool slow was cancelled: it did not end within "
		"the grace, and its process (pid 42) was killed\n");
	check_words(-ETIMEDOUT, (struct hub_job_death){ .status = SIGKILL, .was_killed = true },
		    "warn hub: job primes.count of pool slow ran for too long: it did not end "
		    "within the grace, and its process (pid 42) was killed\n");
}
