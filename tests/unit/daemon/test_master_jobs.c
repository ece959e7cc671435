/* test_master_jobs.c - real masters with job processes that are not real. */
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "base/peek.h"
#include "daemon/worker_lags.h"
#include "master_world.h"

static const struct conf_job_pool pools[] = {
	{ .name = "quick", .processes = 1, .grace_ms = 300 }
};
static const struct conf_jobs conf = { .pools = pools, .n_pools = 1 };

static int drained_worker(const struct worker_args *args)
{
	be_ready(args);
	obey(args);
	log_write(args->log, LOG_AT_NOTICE, "drained");
	_exit(0);
}

/* Ready, and does what it is told. */
static int good_job(const struct job_args *args)
{
	struct pollfd polled = { .fd = args->control_fd, .events = POLLIN };
	struct ipc_message message;

	log_write(args->log, LOG_AT_NOTICE, "begins, pid %d", (int)getpid());
	if (control_send_ready(args->control_fd) < 0)
		_exit(99);
	while (poll(&polled, 1, -1) == 1 && control_receive(args->control_fd, &message) == 1) {
		if (message.type == CONTROL_DRAIN)
			break;
		if (message.type == CONTROL_HUB)
			log_write(args->log, LOG_AT_NOTICE, "meets the hub");
		for (size_t i = 0; i < message.n_fds; i++)
			(void)close(message.fds[i]);
	}
	log_write(args->log, LOG_AT_NOTICE, "job process ends");
	_exit(0);
}

/* Has the first one it meets killed, the second one retired, and is content with others. */
static int choosy_hub(const struct hub_args *args)
{
	struct pollfd polled = { .fd = args->control_fd, .events = POLLIN };
	struct control_job_process met;
	struct ipc_message message;
	unsigned n_met = 0;
	int status;

	while (poll(&polled, 1, -1) == 1 && control_receive(args->control_fd, &message) == 1) {
		for (size_t i = 0; i < message.n_fds; i++)
			(void)close(message.fds[i]);
		if (message.type == CONTROL_DRAIN)
			break;
		if (control_read_job_ended(&message, &status) == 0)
			log_write(args->log, LOG_AT_NOTICE, "hears that %u ended by %d",
				  message.number, status);
		if (control_read_job_process(&message, &met) < 0)
			continue;
		log_write(args->log, LOG_AT_NOTICE, "meets %u", message.number);
		n_met++;
		if (n_met == 1 && control_send_job_kill(args->control_fd, message.number) < 0)
			_exit(98);
		if (n_met == 2 && control_send_job_retire(args->control_fd, message.number) < 0)
			_exit(97);
	}
	log_write(args->log, LOG_AT_NOTICE, "the hub ends");
	_exit(0);
}

static void begin_jobs(struct world *world, job_main_fn *job_main, hub_main_fn *hub_main)
{
	begin_with_jobs(world, &(struct lives){ .n_workers = 1,
						.graceful_ms = 1000,
						.worker_main = drained_worker,
						.hub_main = hub_main,
						.jobs = &conf,
						.job_main = job_main });
}

static int quiet_hub(const struct hub_args *args)
{
	struct pollfd polled = { .fd = args->control_fd, .events = POLLIN };
	struct ipc_message message;

	log_write(args->log, LOG_AT_NOTICE, "begins, pid %d", (int)getpid());
	while (poll(&polled, 1, -1) == 1 && control_receive(args->control_fd, &message) == 1) {
		for (size_t i = 0; i < message.n_fds; i++)
			(void)close(message.fds[i]);
		if (message.type == CONTROL_DRAIN)
			break;
	}
	log_write(args->log, LOG_AT_NOTICE, "the hub ends");
	_exit(0);
}

Test(master, job_processes_are_there_before_it_is_ready, .timeout = 60)
{
	struct world world;
	const char *begins;

	begin_jobs(&world, good_job, quiet_hub);
	(void)expect(&world, "ready: ");
	/* Both have said that they begin before that line. */
	begins = strstr(world.text, "job quick: begins, pid ");
	cr_assert_not_null(begins, "%s", world.text);
	begins = strstr(begins + 1, "job quick: begins, pid ");
	cr_assert(begins && begins < strstr(world.text, "ready: "), "%s", world.text);
	stop_well(&world);
	cr_assert_eq(count(&world, "job quick: begins, pid "), 2, "%s", world.text);
	cr_assert_eq(count(&world, "job quick: meets the hub"), 2, "%s", world.text);
}

/* ---- what workers share: a loop follows a pointer in there */

#define MARK 4711

static struct {
	_Atomic(uint64_t *) lag;
	_Atomic(uint32_t *) note;
} * lent;

static int lending_worker(const struct worker_args *args)
{
	args->lag->n_stalls = MARK;
	*worker_notes_last(args->note) = MARK;
	atomic_store(&lent->note, worker_notes_last(args->note));
	atomic_store(&lent->lag, &args->lag->n_stalls);
	return drained_worker(args);
}

