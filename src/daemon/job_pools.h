#ifndef WEIR_DAEMON_JOB_POOLS_H
#define WEIR_DAEMON_JOB_POOLS_H
/*
 * job_pools.h - what the hub decides about jobs: which of them runs next and
 * on which process, which has run for too long, which process has to go. It
 * does nothing itself: what is to be done is asked of its owner (ops), and
 * time, words and deaths come from there. So a day of a pool is a test of a
 * millisecond.
 *
 *	submit ── waits ── runs ── asked to end ── its process is killed
 *	   │        │       │           │                 │
 *	refused     └───────┴───────────┴─────── ended ───┘
 *
 * Every job that was not refused ends exactly once: when its process has said
 * so, when it is not wanted any more before it has begun, or when its process
 * has gone. None is given to a process twice.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/base.h>

#include "base/list.h"
#include "base/macro.h"
#include "daemon/job_plan.h"
#include "daemon/job_queue.h"
#include "io/timers.h"

struct job_packet;
struct job_pool;
struct job_pools;

/* Embedded in its owner's; the first part is set by the owner before it is submitted. */
struct pool_job {
	struct job_queue_item item; /* priority, route, worker */
	uint64_t worker_id;	    /* the worker's number of it */
	int64_t deadline_ms; /* INT64_MAX: none; once it runs, the end of its time to run too */
	int64_t max_run_ms;  /* 0: the pool's */

	uint64_t id;		      /* towards its process */
	struct job_pool *pool;	      /* borrowed */
	struct pool_process *process; /* borrowed: runs it; NULL while it waits */
	int why;		      /* it was asked to end: its result then; else 0 */
	bool is_orphan;		      /* its worker has gone: nobody is to be told */
	struct timer timer;	      /* its deadline, or the end of its time to run */
	struct list by_worker;	      /* among its worker's */
	struct list by_id;	      /* among those with the same hash */
};

enum pool_process_state {
	POOL_PROCESS_STARTING, /* it has not said yet that it takes a job */
	POOL_PROCESS_IDLE,     /* it takes one */
	POOL_PROCESS_RUNNING,  /* it has one */
	POOL_PROCESS_ASKED,    /* the same, which is to end */
	POOL_PROCESS_RETIRED,  /* it gets no more, and will end */
	POOL_PROCESS_DYING,    /* it gets no more, and is killed if it does not end */
};

/* Embedded in its owner's. */
struct pool_process {
	enum pool_process_state state;
	struct job_pool *pool; /* borrowed */
	struct list link;     /* among the pool's idle ones, the last one to run first; or others */
	struct pool_job *job; /* borrowed; in RUNNING and ASKED, perhaps in DYING */
	bool is_busy;	      /* one of the n_busy of its pool */
	bool is_killed;	      /* that was asked for */
	struct timer timer;   /* to be killed, or too old */
	int64_t retire_ms;    /* too old from then on; INT64_MAX: never */
	unsigned n_left;      /* jobs until it is recycled; UINT_MAX: for ever */
	uint64_t max_resident; /* bytes; UINT64_MAX: no limit */
};

struct job_pool {
	struct job_pools *pools;   /* borrowed */
	struct job_plan_pool plan; /* what is said of it: as it stands in the plan */
	struct job_queue queue;
	struct list idle;   /* processes */
	struct list others; /* all but those */
	unsigned
		n_busy; /* processes that run a job, or may: it begins no more than plan.processes */
	unsigned n_unsettled; /* processes in STARTING, RETIRED, DYING */
};

struct pool_job_end {
	int result;			 /* -ECHILD: its process has died */
	int status;			 /* then: as job_pools_remove() was told */
	bool was_killed;		 /* it did not end when it was asked to */
	const struct job_packet *packet; /* what its process has said; NULL: nothing */
};

