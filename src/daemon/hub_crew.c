/*
 * hub_crew.c - see hub_crew.h. What is easy to get wrong is how they end: a pipe
 * may be over long before its process is, and the master, who knows when that
 * has ended, may be busy, or dead.
 */
#include "daemon/hub_crew.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/job_carrier.h"
#include "base/log.h"
#include "daemon/control.h"
#include "daemon/hub_job.h"
#include "daemon/job_pipe.h"
#include "daemon/job_pools.h"

/* The master takes no more for the moment. */
#define AGAIN_MS 20

struct hub_crew_process {
	struct list link;
	struct hub_crew *crew; /* borrowed */
	unsigned child;
	pid_t pid;
	struct pool_process process;
	struct job_pipe pipe;
	int broken; /* nothing can be sent any more: why; 0 */
	enum hub_job_fault fault;
	bool wants_kill, wants_retire; /* the master is to be told */
};

static struct hub_crew_process *process_of(struct pool_process *process)
{
	return container_of(process, struct hub_crew_process, process);
}

static void begin(struct hub_crew *crew)
{
	crew->setup.ops->begin(crew);
}

static void end(struct hub_crew *crew)
{
	crew->setup.ops->end(crew);
}

/* Without memory, or descriptors, or whatever it is: its pipe is closed, when nobody is busy with it. */
static void break_later(struct hub_crew_process *process, int error)
{
	process->broken = error;
	loop_defer(process->crew->setup.loop, &process->crew->broken);
}

/* ---- to the master */

static void tell_master(struct hub_crew *crew, struct hub_crew_process *process)
{
	int r = 0;

	if (process->wants_kill)
		r = control_send_job_kill(crew->setup.control_fd, process->child);
	else if (process->wants_retire)
		r = control_send_job_retire(crew->setup.control_fd, process->child);
	/* One that is not there any more needs not be told. */
	if (r != -EAGAIN)
		process->wants_kill = process->wants_retire = false;
	else
		loop_timer_start(crew->setup.loop, &crew->again,
				 loop_now_ms(crew->setup.loop) + AGAIN_MS);
}

static void on_again(struct timer *timer)
{
	struct hub_crew *crew = container_of(timer, struct hub_crew, again);

	list_for_each (link, &crew->processes)
		tell_master(crew, list_entry(link, struct hub_crew_process, link));
}

/* ---- what the pools want */

void hub_crew_tell(struct pool_process *pool_process, const struct job_packet *packet)
{
	struct hub_crew_process *process = process_of(pool_process);
	int r = job_pipe_is_open(&process->pipe) ? job_pipe_send(&process->pipe, packet) : 0;

	if (r < 0)
		break_later(process, r);
}

void hub_crew_kill(struct pool_process *pool_process)
{
	struct hub_crew_process *process = process_of(pool_process);
	struct hub_crew *crew = process->crew;

	if (process->fault == HUB_JOB_FAULT_CLOSED && !pool_process->job)
		log_write(crew->setup.log, LOG_AT_WARN,
			  "a job process of pool %s (pid %d) has closed its descriptor, and does "
			  "not end: it is killed",
			  pool_process->pool->plan.name, (int)process->pid);
	process->wants_kill = true;
	/* As long as its pipe is open, its number cannot be another's. */
	if (!crew->has_master && crew->setup.kill && job_pipe_is_open(&process->pipe))
		crew->setup.kill(process->pid);
	/* What it says from now on does not count; and it may say a lot. */
	job_pipe_close(&process->pipe);
	if (!crew->has_master)
		break_later(process, -EPIPE);
	tell_master(crew, process);
}

void hub_crew_retire(struct pool_process *pool_process)
{
	struct hub_crew_process *process = process_of(pool_process);

	process->wants_retire = true;
	tell_master(process->crew, process);
}

void hub_crew_drop_held(struct hub_crew *crew)
{
	list_for_each (link, &crew->processes) {
		struct pool_process *process =
			&list_entry(link, struct hub_crew_process, link)->process;
		const struct pool_job *job = process->job;

		if (job && job->is_orphan && hub_job_of(process->job)->is_held)
			(void)!job_pools_finish(
				process, &(struct job_packet){ .word = JOB_ENDED, .id = job->id });
	}
}

/* ---- processes */

/* It is no more. */
static void forget(struct hub_crew_process *process, int status)
{
	struct hub_job_death death = { .pid = process->pid,
				       .status = status,
				       .was_killed = process->process.is_killed,
				       .is_said = process->crew->has_master &&
						  !process->process.is_killed,
				       .with_id = process->crew->setup.logs_ids,
				       .fault = process->fault };

	if (process->process.job)
		hub_job_say_death(hub_job_of(process->process.job), process->crew->setup.log,
				  &death);
	job_pipe_close(&process->pipe);
	list_del(&process->link);
	job_pools_remove(&process->process, status);
	free(process);
}

/* It sends what makes no sense. Its pipe is closed, or will be by hub_crew_kill(). */
static void give_up_process(struct hub_crew_process *process)
{
	process->fault = HUB_JOB_FAULT_GARBAGE;
	if (!process->process.job)
		log_write(process->crew->setup.log, LOG_AT_ERROR,
			  "a job process of pool %s (pid %d) sends what makes no sense: "
			  "it is killed",
			  process->process.pool->plan.name, (int)process->pid);
	job_pools_lost(&process->process, true);
}