static int prying_job(const struct job_args *args)
{
	uint64_t stalls = 0;
	uint32_t last = 0;

	if (control_send_ready(args->control_fd) < 0)
		_exit(99);
	while (!atomic_load(&lent->lag))
		(void)sched_yield();
	(void)!peek_all(atomic_load(&lent->lag), &stalls, sizeof(stalls));
	(void)!peek_all(atomic_load(&lent->note), &last, sizeof(last));
	log_write(args->log, LOG_AT_NOTICE, "%s",
		  stalls == MARK || last == MARK ? "sees what workers share" : "sees nothing");
	return good_job(args);
}

Test(master, job_processes_have_nothing_of_what_workers_share, .timeout = 60)
{
	struct world world;

	lent = mmap(NULL, sizeof(*lent), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(lent, MAP_FAILED);
	begin_with_jobs(&world, &(struct lives){ .n_workers = 1,
						 .graceful_ms = 1000,
						 .worker_main = lending_worker,
						 .hub_main = quiet_hub,
						 .jobs = &conf,
						 .job_main = prying_job });
	expect(&world, "job quick: sees nothing");
	stop_well(&world);
	cr_assert_eq(count(&world, "sees what workers share"), 0, "%s", world.text);
}

Test(master, job_processes_end_between_the_workers_and_the_hub, .timeout = 60)
{
	struct world world;

	begin_jobs(&world, good_job, quiet_hub);
	expect(&world, "ready: ");
	tell(&world, SIGTERM, "drained");
	expect(&world, "job process ends");
	expect(&world, "job process ends");
	expect(&world, "the hub ends");
	expect(&world, "master: stopped");
	cr_assert_eq(exit_code(&world), EXIT_CODE_OK);
}

Test(master, does_what_the_hub_wants_of_job_processes, .timeout = 60)
{
	struct world world;

	begin_jobs(&world, good_job, choosy_hub);
	/* Two that there were, and two that took their places. */
	while (!strstr(world.text, "meets 4"))
		cr_assert(read_more(&world), "%s", world.text);
	stop_well(&world);
	cr_assert_eq(count(&world, "ended: killed, as the hub has asked for"), 1, "%s", world.text);
	cr_assert_eq(count(&world, "was recycled"), 1, "%s", world.text);
	cr_assert_eq(count(&world, " ended by 9"), 1, "%s", world.text);
	cr_assert_geq(count(&world, " ended by 0"), 1, "%s", world.text);
}

Test(master, the_next_hub_meets_the_same_job_processes, .timeout = 60)
{
	struct world world;
	pid_t hub;

	begin_jobs(&world, good_job, quiet_hub);
	hub = (pid_t)atoi(expect(&world, "hub: begins, pid "));
	while (!strstr(world.text, "ready: ") || count(&world, "job quick: meets the hub") < 2)
		cr_assert(read_more(&world), "%s", world.text);
	kill(hub, SIGKILL);
	while (count(&world, "job quick: meets the hub") < 4)
		cr_assert(read_more(&world), "%s", world.text);
	stop_well(&world);
	cr_assert_eq(count(&world, "job quick: begins, pid "), 2, "%s", world.text);
}

static int failing_job(const struct job_args *args)
{
	if (control_send_failed(args->control_fd, "the moon is wrong") < 0)
		_exit(99);
	_exit(EXIT_CODE_START);
}

Test(master, job_processes_that_cannot_start_end_the_daemon, .timeout = 60)
{
	struct world world;

	begin_jobs(&world, failing_job, quiet_hub);
	cr_assert_eq(exit_code(&world), EXIT_CODE_START);
	cr_assert_eq(count(&world, "a job process of pool quick cannot start: the moon is wrong"),
		     1, "%s", world.text);
	cr_assert_eq(count(&world, "ready: "), 0, "%s", world.text);
}

static int dying_job(const struct job_args *args)
{
	_exit(5);
}

Test(master, job_processes_that_die_at_the_start_end_the_daemon, .timeout = 60)
{
	struct world world;

	begin_jobs(&world, dying_job, quiet_hub);
	cr_assert_eq(exit_code(&world), EXIT_CODE_START);
	cr_assert_geq(count(&world, "a job process of pool quick (pid "), 1, "%s", world.text);
}

__attribute__((noreturn)) static int stubborn_job(const struct job_args *args)
{
	(void)signal(SIGTERM, SIG_IGN);
	(void)alarm(60);
	if (control_send_ready(args->control_fd) < 0)
		_exit(99);
	for (;;)
		(void)pause();
}

Test(master, a_job_process_that_does_not_end_is_killed, .timeout = 60)
{
	struct world world;

	begin_jobs(&world, stubborn_job, quiet_hub);
	expect(&world, "ready: ");
	tell(&world, SIGTERM, "drained");
	expect(&world, "did not end in time");
	expect(&world, "did not stop cleanly: killed by signal 9 (SIGKILL)");
	expect(&world, "the hub ends");
	cr_assert_eq(exit_code(&world), EXIT_CODE_OK);
}

Test(master, a_second_signal_ends_job_processes_too, .timeout = 60)
{
	struct world world;
	int code;

	begin_jobs(&world, stubborn_job, quiet_hub);
	expect(&world, "ready: ");
	tell(&world, SIGTERM, "stopping: ");
	tell(&world, SIGTERM, "ending at once");
	/* The worker may have ended by itself just before. */
	code = exit_code(&world);
	cr_assert(code == EXIT_CODE_OK || code == EXIT_CODE_UNCLEAN, "%d", code);
}
