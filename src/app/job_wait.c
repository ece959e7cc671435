/*
 * job_wait.c - a task waits for what becomes of a job. The job may be released while it does, by
 * another task; so whoever has waited looks whether it still has a request.
 */
#include <weir/job.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "app/job.h"
#include "app/req.h"
#include "app/site.h"
#include "coro/offload.h"
#include "coro/task.h"
#include "io/sealed.h"

static int begin(struct weir_job *job, struct job_watch *watch)
{
	int r;

	if (!job)
		return -EINVAL;
	r = task_check();
	if (r == -ECANCELED)
		job_abandon(job);
	if (r < 0)
		return r;
	job_watch_init(watch);
	return job_attach(job, watch);
}

int job_wait_park(struct weir_job *job)
{
	uint64_t ticks = 0;
	int r;

	r = req_park(job->site, &job->watch->wait, &ticks);
	if (job->req)
		job->req->job_ticks += ticks;
	if (r == -ECANCELED)
		job_abandon(job);
	return r;
}

/* Hands r through, unless the job is gone. */
static int leave(struct weir_job *job, int r)
{
	return job_detach(job) ? r : -EPIPE;
}

static void take_report(struct weir_job *job, weir_str *ret_report)
{
	struct buf read = job->report;

	job->report = job->unread;
	job->unread = read;
	job->has_unread = false;
	*ret_report = buf_str(&job->report);
}

int weir_job_progress(weir_job *job, weir_str *ret_report)
{
	struct job_watch watch;
	int r;

	r = begin(job, &watch);
	if (r < 0)
		return r;
	while (r >= 0 && !job->has_unread && job_is_carried(job) && job->req)
		r = job_wait_park(job);
	if (r >= 0 && job->has_unread) {
		take_report(job, ret_report);
		r = 1;
	}
	return leave(job, r);
}

COLD int job_wait_say(struct weir_job *job, int error)
{
	char words[128];

	if (job->is_said || !(job->error < 0 || error == -EPROTO))
		return error;
	job->is_said = true;
	job_describe(job, words, sizeof(words));
	return job_fail(job->req, error, "job %s %s", job->names, words);
}

static int map_payload(void *arg)
{
	struct weir_job *job = arg;
	int r;

	r = sealed_map(job->large_fd, job->result_len, &job->large);
	if (r < 0)
		return r;
	/* Here, so that the loop's thread takes no fault for each page. */
	sealed_populate(job->large);
	(void)close(job->large_fd);
	job->large_fd = -1;
	return 0;
}

static int map_large(struct weir_job *job)
{
	uint64_t max = job->site->max_job_payload;

	/* Its process goes by the newest configuration, and this worker perhaps by the one before. */
	if (max > 0 && job->result_len > max)
		return -EMSGSIZE;
	return offload_bulk(map_payload, job);
}

int job_wait_fetch(struct weir_job *job, weir_str *ret_result)
{
	int r;

	if (job->error < 0)
		return job->error;
	if (job->large_fd >= 0) {
		r = map_large(job);
		if (r < 0)
			return r;
	}
	if (job->large.ptr)
		*ret_result = job->large;
	else
		*ret_result = job->small ? (weir_str){ job->small, job->result_len } : WEIR_STR("");
	return 0;
}

int weir_job_await(weir_job *job, weir_str *ret_result)
{
	struct job_watch watch;
	int r;

	r = begin(job, &watch);
	if (r < 0)
		return r;
	while (r >= 0 && job_is_carried(job) && job->req)
		r = job_wait_park(job);
	if (r >= 0 && job->req)
		r = job_wait_fetch(job, ret_result);
	if (r < 0 && job->req && !job_is_carried(job))
		(void)job_wait_say(job, r);
	return leave(job, r);
}
