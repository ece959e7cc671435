/*
 * job_plan.c - see job_plan.h. Who comes back gets the place that it had, if that is
 * still free: what was counted there (daemon/job_counts) goes on.
 */
#include "daemon/job_plan.h"

#include <errno.h>
#include <string.h>

#include "conf/conf.h"

/* The place of one that is there, or (is_there false) was the last that was; 0: none, but for the first. */
static unsigned find(const struct job_plan *plan, const char *name, bool is_there)
{
	for (unsigned i = 1; i < JOB_PLAN_MAX; i++) {
		if (job_plan_is_there(&plan->pools[i]) == is_there &&
		    strcmp(plan->pools[i].name, name) == 0)
			return i;
	}
	return 0;
}

/* Where the nth of a configuration goes; there is room. */
static unsigned place_for(const struct job_plan *plan, size_t n, const char *name)
{
	unsigned place;

	if (n == 0)
		return 0;
	place = find(plan, name, true);
	if (place == 0)
		place = find(plan, name, false);
	/* One that nobody has ever had, before one whose counters somebody may come back for. */
	if (place == 0)
		place = find(plan, "", false);
	for (unsigned i = 1; place == 0; i++)
		place = job_plan_is_there(&plan->pools[i]) ? 0 : i;
	return place;
}

static struct job_plan_pool pool_of(const struct conf_job_pool *conf)
{
	struct job_plan_pool pool = { .state = JOB_PLAN_SERVES,
				      .processes = conf->processes,
				      .queue = conf->queue,
				      .recycle_jobs = conf->recycle_jobs,
				      .run_timeout_ms = conf->run_timeout_ms,
				      .max_run_ms = conf->max_run_ms,
				      .grace_ms = conf->grace_ms,
				      .recycle_age_ms = conf->recycle_age_ms,
				      .recycle_resident = conf->recycle_resident };
	size_t len = strnlen(conf->name, JOB_PLAN_NAME);

	assert(len < JOB_PLAN_NAME);
	memcpy(pool.name, conf->name, len);
	return pool;
}

int job_plan_can_change(const struct job_plan *plan, const struct conf_jobs *conf)
{
	size_t n_free = 0, n_new = 0;

	for (unsigned i = 1; i < JOB_PLAN_MAX; i++)
		n_free += !job_plan_is_there(&plan->pools[i]);
	for (size_t i = 1; conf && i < conf->n_pools; i++)
		n_new += find(plan, conf->pools[i].name, true) == 0;
	return n_new <= n_free ? 0 : -ENOSPC;
}

int job_plan_change(struct job_plan *plan, const struct conf_jobs *conf)
{
	int r;

	r = job_plan_can_change(plan, conf);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < JOB_PLAN_MAX; i++) {
		if (plan->pools[i].state == JOB_PLAN_SERVES)
			plan->pools[i].state = JOB_PLAN_LEAVES;
	}
	for (size_t i = 0; conf && i < conf->n_pools; i++)
		plan->pools[place_for(plan, i, conf->pools[i].name)] = pool_of(&conf->pools[i]);
	return 0;
}

bool job_plan_end_leaving(struct job_plan *plan)
{
	bool has_changed = false;

	for (unsigned i = 0; i < JOB_PLAN_MAX; i++) {
		if (plan->pools[i].state != JOB_PLAN_LEAVES)
			continue;
		plan->pools[i].state = JOB_PLAN_ENDS;
		has_changed = true;
	}
	return has_changed;
}

void job_plan_forget(struct job_plan *plan, unsigned place)
{
	struct job_plan_pool *pool = &plan->pools[place];

	assert(pool->state == JOB_PLAN_LEAVES || pool->state == JOB_PLAN_ENDS);
	pool->state = JOB_PLAN_NONE;
}

bool job_plan_is_sound(const struct job_plan_pool *pool)
{
	return memchr(pool->name, '\0', sizeof(pool->name)) && pool->state <= JOB_PLAN_ENDS &&
	       pool->run_timeout_ms >= 0 && pool->max_run_ms >= 0 && pool->grace_ms >= 0 &&
	       pool->recycle_age_ms >= 0;
}
