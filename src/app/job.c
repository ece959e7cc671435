/*
 * job.c - a job has two owners: the request that started it, until it is released, and the carrier,
 * until it has ended; and a task that waits for it may be on it besides. Whoever is the last
 * frees it.
 *
 * What is large is made, mapped and let go of on threads (coro/offload): closing the last
 * descriptor of a memfd takes as long as freeing its pages.
 */
#include "app/job.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/module.h"
#include "app/req.h"
#include "app/request_ids.h"
#include "app/site.h"
#include "base/log.h"
#include "base/str.h"
#include "coro/deadline.h"
#include "coro/offload.h"
#include "coro/sched.h"
#include "io/proc.h"
#include "io/sealed.h"

/* About a job, for the log. */
#define WORDS_MAX 400

static struct weir_job *job_of(struct job_call *call)
{
	return container_of(call, struct weir_job, call);
}

/* ---- the end of its memory */

static int close_large(void *arg)
{
	sealed_close((int)(intptr_t)arg);
	return 0;
}

static void drop_input(struct weir_job *job)
{
	if (job->call.input_fd >= 0)
		offload_bulk_forget(close_large, (void *)(intptr_t)job->call.input_fd);
	job->call.input_fd = -1;
	free(job->input);
	job->input = NULL;
	job->call.input = (weir_str){ NULL, 0 };
}

/* On any thread. */
static int free_now(void *arg)
{
	struct weir_job *job = arg;

	sealed_unmap(job->large);
	if (job->large_fd >= 0)
		sealed_close(job->large_fd);
	free(job);
	return 0;
}

static void free_job(struct weir_job *job)
{
	drop_input(job);
	buf_done(&job->unread);
	buf_done(&job->report);
	free(job->small);
	if (job->large.ptr || job->large_fd >= 0)
		offload_bulk_forget(free_now, job);
	else
		free(job);
}

static void free_if_last(struct weir_job *job)
{
	if (!job->req && !job->watch && !job_is_carried(job))
		free_job(job);
}

/* ---- who waits */

void job_watch_init(struct job_watch *watch)
{
	*watch = (struct job_watch){ .n = { 0 } };
	wait_init(&watch->wait);
	list_init(&watch->settled);
}

int job_attach(struct weir_job *job, struct job_watch *watch)
{
	if (job->watch)
		return -EBUSY;
	job->watch = watch;
	watch->n[job->state]++;
	return 0;
}

bool job_detach(struct weir_job *job)
{
	bool is_there = job->req;

	job->watch->n[job->state]--;
	job->watch = NULL;
	list_del(&job->settled);
	free_if_last(job);
	return is_there;
}

static void set_state(struct weir_job *job, enum job_state state)
{
	struct job_watch *watch = job->watch;

	if (watch) {
		watch->n[job->state]--;
		watch->n[state]++;
		if (state == JOB_IS_REFUSED || state == JOB_IS_OVER)
			list_add_tail(&watch->settled, &job->settled);
		wait_wake(&watch->wait);
	}
	job->state = state;
}

/* ---- what the carrier says */

static void on_queued(struct job_call *call)
{
	set_state(job_of(call), JOB_IS_WAITING);
}

static void on_started(struct job_call *call)
{
	drop_input(job_of(call));
	set_state(job_of(call), JOB_IS_RUNNING);
}

void job_describe(const struct weir_job *job, char *ret_words, size_t size)
{
	char how[PROC_END_MAX];

	if (job->error >= 0) {
		(void)snprintf(ret_words, size, "has a result that is no sealed memfd");
	} else if (job->error != -ECHILD || job->status == JOB_STATUS_OWN) {
		(void)snprintf(ret_words, size, "failed: %s", str_error_name(job->error));
	} else if (job->status == JOB_STATUS_UNKNOWN) {
		(void)snprintf(ret_words, size,
			       "was lost: the hub or the master died while it ran");
	} else {
		proc_describe(job->status, how);
		(void)snprintf(ret_words, size, "failed: its process ended: %s", how);
	}
}

COLD int job_fail(struct req *req, int error, const char *fmt, ...)
{
	va_list ap;

	if (!req->job_words)
		req->job_words = arena_alloc(req->arena, WORDS_MAX);
	if (!req->job_words)
		return error;
	va_start(ap, fmt);
	(void)vsnprintf(req->job_words, WORDS_MAX, fmt, ap);
	va_end(ap);
	return req_fail(req, error, weir_strz(req->job_words));
}

/* Nobody waits for it, but somebody may want to know. */
static COLD void end_alone(struct weir_job *job)
{
	struct site *site = job->site;
	char words[128], id[REQUEST_IDS_LOG_MAX];

	list_del(&job->alone);
	if (job->error < 0) {
		job_describe(job, words, sizeof(words));
		request_ids_words(site->logs_ids ? job->call.request_id : WEIR_STR(""), id);
		log_write(site->log, LOG_AT_ERROR, "job %s, whose request has ended, %s%s",
			  job->names, words, id);
	}
	site_note_quiet(site);
}

/* The carrier has let go of it. */
static void settle(struct weir_job *job, enum job_state state, int error)
{
	job->error = error;
	set_state(job, state);
	if (!list_is_empty(&job->alone))
		end_alone(job);
	free_if_last(job);
}

static void on_refused(struct job_call *call, int error)
{
	settle(job_of(call), JOB_IS_REFUSED, error);
}