static void on_process_closed(struct job_pipe *pipe, int error)
{
	struct hub_crew_process *process = container_of(pipe, struct hub_crew_process, pipe);
	struct hub_crew *crew = process->crew;

	begin(crew);
	if (!crew->has_master) {
		forget(process, JOB_STATUS_UNKNOWN);
	} else if (error == -EPROTO) {
		give_up_process(process);
	} else {
		process->fault = HUB_JOB_FAULT_CLOSED;
		job_pools_lost(&process->process, false);
	}
	end(crew);
}

static int on_report(struct hub_crew_process *process, const struct job_packet *packet)
{
	struct pool_job *job = job_pools_job(&process->process, packet->id);

	if (!job)
		return -EPROTO;
	process->crew->setup.ops->report(process->crew, job, packet);
	return 0;
}

static int on_result(struct hub_crew_process *process, const struct job_packet *packet)
{
	struct job_packet result = *packet;

	if (job_packet_is_torn(packet)) {
		result.result = -EMFILE;
		result.fd_len = 0;
	}
	return job_pools_finish(&process->process, &result);
}

static void on_process_message(struct job_pipe *pipe, const struct job_packet *packet)
{
	struct hub_crew_process *process = container_of(pipe, struct hub_crew_process, pipe);
	int r = -EPROTO;

	begin(process->crew);
	if (packet->word == JOB_IDLE)
		r = job_pools_idle(&process->process);
	else if (packet->word == JOB_PROGRESS)
		r = on_report(process, packet);
	else if (packet->word == JOB_ENDED)
		r = on_result(process, packet);
	close_fdp(&packet->fd);
	if (r < 0)
		give_up_process(process);
	end(process->crew);
}

static const struct job_pipe_ops process_ops = { on_process_message, NULL, on_process_closed };

void hub_crew_meet(struct hub_crew *crew, unsigned child, const struct control_job_process *what,
		   int take_fd)
{
	struct hub_crew_process *process = malloc(sizeof(*process));
	int r;

	if (!process) {
		/* Another will be sent, when there may be memory. */
		log_write(crew->setup.log, LOG_AT_ERROR, "no memory for another job process");
		(void)close(take_fd);
		(void)!control_send_job_kill(crew->setup.control_fd, child);
		return;
	}
	*process = (struct hub_crew_process){ .crew = crew, .child = child, .pid = what->pid };
	begin(crew);
	r = job_pools_add(crew->setup.pools, &process->process, what->pool, what->is_old != 0);
	if (r < 0) {
		(void)close(take_fd);
		free(process);
		return;
	}
	job_pipe_init(&process->pipe, crew->setup.loop, crew->setup.buf, SIZE_MAX, &process_ops);
	list_add_tail(&crew->processes, &process->link);
	job_pipe_open(&process->pipe, take_fd);
	end(crew);
}

void hub_crew_ended(struct hub_crew *crew, unsigned child, int status)
{
	list_for_each (link, &crew->processes) {
		struct hub_crew_process *process = list_entry(link, struct hub_crew_process, link);

		if (process->child != child)
			continue;
		begin(crew);
		/* It gets no job any more; but that it has done one may still be unread. */
		job_pools_lost(&process->process, false);
		job_pipe_finish(&process->pipe);
		forget(process, status);
		end(crew);
		return;
	}
}

/* ---- life */

static void on_broken(struct loop_defer *defer)
{
	struct hub_crew *crew = container_of(defer, struct hub_crew, broken);

	begin(crew);
	list_for_each_safe (link, &crew->processes) {
		struct hub_crew_process *process = list_entry(link, struct hub_crew_process, link);

		if (process->broken < 0 && !crew->has_master)
			forget(process, JOB_STATUS_UNKNOWN);
		else if (process->broken < 0)
			job_pools_lost(&process->process, true);
	}
	end(crew);
}

void hub_crew_orphaned(struct hub_crew *crew)
{
	crew->has_master = false;
	list_for_each (link, &crew->processes) {
		struct hub_crew_process *process = list_entry(link, struct hub_crew_process, link);

		if (!job_pipe_is_open(&process->pipe))
			break_later(process, -EPIPE);
	}
}

bool hub_crew_is_quiet(const struct hub_crew *crew)
{
	list_for_each (link, &crew->processes) {
		if (list_entry(link, struct hub_crew_process, link)->process.job)
			return false;
	}
	return true;
}

void hub_crew_init(struct hub_crew *crew, const struct hub_crew_setup *setup)
{
	*crew = (struct hub_crew){ .setup = *setup, .has_master = true };
	list_init(&crew->processes);
	timer_init(&crew->again, on_again);
	loop_defer_init(&crew->broken, on_broken);
}

void hub_crew_done(struct hub_crew *crew)
{
	loop_timer_stop(crew->setup.loop, &crew->again);
	loop_defer_cancel(&crew->broken);
	list_for_each_safe (link, &crew->processes) {
		struct hub_crew_process *process = list_entry(link, struct hub_crew_process, link);

		job_pipe_close(&process->pipe);
		list_del(link);
		free(process);
	}
}