/* All are called from within the functions below, and must not call any of them, but pure questions. */
struct job_pools_ops {
	/* It waits; it is given to a process, which is told next. */
	void (*queued)(struct job_pools *pools, struct pool_job *job);
	void (*started)(struct job_pools *pools, struct pool_job *job);
	/* That was it: it is its owner's again, and may be freed. */
	void (*ended)(struct job_pools *pools, struct pool_job *job,
		      const struct pool_job_end *end);
	/* Whether no job of this worker can be started at the moment; see job_pools_unblocked(). */
	bool (*is_blocked)(struct job_pools *pools, unsigned worker);
	void (*run)(struct job_pools *pools, struct pool_process *process, struct pool_job *job);
	/* Its job is to end. */
	void (*ask)(struct job_pools *pools, struct pool_process *process);
	void (*kill)(struct job_pools *pools, struct pool_process *process);
	void (*retire)(struct job_pools *pools, struct pool_process *process);
};

struct job_pools {
	const struct job_pools_ops *ops;
	int64_t now_ms;
	struct timers timers;
	struct job_pool *pools; /* owned; JOB_PLAN_MAX, by place */
	size_t n_pools;		/* behind the last that there is, or was */
	struct list *workers;	/* owned; for each, its jobs */
	unsigned n_workers;
	struct list *by_id; /* owned; n_buckets, a power of two */
	size_t n_buckets;
	uint64_t last_id;
	uint64_t random; /* for recycling: processes of one age do not all go at once */
};

/* seed is not 0. -ENOMEM. */
MUST_USE int job_pools_init(struct job_pools *pools, const struct job_plan *plan,
			    unsigned n_workers, uint64_t seed, const struct job_pools_ops *ops);
/* Jobs and processes are their owners' again, without a word. */
void job_pools_done(struct job_pools *pools);

/* What the clock says; does what is due. To be called before what follows, and at job_pools_next_ms(). */
void job_pools_advance(struct job_pools *pools, int64_t now_ms);
static inline int64_t job_pools_next_ms(const struct job_pools *pools)
{
	return timers_next_ms(&pools->timers);
}

/*
 * A pool comes, changes, or goes, as the plan says; the same may be said again. What it has been
 * given is not lost by that, but for where it is JOB_PLAN_NONE, or another: then what waits
 * there fails, since it has no process any more.
 */
void job_pools_set(struct job_pools *pools, unsigned place, const struct job_plan_pool *plan);

/* ---- workers. An empty pool name is the first pool. */

/*
 * 0, and then queued(), started() and ended() are called; or it is refused: -ENOENT no such pool,
 * -EAGAIN the queue is full, -ETIMEDOUT its deadline has passed, -EEXIST the worker has one of this
 * number, -ENOMEM.
 */
MUST_USE int job_pools_submit(struct job_pools *pools, struct pool_job *job, weir_str pool_name);
/* It is not wanted any more. One that is not known has ended meanwhile. */
void job_pools_cancel(struct job_pools *pools, unsigned worker, uint64_t worker_id);
/* The worker has died: what it has submitted is not wanted any more. */
void job_pools_worker_gone(struct job_pools *pools, unsigned worker);
/* is_blocked() may answer differently from now on. */
void job_pools_unblocked(struct job_pools *pools);

/* ---- processes */

/*
 * All that are there by now, of pools that are configured, get no more jobs: they are retired, at
 * once or after the one they run.
 */
void job_pools_renew(struct job_pools *pools);
/* A new one. is_old: it was another hub's, and may still run a job of that. -ENOENT: no such pool. */
MUST_USE int job_pools_add(struct job_pools *pools, struct pool_process *process, uint32_t pool,
			   bool is_old);
/* It has ended, as waitpid() says, or JOB_STATUS_UNKNOWN; it is its owner's again. */
void job_pools_remove(struct pool_process *process, int status);

/* It takes a job. -EPROTO: that cannot be. */
MUST_USE int job_pools_idle(struct pool_process *process);
/* Its job, if it has this number and may still say something; NULL otherwise. */
struct pool_job *job_pools_job(const struct pool_process *process, uint64_t id);
/* Its job has ended, as the packet says; in DYING too, until it is killed. -EPROTO: it has none of this number. */
MUST_USE int job_pools_finish(struct pool_process *process, const struct job_packet *packet);
/* Its pipe is closed, so it must end: at once, or by itself within the grace. */
void job_pools_lost(struct pool_process *process, bool at_once);

#endif
