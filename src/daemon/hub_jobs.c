/*
 * hub_jobs.c - see hub_jobs.h. What is easy to get wrong is who is told first:
 * a worker must know that its job was started before a process does, for if the
 * hub dies in between, what was not started is submitted again.
 */
#include "daemon/hub_jobs.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "app/job_carrier.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/hub_job.h"
#include "daemon/job_counts.h"
#include "daemon/job_pipe.h"
#include "daemon/job_plan.h"

/* A worker that leaves so much unread is not listened to. */
#define MAX_UNSENT ((size_t)1024 * 1024)

struct hub_jobs_worker {
	struct hub_jobs *jobs; /* borrowed */
	unsigned slot;
	struct job_pipe pipe;
	int broken; /* nothing can be sent any more: why; 0 */
};

static struct hub_jobs *jobs_of(struct job_pools *pools)
{
	return container_of(pools, struct hub_jobs, pools);
}

static struct hub_jobs_worker *worker_of(struct hub_jobs *jobs, const struct pool_job *job)
{
	return &jobs->workers[job->item.worker];
}

static struct job_pool_counts *counts_of(const struct hub_jobs *jobs, const struct job_pool *pool)
{
	return job_counts_at(jobs->setup.counts, (size_t)(pool - jobs->pools.pools));
}

/* ---- time */

/* What the pools know of the clock is now; before anything that they decide. */
static void begin(struct hub_jobs *jobs)
{
	job_pools_advance(&jobs->pools, loop_now_ms(jobs->setup.loop));
}

/* And after it. */
static void end(struct hub_jobs *jobs)
{
	int64_t next_ms = job_pools_next_ms(&jobs->pools);

	if (next_ms == INT64_MAX)
		loop_timer_stop(jobs->setup.loop, &jobs->timer);
	else if (!timer_is_active(&jobs->timer) || jobs->timer.at_ms != next_ms)
		loop_timer_start(jobs->setup.loop, &jobs->timer, next_ms);
	if (!jobs->crew.has_master && jobs->setup.quiet && hub_jobs_is_quiet(jobs))
		jobs->setup.quiet(jobs);
}

static void on_timer(struct timer *timer)
{
	struct hub_jobs *jobs = container_of(timer, struct hub_jobs, timer);

	begin(jobs);
	end(jobs);
}

/* ---- to workers and processes */

/* Without memory, or descriptors, or whatever it is: that pipe is closed, when nobody is busy with it. */
static void break_later(struct hub_jobs_worker *worker, int error)
{
	worker->broken = error;
	loop_defer(worker->jobs->setup.loop, &worker->jobs->broken);
}

static void tell_worker(struct hub_jobs *jobs, const struct pool_job *job,
			struct job_packet *packet)
{
	struct hub_jobs_worker *worker = worker_of(jobs, job);
	int r;

	if (job->is_orphan || !job_pipe_is_open(&worker->pipe))
		return;
	packet->id = job->worker_id;
	r = job_pipe_send(&worker->pipe, packet);
	if (r == -EMFILE) {
		/* The result has no room here: it is lost, and no other. */
		packet->result = r;
		packet->fd_len = 0;
		r = job_pipe_send(&worker->pipe, packet);
	}
	if (r < 0)
		break_later(worker, r);
}

static void give(struct pool_process *process, struct hub_job *job)
{
	struct job_packet packet = hub_job_packet(job);

	job->is_held = false;
	hub_crew_tell(process, &packet);
	close_fdp(&job->fd);
	job->fd = -1;
}

/* ---- what the pools want */

/* Once, when it has not been refused. */
static void count_submit(struct hub_jobs *jobs, struct hub_job *job)
{
	if (!job->is_taken)
		job_counts_submit(counts_of(jobs, job->job.pool));
	job->is_taken = true;
}

static void on_queued(struct job_pools *pools, struct pool_job *job)
{
	count_submit(jobs_of(pools), hub_job_of(job));
	tell_worker(jobs_of(pools), job, &(struct job_packet){ .word = JOB_QUEUED });
}

static void on_started(struct job_pools *pools, struct pool_job *pool_job)
{
	struct hub_jobs *jobs = jobs_of(pools);
	struct hub_job *job = hub_job_of(pool_job);

	count_submit(jobs, job);
	job->started_us = clock_monotonic_us();
	job_counts_start(counts_of(jobs, pool_job->pool),
			 (uint64_t)(job->started_us - job->submitted_us));
	tell_worker(jobs, pool_job, &(struct job_packet){ .word = JOB_STARTED });
}

