#ifndef WEIR_DAEMON_WORKER_CTL_H
#define WEIR_DAEMON_WORKER_CTL_H
/* worker_ctl.h - what a worker answers the ctl process, and does for it. */
#include <ev.h>

struct log;
struct loop;
struct sched;
struct server;
struct site;

/* What it can tell of; all borrowed. */
struct worker_ctl_view {
	struct sched *sched;
	struct server *server;
	struct site *site;
};

struct worker_ctl {
	struct loop *loop; /* borrowed */
	struct log *log;   /* borrowed; its level can be set */
	unsigned slot;
	struct worker_ctl_view view; /* all NULL: nothing is there to be told of */
	int fd;			     /* owned; -1: none */
	ev_io watcher;
};

void worker_ctl_init(struct worker_ctl *ctl, struct loop *loop, struct log *log, unsigned slot);
void worker_ctl_done(struct worker_ctl *ctl);
/* NULL: no more. */
void worker_ctl_serve(struct worker_ctl *ctl, const struct worker_ctl_view *view);
/* The pipe to a new one; that of the one before is closed. */
void worker_ctl_meet(struct worker_ctl *ctl, int take_fd);

#endif
