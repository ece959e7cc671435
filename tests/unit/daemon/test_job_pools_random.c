/*
 * test_job_pools_random.c - thousands of things that happen to job_pools in an
 * order nobody would think of, and what must hold through all of them:
 *
 *	every job that was taken ends, and ends once; none is run twice
 *	a running one ends when its process has said so or has gone, not before
 *	never do more run than the pool has processes; or had, when they began
 *	never do more wait than the queue has room for; or had, when they came
 *	nobody is killed who was not asked and given the grace, or talked nonsense
 *	nothing is taken by a pool that ends, and nobody of one that leaves is retired
 *	each waits for one job of every other at most (second test)
 */
#include "daemon/job_pools.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "daemon/job_wire.h"

#define N_WORKERS 3
#define N_ROUTES 4
#define N_JOBS 200
#define N_PROCESSES 12
#define N_EVENTS 20000
#define GRACE_MS 50

enum job_state { JOB_NEW, JOB_WAITS, JOB_GIVEN, JOB_RUNS, JOB_OVER };

struct model_job {
	struct pool_job job;
	enum job_state state;
	int process; /* which runs it */
	unsigned n_runs;
};

enum process_state { PROCESS_NONE, PROCESS_STARTS, PROCESS_IDLE, PROCESS_RUNS };

struct model_process {
	struct pool_process process;
	enum process_state state;
	unsigned pool;
	int job;	  /* which it runs */
	int64_t asked_ms; /* or its pipe was closed, or it was another hub's; -1: not */
	bool is_leaving;  /* by a request to kill or to retire it */
	bool has_fault;	  /* it talked nonsense */
};

struct model {
	struct job_plan plan;
	unsigned n_pools; /* of the plan */
	struct job_pools pools;
	struct model_job jobs[N_JOBS];
	struct model_process processes[N_PROCESSES];
	bool is_blocked[N_WORKERS];
	uint64_t random;
	uint64_t next_id;
	unsigned n_taken, n_ended, n_refused, n_killed, n_retired, n_changes;
	/* Of the second test: starts of b since the last of a, while a has jobs that wait. */
	bool is_changing;   /* there are reloads */
	bool is_forgetting; /* a pool that has no process any more */
	bool is_fair;	    /* to be looked at: one pool, one priority */
	unsigned since[N_ROUTES][N_ROUTES];
};

static unsigned chance(struct model *m, unsigned n)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return (unsigned)(m->random >> 16) % n;
}

static struct model *model_of(struct job_pools *pools)
{
	return container_of(pools, struct model, pools);
}

static struct model_job *job_of(struct pool_job *job)
{
	return container_of(job, struct model_job, job);
}

static struct model_process *process_of(struct pool_process *process)
{
	return container_of(process, struct model_process, process);
}

static unsigned n_running(struct model *m, unsigned pool)
{
	unsigned n = 0;

	for (unsigned i = 0; i < N_PROCESSES; i++)
		n += m->processes[i].pool == pool && m->processes[i].state == PROCESS_RUNS;
	return n;
}

/* ---- what it asks for */

static void on_queued(struct job_pools *pools, struct pool_job *pool_job)
{
	cr_assert_eq(job_of(pool_job)->state, JOB_NEW);
	job_of(pool_job)->state = JOB_WAITS;
	cr_assert_leq(pool_job->pool->queue.n, pool_job->pool->plan.queue);
}

static bool route_waits(struct model *m, uint32_t route)
{
	for (unsigned i = 0; i < N_JOBS; i++)
		if (m->jobs[i].state == JOB_WAITS && m->jobs[i].job.item.route == route)
			return true;
	return false;
}

static void look_at_fairness(struct model *m, uint32_t route)
{
	for (uint32_t other = 0; other < N_ROUTES; other++) {
		m->since[route][other] = 0;
		if (other == route || !route_waits(m, other)) {
			m->since[other][route] = 0;
			continue;
		}
		cr_assert_lt(m->since[other][route], 1u, "route %u twice, and %u waits", route,
			     other);
		m->since[other][route]++;
	}
}

static void on_started(struct job_pools *pools, struct pool_job *pool_job)
{
	struct model_job *job = job_of(pool_job);

	cr_assert(job->state == JOB_NEW || job->state == JOB_WAITS);
	cr_assert(!model_of(pools)->is_blocked[pool_job->item.worker]);
	if (model_of(pools)->is_fair && job->state == JOB_WAITS)
		look_at_fairness(model_of(pools), pool_job->item.route);
	job->state = JOB_GIVEN;
}

