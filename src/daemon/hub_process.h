#ifndef WEIR_DAEMON_HUB_PROCESS_H
#define WEIR_DAEMON_HUB_PROCESS_H
/*
 * hub_process.h - the process that runs the hub: one loop, the pipes to the
 * workers, and the master, who introduces them. It loads no module and reads
 * no byte that a client sent but in publications. When the master has died, it
 * stays for the workers that still drain.
 */
#include <stddef.h>

#include "daemon/master.h"

/* What the master hands through: hub_args.arg. */
struct hub_setup {
	int access_log_fd;	/* to be closed; -1: none */
	size_t max_publication; /* bytes */
};

/* A hub_main_fn: returns an enum exit_code. */
int hub_process_main(const struct hub_args *args);

#endif
