#ifndef WEIR_DAEMON_CTL_PROCESS_H
#define WEIR_DAEMON_CTL_PROCESS_H
/*
 * ctl_process.h - the process that answers whoever wants to know how the daemon
 * is: health checks over HTTP (ctl_health), and weirctl on a Unix socket
 * (ctl_clients). It reads shared memory, asks workers, and waits for none of them.
 * It loads no module. Its death ends nothing; without a master it ends.
 */
#include "daemon/master.h"

struct conf;
struct tls_keeper;

/* What the master hands through: ctl_args.arg. All borrowed. */
struct ctl_setup {
	const struct conf *conf;
	int access_log_fd;	/* to be closed; -1: none */
	struct tls_keeper *tls; /* the master's, to be forgotten; NULL: none */
};

/* A ctl_main_fn: returns an enum exit_code. */
int ctl_process_main(const struct ctl_args *args);

#endif
