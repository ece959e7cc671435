#ifndef WEIR_TESTS_CORO_CRASH_H
#define WEIR_TESTS_CORO_CRASH_H
/*
 * coro_crash.h - does something that ends the process, in a child, and tells
 * how it ended and what it wrote to standard error. The sanitizers' own signal
 * handlers are taken out of the child: what is tested is ours.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* The signal that ended it; 0 if it returned. text is NUL-terminated. */
static inline int crash_in_child(void (*fn)(void *arg), void *arg, char *text, size_t size)
{
	int pipe_fds[2], status = 0;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	cr_assert_eq(pipe(pipe_fds), 0);
	pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		struct rlimit none = { 0, 0 };

		(void)setrlimit(RLIMIT_CORE, &none);
		(void)signal(SIGSEGV, SIG_DFL);
		(void)signal(SIGBUS, SIG_DFL);
		(void)signal(SIGABRT, SIG_DFL);
		(void)dup2(pipe_fds[1], 2);
		(void)close(pipe_fds[0]);
		(void)close(pipe_fds[1]);
		(void)alarm(60);
		fn(arg);
		_exit(0);
	}
	(void)close(pipe_fds[1]);
	while ((n = read(pipe_fds[0], text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	(void)close(pipe_fds[0]);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

#endif
