#ifndef WEIR_DAEMON_WORKER_LINK_H
#define WEIR_DAEMON_WORKER_LINK_H
/*
 * worker_link.h - the worker's end of its talk with the master, on the
 * worker's loop.
 */
#include <ev.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/macro.h"

struct log;
struct loop;

struct worker_link_events {
	/* Finish and exit. Called once, whether the master says so, has died, or SIGTERM came. */
	void (*drain)(void *arg);
	/* See control.h. The descriptors are the callee's. */
	void (*adopt)(void *arg, unsigned slot, const int *take_fds, size_t n_fds);
	void (*give_back)(void *arg, unsigned slot);
};

struct worker_link {
	struct loop *loop;			 /* borrowed */
	const struct log *log;			 /* borrowed */
	const struct worker_link_events *events; /* borrowed */
	void *arg;
	ev_io control; /* on the control socket; borrowed */
	ev_signal term;
	bool is_draining;
};

void worker_link_open(struct worker_link *link, struct loop *loop, const struct log *log,
		      int control_fd, const struct worker_link_events *events, void *arg);
void worker_link_close(struct worker_link *link);

/* Tells the master that clients are served from now on. -EPIPE when it is dead. */
MUST_USE int worker_link_ready(struct worker_link *link);
/* Tells the master why this worker cannot start; it should exit with EXIT_CODE_START next. */
void worker_link_failed(struct worker_link *link, const char *why);

#endif