static bool is_blocked(struct job_pools *pools, unsigned worker)
{
	return job_pipe_is_full(&jobs_of(pools)->workers[worker].pipe);
}

static void on_run(struct job_pools *pools, struct pool_process *process, struct pool_job *pool_job)
{
	struct hub_job *job = hub_job_of(pool_job);

	/* That it was started has not left yet. */
	job->is_held = is_blocked(pools, pool_job->item.worker);
	if (!job->is_held)
		give(process, job);
}

static void on_ask(struct job_pools *pools, struct pool_process *process)
{
	if (!hub_job_of(process->job)->is_held)
		hub_crew_tell(process,
			      &(struct job_packet){ .word = JOB_CANCEL, .id = process->job->id });
}

static void count_end(struct hub_jobs *jobs, const struct hub_job *job,
		      const struct pool_job_end *how)
{
	struct job_pool_counts *counts = counts_of(jobs, job->job.pool);
	bool is_done = how->packet && how->result >= 0;

	if (job->started_us == 0)
		job_counts_give_up(counts);
	else
		job_counts_end(counts,
			       how->was_killed ? JOB_COUNTS_KILLED
			       : is_done       ? JOB_COUNTS_DONE
					       : JOB_COUNTS_FAILED,
			       (uint64_t)(clock_monotonic_us() - job->started_us));
}

static void on_ended(struct job_pools *pools, struct pool_job *pool_job,
		     const struct pool_job_end *how)
{
	struct job_packet packet = { .word = JOB_ENDED };
	struct hub_jobs *jobs = jobs_of(pools);

	if (how->packet) {
		packet.bytes = how->packet->bytes;
		packet.fd = how->packet->fd;
		packet.fd_len = how->packet->fd_len;
	}
	packet.result = how->result;
	packet.status = how->packet ? JOB_STATUS_OWN : how->status;
	if (how->result != -ECHILD)
		packet.status = 0;
	tell_worker(jobs, pool_job, &packet);
	count_end(jobs, hub_job_of(pool_job), how);
	(void)hub_job_free(hub_job_of(pool_job));
}

static void on_kill(struct job_pools *pools, struct pool_process *process)
{
	hub_crew_kill(process);
}

static void on_retire(struct job_pools *pools, struct pool_process *process)
{
	hub_crew_retire(process);
}

static const struct job_pools_ops pools_ops = { on_queued, on_started, on_ended, is_blocked,
						on_run,	   on_ask,     on_kill,	 on_retire };

/* ---- processes */

static void on_crew_begin(struct hub_crew *crew)
{
	begin(container_of(crew, struct hub_jobs, crew));
}

static void on_crew_end(struct hub_crew *crew)
{
	end(container_of(crew, struct hub_jobs, crew));
}

static void on_report(struct hub_crew *crew, struct pool_job *job, const struct job_packet *packet)
{
	struct job_packet report = *packet;

	tell_worker(container_of(crew, struct hub_jobs, crew), job, &report);
}

static const struct hub_crew_ops crew_ops = { on_crew_begin, on_crew_end, on_report };

void hub_jobs_meet(struct hub_jobs *jobs, unsigned child, const struct control_job_process *what,
		   int take_fd)
{
	hub_crew_meet(&jobs->crew, child, what, take_fd);
}

void hub_jobs_ended(struct hub_jobs *jobs, unsigned child, int status)
{
	hub_crew_ended(&jobs->crew, child, status);
}

void hub_jobs_orphaned(struct hub_jobs *jobs)
{
	hub_crew_orphaned(&jobs->crew);
}

bool hub_jobs_is_quiet(const struct hub_jobs *jobs)
{
	return hub_crew_is_quiet(&jobs->crew);
}

static void say_counts(const struct hub_jobs *jobs, const struct job_pool_counts *counts)
{
	struct job_pool_counts now = job_counts_read(counts);
	char words[JOB_COUNTS_WORDS_MAX];

	if (now.submitted + now.refused == 0)
		return;
	job_counts_describe(counts, words);
	log_write(jobs->setup.log, LOG_AT_INFO, "jobs of pool %s: %s", now.name, words);
}

