/*
 * job_pools.c - see job_pools.h. The hard thing are the ends: a job may be
 * asked to end while its last word is on the way, its process may die before
 * or after that, and its worker as well. So a job has one place where it ends,
 * end_job(), and a process leaves RUNNING once.
 */
#include "daemon/job_pools.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>

#include "app/job_carrier.h"
#include "base/str.h"
#include "daemon/job_wire.h"

/* What queues are may change, and buckets do not: so there are some more from the beginning. */
#define MIN_BUCKETS ((size_t)1 << 12)
#define MAX_BUCKETS ((size_t)1 << 16)

/* ---- jobs by number */

static struct list *bucket_of(const struct job_pools *pools, unsigned worker, uint64_t worker_id)
{
	uint64_t hash = (worker_id * 1024 + worker) * 0x9e3779b97f4a7c15;

	return &pools->by_id[(hash >> 40) & (pools->n_buckets - 1)];
}

static struct pool_job *find_job(const struct job_pools *pools, unsigned worker, uint64_t worker_id)
{
	const struct list *bucket = bucket_of(pools, worker, worker_id);

	list_for_each (link, bucket) {
		struct pool_job *job = list_entry(link, struct pool_job, by_id);

		if (job->item.worker == worker && job->worker_id == worker_id)
			return job;
	}
	return NULL;
}

/* Nobody finds it any more. */
static void unlink_job(struct pool_job *job)
{
	list_del(&job->by_worker);
	list_del(&job->by_id);
}

/* ---- the end of a job */

static void end_job(struct pool_job *job, const struct pool_job_end *end)
{
	struct job_pools *pools = job->pool->pools;

	assert(!job->process || job->process->job != job);
	timers_stop(&pools->timers, &job->timer);
	unlink_job(job);
	pools->ops->ended(pools, job, end);
}

/* ---- processes */

static bool is_unsettled(enum pool_process_state state)
{
	return state == POOL_PROCESS_STARTING || state == POOL_PROCESS_RETIRED ||
	       state == POOL_PROCESS_DYING;
}

static void set_busy(struct pool_process *process, bool is_busy)
{
	if (process->is_busy == is_busy)
		return;
	process->is_busy = is_busy;
	process->pool->n_busy += is_busy ? 1u : -1u;
}

static void enter(struct pool_process *process, enum pool_process_state state)
{
	struct job_pool *pool = process->pool;

	process->state = state;
	pool->n_unsettled += is_unsettled(state);
	list_add_head(state == POOL_PROCESS_IDLE ? &pool->idle : &pool->others, &process->link);
}

static void leave(struct pool_process *process)
{
	struct job_pool *pool = process->pool;

	timers_stop(&pool->pools->timers, &process->timer);
	pool->n_unsettled -= is_unsettled(process->state);
	list_del(&process->link);
}

static bool may_become(enum pool_process_state from, enum pool_process_state to)
{
	switch (to) {
	case POOL_PROCESS_STARTING:
		return false;
	case POOL_PROCESS_IDLE:
		return from != POOL_PROCESS_RETIRED && from != POOL_PROCESS_DYING;
	case POOL_PROCESS_RUNNING:
		return from == POOL_PROCESS_IDLE;
	case POOL_PROCESS_ASKED:
		return from == POOL_PROCESS_RUNNING;
	case POOL_PROCESS_RETIRED:
		return from == POOL_PROCESS_IDLE;
	case POOL_PROCESS_DYING:
		return from != POOL_PROCESS_DYING;
	}
	return false;
}

static void move(struct pool_process *process, enum pool_process_state state)
{
	assert(may_become(process->state, state));
	leave(process);
	enter(process, state);
}

static void set_timer(struct pool_process *process, int64_t at_ms)
{
	timers_start(&process->pool->pools->timers, &process->timer, at_ms);
}

/* It has so long to end by itself. */
static void give_grace(struct pool_process *process)
{
	set_timer(process, process->pool->pools->now_ms + process->pool->plan.grace_ms);
}

static void kill_process(struct pool_process *process)
{
	struct job_pools *pools = process->pool->pools;

	if (process->is_killed)
		return;
	process->is_killed = true;
	if (process->state != POOL_PROCESS_DYING)
		move(process, POOL_PROCESS_DYING);
	timers_stop(&pools->timers, &process->timer);
	pools->ops->kill(pools, process);
}

