/* pools_world.c - see pools_world.h. */
#include "pools_world.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct world *world_of(struct job_pools *pools)
{
	return container_of(pools, struct world, pools);
}

static unsigned number_of(struct world *w, const struct pool_process *process)
{
	return (unsigned)(process - w->processes);
}

PRINTF_LIKE(2, 3) static void say(struct world *w, const char *fmt, ...)
{
	size_t len = strlen(w->said);
	va_list ap;

	if (len > 0)
		len += (size_t)snprintf(w->said + len, sizeof(w->said) - len, ", ");
	va_start(ap, fmt);
	(void)vsnprintf(w->said + len, sizeof(w->said) - len, fmt, ap);
	va_end(ap);
}

static void on_queued(struct job_pools *pools, struct pool_job *job)
{
	say(world_of(pools), "queued %d", (int)job->worker_id);
}

static void on_started(struct job_pools *pools, struct pool_job *job)
{
	say(world_of(pools), "started %d", (int)job->worker_id);
}

static const char *name_of(int result)
{
	switch (result) {
	case 0:
		return "well";
	case -ECHILD:
		return "died";
	case -ECANCELED:
		return "canceled";
	case -ETIMEDOUT:
		return "timed out";
	default:
		return "failed";
	}
}

static void on_ended(struct job_pools *pools, struct pool_job *job, const struct pool_job_end *end)
{
	struct world *w = world_of(pools);
	int number = (int)job->worker_id;

	memset(job, 0xee, sizeof(*job)); /* it is ours again */
	if (end->status != 0)
		say(w, "ended %d: %s with %d", number, name_of(end->result), end->status);
	else
		say(w, "ended %d: %s%s", number, name_of(end->result),
		    end->was_killed ? ", killed" : "");
}

static bool is_blocked(struct job_pools *pools, unsigned worker)
{
	return world_of(pools)->is_blocked[worker];
}

static void on_run(struct job_pools *pools, struct pool_process *process, struct pool_job *job)
{
	say(world_of(pools), "run %d on %u", (int)job->worker_id,
	    number_of(world_of(pools), process));
}

static void on_ask(struct job_pools *pools, struct pool_process *process)
{
	say(world_of(pools), "ask %u", number_of(world_of(pools), process));
}

static void on_kill(struct job_pools *pools, struct pool_process *process)
{
	say(world_of(pools), "kill %u", number_of(world_of(pools), process));
}

static void on_retire(struct job_pools *pools, struct pool_process *process)
{
	say(world_of(pools), "retire %u", number_of(world_of(pools), process));
}

static const struct job_pools_ops ops = { on_queued, on_started, on_ended, is_blocked,
					  on_run,    on_ask,	 on_kill,  on_retire };

void world_begin(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->plan.pools[0] = (struct job_plan_pool){ .name = "default",
						   .state = JOB_PLAN_SERVES,
						   .processes = 2,
						   .queue = 3,
						   .grace_ms = 100 };
	w->plan.pools[1] = w->plan.pools[0];
	(void)strcpy(w->plan.pools[1].name, "slow");
	cr_assert_eq(job_pools_init(&w->pools, &w->plan, WORLD_WORKERS, 88172645463325252u, &ops),
		     0);
	world_advance(w, 1000);
}

void world_set(struct world *w, unsigned place)
{
	job_pools_set(&w->pools, place, &w->plan.pools[place]);
}

void world_set_state(struct world *w, unsigned place, enum job_plan_state state)
{
	w->plan.pools[place].state = state;
	world_set(w, place);
}

void world_done(struct world *w)
{
	job_pools_done(&w->pools);
}

void world_forget(struct world *w)
{
	w->said[0] = '\0';
}

void world_expect(struct world *w, const char *said)
{
	cr_assert_str_eq(w->said, said);
	world_forget(w);
}

int world_submit_as_is(struct world *w, unsigned number, const char *pool)
{
	w->jobs[number].worker_id = number;
	return job_pools_submit(&w->pools, &w->jobs[number], (weir_str){ pool, strlen(pool) });
}

int world_submit(struct world *w, unsigned number)
{
	w->jobs[number] = (struct pool_job){ .deadline_ms = INT64_MAX };
	return world_submit_as_is(w, number, "");
}

void world_cancel(struct world *w, unsigned number)
{
	job_pools_cancel(&w->pools, 0, number);
}

void world_add(struct world *w, unsigned process, uint32_t pool, bool is_old)
{
	cr_assert_eq(job_pools_add(&w->pools, &w->processes[process], pool, is_old), 0);
}

void world_idle(struct world *w, unsigned process)
{
	cr_assert_eq(job_pools_idle(&w->processes[process]), 0);
}

void world_add_idle(struct world *w, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		world_add(w, i, 0, false);
		world_idle(w, i);
	}
}

void world_finish(struct world *w, unsigned process, int result)
{
	struct pool_process *p = &w->processes[process];
	struct job_packet packet = { .word = JOB_ENDED, .result = result };

	cr_assert_not_null(p->job);
	packet.id = p->job->id;
	cr_assert_eq(job_pools_finish(p, &packet), 0);
}

void world_advance(struct world *w, int64_t ms)
{
	job_pools_advance(&w->pools, w->pools.now_ms + ms);
}