static void on_run(struct job_pools *pools, struct pool_process *pool_process,
		   struct pool_job *pool_job)
{
	struct model_process *process = process_of(pool_process);
	struct model_job *job = job_of(pool_job);
	struct model *m = model_of(pools);

	cr_assert_eq(job->state, JOB_GIVEN);
	cr_assert_eq(process->state, PROCESS_IDLE);
	cr_assert(!process->is_leaving && !process->has_fault);
	cr_assert_eq(process->asked_ms, -1);
	cr_assert_eq(job->n_runs++, 0u, "run twice");
	job->state = JOB_RUNS;
	job->process = (int)(process - m->processes);
	process->state = PROCESS_RUNS;
	process->job = (int)(job - m->jobs);
	cr_assert_leq(n_running(m, process->pool), pool_job->pool->plan.processes);
}

static void on_ended(struct job_pools *pools, struct pool_job *pool_job,
		     const struct pool_job_end *end)
{
	struct model_job *job = job_of(pool_job);
	struct model *m = model_of(pools);

	cr_assert(job->state == JOB_WAITS || job->state == JOB_RUNS);
	if (job->state == JOB_RUNS)
		cr_assert_neq(m->processes[job->process].job, (int)(job - m->jobs),
			      "it still runs");
	else
		cr_assert(end->result == -ECANCELED || end->result == -ETIMEDOUT ||
			  (end->result == -ECHILD && m->is_forgetting));
	job->state = JOB_OVER;
	if (m->is_fair && !route_waits(m, pool_job->item.route))
		memset(m->since[pool_job->item.route], 0, sizeof(m->since[0]));
	memset(&job->job, 0xee, sizeof(job->job));
	m->n_ended++;
}

static bool is_blocked(struct job_pools *pools, unsigned worker)
{
	return model_of(pools)->is_blocked[worker];
}

static void on_ask(struct job_pools *pools, struct pool_process *pool_process)
{
	struct model_process *process = process_of(pool_process);

	cr_assert_eq(process->state, PROCESS_RUNS);
	cr_assert_eq(process->asked_ms, -1, "asked twice");
	process->asked_ms = pools->now_ms;
}

static void on_kill(struct job_pools *pools, struct pool_process *pool_process)
{
	struct model_process *process = process_of(pool_process);

	cr_assert(!process->is_leaving || process->has_fault || process->asked_ms >= 0);
	if (!process->has_fault) {
		cr_assert_neq(process->asked_ms, -1);
		cr_assert_geq(pools->now_ms, process->asked_ms + GRACE_MS);
	}
	process->is_leaving = true;
	model_of(pools)->n_killed++;
}

static void on_retire(struct job_pools *pools, struct pool_process *pool_process)
{
	struct model_process *process = process_of(pool_process);

	cr_assert_eq(process->state, PROCESS_IDLE);
	cr_assert(!process->is_leaving);
	cr_assert_neq(pool_process->pool->plan.state, (uint32_t)JOB_PLAN_LEAVES);
	process->is_leaving = true;
	model_of(pools)->n_retired++;
}

static const struct job_pools_ops ops = { on_queued, on_started, on_ended, is_blocked,
					  on_run,    on_ask,	 on_kill,  on_retire };

/* ---- what happens to it */

static void submit(struct model *m)
{
	struct model_job *job = &m->jobs[chance(m, N_JOBS)];
	unsigned n_before = m->n_ended;
	bool is_slow;
	int r;

	if (job->state != JOB_NEW && job->state != JOB_OVER)
		return;
	*job = (struct model_job){ .job = {
					   .item = { .priority = m->is_fair
									 ? 0
									 : (int32_t)chance(m, 3) -
										   1,
						     .route = chance(m, N_ROUTES),
						     .worker = chance(m, N_WORKERS) },
					   .worker_id = ++m->next_id,
					   .deadline_ms = chance(m, 3) == 0
								  ? m->pools.now_ms + chance(m, 400)
								  : INT64_MAX,
					   .max_run_ms = chance(m, 3) == 0 ? chance(m, 300) : 0,
				   } };
	is_slow = chance(m, 2) != 0 && !m->is_fair;
	r = job_pools_submit(&m->pools, &job->job, is_slow ? WEIR_STR("slow") : WEIR_STR(""));
	cr_assert_eq(r == -ENOENT, is_slow && !job_plan_takes_jobs(&m->plan.pools[1]));
	cr_assert_eq(m->n_ended, n_before);
	if (r < 0) {
		cr_assert(r == -EAGAIN || r == -ETIMEDOUT || r == -ENOENT);
		cr_assert_eq(job->state, JOB_NEW);
		m->n_refused++;
		return;
	}
	cr_assert(job->state == JOB_WAITS || job->state == JOB_RUNS);
	m->n_taken++;
}

