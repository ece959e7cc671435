#ifndef WEIR_DAEMON_SIGNALS_H
#define WEIR_DAEMON_SIGNALS_H
/*
 * signals.h - the master's signals as a descriptor to poll: they are blocked
 * and read when the master has time, so there is no handler and no race.
 */
#include <stdbool.h>

#include "base/macro.h"

struct signals {
	int n_stops;	   /* SIGTERM and SIGINT: one asks, two insist */
	bool has_children; /* SIGCHLD: one or more have ended */
	bool has_hangup;   /* SIGHUP */
};

/* Blocks them (proc_fork() unblocks them in a child) and ignores SIGPIPE. */
MUST_USE int signals_open(int *ret_fd);
/* Adds what has arrived since. */
void signals_read(int fd, struct signals *signals);

#endif
