#ifndef WEIR_TESTS_DAEMON_CRASH_CHILD_H
#define WEIR_TESTS_DAEMON_CRASH_CHILD_H
/*
 * crash_child.h - a child that crashes with a note, for test_crash_note.c and
 * test_crash_report.c. The sanitizers' own signal handlers are taken out of it:
 * what is tested is ours.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/crash_note.h"

/* How it ended, as waitpid() says it. fn returns if it does not crash. */
static inline int crash_child(struct crash_note *note, void (*fn)(struct crash_note *note))
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS };
	int status = 0;
	pid_t pid = fork();

	cr_assert_geq(pid, 0);
	if (pid == 0) {
		struct rlimit none = { 0, 0 };

		(void)setrlimit(RLIMIT_CORE, &none);
		for (size_t i = 0; i < ARRAY_LEN(signals); i++)
			(void)signal(signals[i], SIG_DFL);
		(void)alarm(60);
		if (crash_note_watch(note) < 0)
			_exit(99);
		fn(note);
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return status;
}

/* The signal that ended it; 0: none did. */
static inline int crash_signal(struct crash_note *note, void (*fn)(struct crash_note *note))
{
	int status = crash_child(note, fn);

	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

#endif
