/* test_master_workers.c - as test_master.c: workers that die, fail or leave. */
#include "daemon/master_workers.h"

#include "daemon/crash_note.h"
#include "master_world.h"

Test(master_workers, a_worker_killed_is_replaced_at_once_and_its_reason_said, .timeout = 60)
{
	char expected[256];
	struct world world;
	pid_t pid;

	begin(&world, 1, 60000, good_worker);
	pid = expect_worker(&world, "0");
	expect(&world, "ready: ");
	kill(pid, SIGKILL);
	(void)snprintf(
		expected, sizeof(expected),
		"error master: worker 0 (pid %d) ended: killed by signal 9 (SIGKILL), perhaps "
		"because memory ran out; starting another\n",
		(int)pid);
	cr_assert_neq(expect_worker(&world, "0"), pid);
	cr_assert_not_null(strstr(world.text, expected), "%s", world.text);
	expect(&world, "worker 0 is ready again");
	stop_well(&world);
	cr_assert_eq(count(&world, "ready: listening on"), 1);
}

static int noting_worker(const struct worker_args *args)
{
	*worker_notes_last(args->note) = worker_notes_add(args->note, "shop.user");
	return good_worker(args);
}

Test(master_workers, says_what_a_dead_worker_was_asked_last)
{
	struct world world;
	pid_t pid;

	begin(&world, 2, 60000, noting_worker);
	pid = expect_worker(&world, "0");
	expect(&world, "ready: ");
	kill(pid, SIGABRT);
	expect(&world, "(SIGABRT); the last request was for shop.user; starting another\n");
	expect(&world, "worker 0 is ready again");
	stop_well(&world);
}

/* Waits for SIGTERM as a real one does: as if it were told to drain. */
static int polite_worker(const struct worker_args *args)
{
	sigset_t set;
	int sig;

	say_begin(args);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	be_ready(args);
	(void)sigwait(&set, &sig);
	_exit(0);
}

static int giving_up_worker(const struct worker_args *args)
{
	say_begin(args);
	(void)snprintf(args->crash->reason, CRASH_REASON, "it has given up");
	be_ready(args);
	(void)raise(SIGKILL);
	_exit(0);
}

Test(master_workers, says_why_a_worker_has_ended_itself, .timeout = 60)
{
	struct world world;

	begin(&world, 1, 60000, giving_up_worker);
	expect(&world, "killed by signal 9 (SIGKILL): it has given up; starting another");
	kill(world.master, SIGTERM);
	(void)exit_code(&world);
}

Test(master_workers, a_worker_that_left_by_itself_is_replaced_too, .timeout = 60)
{
	struct world world;
	pid_t pid;

	begin(&world, 1, 100, polite_worker);
	pid = expect_worker(&world, "0");
	expect(&world, "ready: ");
	kill(pid, SIGTERM);
	expect(&world, "ended: exit code 0; starting another");
	expect(&world, "worker 0 is ready again");
	kill(world.master, SIGKILL);
	expect_end_of_all(&world);
}

/* Answers each connection with its pid. */
static int answering_worker(const struct worker_args *args)
{
	int fd = listeners_fd(args->listeners, args->slot, 0);
	struct pollfd polled[2] = { { .fd = args->control_fd, .events = POLLIN },
				    { .fd = fd, .events = POLLIN } };

	say_begin(args);
	be_ready(args);
	while (poll(polled, 2, -1) > 0) {
		struct ipc_message message;
		pid_t pid = getpid();
		int client = accept4(fd, NULL, NULL, 0);
		int r = control_receive(args->control_fd, &message);

		if (r == 0 || (r == 1 && message.type == CONTROL_DRAIN))
			break;

		if (client >= 0 && write(client, &pid, sizeof(pid)) == (ssize_t)sizeof(pid))
			(void)close(client);
	}
	_exit(0);
}

Test(master_workers, what_waited_in_a_dead_workers_socket_is_served_by_the_next, .timeout = 60)
{
	int fds[10];
	struct world world;
	pid_t pid, answered;

	begin(&world, 1, 60000, answering_worker);
	pid = expect_worker(&world, "0");
	expect(&world, "ready: ");
	/* It stands still, so that the connections are in the queue when it dies. */
	kill(pid, SIGSTOP);
	for (int i = 0; i < 10; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		cr_assert_eq(
			connect(fds[i], (struct sockaddr *)&world.address.ss, world.address.len),
			0);
	}
	kill(pid, SIGKILL);
	for (int i = 0; i < 10; i++) {
		cr_assert_eq(read(fds[i], &answered, sizeof(answered)), (ssize_t)sizeof(answered));
		cr_assert_neq(answered, pid);
	}
	stop_well(&world);
}

Test(master_workers, another_worker_adopts_a_dead_ones_socket_for_a_while, .timeout = 60)
{
	struct world world;
	pid_t pid;

	begin(&world, 2, 60000, good_worker);
	pid = expect_worker(&world, "0");
	expect(&world, "ready: ");
	kill(pid, SIGKILL);
	expect(&world, "worker 1: adopts slot 0 with 1 sockets");
	expect(&world, "worker 1: returns slot 0");
	stop_well(&world);
}

static int failing_worker(const struct worker_args *args)
{
	if (args->slot == 1) {
		(void)!control_send_failed(args->control_fd, "shop: no database");
		_exit(EXIT_CODE_START);
	}
	return good_worker(args);
}

