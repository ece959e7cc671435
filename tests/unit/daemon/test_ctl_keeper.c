/* test_ctl_keeper.c - ctl processes that are not real: they wait, or die. */
#include "daemon/ctl_keeper.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/control.h"
#include "daemon/ctl_doors.h"

#define N_SLOTS 3

static struct log logger;
static int log_fd;
static char text[2048];
static struct ctl_keeper keeper;
static struct worker_slot slots[N_SLOTS];
static int workers[N_SLOTS]; /* the workers' ends of their control sockets */

static void begin(void)
{
	int fds[2];

	(void)signal(SIGPIPE, SIG_IGN);
	cr_assert_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	log_fd = fds[0];
	log_init(&logger, fds[1], LOG_AT_INFO);
	ctl_keeper_init(&keeper, &logger, NULL);
	for (unsigned i = 0; i < N_SLOTS; i++) {
		cr_assert_eq(ipc_pair(fds), 0);
		worker_slot_init(&slots[i], i);
		worker_slot_forked(&slots[i], (pid_t)(1000 + i), fds[0], 0);
		workers[i] = fds[1];
	}
}

static void fork_good(void)
{
	struct ipc_message message;
	struct pollfd polled = { .fd = -1, .events = POLLIN };
	pid_t pid = ctl_keeper_fork(&keeper, &polled.fd);

	cr_assert_geq(pid, 0);
	if (pid > 0)
		return;
	while (poll(&polled, 1, 20000) == 1) {
		int r = control_receive(polled.fd, &message);

		if (r <= 0 || message.type == CONTROL_DRAIN)
			_exit(0);
	}
	_exit(9);
}

static void reap(bool is_last)
{
	int status;

	cr_assert_eq(waitpid(keeper.slot.pid, &status, 0), keeper.slot.pid);
	ctl_keeper_died(&keeper, status, is_last);
}

static const char *said(void)
{
	ssize_t n = read(log_fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* Its control socket is in the test's hand. */
static int pretend(void)
{
	int fds[2];

	cr_assert_eq(ipc_pair(fds), 0);
	worker_slot_forked(&keeper.slot, 4711, fds[0], 0);
	return fds[1];
}

Test(ctl_keeper, without_doors_none_is_due, .init = begin)
{
	cr_assert_not(ctl_keeper_is_due(&keeper, INT64_MAX));
	cr_assert_eq(ctl_keeper_next_ms(&keeper), INT64_MAX);
	cr_assert_null(keeper.doors);
	ctl_keeper_forget(&keeper);
}

Test(ctl_keeper, starts_the_next_at_once_and_never_waits_for_long, .init = begin)
{
	for (unsigned i = 0; i < 9; i++) {
		fork_good();
		cr_assert_eq(kill(keeper.slot.pid, SIGKILL), 0);
		reap(false);
		if (i == 0)
			cr_assert_leq(ctl_keeper_next_ms(&keeper), clock_monotonic_ms());
	}
	cr_assert_not_null(strstr(said(), "(SIGKILL); starting another\n"), "%s", text);
	cr_assert_leq(ctl_keeper_next_ms(&keeper), clock_monotonic_ms() + 1000);
	cr_assert(ctl_keeper_is_due(&keeper, ctl_keeper_next_ms(&keeper)));
}

Test(ctl_keeper, stops_it_when_it_is_told_to, .init = begin)
{
	fork_good();
	ctl_keeper_stop(&keeper, 0);
	ctl_keeper_stop(&keeper, 1000);
	reap(true);
	cr_assert_str_eq(said(), "");
	cr_assert_eq(keeper.slot.state, WORKER_EMPTY);
}

Test(ctl_keeper, kills_one_that_does_not_end, .init = begin)
{
	fork_good();
	cr_assert_eq(kill(keeper.slot.pid, SIGSTOP), 0);
	ctl_keeper_stop(&keeper, 0);
	ctl_keeper_stop(&keeper, keeper.slot.kill_ms);
	reap(true);
	cr_assert_not_null(strstr(said(), "did not stop cleanly: killed by signal 9"), "%s", text);
}

Test(ctl_keeper, introduces_each_worker_once, .init = begin)
{
	struct ipc_message message;
	char got[4] = "";
	int ctl = pretend(), ours, theirs;

	cr_assert_eq(ctl_keeper_introduce_all(&keeper, slots, N_SLOTS), 0);
	for (unsigned i = 0; i < N_SLOTS; i++) {
		cr_assert_eq(control_receive(ctl, &message), 1);
		cr_assert_eq(message.type, CONTROL_CTL);
		cr_assert_eq(message.number, i);
		ours = message.fds[0];
		cr_assert_eq(control_receive(workers[i], &message), 1);
		cr_assert_eq(message.type, CONTROL_CTL);
		theirs = message.fds[0];
		cr_assert_eq(send(ours, "abc", 3, 0), 3);
		cr_assert_eq(recv(theirs, got, 4, 0), 3);
		(void)close(ours);
		cr_assert_eq(recv(theirs, got, 4, 0), 0);
	}
	cr_assert_eq(ctl_keeper_introduce_all(&keeper, slots, N_SLOTS), 0);
	cr_assert_eq(control_receive(ctl, &message), -EAGAIN);
}

Test(ctl_keeper, it_may_ask_and_nothing_else, .init = begin)
{
	struct ipc_message message;
	int ctl = pretend();

	cr_assert_not(ctl_keeper_listen(&keeper, &message));
	cr_assert_eq(control_send_ask(ctl, CONTROL_ASK_DRAIN, 2), 0);
	cr_assert(ctl_keeper_listen(&keeper, &message));
	cr_assert_eq(message.type, CONTROL_ASK_DRAIN);
	cr_assert_eq(message.number, 2);
	cr_assert_eq(control_send_ready(ctl), 0);
	cr_assert_not(ctl_keeper_listen(&keeper, &message));
	cr_assert_lt(keeper.slot.control_fd, 0);
	(void)close(ctl);
}
