/* test_master_hub.c - real masters with hubs that are not real, as test_master.c does with workers. */
#include "master_world.h"

/* Says so when it is introduced, and obeys. */
static int meeting_worker(const struct worker_args *args)
{
	struct pollfd polled = { .fd = args->control_fd, .events = POLLIN };
	struct ipc_message message;

	say_begin(args);
	be_ready(args);
	while (poll(&polled, 1, -1) == 1 && control_receive(args->control_fd, &message) == 1) {
		if (message.type == CONTROL_DRAIN)
			break;
		if (message.type == CONTROL_HUB)
			log_write(args->log, LOG_AT_NOTICE, "meets the hub by %zu descriptors",
				  message.n_fds);
		for (size_t i = 0; i < message.n_fds; i++)
			(void)close(message.fds[i]);
	}
	_exit(0);
}

/* The same for a hub. */
static int meeting_hub(const struct hub_args *args)
{
	struct pollfd polled = { .fd = args->control_fd, .events = POLLIN };
	struct ipc_message message;
	int n_fds = 0;

	for (int fd = 3; fd < 64; fd++)
		n_fds += fcntl(fd, F_GETFD) >= 0;
	log_write(args->log, LOG_AT_NOTICE, "begins, pid %d", (int)getpid());
	/* The control socket, and the log. */
	log_write(args->log, LOG_AT_NOTICE, "has %d descriptors", n_fds);
	while (poll(&polled, 1, -1) == 1 && control_receive(args->control_fd, &message) == 1) {
		if (message.type == CONTROL_DRAIN) {
			log_write(args->log, LOG_AT_NOTICE, "ends");
			_exit(0);
		}
		log_write(args->log, LOG_AT_NOTICE, "meets worker %u", message.number);
		for (size_t i = 0; i < message.n_fds; i++)
			(void)close(message.fds[i]);
	}
	_exit(1);
}

static pid_t expect_hub(struct world *world)
{
	return (pid_t)atoi(expect(world, "hub: begins, pid "));
}

/* The hub is a process of its own: master and workers may have said this before or after it. */
static void expect_ready(struct world *world)
{
	while (!strstr(world->text, "ready: "))
		cr_assert(read_more(world), "never ready: %s", world->text);
}

static int drained_worker(const struct worker_args *args)
{
	be_ready(args);
	obey(args);
	log_write(args->log, LOG_AT_NOTICE, "drained");
	_exit(0);
}

Test(master, the_hub_is_stopped_last, .timeout = 60)
{
	struct world world;

	begin_with_hub(&world, 2, drained_worker, meeting_hub, 1000);
	expect(&world, "ready: ");
	tell(&world, SIGTERM, "drained");
	expect(&world, "drained");
	expect(&world, "hub: ends");
	expect(&world, "master: stopped");
	cr_assert_eq(exit_code(&world), EXIT_CODE_OK);
}

Test(master, a_dead_hub_is_replaced_and_introduced_to_all_workers, .timeout = 60)
{
	struct world world;
	pid_t pid;

	begin_with_hub(&world, 2, meeting_worker, meeting_hub, 1000);
	pid = expect_hub(&world);
	expect(&world, "hub: meets worker 1");
	expect_ready(&world);
	kill(pid, SIGKILL);
	expect(&world, "ended: killed by signal 9 (SIGKILL); starting another\n");
	expect(&world, "hub: meets worker 1");
	stop_well(&world);
	cr_assert_eq(count(&world, "hub: begins, pid "), 2);
	cr_assert_eq(count(&world, "hub: meets worker 0"), 2, "%s", world.text);
	cr_assert_eq(count(&world, "hub: meets worker 1"), 2, "%s", world.text);
	cr_assert_eq(count(&world, "worker 0: meets the hub by 2 descriptors"), 2, "%s",
		     world.text);
	cr_assert_eq(count(&world, "worker 1: meets the hub by 2 descriptors"), 2, "%s",
		     world.text);
}

Test(master, a_new_worker_is_introduced_to_the_hub, .timeout = 60)
{
	struct world world;
	pid_t pid;

	begin_with_hub(&world, 2, meeting_worker, meeting_hub, 1000);
	pid = expect_worker(&world, "1");
	expect(&world, "ready: ");
	kill(pid, SIGKILL);
	expect(&world, "worker 1 is ready again");
	stop_well(&world);
	cr_assert_eq(count(&world, "hub: meets worker 0"), 1, "%s", world.text);
	cr_assert_eq(count(&world, "hub: meets worker 1"), 2, "%s", world.text);
}

/* One that was started later has no more than the first, which was there before any worker. */
Test(master, a_hub_inherits_nothing_of_the_workers, .timeout = 60)
{
	struct world world;
	int n_fds;
	pid_t pid;

	begin_with_hub(&world, 3, meeting_worker, meeting_hub, 1000);
	pid = expect_hub(&world);
	n_fds = atoi(expect(&world, "hub: has "));
	expect_ready(&world);
	kill(pid, SIGKILL);
	expect(&world, "starting another");
	world.read_to = 0;
	(void)expect_hub(&world);
	(void)expect_hub(&world);
	cr_assert_eq(atoi(expect(&world, "hub: has ")), n_fds);
	stop_well(&world);
}

static int crash_loop_hub(const struct hub_args *args)
{
	_exit(42);
}

Test(master, without_a_hub_the_daemon_serves, .timeout = 60)
{
	struct world world;

	begin_with_hub(&world, 2, drained_worker, crash_loop_hub, 1000);
	expect(&world, "starting another in 200 ms: it keeps dying");
	expect_ready(&world);
	cr_assert_eq(count(&world, "ready: listening on"), 1, "%s", world.text);
	stop_well(&world);
}

__attribute__((noreturn)) static int stubborn_hub(const struct hub_args *args)
{
	(void)signal(SIGTERM, SIG_IGN);
	(void)alarm(60);
	log_write(args->log, LOG_AT_NOTICE, "begins, pid %d", (int)getpid());
	for (;;)
		(void)pause();
}

Test(master, a_hub_that_does_not_end_is_killed, .timeout = 60)
{
	struct world world;

	begin_with_hub(&world, 1, drained_worker, stubborn_hub, 1000);
	(void)expect_hub(&world);
	expect_ready(&world);
	tell(&world, SIGTERM, "did not end in time");
	expect(&world, "did not stop cleanly: killed by signal 9 (SIGKILL)");
	cr_assert_eq(exit_code(&world), EXIT_CODE_OK);
}