static void become_idle(struct pool_process *process)
{
	move(process, POOL_PROCESS_IDLE);
	if (process->retire_ms != INT64_MAX)
		set_timer(process, process->retire_ms);
}

static void retire(struct pool_process *process)
{
	struct job_pools *pools = process->pool->pools;

	move(process, POOL_PROCESS_RETIRED);
	pools->ops->retire(pools, process);
}

/* Nobody may want a process of a pool that ends: it stays for who waits there. */
static void wind_up(struct job_pool *pool)
{
	bool is_over = pool->plan.state == JOB_PLAN_ENDS || pool->plan.state == JOB_PLAN_NONE;

	if (!is_over || pool->queue.n > 0)
		return;
	list_for_each_safe (link, &pool->idle)
		retire(list_entry(link, struct pool_process, link));
}

/* Old ones go one after the other, and only while all others are well: age is no hurry. */
static void recycle_by_age(struct job_pool *pool)
{
	if (pool->n_unsettled > 0 || pool->plan.state != JOB_PLAN_SERVES)
		return;
	list_for_each (link, &pool->idle) {
		struct pool_process *process = list_entry(link, struct pool_process, link);

		if (process->retire_ms > pool->pools->now_ms)
			continue;
		retire(process);
		return;
	}
}

static void on_process_timer(struct timer *timer)
{
	struct pool_process *process = container_of(timer, struct pool_process, timer);

	if (process->state == POOL_PROCESS_IDLE)
		recycle_by_age(process->pool);
	else
		kill_process(process);
}

/* ---- those that wait */

static void end_queued(struct pool_job *job, int result)
{
	struct job_pool *pool = job->pool;

	job_queue_remove(&pool->queue, &job->item);
	end_job(job, &(struct pool_job_end){ .result = result });
	wind_up(pool);
}

static bool is_never_blocked(void *arg, unsigned worker)
{
	return false;
}

/* No process will ever run them. */
static void fail_queued(struct job_pool *pool)
{
	struct job_queue_item *item;

	while ((item = job_queue_take(&pool->queue, pool->pools->now_ms, is_never_blocked, NULL)))
		end_job(container_of(item, struct pool_job, item),
			&(struct pool_job_end){ .result = -ECHILD, .status = JOB_STATUS_UNKNOWN });
}

/* ---- running */

/* The job is asked to end, and has the grace for it. */
static void ask(struct pool_job *job, int why)
{
	struct pool_process *process = job->process;
	struct job_pools *pools = job->pool->pools;

	if (process->state != POOL_PROCESS_RUNNING)
		return;
	job->why = why;
	timers_stop(&pools->timers, &job->timer);
	move(process, POOL_PROCESS_ASKED);
	give_grace(process);
	pools->ops->ask(pools, process);
}

static void on_job_timer(struct timer *timer)
{
	struct pool_job *job = container_of(timer, struct pool_job, timer);

	if (job->process)
		ask(job, -ETIMEDOUT);
	else
		end_queued(job, -ETIMEDOUT);
}

/* When its time is over: its own, not more than the pool gives. 0 and INT64_MAX: never. */
static int64_t run_until_ms(const struct pool_job *job)
{
	const struct job_plan_pool *plan = &job->pool->plan;
	int64_t limit_ms = job->max_run_ms > 0 ? job->max_run_ms : plan->run_timeout_ms;
	int64_t now_ms = job->pool->pools->now_ms;

	if (plan->max_run_ms > 0 && (limit_ms <= 0 || limit_ms > plan->max_run_ms))
		limit_ms = plan->max_run_ms;
	if (limit_ms <= 0 || limit_ms > job->deadline_ms - now_ms)
		return job->deadline_ms;
	return now_ms + limit_ms;
}

static void start_job(struct pool_job *job, struct pool_process *process)
{
	struct job_pools *pools = job->pool->pools;

	job->process = process;
	process->job = job;
	move(process, POOL_PROCESS_RUNNING);
	set_busy(process, true);
	job->deadline_ms = run_until_ms(job);
	if (job->deadline_ms != INT64_MAX)
		timers_start(&pools->timers, &job->timer, job->deadline_ms);
	pools->ops->started(pools, job);
	pools->ops->run(pools, process, job);
}

