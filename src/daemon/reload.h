#ifndef WEIR_DAEMON_RELOAD_H
#define WEIR_DAEMON_RELOAD_H
/*
 * reload.h - a configuration read, checked, and made into a generation for the master;
 * the first one, and with the same words those that come by SIGHUP.
 */
#include "base/macro.h"
#include "daemon/generation.h"

struct cli;
struct conf;
struct front;
struct job_counts;
struct log;
struct metrics_memory;

/* What stays the same. All is borrowed. */
struct reload {
	const struct cli *cli;
	struct log *log; /* its level is the configuration's */
	const struct job_counts *counts;
	struct metrics_memory *metrics; /* the same; NULL: nothing is counted */
	struct front *front;		/* of all generations: sizes are those of the first */
	bool is_check;			/* by a process that will not serve */
	bool is_rehearsal; /* by one that will not either, but has what it would have */
};

/* generation_ops of which the argument is a struct reload. */
extern const struct generation_ops reload_ops;

/*
 * Reads the configuration, and tries whether it can be bound: what is wrong with either goes to
 * standard error. ret_has_jobs NULL: it was tried already. former: the one
 * before, NULL without. -EINVAL for that; -EPERM; else 0 or another error. *ret_conf may be set even then.
 */
MUST_USE int reload_read(const struct reload *reload, const struct generation *former,
			 struct conf **ret_conf, bool *ret_has_jobs, struct tls_keeper **ret_tls);
/*
 * Makes it a generation, with its sockets and logs open; conf and tls are taken, even if that
 * fails. former: whose sockets may be kept; NULL. Returns an enum exit_code, after it has said why.
 */
MUST_USE int reload_open(const struct reload *reload, struct conf *take_conf,
			 struct tls_keeper *take_tls, const struct generation *former,
			 struct generation **ret_generation);

#endif