static void on_progress(struct job_call *call, weir_str report)
{
	struct weir_job *job = job_of(call);

	if (!job->req)
		return;
	buf_clear(&job->unread);
	job->has_unread = buf_append_str(&job->unread, report) >= 0; /* the next one may be */
	if (job->watch)
		wait_wake(&job->watch->wait);
}

static int keep_result(struct weir_job *job, const struct job_end *end)
{
	if (end->result < 0 || end->bytes.len == 0)
		return end->result;
	job->small = malloc(end->bytes.len);
	if (!job->small)
		return -ENOMEM;
	memcpy(job->small, end->bytes.ptr, end->bytes.len);
	job->result_len = end->bytes.len;
	return 0;
}

static void on_ended(struct job_call *call, const struct job_end *end)
{
	struct weir_job *job = job_of(call);
	int error = end->result;

	drop_input(job);
	job->status = end->status;
	if (end->take_fd >= 0) {
		job->large_fd = end->take_fd;
		job->result_len = end->fd_len;
	} else {
		error = keep_result(job, end);
	}
	settle(job, JOB_IS_OVER, error);
}

static const struct job_call_ops call_ops = {
	.queued = on_queued,
	.started = on_started,
	.refused = on_refused,
	.progress = on_progress,
	.ended = on_ended,
};

/* ---- what the carrier is told */

struct submit_call {
	struct weir_job *job;
	int result;
};

static void submit_outside(void *arg)
{
	struct submit_call *call = arg;
	struct job_carrier *carrier = call->job->site->jobs;

	call->result = carrier->ops->submit(carrier, &call->job->call);
}

int job_submit(struct weir_job *job)
{
	struct submit_call call = { .job = job };

	/* While it was not the carrier's nobody could be told. */
	if (job->is_unwanted)
		return -ECANCELED;
	sched_outside(submit_outside, &call);
	if (call.result >= 0)
		set_state(job, JOB_IS_ASKED);
	return call.result;
}

static void cancel_outside(void *arg)
{
	struct weir_job *job = arg;
	struct job_carrier *carrier = job->site->jobs;

	carrier->ops->cancel(carrier, &job->call);
}

static void ask_to_end(struct weir_job *job)
{
	if (job->is_unwanted)
		return;
	job->is_unwanted = true;
	if (job_is_carried(job))
		sched_outside(cancel_outside, job);
}

void job_abandon(struct weir_job *job)
{
	if (!(job->flags & WEIR_FINISH_ANYWAY))
		ask_to_end(job);
}

/* ---- life */

int job_make(struct req *req, const weir_job_opts *opts, const weir_job_entry *entry,
	     struct weir_job **ret_job)
{
	size_t module_len = strlen(req->app->name), name_len = strlen(entry->name);
	size_t pool_len = opts->pool ? strlen(opts->pool) : 0;
	size_t names_len = module_len + 1 + name_len + 1 + pool_len + 1;
	weir_str id = req->scope.request_id, parent = weir_traceparent(&req->pub);
	struct weir_job *job = calloc(1, sizeof(*job) + names_len + id.len + parent.len);
	char *pool, *whose;

	if (!job)
		return -ENOMEM;
	(void)snprintf(job->names, names_len, "%s.%s", req->app->name, entry->name);
	pool = job->names + module_len + 1 + name_len + 1;
	memcpy(pool, opts->pool ? opts->pool : "", pool_len);
	whose = job->names + names_len;
	(void)str_put(str_put(whose, id), parent);
	job->call = (struct job_call){
		.up = &call_ops,
		.module = { job->names, module_len },
		.name = { job->names + module_len + 1, name_len },
		.pool = { pool, pool_len },
		.request_id = { whose, id.len },
		.traceparent = { whose + id.len, parent.len },
		.input_fd = -1,
		.fn = entry->fn,
		.priority = opts->priority,
		.route = req->route ? req->route->number : 0,
		.max_run_ms = opts->max_run_ms,
		.deadline_ms = deadline_nearest_ms(),
	};
	list_init(&job->call.link);
	list_init(&job->settled);
	list_init(&job->alone);
	job->site = req->site;
	job->req = req;
	job->next = req->jobs;
	req->jobs = job;
	job->flags = opts->flags;
	job->large_fd = -1;
	*ret_job = job;
	return 0;
}

static void unlink_from(struct weir_job *job, struct weir_job **at)
{
	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
}

static void release(struct weir_job *job)
{
	unlink_from(job, &job->req->jobs);
	job->req = NULL;
	if (job_is_carried(job) && !job->is_unwanted) {
		if (job->flags & WEIR_FINISH_ANYWAY)
			list_add_tail(&job->site->lone_jobs, &job->alone);
		else
			ask_to_end(job);
	}
	/* Who waits for it still reads it; it is freed there. */
	if (job->watch)
		wait_wake(&job->watch->wait);
	else
		free_if_last(job);
}

void job_release_all(struct weir_job **jobs)
{
	while (*jobs)
		release(*jobs);
}

void job_cancel_alone(struct list *alone)
{
	list_for_each_safe (link, alone) {
		struct weir_job *job = list_entry(link, struct weir_job, alone);

		list_del(&job->alone);
		ask_to_end(job);
	}
}

void weir_job_release(weir_job *job)
{
	if (job)
		release(job);
}

void weir_job_cancel(weir_job *job)
{
	if (job)
		ask_to_end(job);
}