void hub_jobs_set_pool(struct hub_jobs *jobs, unsigned place, const struct job_plan_pool *plan)
{
	struct job_plan_pool *former = &jobs->pools.pools[place].plan;
	bool was_there = job_plan_is_there(former), is_there = job_plan_is_there(plan);

	begin(jobs);
	if (is_there)
		job_counts_open(jobs->setup.counts, place, plan->name);
	job_pools_set(&jobs->pools, place, plan);
	if (was_there && !is_there) {
		say_counts(jobs, job_counts_at(jobs->setup.counts, place));
		job_counts_close(jobs->setup.counts, place);
	}
	end(jobs);
}

void hub_jobs_renew(struct hub_jobs *jobs)
{
	begin(jobs);
	job_pools_renew(&jobs->pools);
	end(jobs);
}

/* ---- workers */

static void close_worker(struct hub_jobs_worker *worker)
{
	job_pipe_close(&worker->pipe);
	worker->broken = 0;
	job_pools_worker_gone(&worker->jobs->pools, worker->slot);
	hub_crew_drop_held(&worker->jobs->crew);
}

static void on_worker_closed(struct job_pipe *pipe, int error)
{
	struct hub_jobs_worker *worker = container_of(pipe, struct hub_jobs_worker, pipe);
	const struct log *log = worker->jobs->setup.log;

	begin(worker->jobs);
	close_worker(worker);
	if (error == -EPROTO)
		log_write(log, LOG_AT_ERROR,
			  "worker %u sends what makes no sense: it has no jobs any more",
			  worker->slot);
	else if (error < 0)
		log_write(log, LOG_AT_ERROR, "the link for jobs of worker %u is closed: %s",
			  worker->slot, strerror(-error));
	end(worker->jobs);
}

/* Now it knows which of its jobs were started; and others may be. */
static void on_worker_drained(struct job_pipe *pipe)
{
	struct hub_jobs_worker *worker = container_of(pipe, struct hub_jobs_worker, pipe);
	struct job_pools *pools = &worker->jobs->pools;

	begin(worker->jobs);
	list_for_each (link, &pools->workers[worker->slot]) {
		struct pool_job *job = list_entry(link, struct pool_job, by_worker);

		if (!hub_job_of(job)->is_held)
			continue;
		give(job->process, hub_job_of(job));
		if (job->why != 0)
			on_ask(pools, job->process);
	}
	job_pools_unblocked(pools);
	end(worker->jobs);
}

/* -EPROTO: the worker has lost its mind. */
static int submit(struct hub_jobs_worker *worker, const struct job_packet *packet)
{
	struct hub_jobs *jobs = worker->jobs;
	struct hub_job *job = NULL;
	int r = -EAGAIN; /* for one whose input has found no room here */

	if (!job_packet_is_torn(packet)) {
		job = hub_job_new(packet, clock_monotonic_us());
		r = -ENOMEM;
	}
	if (!job) {
		close_fdp(&packet->fd);
	} else {
		job->job.item.worker = worker->slot;
		list_add_tail(&jobs->jobs, &job->link);
		r = job_pools_submit(&jobs->pools, &job->job, packet->pool);
	}
	if (r >= 0)
		return 0;
	if (job && job->job.pool)
		job_counts_refuse(counts_of(jobs, job->job.pool));
	(void)hub_job_free(job);
	return r == -EEXIST
		       ? -EPROTO
		       : job_pipe_send(&worker->pipe, &(struct job_packet){ .word = JOB_REFUSED,
									    .id = packet->id,
									    .result = r });
}

static void on_worker_message(struct job_pipe *pipe, const struct job_packet *packet)
{
	struct hub_jobs_worker *worker = container_of(pipe, struct hub_jobs_worker, pipe);
	int r = 0;

	begin(worker->jobs);
	switch (packet->word) {
	case JOB_SUBMIT:
		r = submit(worker, packet);
		break;
	case JOB_CANCEL:
		job_pools_cancel(&worker->jobs->pools, worker->slot, packet->id);
		break;
	default:
		close_fdp(&packet->fd);
		r = -EPROTO;
	}
	if (r < 0) {
		job_pipe_close(pipe);
		on_worker_closed(pipe, r);
	}
	end(worker->jobs);
}

static const struct job_pipe_ops worker_ops = { on_worker_message, on_worker_drained,
						on_worker_closed };

