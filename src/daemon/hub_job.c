/* hub_job.c - see hub_job.h. */
#include "daemon/hub_job.h"

#include <errno.h>
#include <stdio.h>

#include "app/request_ids.h"
#include "base/log.h"
#include "base/str.h"
#include "io/proc.h"

struct hub_job *hub_job_new(const struct job_packet *p, int64_t now_us)
{
	struct hub_job *job = malloc(sizeof(*job) + p->module.len + p->name.len +
				     p->request_id.len + p->traceparent.len + p->bytes.len);
	char *out;

	if (!job)
		return NULL;
	*job = (struct hub_job){
		.job = { .item = { .priority = p->priority, .route = p->route },
			 .worker_id = p->id,
			 .deadline_ms = p->deadline_ms,
			 .max_run_ms = p->max_run_ms },
		.submitted_us = now_us,
		.fd = p->fd,
		.fd_len = p->fd_len,
		.module_len = p->module.len,
		.name_len = p->name.len,
		.request_id_len = p->request_id.len,
		.traceparent_len = p->traceparent.len,
		.bytes_len = p->bytes.len,
	};
	list_init(&job->link);
	out = str_put(job->text, p->module);
	out = str_put(out, p->name);
	out = str_put(out, p->request_id);
	out = str_put(out, p->traceparent);
	(void)str_put(out, p->bytes);
	return job;
}

struct hub_job *hub_job_free(struct hub_job *job)
{
	if (!job)
		return NULL;
	list_del(&job->link);
	close_fdp(&job->fd);
	free(job);
	return NULL;
}

struct job_packet hub_job_packet(const struct hub_job *job)
{
	const char *name = job->text + job->module_len;
	const char *request_id = name + job->name_len;
	const char *traceparent = request_id + job->request_id_len;

	return (struct job_packet){
		.word = JOB_RUN,
		.id = job->job.id,
		.deadline_ms = job->job.deadline_ms,
		.module = { job->text, job->module_len },
		.name = { name, job->name_len },
		.request_id = { request_id, job->request_id_len },
		.traceparent = { traceparent, job->traceparent_len },
		.bytes = { traceparent + job->traceparent_len, job->bytes_len },
		.fd = job->fd,
		.fd_len = job->fd_len,
	};
}

static void describe(const struct hub_job_death *death, char *words, size_t cap)
{
	char how[PROC_END_MAX];

	if (death->status < 0) {
		(void)snprintf(words, cap, "its process (pid %d) has gone", (int)death->pid);
		return;
	}
	proc_describe(death->status, how);
	if (!death->was_killed)
		(void)snprintf(words, cap, "its process (pid %d) ended: %s", (int)death->pid, how);
	else if (death->fault == HUB_JOB_FAULT_GARBAGE)
		(void)snprintf(words, cap,
			       "its process (pid %d) sent what makes no sense, and was killed",
			       (int)death->pid);
	else if (death->fault == HUB_JOB_FAULT_CLOSED)
		(void)snprintf(words, cap,
			       "its process (pid %d) closed its descriptor, and was killed",
			       (int)death->pid);
	else
		(void)snprintf(
			words, cap,
			"it did not end within the grace, and its process (pid %d) was killed",
			(int)death->pid);
}

void hub_job_say_death(const struct hub_job *job, const struct log *log,
		       const struct hub_job_death *death)
{
	char words[128], id[REQUEST_IDS_LOG_MAX] = "";
	struct job_packet packet = hub_job_packet(job);
	const char *what = "died";
	int level = LOG_AT_ERROR;

	if (job->job.why == -ECANCELED) {
		what = "was cancelled";
		level = LOG_AT_NOTICE;
	} else if (job->job.why == -ETIMEDOUT) {
		what = "ran for too long";
		level = LOG_AT_WARN;
	}
	describe(death, words, sizeof(words));
	if (death->with_id)
		request_ids_words(packet.request_id, id);
	log_write(log, death->is_said ? LOG_AT_DEBUG : level, "job %.*s.%.*s of pool %s %s: %s%s",
		  WEIR_ARG(packet.module), WEIR_ARG(packet.name), job->job.pool->plan.name, what,
		  words, id);
}