static void cancel(struct model *m)
{
	struct model_job *job = &m->jobs[chance(m, N_JOBS)];

	if (job->state == JOB_WAITS || job->state == JOB_RUNS)
		job_pools_cancel(&m->pools, job->job.item.worker, job->job.worker_id);
	if (chance(m, 100) == 0)
		job_pools_worker_gone(&m->pools, chance(m, N_WORKERS));
}

static void add(struct model *m, struct model_process *process, bool is_old)
{
	*process = (struct model_process){ .state = PROCESS_STARTS, .job = -1, .asked_ms = -1 };
	process->pool = (unsigned)(process - m->processes) % m->n_pools;
	if (is_old)
		process->asked_ms = m->pools.now_ms;
	cr_assert_eq(job_pools_add(&m->pools, &process->process, process->pool, is_old), 0);
}

static void remove_process(struct model *m, struct model_process *process)
{
	process->state = PROCESS_NONE;
	process->job = -1;
	job_pools_remove(&process->process, SIGKILL);
}

static void become_idle(struct model *m, struct model_process *process)
{
	process->state = PROCESS_IDLE;
	process->asked_ms = -1;
	cr_assert_eq(job_pools_idle(&process->process), 0);
}

static void finish(struct model *m, struct model_process *process)
{
	struct job_packet packet = { .word = JOB_ENDED,
				     .id = m->jobs[process->job].job.id,
				     .resident = chance(m, 1100) };

	process->state = PROCESS_IDLE;
	process->job = -1;
	process->asked_ms = -1;
	cr_assert_eq(job_pools_finish(&process->process, &packet), 0);
}

static void lose(struct model *m, struct model_process *process, bool at_once)
{
	process->has_fault |= at_once;
	if (process->asked_ms < 0)
		process->asked_ms = m->pools.now_ms;
	job_pools_lost(&process->process, at_once);
}

static bool is_served(const struct model *m, const struct model_process *process)
{
	size_t place = (size_t)(process - m->processes) % m->n_pools;

	return m->plan.pools[place].state == JOB_PLAN_SERVES;
}

static void happen_to_process(struct model *m, bool is_kind)
{
	struct model_process *process = &m->processes[chance(m, N_PROCESSES)];
	bool is_dying = process->process.state == POOL_PROCESS_DYING;

	if (process->state == PROCESS_NONE && is_served(m, process))
		add(m, process, !is_kind && chance(m, 10) == 0);
	else if (process->state == PROCESS_NONE)
		return;
	else if (process->is_leaving || (!is_kind && chance(m, 100) == 0))
		remove_process(m, process);
	else if (!is_kind && chance(m, 60) == 0)
		lose(m, process, chance(m, 2) == 0);
	else if (process->state == PROCESS_STARTS && !is_dying)
		become_idle(m, process);
	else if (process->state == PROCESS_RUNS && !is_dying && chance(m, 2) == 0)
		finish(m, process);
}

/* As a master does it: what is not configured any more gets no new process. */
static void change(struct model *m)
{
	static const enum job_plan_state next[] = { [JOB_PLAN_NONE] = JOB_PLAN_SERVES,
						    [JOB_PLAN_SERVES] = JOB_PLAN_LEAVES,
						    [JOB_PLAN_LEAVES] = JOB_PLAN_ENDS,
						    [JOB_PLAN_ENDS] = JOB_PLAN_SERVES };
	struct job_plan_pool *pool = &m->plan.pools[1];

	m->plan.pools[0].processes = 1 + chance(m, 4);
	m->plan.pools[0].queue = chance(m, 25);
	job_pools_set(&m->pools, 0, &m->plan.pools[0]);
	if (chance(m, 3) == 0)
		pool->state = next[pool->state];
	else if (pool->state != JOB_PLAN_SERVES && chance(m, 2) == 0)
		pool->state = JOB_PLAN_SERVES;
	if (pool->state == JOB_PLAN_SERVES)
		pool->processes = 1 + chance(m, 6);
	job_pools_set(&m->pools, 1, pool);
	if (chance(m, 2) == 0)
		job_pools_renew(&m->pools);
	m->n_changes++;
}

/* The last process of a pool that is not configured any more has gone. */
static void forget_slow(struct model *m)
{
	bool is_over = m->plan.pools[1].state == JOB_PLAN_LEAVES ||
		       m->plan.pools[1].state == JOB_PLAN_ENDS;

	for (unsigned i = 1; i < N_PROCESSES; i += 2)
		is_over = is_over && m->processes[i].state == PROCESS_NONE;
	if (!is_over)
		return;
	m->plan.pools[1].state = JOB_PLAN_NONE;
	m->is_forgetting = true;
	job_pools_set(&m->pools, 1, &m->plan.pools[1]);
	m->is_forgetting = false;
}

