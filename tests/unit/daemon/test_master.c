/*
 * test_master.c - real masters with workers that are not real: they do what a
 * test needs to see. Everything is waited for by its line in the log.
 */
#include "daemon/master.h"

#include <sched.h>

#include "daemon/crash_note.h"
#include "master_world.h"

static int good_worker(const struct worker_args *args)
{
	say_begin(args);
	be_ready(args);
	obey(args);
	log_write(args->log, LOG_AT_NOTICE, "drained");
	_exit(0);
}

Test(master, says_once_that_all_workers_are_ready, .timeout = 20)
{
	char expected[160], name[SOCK_NAME_MAX];
	struct world world;

	begin(&world, 2, 1000, good_worker);
	(void)sock_name(&world.address, name);
	(void)snprintf(expected, sizeof(expected),
		       "notice master: ready: listening on %s, 2 workers, pid %d\n", name,
		       (int)world.master);
	expect(&world, "ready: ");
	cr_assert_not_null(strstr(world.text, expected), "%s", world.text);

	kill(world.master, SIGTERM);
	cr_assert_eq(exit_code(&world), EXIT_CODE_OK);
	cr_assert_eq(count(&world, "ready: listening on"), 1);
}

Test(master, tells_the_service_manager, .timeout = 20)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char name[64], text[64] = "";
	struct world world;
	socklen_t len;

	(void)snprintf(name, sizeof(name), "@weir-master-test-%d", (int)getpid());
	memcpy(sun.sun_path + 1, name + 1, strlen(name) - 1);
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	cr_assert_eq(bind(fd, (struct sockaddr *)&sun, len), 0);
	setenv("NOTIFY_SOCKET", name, 1);

	begin(&world, 1, 1000, good_worker);
	cr_assert_eq(recv(fd, text, sizeof(text), 0), 7);
	cr_assert_str_eq(text, "READY=1");
	kill(world.master, SIGTERM);
	cr_assert_eq(recv(fd, text, sizeof(text), 0), 10);
	cr_assert_eq(strncmp(text, "STOPPING=1", 10), 0);
	cr_assert_eq(exit_code(&world), EXIT_CODE_OK);
}

static void check_drain(int sig)
{
	struct world world;

	begin(&world, 2, 60000, good_worker);
	expect(&world, "ready: ");
	kill(world.master, sig);
	expect(&world, "stopping: requests in flight have 60000 ms to finish");
	expect(&world, "master: stopped");
	cr_assert_eq(exit_code(&world), EXIT_CODE_OK);
	cr_assert_eq(count(&world, ": drained"), 2);
}

Test(master, sigterm_drains, .timeout = 20)
{
	check_drain(SIGTERM);
}

Test(master, sigint_drains, .timeout = 20)
{
	check_drain(SIGINT);
}

Test(master, sighup_changes_nothing, .timeout = 20)
{
	struct world world;

	begin(&world, 1, 1000, good_worker);
	expect(&world, "ready: ");
	kill(world.master, SIGHUP);
	expect(&world, "SIGHUP is ignored");
	kill(world.master, SIGTERM);
	cr_assert_eq(exit_code(&world), EXIT_CODE_OK);
}

Test(master, a_worker_killed_is_replaced_at_once_and_its_reason_said, .timeout = 20)
{
	char expected[256];
	struct world world;
	pid_t pid;

	begin(&world, 1, 1000, good_worker);
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
	kill(world.master, SIGTERM);
	cr_assert_eq(exit_code(&world), EXIT_CODE_OK);
	cr_assert_eq(count(&world, "ready: listening on"), 1);
}

static int noting_worker(const struct worker_args *args)
{
	*worker_notes_last(args->note) = worker_notes_add(args->note, "shop.user");
	return good_worker(args);
}

