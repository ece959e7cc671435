#ifndef WEIR_DAEMON_JOB_PROCESS_H
#define WEIR_DAEMON_JOB_PROCESS_H
/*
 * job_process.h - a process that runs the jobs of one pool, one at a time: no
 * loop, no coroutines, no listening socket. The master keeps it, and introduces
 * it to the hub, and to the next hub if that dies. When the master has died, it
 * stays for the hub, which stays for the workers that still drain.
 */
#include "daemon/master.h"

struct conf;
struct front;
struct metrics_memory;
struct tls_keeper;

/* What the master hands through: job_args.arg. All borrowed. */
struct job_setup {
	const struct conf *conf;
	/* The master's, to be forgotten; NULL: none. */
	struct tls_keeper *tls;
	struct metrics_memory *metrics;
	struct front *front;
};

/* A job_main_fn: returns an enum exit_code. */
int job_process_main(const struct job_args *args);

#endif
