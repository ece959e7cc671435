#ifndef WEIR_DAEMON_CONTROL_FORK_H
#define WEIR_DAEMON_CONTROL_FORK_H
/*
 * control_fork.h - forks a child that the master talks to: with a control socket
 * between them (see control.h), in a slot.
 */
#include <sys/types.h>

#include "base/macro.h"

struct worker_slot;

/*
 * For a slot without a process. name: see proc_fork(). The pid, and the slot is STARTING with the
 * master's end; 0 in the child, which has only its own end; a negative error, and nothing has changed.
 */
MUST_USE pid_t control_fork(struct worker_slot *slot, const char *name, int *ret_control_fd);
/* The same with a pair that there is already: who is told of a child before it is born has used it. */
MUST_USE pid_t control_fork_over(const int take_ends[2], struct worker_slot *slot, const char *name,
				 int *ret_control_fd);

#endif
