#ifndef WEIR_DAEMON_HUB_JOBS_H
#define WEIR_DAEMON_HUB_JOBS_H
/*
 * hub_jobs.h - the hub's part in jobs: pipes to workers, and the crew of job
 * processes (hub_crew). What is to be done is job_pools' to decide; here it is
 * done. Nothing of it waits for anybody: who does not listen has no
 * job started until he does. Payloads pass through, and are never looked at.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/list.h"
#include "base/macro.h"
#include "daemon/hub_crew.h"
#include "daemon/job_pools.h"
#include "io/loop.h"

struct control_job_process;
struct hub_jobs;
struct hub_jobs_worker;
struct job_counts;
struct job_plan;
struct job_plan_pool;
struct log;

/* All is borrowed. */
struct hub_jobs_setup {
	struct loop *loop;
	const struct log *log;
	const struct job_plan *plan;	 /* to begin with; NULL: no pools */
	const struct job_counts *counts; /* NULL: nothing is counted */
	unsigned n_workers;		 /* slots */
	int control_fd;			 /* the master */
	bool logs_ids;			 /* of the requests whose jobs die */
	/* Without a master, see hub_jobs_orphaned(): kills a job process; no job runs. NULL: nothing. */
	void (*kill)(pid_t pid);
	void (*quiet)(struct hub_jobs *jobs);
};

struct hub_jobs {
	struct hub_jobs_setup setup;
	struct job_pools pools;
	struct hub_jobs_worker *workers; /* owned, one for each slot */
	struct hub_crew crew;		 /* the job processes */
	struct list jobs;		 /* of struct hub_job, owned */
	void *buf;			 /* owned: what all pipes receive */
	struct timer timer;		 /* of the pools */
	struct loop_defer broken;	 /* workers' pipes that nothing can be sent on are closed */
};

/* -ENOMEM. */
MUST_USE int hub_jobs_init(struct hub_jobs *jobs, const struct hub_jobs_setup *setup);
/* All pipes are closed. */
void hub_jobs_done(struct hub_jobs *jobs);

/* The worker in this slot is new, or its former pipe is not good any more. */
void hub_jobs_connect(struct hub_jobs *jobs, unsigned slot, int take_fd);
/* A job process, by the master's number of it. */
void hub_jobs_meet(struct hub_jobs *jobs, unsigned child, const struct control_job_process *what,
		   int take_fd);
/* A pool comes, changes, or goes; see job_pools_set(). */
void hub_jobs_set_pool(struct hub_jobs *jobs, unsigned place, const struct job_plan_pool *plan);
/* The modules are others: processes that are there get no more jobs. */
void hub_jobs_renew(struct hub_jobs *jobs);
/* It has ended, as waitpid() says. */
void hub_jobs_ended(struct hub_jobs *jobs, unsigned child, int status);
/*
 * The master has died: the end of a pipe is the end of its process, and the owner kills who is to
 * be killed. quiet() is called, perhaps more than once, when no job runs any more.
 */
void hub_jobs_orphaned(struct hub_jobs *jobs);
bool hub_jobs_is_quiet(const struct hub_jobs *jobs);

/* What was counted, in the log, of each pool that was used. */
void hub_jobs_say_counts(const struct hub_jobs *jobs);

#endif