static struct pool_process *free_process(const struct job_pool *pool)
{
	if (pool->n_busy >= pool->plan.processes || list_is_empty(&pool->idle))
		return NULL;
	return list_entry(pool->idle.next, struct pool_process, link);
}

static bool is_blocked(void *arg, unsigned worker)
{
	struct job_pools *pools = arg;

	return pools->ops->is_blocked(pools, worker);
}

/* All that can run now, does. */
static void dispatch(struct job_pool *pool)
{
	struct job_pools *pools = pool->pools;
	struct pool_process *process;

	while (pool->queue.n > 0 && (process = free_process(pool))) {
		struct job_queue_item *item = job_queue_take(&pool->queue, pools->now_ms,
							     is_blocked, pools);

		if (!item)
			return;
		start_job(container_of(item, struct pool_job, item), process);
	}
	wind_up(pool);
}

/* ---- what workers say */

/* One that takes jobs. */
static struct job_pool *find_pool(const struct job_pools *pools, weir_str name)
{
	for (size_t i = 0; i < pools->n_pools; i++) {
		const struct job_plan_pool *plan = &pools->pools[i].plan;

		if (job_plan_takes_jobs(plan) &&
		    (name.len == 0 || weir_str_eq(name, weir_strz(plan->name))))
			return &pools->pools[i];
		if (name.len == 0)
			break;
	}
	return NULL;
}

/* It is started, if it can be now, or waits in the queue. -EAGAIN, -ENOMEM: neither. */
static int take_in(struct pool_job *job)
{
	struct job_pool *pool = job->pool;
	struct job_pools *pools = pool->pools;
	struct pool_process *process = free_process(pool);
	int r;

	/* What is in the queue although a process is free, is blocked. */
	if (process && !is_blocked(pools, job->item.worker)) {
		start_job(job, process);
		return 0;
	}
	if (pool->queue.n >= pool->plan.queue)
		return -EAGAIN;
	r = job_queue_put(&pool->queue, &job->item, pools->now_ms);
	if (r < 0)
		return r;
	if (job->deadline_ms != INT64_MAX)
		timers_start(&pools->timers, &job->timer, job->deadline_ms);
	pools->ops->queued(pools, job);
	return 0;
}

int job_pools_submit(struct job_pools *pools, struct pool_job *job, weir_str pool_name)
{
	unsigned worker = job->item.worker;
	int r;

	assert(worker < pools->n_workers);
	job->id = ++pools->last_id;
	job->pool = find_pool(pools, pool_name);
	job->process = NULL;
	job->why = 0;
	job->is_orphan = false;
	timer_init(&job->timer, on_job_timer);
	list_init(&job->by_worker);
	list_init(&job->by_id);
	list_init(&job->item.link);
	job->item.flow = NULL;
	if (!job->pool)
		return -ENOENT;
	if (find_job(pools, worker, job->worker_id))
		return -EEXIST;
	if (job->deadline_ms <= pools->now_ms)
		return -ETIMEDOUT;
	list_add_tail(&pools->workers[worker], &job->by_worker);
	list_add_head(bucket_of(pools, worker, job->worker_id), &job->by_id);
	r = take_in(job);
	if (r < 0)
		unlink_job(job);
	return r;
}

static void cancel(struct pool_job *job)
{
	if (job->process)
		ask(job, -ECANCELED);
	else
		end_queued(job, -ECANCELED);
}

void job_pools_cancel(struct job_pools *pools, unsigned worker, uint64_t worker_id)
{
	struct pool_job *job = find_job(pools, worker, worker_id);

	if (job)
		cancel(job);
}

void job_pools_worker_gone(struct job_pools *pools, unsigned worker)
{
	struct list *jobs = &pools->workers[worker];

	while (!list_is_empty(jobs)) {
		struct pool_job *job = list_entry(jobs->next, struct pool_job, by_worker);

		/* The next worker in this slot has numbers of its own. */
		unlink_job(job);
		job->is_orphan = true;
		cancel(job);
	}
}