Test(master, says_what_a_dead_worker_was_asked_last)
{
	struct world world;
	pid_t pid;

	begin(&world, 2, 1000, noting_worker);
	pid = expect_worker(&world, "0");
	expect(&world, "ready: ");
	kill(pid, SIGABRT);
	expect(&world, "(SIGABRT); the last request was for shop.user; starting another\n");
	expect(&world, "worker 0 is ready again");
	kill(world.master, SIGTERM);
	cr_assert_eq(exit_code(&world), EXIT_CODE_OK);
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

/* Crashes the first time. */
static int crashing_worker(const struct worker_args *args)
{
	static const int signals[] = { SIGSEGV, SIGABRT };

	/* Not the sanitizers'. */
	for (size_t i = 0; i < 2; i++)
		(void)signal(signals[i], SIG_DFL);
	say_begin(args);
	cr_assert_eq(crash_note_watch(args->crash), 0);
	crash_note_doing(args->crash, "shop.crash");
	be_ready(args);
	obey(args);
	abort();
}

Test(master, reports_in_which_function_a_worker_crashed, .timeout = 20)
{
	struct world world;

	begin(&world, 1, 1000, crashing_worker);
	expect(&world, "ready: ");
	kill(world.master, SIGTERM);
	expect(&world, "worker 0: SIGABRT in shop.crash\n");
	expect(&world, "error worker 0: #0 ");
	/* The master ends when all is said. */
	cr_assert_eq(exit_code(&world), EXIT_CODE_UNCLEAN);
	cr_assert_not_null(strstr(world.text, " crashing_worker at "), "%s", world.text);
}

/* Says where it is, as a watchdog would. */
static int stalled_worker(const struct worker_args *args)
{
	struct trace_regs regs = { .pc = (uintptr_t)stalled_worker, .sp = (uintptr_t)&regs };

	say_begin(args);
	crash_note_map(args->crash);
	crash_note_fill(&args->crash->stall, NULL, &regs);
	atomic_store(&args->crash->stall.state, CRASH_WHOLE);
	be_ready(args);
	(void)control_send_stalled(args->control_fd);
	obey(args);
	_exit(0);
}

Test(master, reports_where_a_worker_is_stuck, .timeout = 20)
{
	struct world world;

	begin(&world, 1, 1000, stalled_worker);
	expect(&world, "warn worker 0: #0 stalled_worker at ");
	kill(world.master, SIGTERM);
	cr_assert_eq(exit_code(&world), EXIT_CODE_OK);
}

static int giving_up_worker(const struct worker_args *args)
{
	say_begin(args);
	(void)snprintf(args->crash->reason, CRASH_REASON, "it has given up");
	be_ready(args);
	(void)raise(SIGKILL);
	_exit(0);
}

Test(master, says_why_a_worker_has_ended_itself, .timeout = 20)
{
	struct world world;

	begin(&world, 1, 1000, giving_up_worker);
	expect(&world, "killed by signal 9 (SIGKILL): it has given up; starting another");
	kill(world.master, SIGTERM);
	(void)exit_code(&world);
}

Test(master, a_worker_that_left_by_itself_is_replaced_too, .timeout = 20)
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

Test(master, what_waited_in_a_dead_workers_socket_is_served_by_the_next, .timeout = 20)
{
	int fds[10];
	struct world world;
	pid_t pid, answered;

	begin(&world, 1, 1000, answering_worker);
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
	kill(world.master, SIGTERM);
	cr_assert_eq(exit_code(&world), EXIT_CODE_OK);
}

Test(master, another_worker_adopts_a_dead_ones_socket_for_a_while, .timeout = 20)
{
	struct world world;
	pid_t pid;

	begin(&world, 2, 1000, good_worker);
	pid = expect_worker(&world, "0");
	expect(&world, "ready: ");
	kill(pid, SIGKILL);
	expect(&world, "worker 1: adopts slot 0 with 1 sockets");
	expect(&world, "worker 1: returns slot 0");
	kill(world.master, SIGTERM);
	cr_assert_eq(exit_code(&world), EXIT_CODE_OK);
}

static int failing_worker(const struct worker_args *args)
{
	if (args->slot == 1) {
		(void)!control_send_failed(args->control_fd, "shop: no database");
		_exit(EXIT_CODE_START);
	}
	return good_worker(args);
}

Test(master, a_worker_that_cannot_start_ends_the_daemon, .timeout = 20)
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

Test(master, what_all_workers_say_is_said_once, .timeout = 20)
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

Test(master, a_worker_that_dies_while_it_starts_ends_the_daemon, .timeout = 20)
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

Test(master, a_crash_loop_is_slowed_down, .timeout = 20)
{
	int64_t start_ms = clock_monotonic_ms();
	struct world world;

	begin(&world, 1, 1000, crash_loop_worker);
	expect(&world, "ended: exit code 42; starting another\n");
	expect(&world, "starting another in 100 ms: it keeps dying");
	expect(&world, "starting another in 200 ms: it keeps dying");
	expect(&world, "starting another in 400 ms: it keeps dying");
	cr_assert_geq(clock_monotonic_ms() - start_ms, 300);
	/* Nothing runs at the moment: there is nobody to wait for. */
	kill(world.master, SIGTERM);
	cr_assert_eq(exit_code(&world), EXIT_CODE_OK);
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

Test(master, who_cannot_start_later_does_not_end_the_others, .timeout = 20)
{
	char mark[64];
	struct world world;
	pid_t pid;

	begin(&world, 1, 1000, failing_later_worker);
	(void)snprintf(mark, sizeof(mark), "/tmp/weir-master-test-%d", (int)world.master);
	pid = expect_worker(&world, "0");
	expect(&world, "ready: ");
	kill(pid, SIGKILL);
	expect(&world, "worker 0 cannot start: shop: no database any more");
	expect(&world, "starting another in 100 ms");
	/* The operator has repaired it. */
	cr_assert_eq(unlink(mark), 0);
	expect(&world, "worker 0 is ready again");
	kill(world.master, SIGTERM);
	cr_assert_eq(exit_code(&world), EXIT_CODE_OK);
	(void)unlink(mark);
}

__attribute__((noreturn)) static int stubborn_worker(const struct worker_args *args)
{
	(void)signal(SIGTERM, SIG_IGN);
	(void)alarm(20);
	say_begin(args);
	be_ready(args);
	for (;;)
		(void)pause();
}

Test(master, who_does_not_drain_in_time_is_killed, .timeout = 20)
{
	struct world world;

	begin(&world, 2, 50, stubborn_worker);
	expect(&world, "ready: ");
	kill(world.master, SIGTERM);
	expect(&world, "did not end in time");
	cr_assert_eq(exit_code(&world), EXIT_CODE_UNCLEAN);
	cr_assert_eq(count(&world, "did not stop cleanly: killed by signal 9 (SIGKILL)"), 2);
}

Test(master, a_second_signal_ends_at_once, .timeout = 20)
{
	struct world world;

	begin(&world, 2, 60000, stubborn_worker);
	expect(&world, "ready: ");
	kill(world.master, SIGTERM);
	expect(&world, "stopping: ");
	kill(world.master, SIGINT);
	expect(&world, "told to stop a second time: ending at once");
	cr_assert_eq(exit_code(&world), EXIT_CODE_UNCLEAN);
}

/* Never gets ready. */
static int slow_worker(const struct worker_args *args)
{
	say_begin(args);
	obey(args);
	_exit(0);
}

Test(master, stopping_while_starting_is_clean, .timeout = 20)
{
	struct world world;

	begin(&world, 2, 60000, slow_worker);
	expect_worker(&world, "1");
	kill(world.master, SIGTERM);
	cr_assert_eq(exit_code(&world), EXIT_CODE_OK);
	cr_assert_eq(count(&world, "ready: listening on"), 0);
}

static int dying_while_draining_worker(const struct worker_args *args)
{
	be_ready(args);
	obey(args);
	_exit(1);
}

Test(master, a_worker_that_fails_while_draining_is_told_by_the_exit_code, .timeout = 20)
{
	struct world world;

	begin(&world, 1, 60000, dying_while_draining_worker);
	expect(&world, "ready: ");
	kill(world.master, SIGTERM);
	expect(&world, "did not stop cleanly: exit code 1");
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

Test(master, a_stopping_daemon_frees_its_address, .timeout = 20)
{
	struct sock_addr address;
	struct world world;
	int fd;

	begin(&world, 1, 60000, lingering_worker);
	expect(&world, "ready: ");
	address = world.address;
	kill(world.master, SIGTERM);
	expect(&world, "worker 0: lingers");
	/* The master closes its own sockets before it looks at its signals again. */
	kill(world.master, SIGHUP);
	expect(&world, "SIGHUP is ignored");
	/* A hub that has only just been forked may not have closed them yet. */
	while (sock_bind_tcp(&address, false, &fd) == -EADDRINUSE)
		(void)sched_yield();
	kill(world.master, SIGTERM);
	cr_assert_eq(exit_code(&world), EXIT_CODE_UNCLEAN);
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

Test(master, a_worker_that_leaves_has_its_socket_adopted_at_once, .timeout = 20)
{
	struct world world;
	pid_t pid;

	begin(&world, 2, 1000, leaving_worker);
	pid = expect_worker(&world, "0");
	expect(&world, "worker 1: adopts slot 0 with 1 sockets");
	kill(pid, SIGKILL);
	expect(&world, "starting another");
	kill(world.master, SIGTERM);
	cr_assert_eq(exit_code(&world), EXIT_CODE_OK);
	cr_assert_leq(count(&world, "adopts slot 0"), 2);
}

__attribute__((noreturn)) static int leaving_for_ever_worker(const struct worker_args *args)
{
	(void)alarm(20);
	say_begin(args);
	be_ready(args);
	(void)control_send_leaving(args->control_fd);
	for (;;)
		(void)pause();
}

Test(master, who_leaves_and_does_not_end_is_killed_and_replaced, .timeout = 20)
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

Test(master, workers_notice_that_it_died, .timeout = 20)
{
	struct world world;

	begin(&world, 3, 60000, good_worker);
	expect(&world, "ready: ");
	kill(world.master, SIGKILL);
	expect_end_of_all(&world);
	cr_assert_eq(waitpid(world.master, NULL, 0), world.master);
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

Test(master, who_does_not_listen_is_told_by_signal, .timeout = 20)
{
	struct world world;

	begin(&world, 1, 60000, silent_worker);
	expect(&world, "is silent"); /* before that it would hear the master's word */
	kill(world.master, SIGTERM);
	expect(&world, "did not stop cleanly: killed by signal 15 (SIGTERM)");
	cr_assert_eq(exit_code(&world), EXIT_CODE_UNCLEAN);
}

static int inspecting_worker(const struct worker_args *args)
{
	struct sigaction action;
	int n_fds = 0;

	(void)sigaction(SIGINT, NULL, &action);
	for (int fd = 3; fd < 64; fd++)
		n_fds += fcntl(fd, F_GETFD) >= 0;
	log_write(args->log, LOG_AT_NOTICE, "has %d descriptors%s", n_fds,
		  action.sa_handler == SIG_IGN ? ", ignores SIGINT" : "");
	return good_worker(args);
}

/* Every worker sees as much as the first, whatever was made for others before it. */
Test(master, a_worker_inherits_nothing_of_the_others, .timeout = 20)
{
	struct world world;
	int n_fds[3];

	begin(&world, 3, 1000, inspecting_worker);
	expect(&world, "ready: ");
	world.read_to = 0;
	for (int i = 0; i < 3; i++) {
		char words[32];

		world.read_to = 0;
		(void)snprintf(words, sizeof(words), "worker %d: has ", i);
		n_fds[i] = atoi(expect(&world, words));
	}
	cr_assert_eq(n_fds[0], n_fds[1]);
	cr_assert_eq(n_fds[0], n_fds[2]);
	cr_assert_eq(count(&world, "ignores SIGINT"), 3);
	kill(world.master, SIGTERM);
	cr_assert_eq(exit_code(&world), EXIT_CODE_OK);
}
