/* test_signals.c - signals that the test sends to itself. */
#include "daemon/signals.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static int open_signals(void)
{
	int fd = -1;

	cr_assert_eq(signals_open(&fd), 0);
	return fd;
}

Test(signals, says_nothing_when_none_came)
{
	struct signals signals = { 0 };

	signals_read(open_signals(), &signals);
	cr_assert_eq(signals.n_stops, 0);
	cr_assert(!signals.has_children);
	cr_assert(!signals.has_hangup);
}

Test(signals, counts_both_ways_to_stop)
{
	struct signals signals = { 0 };
	int fd = open_signals();

	(void)raise(SIGTERM);
	signals_read(fd, &signals);
	(void)raise(SIGINT);
	signals_read(fd, &signals);
	cr_assert_eq(signals.n_stops, 2);
}

Test(signals, tells_a_hangup)
{
	struct signals signals = { 0 };
	int fd = open_signals();

	(void)raise(SIGHUP);
	signals_read(fd, &signals);
	cr_assert(signals.has_hangup);
	cr_assert_eq(signals.n_stops, 0);
}

Test(signals, tells_of_children_even_if_they_were_ignored_before)
{
	struct signals signals = { 0 };
	int fd, status;
	pid_t pid;

	(void)signal(SIGCHLD, SIG_IGN);
	fd = open_signals();
	pid = fork();
	if (pid == 0)
		_exit(7);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(WEXITSTATUS(status), 7);
	signals_read(fd, &signals);
	cr_assert(signals.has_children);
}

Test(signals, a_reader_that_is_gone_does_not_kill)
{
	int fds[2];

	(void)open_signals();
	cr_assert_eq(pipe(fds), 0);
	close(fds[0]);
	cr_assert_lt(write(fds[1], "x", 1), 0);
}