void job_pools_unblocked(struct job_pools *pools)
{
	for (size_t i = 0; i < pools->n_pools; i++)
		dispatch(&pools->pools[i]);
}

/* ---- what processes say, and what is heard of them */

int job_pools_idle(struct pool_process *process)
{
	if (process->state == POOL_PROCESS_DYING)
		return 0;
	if (process->state != POOL_PROCESS_STARTING)
		return -EPROTO;
	set_busy(process, false);
	become_idle(process);
	/* Who has worked before is warm, and goes first. */
	list_move_tail(&process->pool->idle, &process->link);
	if (process->n_left == 0)
		retire(process);
	else
		recycle_by_age(process->pool);
	dispatch(process->pool);
	return 0;
}

struct pool_job *job_pools_job(const struct pool_process *process, uint64_t id)
{
	return process->job && process->job->id == id ? process->job : NULL;
}

/* It takes another, if it is still young and small. */
static void look_at_age(struct pool_process *process, uint64_t resident)
{
	if (process->n_left != UINT_MAX)
		process->n_left--;
	if (process->n_left == 0 || resident > process->max_resident)
		retire(process);
	else
		recycle_by_age(process->pool);
}

static void renew_pool(struct job_pool *pool)
{
	list_for_each (link, &pool->others) {
		struct pool_process *process = list_entry(link, struct pool_process, link);

		process->n_left = process->state == POOL_PROCESS_STARTING ? 0 : 1;
	}
	list_for_each_safe (link, &pool->idle)
		retire(list_entry(link, struct pool_process, link));
}

void job_pools_renew(struct job_pools *pools)
{
	for (size_t i = 0; i < pools->n_pools; i++) {
		if (pools->pools[i].plan.state == JOB_PLAN_SERVES)
			renew_pool(&pools->pools[i]);
	}
}

int job_pools_finish(struct pool_process *process, const struct job_packet *packet)
{
	struct pool_job *job = job_pools_job(process, packet->id);

	if (process->is_killed)
		return 0;
	if (!job)
		return -EPROTO;
	process->job = NULL;
	set_busy(process, false);
	if (process->state != POOL_PROCESS_DYING)
		become_idle(process);
	if (job->why != 0)
		end_job(job, &(struct pool_job_end){ .result = job->why });
	else
		end_job(job, &(struct pool_job_end){ .result = packet->result, .packet = packet });
	if (process->state == POOL_PROCESS_IDLE)
		look_at_age(process, packet->resident);
	dispatch(process->pool);
	return 0;
}

void job_pools_lost(struct pool_process *process, bool at_once)
{
	int64_t kill_ms = process->pool->pools->now_ms + process->pool->plan.grace_ms;

	/* Who was asked already gains no time by it. */
	if (process->state == POOL_PROCESS_ASKED)
		kill_ms = process->timer.at_ms;
	if (process->state != POOL_PROCESS_DYING) {
		move(process, POOL_PROCESS_DYING);
		set_timer(process, kill_ms);
	}
	if (at_once)
		kill_process(process);
}

void job_pools_remove(struct pool_process *process, int status)
{
	struct pool_job *job = process->job;
	struct job_pool *pool = process->pool;

	process->job = NULL;
	set_busy(process, false);
	leave(process);
	if (job) {
		int result = job->why != 0 ? job->why : -ECHILD;

		end_job(job, &(struct pool_job_end){ .result = result,
						     .status = result == -ECHILD ? status : 0,
						     .was_killed = process->is_killed });
	}
	recycle_by_age(pool);
	dispatch(pool);
}

/* ---- life of processes */

static uint64_t next_random(struct job_pools *pools)
{
	pools->random ^= pools->random << 13;
	pools->random ^= pools->random >> 7;
	pools->random ^= pools->random << 17;
	return pools->random;
}

/* Up to a tenth more or less. */
static uint64_t jitter(struct job_pools *pools, uint64_t n)
{
	return n - n / 10 + next_random(pools) % (n / 10 * 2 + 1);
}

/* It stays, until the pool is served by others again, or has ended. */
static void keep(struct pool_process *process)
{
	process->n_left = UINT_MAX;
	process->retire_ms = INT64_MAX;
	process->max_resident = UINT64_MAX;
}

