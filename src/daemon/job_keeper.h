#ifndef WEIR_DAEMON_JOB_KEEPER_H
#define WEIR_DAEMON_JOB_KEEPER_H
/*
 * job_keeper.h - job processes as the master sees them: for each pool as many as
 * it may use at once and a warm one more, so that one that has died is replaced
 * before the next has been started. Which runs what is the hub's business: it is
 * introduced to all of them, asks for one to be killed or retired, and is told
 * how each has ended. When it dies, they wait for the next.
 *
 * Which pools there are is in a plan (daemon/job_plan), which changes with each reload.
 * The hub has the same one, and hears of changes before it hears of processes.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/macro.h"
#include "daemon/job_plan.h"
#include "daemon/worker_notes.h"
#include "daemon/worker_slot.h"

struct conf_jobs;
struct ipc_message;
struct log;
struct pollfd;

/* A slot of no pool. */
#define JOB_KEEPER_FREE JOB_PLAN_MAX

/* What one job process after the other runs in. */
struct job_slot {
	struct worker_slot slot; /* its process; the states mean what they do for workers */
	unsigned place;		 /* of its pool; JOB_KEEPER_FREE */
	unsigned number;	 /* the process's, as hubs know it; never another's */
	bool is_old;		 /* a hub has been introduced to it */
	bool is_killed;		 /* the hub wanted it so */
	bool has_failed;	 /* it has said why it cannot start */
	bool has_news;	/* the hub is to hear that it has ended, before the next is started */
	int status;	/* news: how */
	pid_t told_hub; /* news: which hub */
};

struct job_keeper {
	const struct log *log;	      /* borrowed */
	struct job_plan *plan;	      /* owned */
	bool is_untold[JOB_PLAN_MAX]; /* the hub has not heard of what has changed there */
	struct job_slot *slots;	      /* owned */
	unsigned n_slots;	      /* for good: pools that change share them */
	unsigned last_number;
	struct worker_notes notes; /* the job that each runs */
	bool has_said_why;	   /* they cannot start, and it is known why */
	bool is_stopping;	   /* none is started any more */
	bool is_drained;	   /* all were told to end */
};

/*
 * There are slots for whatever this configuration wants, and later ones may. has_jobs: some module
 * has a job; else there are no processes. conf NULL: there never are any. -ENOMEM.
 */
MUST_USE int job_keeper_init(struct job_keeper *keeper, const struct log *log,
			     const struct conf_jobs *conf, bool has_jobs);
/* Zeroed is fine. */
void job_keeper_done(struct job_keeper *keeper);

/* Whether there is room for what this one wants. Else why there is none has been logged, and: -ENOSPC. */
MUST_USE int job_keeper_can_change(const struct job_keeper *keeper, const struct conf_jobs *conf,
				   bool has_jobs);
/*
 * Pools are as this one says, for which there is room, and modules are others: processes are
 * replaced, those that run a job after that. Those of pools that are not configured any more
 * stay. hub_fd: -1 when there is no hub.
 */
void job_keeper_change(struct job_keeper *keeper, const struct conf_jobs *conf, bool has_jobs,
		       int hub_fd);
/* No worker of a former configuration is left: pools that are not configured any more end. */
void job_keeper_end_leaving(struct job_keeper *keeper);

/* One whose process is to be started by now; NULL. */
struct job_slot *job_keeper_due(struct job_keeper *keeper, int64_t now_ms);
/* Forks it, as hub_keeper_fork() does. */
MUST_USE pid_t job_keeper_fork(struct job_keeper *keeper, struct job_slot *slot,
			       int *ret_control_fd);
/* The slot of the process with this pid; NULL. */
struct job_slot *job_keeper_find(const struct job_keeper *keeper, pid_t pid);
/* The name of the pool that this slot is of; "" for none. */
const char *job_keeper_pool(const struct job_keeper *keeper, unsigned slot);
/* In every child. */
void job_keeper_forget(const struct job_keeper *keeper);
/* In that of this slot; of the others' it has none from then on. */
struct worker_note *job_keeper_keep_note(const struct job_keeper *keeper,
					 const struct job_slot *slot);
/* The master's view of it. */
struct worker_note *job_keeper_note(const struct job_keeper *keeper, const struct job_slot *slot);

/* n_slots entries, for poll(). */
void job_keeper_poll(const struct job_keeper *keeper, struct pollfd *ret_polled);
/* What those say that poll() has found. False: one cannot start, and why was logged. */
bool job_keeper_listen(struct job_keeper *keeper, const struct pollfd *polled);
/* Every process that there is to be is ready. */
bool job_keeper_is_ready(const struct job_keeper *keeper);
/* No process is left. */
bool job_keeper_is_empty(const struct job_keeper *keeper);

/* A child is dead, but has not been reaped: what it has started itself goes with it. */
void job_keeper_end_group(const struct job_keeper *keeper, pid_t pid);
/* It has been reaped. False: it was none of these. *ret_failed: it had not been ready. */
bool job_keeper_died(struct job_keeper *keeper, pid_t pid, int status, bool *ret_failed);

/* JOB_KILL or JOB_RETIRE of the hub's. */
void job_keeper_obey(struct job_keeper *keeper, const struct ipc_message *message);
/* Tells the hub what has changed, whom it does not know, and who has died; how many of these could not be told. */
unsigned job_keeper_introduce_all(struct job_keeper *keeper, int hub_fd, pid_t hub);

/* None will be started any more. */
void job_keeper_give_up(struct job_keeper *keeper);
/* They are told to end, once, and have their pools' grace. */
void job_keeper_stop(struct job_keeper *keeper);
void job_keeper_kill_all(struct job_keeper *keeper);
/* Who should have ended by now is killed. */
void job_keeper_tick(struct job_keeper *keeper, int64_t now_ms);
/* When something is due next; INT64_MAX. */
int64_t job_keeper_next_ms(const struct job_keeper *keeper);

#endif
