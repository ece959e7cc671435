#ifndef WEIR_DAEMON_WORKER_H
#define WEIR_DAEMON_WORKER_H
/*
 * worker.h - a process that serves: one loop, one scheduler, the modules, and
 * the connections of one slot. Made by the master, which it tells when it is
 * ready or why it cannot be.
 */
#include "daemon/master.h"

struct conf;
struct front;
struct job_counts;
struct metrics_memory;
struct tls_keeper;

/* What the master hands through: worker_args.arg. All borrowed. */
struct worker_setup {
	const struct conf *conf;
	int access_log_fd;		/* -1: no access log */
	struct metrics_memory *metrics; /* shared by all; NULL: nothing is counted */
	const struct job_counts *jobs;	/* for GET /metrics; NULL: nobody counts them */
	struct tls_keeper *tls;		/* the master's, of when it forked; NULL: no TLS */
	struct front *front;		/* the same; NULL: nobody counts */
};

/* A worker_main_fn: returns an enum exit_code. */
int worker_main(const struct worker_args *args);

#endif
