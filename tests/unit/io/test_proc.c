/* test_proc.c - real children, each of which ends by itself or is killed. */
#include "io/proc.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

static int end_of(pid_t pid)
{
	int status = 0;

	cr_assert_gt(pid, 0);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return status;
}

static void on_signal(int sig)
{
}

Test(proc, knows_who_is_stopped)
{
	pid_t pid = proc_fork(") T (");
	int status = 0;

	if (pid == 0) {
		(void)pause();
		_exit(0);
	}
	cr_expect_not(proc_is_stopped(pid));
	(void)kill(pid, SIGSTOP);
	cr_assert_eq(waitpid(pid, &status, WUNTRACED), pid);
	cr_assert(WIFSTOPPED(status));
	cr_expect(proc_is_stopped(pid));
	(void)kill(pid, SIGKILL);
	(void)end_of(pid);
	cr_expect_not(proc_is_stopped(pid));
}

Test(proc, describes_an_exit_code)
{
	char words[PROC_END_MAX];
	pid_t pid = proc_fork("weir-test");

	if (pid == 0)
		_exit(3);
	proc_describe(end_of(pid), words);
	cr_assert_str_eq(words, "exit code 3");
}

Test(proc, describes_a_signal_by_number_and_name)
{
	char words[PROC_END_MAX];
	pid_t pid = proc_fork("weir-test");

	if (pid == 0)
		for (;;)
			(void)pause();
	cr_assert_gt(pid, 0);
	(void)kill(pid, SIGKILL);
	proc_describe(end_of(pid), words);
	cr_assert_str_eq(words, "killed by signal 9 (SIGKILL)");
}

Test(proc, describes_a_signal_that_has_no_name)
{
	char words[PROC_END_MAX];

	proc_describe(SIGRTMIN + 5, words);
	cr_assert(strstr(words, "(no name)"), "%s", words);
}

Test(proc, says_when_a_core_was_dumped)
{
	char words[PROC_END_MAX];

	/* What wait() would say: WCOREFLAG is bit 7. */
	proc_describe(SIGSEGV | 0x80, words);
	cr_assert_str_eq(words, "killed by signal 11 (SIGSEGV), core dumped");
}

Test(proc, only_exit_zero_ended_well)
{
	cr_assert(proc_ended_well(0));
	cr_assert(!proc_ended_well(1 << 8));
	cr_assert(!proc_ended_well(SIGTERM));
}

Test(proc, the_child_blocks_and_catches_nothing)
{
	sigset_t mask;
	pid_t pid;

	(void)signal(SIGUSR1, on_signal);
	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &mask, NULL);

	pid = proc_fork("weir-test");
	if (pid == 0) {
		struct sigaction usr1, pipe_action;

		(void)sigprocmask(SIG_SETMASK, NULL, &mask);
		(void)sigaction(SIGUSR1, NULL, &usr1);
		(void)sigaction(SIGPIPE, NULL, &pipe_action);
		_exit(sigismember(&mask, SIGTERM) || usr1.sa_handler != SIG_DFL ||
		      pipe_action.sa_handler != SIG_IGN);
	}
	cr_assert(proc_ended_well(end_of(pid)));
}

Test(proc, the_parent_keeps_its_mask)
{
	sigset_t before, after;
	pid_t pid;

	(void)sigprocmask(SIG_SETMASK, NULL, &before);
	pid = proc_fork("weir-test");
	if (pid == 0)
		_exit(0);
	(void)sigprocmask(SIG_SETMASK, NULL, &after);
	for (int sig = 1; sig < 32; sig++)
		cr_assert_eq(sigismember(&before, sig), sigismember(&after, sig));
	(void)end_of(pid);
}

Test(proc, the_child_has_a_name)
{
	pid_t pid = proc_fork("weir-test");

	if (pid == 0) {
		char name[16] = "";

		(void)prctl(PR_GET_NAME, name);
		_exit(strcmp(name, "weir-test") != 0);
	}
	cr_assert(proc_ended_well(end_of(pid)));
}

/* The grandchild's end of the pipe closes when it dies, and only then. */
Test(proc, the_child_is_told_when_its_parent_dies, .timeout = 10)
{
	pid_t parent;
	int fds[2];
	char byte;

	cr_assert_eq(pipe(fds), 0);
	parent = proc_fork("weir-parent");
	if (parent == 0) {
		pid_t child = proc_fork("weir-child");

		if (child == 0)
			for (;;)
				(void)pause();
		_exit(child < 0);
	}
	close(fds[1]);
	cr_assert(proc_ended_well(end_of(parent)));
	cr_assert_eq(read(fds[0], &byte, 1), 0);
}

Test(proc, raises_the_descriptor_limit_to_the_hard_one)
{
	struct rlimit limit;

	proc_raise_nofile();
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	cr_assert_eq(limit.rlim_cur, limit.rlim_max);
}
