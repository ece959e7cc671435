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
	bool has_hangup;   /* SIGHUP: the configuration is to be read again */
	bool has_quit;	   /* SIGQUIT: a stop without limit */
	bool wants_logs;   /* SIGUSR1: logs are to be opened again */
	bool wants_binary; /* SIGUSR2 */
	int n_workers;	   /* SIGTTIN: one more; SIGTTOU: one less */
};

/* Blocks them (proc_fork() unblocks them in a child) and ignores SIGPIPE. */
MUST_USE int signals_open(int *ret_fd);
/* Adds what has arrived since. */
void signals_read(int fd, struct signals *signals);
/*
 * In a child: all of these but SIGTERM and SIGCHLD. A terminal, or a service manager,
 * sends them to all processes; only the master acts on them.
 */
void signals_ignore(void);

#endif