Test(master_workers, a_worker_that_cannot_start_ends_the_daemon, .timeout = 60)
{
	struct world world;

	begin(&world, 3, 60000, failing_worker);
	cr_assert_eq(exit_code(&world), EXIT_CODE_START);
	cr_assert_eq(count(&world, "error master: worker 1 cannot start: shop: no database\n"), 1);
	cr_assert_eq(count(&world, "ready:"), 0);
}

static int all_failing_worker(const struct worker_args *args)
{
	(void)!control_send_failed(args->control_fd, "shop: no database");
	_exit(EXIT_CODE_START);
}

Test(master_workers, what_all_workers_say_is_said_once, .timeout = 60)
{
	struct world world;

	begin(&world, 4, 60000, all_failing_worker);
	cr_assert_eq(exit_code(&world), EXIT_CODE_START);
	cr_assert_eq(count(&world, "no database"), 1);
	cr_assert_eq(count(&world, "\n"), 1, "%s", world.text);
}

static int crashing_at_start_worker(const struct worker_args *args)
{
	(void)raise(SIGKILL);
	return 0;
}

Test(master_workers, a_worker_that_dies_while_it_starts_ends_the_daemon, .timeout = 60)
{
	struct world world;

	begin(&world, 1, 60000, crashing_at_start_worker);
	cr_assert_eq(exit_code(&world), EXIT_CODE_START);
	cr_assert_eq(count(&world, "ended while it started: killed by signal 9 (SIGKILL)"), 1);
}

static int crash_loop_worker(const struct worker_args *args)
{
	be_ready(args);
	_exit(42);
}

Test(master_workers, a_crash_loop_is_slowed_down, .timeout = 60)
{
	int64_t start_ms = clock_monotonic_ms();
	struct world world;

	begin(&world, 1, 60000, crash_loop_worker);
	expect(&world, "ended: exit code 42; starting another\n");
	expect(&world, "starting another in 100 ms: it keeps dying");
	expect(&world, "starting another in 200 ms: it keeps dying");
	expect(&world, "starting another in 400 ms: it keeps dying");
	cr_assert_geq(clock_monotonic_ms() - start_ms, 300);
	/* Nothing runs at the moment: there is nobody to wait for. */
	stop_well(&world);
	cr_assert_eq(count(&world, "ready: listening on"), 1);
}

/* The first one lives until the test kills it; those after it cannot start. */
static int failing_later_worker(const struct worker_args *args)
{
	char mark[64];
	int fd;

	(void)snprintf(mark, sizeof(mark), "/tmp/weir-master-test-%d", (int)getppid());
	fd = open(mark, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	if (fd >= 0)
		return good_worker(args);
	(void)!control_send_failed(args->control_fd, "shop: no database any more");
	_exit(EXIT_CODE_START);
}

Test(master_workers, who_cannot_start_later_does_not_end_the_others, .timeout = 60)
{
	char mark[64];
	struct world world;
	pid_t pid;

	begin(&world, 1, 60000, failing_later_worker);
	(void)snprintf(mark, sizeof(mark), "/tmp/weir-master-test-%d", (int)world.master);
	pid = expect_worker(&world, "0");
	expect(&world, "ready: ");
	kill(pid, SIGKILL);
	expect(&world, "worker 0 cannot start: shop: no database any more");
	expect(&world, "starting another in 100 ms");
	/* The operator has repaired it. */
	cr_assert_eq(unlink(mark), 0);
	expect(&world, "worker 0 is ready again");
	stop_well(&world);
	(void)unlink(mark);
}

static int leaving_worker(const struct worker_args *args)
{
	int r = 0;

	say_begin(args);
	be_ready(args);
	if (args->slot == 0)
		r = control_send_leaving(args->control_fd);
	obey(args);
	_exit(r < 0);
}

Test(master_workers, a_worker_that_leaves_has_its_socket_adopted_at_once, .timeout = 60)
{
	struct world world;
	pid_t pid;

	begin(&world, 2, 60000, leaving_worker);
	pid = expect_worker(&world, "0");
	expect(&world, "worker 1: adopts slot 0 with 1 sockets");
	kill(pid, SIGKILL);
	expect(&world, "starting another");
	stop_well(&world);
	cr_assert_leq(count(&world, "adopts slot 0"), 2);
}

__attribute__((noreturn)) static int leaving_for_ever_worker(const struct worker_args *args)
{
	(void)alarm(60);
	say_begin(args);
	be_ready(args);
	(void)control_send_leaving(args->control_fd);
	for (;;)
		(void)pause();
}

Test(master_workers, who_leaves_and_does_not_end_is_killed_and_replaced, .timeout = 60)
{
	struct world world;
	pid_t pid;

	begin(&world, 1, 50, leaving_for_ever_worker);
	pid = expect_worker(&world, "0");
	cr_assert_eq((pid_t)atoi(expect(&world, "worker 0 (pid ")), pid);
	expect(&world, "did not end in time");
	expect(&world, "killed by signal 9 (SIGKILL); starting another");
	cr_assert_neq(expect_worker(&world, "0"), pid);
	kill(world.master, SIGTERM);
	cr_assert_eq(exit_code(&world), EXIT_CODE_UNCLEAN);
}