void hub_jobs_connect(struct hub_jobs *jobs, unsigned slot, int take_fd)
{
	struct hub_jobs_worker *worker;

	if (slot >= jobs->setup.n_workers) {
		(void)close(take_fd);
		return;
	}
	worker = &jobs->workers[slot];
	begin(jobs);
	if (job_pipe_is_open(&worker->pipe))
		close_worker(worker);
	job_pipe_open(&worker->pipe, take_fd);
	end(jobs);
}

/* ---- life */

static void on_broken(struct loop_defer *defer)
{
	struct hub_jobs *jobs = container_of(defer, struct hub_jobs, broken);

	begin(jobs);
	for (unsigned i = 0; i < jobs->setup.n_workers; i++) {
		int error = jobs->workers[i].broken;

		if (error < 0 && job_pipe_is_open(&jobs->workers[i].pipe)) {
			job_pipe_close(&jobs->workers[i].pipe);
			on_worker_closed(&jobs->workers[i].pipe, error);
		}
	}
	end(jobs);
}

void hub_jobs_say_counts(const struct hub_jobs *jobs)
{
	for (size_t i = 0; i < jobs->pools.n_pools; i++) {
		if (job_plan_is_there(&jobs->pools.pools[i].plan))
			say_counts(jobs, job_counts_at(jobs->setup.counts, i));
	}
}

static void begin_counts(const struct hub_jobs *jobs)
{
	for (unsigned i = 0; i < JOB_PLAN_MAX; i++) {
		const struct job_plan_pool *plan = &jobs->pools.pools[i].plan;

		job_counts_begin(job_counts_at(jobs->setup.counts, i));
		if (job_plan_is_there(plan))
			job_counts_open(jobs->setup.counts, i, plan->name);
		else
			job_counts_close(jobs->setup.counts, i);
	}
}

static void init_workers(struct hub_jobs *jobs)
{
	for (unsigned i = 0; i < jobs->setup.n_workers; i++) {
		struct hub_jobs_worker *worker = &jobs->workers[i];

		worker->jobs = jobs;
		worker->slot = i;
		job_pipe_init(&worker->pipe, jobs->setup.loop, jobs->buf, MAX_UNSENT, &worker_ops);
	}
}

int hub_jobs_init(struct hub_jobs *jobs, const struct hub_jobs_setup *setup)
{
	static const struct job_plan no_pools = { 0 };
	uint64_t seed = (uint64_t)clock_monotonic_us() | 1;
	int r;

	*jobs = (struct hub_jobs){ .setup = *setup };
	list_init(&jobs->jobs);
	timer_init(&jobs->timer, on_timer);
	loop_defer_init(&jobs->broken, on_broken);
	r = job_pools_init(&jobs->pools, setup->plan ? setup->plan : &no_pools, setup->n_workers,
			   seed, &pools_ops);
	if (r < 0)
		return r;
	jobs->buf = malloc(JOB_PACKET_MAX);
	jobs->workers = calloc(setup->n_workers, sizeof(*jobs->workers));
	hub_crew_init(&jobs->crew, &(struct hub_crew_setup){ .ops = &crew_ops,
							     .loop = setup->loop,
							     .log = setup->log,
							     .pools = &jobs->pools,
							     .buf = jobs->buf,
							     .control_fd = setup->control_fd,
							     .logs_ids = setup->logs_ids,
							     .kill = setup->kill });
	if (!jobs->buf || !jobs->workers) {
		jobs->setup.n_workers = 0;
		hub_jobs_done(jobs);
		return -ENOMEM;
	}
	init_workers(jobs);
	begin_counts(jobs);
	return 0;
}

void hub_jobs_done(struct hub_jobs *jobs)
{
	loop_timer_stop(jobs->setup.loop, &jobs->timer);
	loop_defer_cancel(&jobs->broken);
	for (unsigned i = 0; i < jobs->setup.n_workers; i++)
		job_pipe_close(&jobs->workers[i].pipe);
	hub_crew_done(&jobs->crew);
	job_pools_done(&jobs->pools);
	list_for_each_safe (link, &jobs->jobs)
		(void)hub_job_free(list_entry(link, struct hub_job, link));
	free(jobs->workers);
	free(jobs->buf);
	jobs->workers = NULL;
	jobs->buf = NULL;
	jobs->setup.n_workers = 0;
}
