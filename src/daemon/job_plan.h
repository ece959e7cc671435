#ifndef WEIR_DAEMON_JOB_PLAN_H
#define WEIR_DAEMON_JOB_PLAN_H
/*
 * job_plan.h - which pools of job processes there are, beyond a reload. Each has
 * a place, by which master and hub speak of it, and keeps that as long as it
 * is there. Plain state, no system calls. The master changes it, a hub begins with
 * it, and is told of each change.
 *
 *	          configured                not any more
 *	  NONE ───────────────► SERVES ◄──────────────► LEAVES
 *	   ▲                       ▲    configured again   │
 *	   │ its last process      │                       │ the last worker that
 *	   │ has ended             │ configured again      ▼ may want it has ended
 *	   └───────────────────────┴───────────────────── ENDS
 *	                                (LEAVES, too, where no process is left)
 */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"

struct conf_job_pool;
struct conf_jobs;

/* As many as a configuration may have, twice: those of the former one leave while others serve. */
#define JOB_PLAN_MAX 128
/* With its NUL. */
#define JOB_PLAN_NAME 72

enum job_plan_state {
	JOB_PLAN_NONE,	 /* the place is free; the name is that of the last that had it */
	JOB_PLAN_SERVES, /* it is configured */
	JOB_PLAN_LEAVES, /* not any more: it serves former workers by the processes that it has */
	JOB_PLAN_ENDS,	 /* it takes no more jobs, and its processes go when none waits */
};

/* What the hub needs of a struct conf_job_pool. Without holes: it is sent as it is. */
struct job_plan_pool {
	char name[JOB_PLAN_NAME];
	uint32_t state; /* enum job_plan_state */
	uint32_t processes;
	uint32_t queue;
	uint32_t recycle_jobs;
	int64_t run_timeout_ms;
	int64_t max_run_ms;
	int64_t grace_ms;
	int64_t recycle_age_ms;
	uint64_t recycle_resident;
};
static_assert(sizeof(struct job_plan_pool) == JOB_PLAN_NAME + 4 * 4 + 5 * 8, "it has no holes");

/* Zeroed is one without pools. */
struct job_plan {
	/* By place. The first is the configuration's first, which is meant by an empty name. */
	struct job_plan_pool pools[JOB_PLAN_MAX];
};

/* Whether there is one. */
static inline bool job_plan_is_there(const struct job_plan_pool *pool)
{
	return pool->state != JOB_PLAN_NONE;
}
/* Whether somebody may have a job run there. */
static inline bool job_plan_takes_jobs(const struct job_plan_pool *pool)
{
	return pool->state == JOB_PLAN_SERVES || pool->state == JOB_PLAN_LEAVES;
}

/*
 * Pools of the same name keep their places, and serve with what is said of them now; new ones
 * take free places; all others leave. conf NULL: there are none. -ENOSPC: there is no
 * place for all of them, and nothing has changed.
 */
MUST_USE int job_plan_change(struct job_plan *plan, const struct conf_jobs *conf);
/* What job_plan_change() would say. */
MUST_USE int job_plan_can_change(const struct job_plan *plan, const struct conf_jobs *conf);

/* No worker of a former configuration is left. False: nothing has changed by that. */
bool job_plan_end_leaving(struct job_plan *plan);
/* No process of this pool, which is not configured any more, is left. */
void job_plan_forget(struct job_plan *plan, unsigned place);

/* Whether it is one that could have been sent: for who has received it. */
bool job_plan_is_sound(const struct job_plan_pool *pool);

#endif
