#ifndef WEIR_DAEMON_HUB_PROCESS_H
#define WEIR_DAEMON_HUB_PROCESS_H
/*
 * hub_process.h - the process that runs the hub: one loop, the pipes to the
 * workers and the job processes, and the master, who introduces them. It loads
 * no module and reads no byte that a client sent but in publications and jobs.
 * When the master has died, it stays for the workers that still drain.
 */
#include <stdbool.h>
#include <stddef.h>

#include "daemon/master.h"

struct job_counts;

/* What the master hands through: hub_args.arg. */
struct hub_setup {
	int access_log_fd;		 /* to be closed; -1: none */
	size_t max_publication;		 /* bytes */
	const struct job_counts *counts; /* shared with the master; NULL: none */
	bool logs_ids;			 /* see hub_jobs_setup */
	struct tls_keeper *tls;		 /* the master's, to be forgotten; NULL: none */
};

/* A hub_main_fn: returns an enum exit_code. */
int hub_process_main(const struct hub_args *args);

#endif
