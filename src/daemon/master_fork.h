#ifndef WEIR_DAEMON_MASTER_FORK_H
#define WEIR_DAEMON_MASTER_FORK_H
/* master_fork.h - how the master's children begin: what each gets, and what it must not keep. */
#include "daemon/crash_report.h"

struct job_slot;
struct master;
struct worker_slot;

/* Negative errno, or 0: the slot is STARTING. */
int master_fork_worker(struct master *m, struct worker_slot *slot);
void master_fork_hub(struct master *m);
void master_fork_ctl(struct master *m);
/* Those that are due. */
void master_fork_job_processes(struct master *m);

/* A child looks whether the configuration is fine: m->checker, or a negative errno there. */
void master_fork_checker(struct master *m);
/* A short-lived child says in the log what a child's crash note has, if anything. */
void master_fork_report(struct master *m, unsigned child, enum crash_report_what what);
/* Job processes have their crash notes behind the workers'. */
unsigned master_fork_crash_index(const struct master *m, const struct job_slot *slot);

#endif