static void happen(struct model *m, bool is_kind)
{
	switch (chance(m, 8)) {
	case 0:
	case 1:
	case 2:
		submit(m);
		return;
	case 3:
		cancel(m);
		return;
	case 4:
		if (is_kind)
			return;
		m->is_blocked[chance(m, N_WORKERS)] ^= true;
		job_pools_unblocked(&m->pools);
		return;
	case 5:
		job_pools_advance(&m->pools, m->pools.now_ms + chance(m, 20));
		if (m->is_changing && chance(m, 10) == 0)
			change(m);
		return;
	default:
		happen_to_process(m, is_kind);
		forget_slow(m);
		return;
	}
}

static void begin(struct model *m, uint64_t seed, bool is_fair)
{
	memset(m, 0, sizeof(*m));
	m->random = seed;
	m->plan.pools[0] = (struct job_plan_pool){ .name = "default",
						   .state = JOB_PLAN_SERVES,
						   .processes = 3,
						   .queue = 20,
						   .grace_ms = GRACE_MS,
						   .recycle_jobs = 30,
						   .recycle_age_ms = 3000,
						   .recycle_resident = 1000 };
	m->plan.pools[1] = (struct job_plan_pool){ .name = "slow",
						   .state = is_fair ? JOB_PLAN_NONE
								    : JOB_PLAN_SERVES,
						   .processes = 4,
						   .queue = 12,
						   .grace_ms = GRACE_MS,
						   .run_timeout_ms = 500,
						   .max_run_ms = 200 };
	m->is_fair = is_fair;
	m->n_pools = is_fair ? 1 : 2;
	cr_assert_eq(job_pools_init(&m->pools, &m->plan, N_WORKERS, seed, &ops), 0);
	job_pools_advance(&m->pools, 1000000);
}

/* Nothing is submitted any more, and everybody does what is asked. */
static void come_to_an_end(struct model *m)
{
	memset(m->is_blocked, 0, sizeof(m->is_blocked));
	job_pools_unblocked(&m->pools);
	for (unsigned i = 0; i < 10000 && m->n_ended < m->n_taken; i++) {
		happen_to_process(m, true);
		forget_slow(m);
		job_pools_advance(&m->pools, m->pools.now_ms + 1);
	}
	cr_assert_eq(m->n_ended, m->n_taken);
	for (unsigned i = 0; i < N_PROCESSES; i++)
		if (m->processes[i].state != PROCESS_NONE)
			remove_process(m, &m->processes[i]);
	for (unsigned i = 0; i < m->n_pools; i++) {
		cr_assert_eq(m->pools.pools[i].n_busy, 0u);
		cr_assert_eq(m->pools.pools[i].n_unsettled, 0u);
		cr_assert_eq(m->pools.pools[i].queue.n, 0u);
	}
	cr_assert_eq(job_pools_next_ms(&m->pools), INT64_MAX, "no timer is left");
	job_pools_done(&m->pools);
}

Test(job_pools_random, whatever_happens_every_job_ends_once)
{
	static struct model m;

	for (uint64_t seed = 1; seed <= 20; seed++) {
		begin(&m, seed * 88172645463325252u, false);
		for (unsigned i = 0; i < N_EVENTS; i++)
			happen(&m, false);
		come_to_an_end(&m);
		/* It was worth it. */
		cr_assert_gt(m.n_taken, 1000u);
		cr_assert_gt(m.n_refused, 100u);
		cr_assert_gt(m.n_killed, 100u);
		cr_assert_gt(m.n_retired, 5u);
	}
}

Test(job_pools_random, and_so_it_does_whatever_is_reloaded)
{
	static struct model m;

	for (uint64_t seed = 1; seed <= 20; seed++) {
		begin(&m, seed * 88172645463325252u, false);
		m.is_changing = true;
		for (unsigned i = 0; i < N_EVENTS; i++)
			happen(&m, false);
		come_to_an_end(&m);
		cr_assert_gt(m.n_taken, 1000u);
		cr_assert_gt(m.n_changes, 100u);
		cr_assert_gt(m.n_retired, 50u);
	}
}

Test(job_pools_random, no_route_waits_for_two_jobs_of_another)
{
	static struct model m;

	for (uint64_t seed = 1; seed <= 10; seed++) {
		begin(&m, seed * 88172645463325252u, true);
		for (unsigned i = 0; i < N_EVENTS; i++)
			happen(&m, true);
		come_to_an_end(&m);
	}
}
