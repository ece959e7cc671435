/* control_fork.c - see control_fork.h. Nobody but the two keeps an end: else its closing would not be noticed. */
#include "daemon/control_fork.h"

#include <unistd.h>

#include "base/clock.h"
#include "daemon/worker_slot.h"
#include "io/ipc.h"
#include "io/proc.h"

pid_t control_fork_over(const int take_ends[2], struct worker_slot *slot, const char *name,
			int *ret_control_fd)
{
	pid_t pid = proc_fork(name);

	if (pid == 0) {
		(void)close(take_ends[0]);
		*ret_control_fd = take_ends[1];
		return 0;
	}
	(void)close(take_ends[1]);
	if (pid < 0)
		(void)close(take_ends[0]);
	else
		worker_slot_forked(slot, pid, take_ends[0], clock_monotonic_ms());
	return pid;
}

pid_t control_fork(struct worker_slot *slot, const char *name, int *ret_control_fd)
{
	int ends[2], r;

	r = ipc_pair(ends);
	return r < 0 ? r : control_fork_over(ends, slot, name, ret_control_fd);
}
