/* test_master_stop.c - as test_master.c: the end, in good order or not. */
#include "daemon/master_stop.h"

#include <sched.h>

#include "master_world.h"

static void check_drain(int sig)
{
	struct world world;

	begin_ready(&world, 2, 60000, good_worker);
	kill(world.master, sig);
	expect(&world, "stopping: requests in flight have 60000 ms to finish");
	expect(&world, "master: stopped");
	cr_assert_eq(exit_code(&world), EXIT_CODE_OK);
	cr_assert_eq(count(&world, ": drained"), 2);
}

Test(master_stop, sigterm_drains, .timeout = 60)
{
	check_drain(SIGTERM);
}

Test(master_stop, sigint_drains, .timeout = 60)
{
	check_drain(SIGINT);
}

__attribute__((noreturn)) static int stubborn_worker(const struct worker_args *args)
{
	(void)signal(SIGTERM, SIG_IGN);
	(void)alarm(60);
	say_begin(args);
	be_ready(args);
	for (;;)
		(void)pause();
}

Test(master_stop, who_does_not_drain_in_time_is_killed, .timeout = 60)
{
	struct world world;

	begin_ready(&world, 2, 50, stubborn_worker);
	tell(&world, SIGTERM, "did not end in time");
	cr_assert_eq(exit_code(&world), EXIT_CODE_UNCLEAN);
	cr_assert_eq(count(&world, "did not stop cleanly: killed by signal 9 (SIGKILL)"), 2);
}

Test(master_stop, a_second_signal_ends_at_once, .timeout = 60)
{
	struct world world;

	begin_ready(&world, 2, 60000, stubborn_worker);
	tell(&world, SIGTERM, "stopping: ");
	tell(&world, SIGINT, "told to stop a second time: ending at once");
	cr_assert_eq(exit_code(&world), EXIT_CODE_UNCLEAN);
}

/* Never gets ready. */
static int slow_worker(const struct worker_args *args)
{
	say_begin(args);
	obey(args);
	_exit(0);
}

Test(master_stop, stopping_while_starting_is_clean, .timeout = 60)
{
	struct world world;

	begin(&world, 2, 60000, slow_worker);
	expect_worker(&world, "1");
	stop_well(&world);
	cr_assert_eq(count(&world, "ready: listening on"), 0);
}

static int dying_while_draining_worker(const struct worker_args *args)
{
	be_ready(args);
	obey(args);
	_exit(1);
}

Test(master_stop, a_worker_that_fails_while_draining_is_told_by_the_exit_code, .timeout = 60)
{
	struct world world;

	begin_ready(&world, 1, 60000, dying_while_draining_worker);
	tell(&world, SIGTERM, "did not stop cleanly: exit code 1");
	cr_assert_eq(exit_code(&world), EXIT_CODE_UNCLEAN);
}

/* Drains for as long as the master lets it, with its doors closed. */
__attribute__((noreturn)) static int lingering_worker(const struct worker_args *args)
{
	be_ready(args);
	obey(args);
	listeners_stop(args->listeners);
	log_write(args->log, LOG_AT_NOTICE, "lingers");
	for (;;)
		(void)pause();
}

Test(master_stop, a_stopping_daemon_frees_its_address, .timeout = 60)
{
	struct sock_addr address;
	struct world world;
	int fd;

	begin_ready(&world, 1, 60000, lingering_worker);
	address = world.address;
	tell(&world, SIGTERM, "worker 0: lingers");
	/* The master closes its own sockets before it looks at its signals again. */
	tell(&world, SIGHUP, "SIGHUP is ignored");
	/* A hub that has only just been forked may not have closed them yet. */
	while (sock_bind_tcp(&address, false, &fd) == -EADDRINUSE)
		(void)sched_yield();
	kill(world.master, SIGTERM);
	cr_assert_eq(exit_code(&world), EXIT_CODE_UNCLEAN);
}

/* Closes its control socket, against all rules, and lives on. */
__attribute__((noreturn)) static int silent_worker(const struct worker_args *args)
{
	be_ready(args);
	(void)close(args->control_fd);
	log_write(args->log, LOG_AT_NOTICE, "is silent");
	for (;;)
		(void)pause();
}

Test(master_stop, who_does_not_listen_is_told_by_signal, .timeout = 60)
{
	struct world world;

	begin(&world, 1, 60000, silent_worker);
	expect(&world, "is silent"); /* before that it would hear the master's word */
	tell(&world, SIGTERM, "did not stop cleanly: killed by signal 15 (SIGTERM)");
	cr_assert_eq(exit_code(&world), EXIT_CODE_UNCLEAN);
}
