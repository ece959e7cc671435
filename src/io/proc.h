#ifndef WEIR_IO_PROC_H
#define WEIR_IO_PROC_H
/*
 * proc.h - child processes: starting them clean, and saying how they ended.
 */
#include <stdbool.h>
#include <sys/types.h>

#include "base/macro.h"

/*
 * fork() for a child that runs the same program. Returns its pid; 0 in the
 * child, where no signal is blocked or caught, SIGPIPE is ignored, the process
 * is called name (15 bytes of it), and SIGTERM comes when the parent dies.
 */
MUST_USE pid_t proc_fork(const char *name);

/* How wait() says it ended, for people: "exit code 3", "killed by signal 6 (SIGABRT), core dumped". */
#define PROC_END_MAX 64
void proc_describe(int status, char ret_words[PROC_END_MAX]);
/* An exit code of 0, and no signal. */
bool proc_ended_well(int status);

/* SIGSTOP, a terminal or a debugger holds it. False also where /proc does not tell. */
bool proc_is_stopped(pid_t pid);

/* As many descriptors as the system allows this process: a daemon that uses no select() can. */
void proc_raise_nofile(void);

#endif
