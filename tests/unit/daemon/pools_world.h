#ifndef WEIR_TESTS_POOLS_WORLD_H
#define WEIR_TESTS_POOLS_WORLD_H
/*
 * pools_world.h - job_pools with workers, jobs and processes that are numbers
 * in a test. What the pools ask for is written down: "started 1, run 1 on 0".
 */
#include <stdbool.h>
#include <stdint.h>

#include "daemon/job_plan.h"
#include "daemon/job_pools.h"
#include "daemon/job_wire.h"

#define WORLD_WORKERS 4
#define WORLD_JOBS 64
#define WORLD_PROCESSES 16

struct world {
	struct job_plan plan; /* "default" and "slow" */
	struct job_pools pools;
	struct pool_job jobs[WORLD_JOBS];
	struct pool_process processes[WORLD_PROCESSES];
	bool is_blocked[WORLD_WORKERS];
	char said[1024];
};

/* Two processes a pool, room for three jobs, 100 ms of grace, no limits; now is 1000. */
void world_begin(struct world *w);
/* Makes what was changed in this place of the plan count; and with a state of its own. */
void world_set(struct world *w, unsigned place);
void world_set_state(struct world *w, unsigned place, enum job_plan_state state);
void world_done(struct world *w);

/* What has been asked for since the last time must be this. */
void world_expect(struct world *w, const char *said);
void world_forget(struct world *w);

/* A job by its number, on worker 0 and route 0, without a deadline. */
int world_submit(struct world *w, unsigned number);
/* As it stands in w->jobs: the number is filled in. */
int world_submit_as_is(struct world *w, unsigned number, const char *pool);
void world_cancel(struct world *w, unsigned number);

void world_add(struct world *w, unsigned process, uint32_t pool, bool is_old);
void world_idle(struct world *w, unsigned process);
/* So many, from 0, that are idle. */
void world_add_idle(struct world *w, unsigned n);
/* It says that it has done its job. */
void world_finish(struct world *w, unsigned process, int result);
void world_advance(struct world *w, int64_t ms);

#endif
