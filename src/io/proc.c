/*
 * proc.c - the hard thing is the moment after fork(): a signal must not run
 * the parent's handler in the child, and a parent that dies before the child
 * has asked to be told (PR_SET_PDEATHSIG) must not leave an orphan.
 */
#include "io/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void forget_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++) {
		if (sig != SIGKILL && sig != SIGSTOP)
			(void)signal(sig, SIG_DFL); /* the C library keeps two for itself: EINVAL */
	}
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void begin_child(const char *name, pid_t parent)
{
	(void)prctl(PR_SET_NAME, name);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	forget_signals();
	/* It died before we asked: nobody will tell us any more. */
	if (getppid() != parent)
		_exit(1);
}

pid_t proc_fork(const char *name)
{
	pid_t parent = getpid(), pid;
	sigset_t all, former;
	int error;

	/* What is buffered would be written twice. */
	(void)fflush(NULL);
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &former);
	pid = fork();
	error = errno;
	if (pid == 0) {
		begin_child(name, parent);
		return 0;
	}
	(void)sigprocmask(SIG_SETMASK, &former, NULL);
	return pid < 0 ? -error : pid;
}

void proc_describe(int status, char ret_words[PROC_END_MAX])
{
	const char *name;

	if (WIFEXITED(status)) {
		(void)snprintf(ret_words, PROC_END_MAX, "exit code %d", WEXITSTATUS(status));
		return;
	}
	name = sigabbrev_np(WTERMSIG(status));
	(void)snprintf(ret_words, PROC_END_MAX, "killed by signal %d (%s%s)%s", WTERMSIG(status),
		       name ? "SIG" : "no name", name ? name : "",
		       WCOREDUMP(status) ? ", core dumped" : "");
}

bool proc_ended_well(int status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool proc_is_stopped(pid_t pid)
{
	char path[32], text[256];
	_cleanup_(close_fdp) int fd = -1;
	const char *state;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return false;
	text[n] = '\0';
	/* "17 (name) S ...", and a name may have anything in it. */
	state = strrchr(text, ')');
	return state && (!strncmp(state, ") T", 3) || !strncmp(state, ") t", 3));
}

void proc_raise_nofile(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit); /* fewer connections, not wrong */
}
