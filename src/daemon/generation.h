#ifndef WEIR_DAEMON_GENERATION_H
#define WEIR_DAEMON_GENERATION_H
/*
 * generation.h - what a reload replaces, as the master knows it: one reading of the
 * configuration, with the listening sockets, and with what workers, hub and job
 * processes begin with that are forked while it is in force. There are two of them
 * while the workers of the next one start.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/macro.h"
#include "daemon/crash_limit.h"

struct conf_jobs;
struct conf_privileges;
struct listeners;
struct tls_keeper;

struct generation {
	unsigned number;	     /* the master's, from 1 */
	struct listeners *listeners; /* open, with n_workers lanes at least. A stop closes them */
	unsigned n_workers;
	int64_t graceful_ms;	      /* how long a drain may take */
	int64_t session_grace_ms;     /* and how much longer for workers that are replaced */
	const struct conf_jobs *jobs; /* NULL: no pools */
	bool has_jobs;		      /* some module has one: processes are needed */
	struct tls_keeper *tls;	      /* NULL: no TLS */
	struct crash_limit crash_limit;
	int log_level;	   /* from its beginning; 0: as it was */
	int64_t stall_ms;  /* a worker whose loop turns longer is stuck, for health checks */
	int64_t notice_ms; /* not ready any more, but still accepting, before the daemon stops */
	const struct conf_privileges *privileges; /* of its processes; NULL: the master's */
	void *worker_arg;
	void *hub_arg;
	void *job_arg;
	void *ctl_arg;
	void (*free)(struct generation *generation); /* NULL: nothing is its own */
};

/* How a check says that all is well; any other exit code says that it is not. */
enum generation_check { GENERATION_HAS_NO_JOBS = 0, GENERATION_HAS_JOBS = 100 };

/* How the master comes by the next one. arg: master_setup's. */
struct generation_ops {
	/*
	 * In a child, which may take its time: says on standard error what is wrong with
	 * the configuration. Returns the exit code, perhaps an enum generation_check.
	 */
	int (*check)(void *arg);
	/* In the master, after that. Negative errno, after it has said why. */
	int (*load)(void *arg, const struct generation *now, bool has_jobs,
		    struct generation **ret_next);
	/* Opens the logs again: *ret_fd, borrowed, is for its workers; -1: they have nothing to do. */
	int (*reopen)(struct generation *generation, int *ret_fd);
};

static inline void generation_free(struct generation *generation)
{
	if (generation && generation->free)
		generation->free(generation);
}

#endif