static void set_life(struct pool_process *process)
{
	const struct job_plan_pool *plan = &process->pool->plan;
	struct job_pools *pools = process->pool->pools;

	keep(process);
	if (plan->state != JOB_PLAN_SERVES)
		return;
	if (plan->recycle_jobs > 0)
		process->n_left = (unsigned)jitter(pools, plan->recycle_jobs);
	if (plan->recycle_age_ms > 0)
		process->retire_ms = pools->now_ms +
				     (int64_t)jitter(pools, (uint64_t)plan->recycle_age_ms);
	if (plan->recycle_resident > 0)
		process->max_resident = jitter(pools, plan->recycle_resident);
}

int job_pools_add(struct job_pools *pools, struct pool_process *process, uint32_t place,
		  bool is_old)
{
	if (place >= pools->n_pools || !job_plan_is_there(&pools->pools[place].plan))
		return -ENOENT;
	*process = (struct pool_process){ .pool = &pools->pools[place] };
	set_life(process);
	timer_init(&process->timer, on_process_timer);
	enter(process, POOL_PROCESS_STARTING);
	if (is_old) {
		set_busy(process, true);
		give_grace(process);
	}
	return 0;
}

/* ---- pools come and go */

/* None will take their places: neither age nor a renewal that has begun is a reason to go. */
static void keep_all(struct job_pool *pool)
{
	list_for_each (link, &pool->idle)
		keep(list_entry(link, struct pool_process, link));
	list_for_each (link, &pool->others)
		keep(list_entry(link, struct pool_process, link));
}

void job_pools_set(struct job_pools *pools, unsigned place, const struct job_plan_pool *plan)
{
	struct job_pool *pool = &pools->pools[place];

	assert(place < JOB_PLAN_MAX);
	if (!job_plan_is_there(plan) || strcmp(pool->plan.name, plan->name) != 0)
		fail_queued(pool);
	pool->plan = *plan;
	if (pools->n_pools <= place)
		pools->n_pools = place + 1;
	if (plan->state != JOB_PLAN_SERVES)
		keep_all(pool);
	dispatch(pool);
}

/* ---- */

static size_t n_buckets_for(const struct job_plan *plan)
{
	size_t n = MIN_BUCKETS, n_jobs = 0;

	for (size_t i = 0; i < JOB_PLAN_MAX; i++) {
		if (job_plan_is_there(&plan->pools[i]))
			n_jobs += (size_t)plan->pools[i].queue + plan->pools[i].processes;
	}
	while (n < n_jobs && n < MAX_BUCKETS)
		n *= 2;
	return n;
}

static struct list *new_lists(size_t n)
{
	struct list *lists = calloc(n, sizeof(*lists));

	for (size_t i = 0; lists && i < n; i++)
		list_init(&lists[i]);
	return lists;
}

int job_pools_init(struct job_pools *pools, const struct job_plan *plan, unsigned n_workers,
		   uint64_t seed, const struct job_pools_ops *ops)
{
	*pools = (struct job_pools){
		.ops = ops, .n_workers = n_workers, .n_buckets = n_buckets_for(plan), .random = seed
	};
	pools->pools = calloc(JOB_PLAN_MAX, sizeof(*pools->pools));
	pools->workers = new_lists(n_workers);
	pools->by_id = new_lists(pools->n_buckets);
	if (!pools->pools || !pools->workers || !pools->by_id) {
		job_pools_done(pools);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < JOB_PLAN_MAX; i++) {
		struct job_pool *pool = &pools->pools[i];

		*pool = (struct job_pool){ .pools = pools, .plan = plan->pools[i] };
		job_queue_init(&pool->queue);
		list_init(&pool->idle);
		list_init(&pool->others);
		if (job_plan_is_there(&pool->plan))
			pools->n_pools = i + 1;
	}
	return 0;
}

void job_pools_done(struct job_pools *pools)
{
	for (size_t i = 0; i < pools->n_pools; i++)
		job_queue_done(&pools->pools[i].queue);
	free(pools->pools);
	free(pools->workers);
	free(pools->by_id);
	*pools = (struct job_pools){ 0 };
}

void job_pools_advance(struct job_pools *pools, int64_t now_ms)
{
	pools->now_ms = now_ms;
	timers_fire(&pools->timers, now_ms);
}
