/*
 * job_start.c - a job is made, with its input, and given to the carrier. What the caller gives is
 * his again when the call returns, so it is copied, whichever way it travels.
 */
#include <weir/job.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/job.h"
#include "app/module.h"
#include "app/req.h"
#include "app/site.h"
#include "coro/deadline.h"
#include "coro/offload.h"
#include "coro/task.h"
#include "io/sealed.h"

/* Words for the log, if there is none. */
static int find(struct req *req, const char *name, weir_job_entry *ret_entry)
{
	struct buf words;
	int r = -ENOENT;

	buf_init(&words, 400);
	if (req->app)
		r = module_job(req->app, weir_strz(name), &words, ret_entry);
	else
		buf_say(&words, "there is no module, and so no job '%s'", name);
	if (r < 0)
		(void)job_fail(req, r, "%.*s", WEIR_ARG(buf_str(&words)));
	buf_done(&words);
	return r;
}

int job_start_check(weir_req *pub, const weir_job_opts *given, weir_job_opts *ret_opts)
{
	weir_job_opts opts = { .size = 0 };
	int r;

	/* They may be those of an older header. */
	memcpy(&opts, given, given->size < sizeof(opts) ? given->size : sizeof(opts));
	r = task_check();
	if (r < 0)
		return r;
	if (!opts.name || (opts.flags & ~(uint32_t)WEIR_FINISH_ANYWAY) || opts.max_run_ms < 0)
		return -EINVAL;
	if (!req_of(pub)->site->jobs)
		return -ENOTSUP;
	*ret_opts = opts;
	return 0;
}

struct make_call {
	weir_str input;
	int fd;
};

static int make_payload(void *arg)
{
	struct make_call *call = arg;

	return sealed_new(call->input, &call->fd);
}

static int keep_input(struct weir_job *job, weir_str input)
{
	struct make_call make = { .input = input, .fd = -1 };
	int r;

	if (input.len == 0)
		return 0;
	if (input.len <= JOB_CARRIER_INLINE) {
		job->input = malloc(input.len);
		if (!job->input)
			return -ENOMEM;
		memcpy(job->input, input.ptr, input.len);
		job->call.input = (weir_str){ job->input, input.len };
		return 0;
	}
	r = offload_bulk(make_payload, &make);
	job->call.input_fd = make.fd;
	job->call.input_len = input.len;
	return r;
}

int job_start_new(weir_req *pub, const weir_job_opts *opts, weir_str input,
		  struct weir_job **ret_job)
{
	struct req *req = req_of(pub);
	weir_job_entry entry;
	struct weir_job *job;
	int r;

	r = find(req, opts->name, &entry);
	if (r < 0)
		return r;
	if (req->site->max_job_payload > 0 && input.len > req->site->max_job_payload)
		return -EMSGSIZE;
	r = job_make(req, opts, &entry, &job);
	if (r < 0)
		return r;
	r = keep_input(job, input);
	if (r < 0) {
		weir_job_release(job);
		return r;
	}
	*ret_job = job;
	return 0;
}

static int wait_accepted(struct weir_job *job)
{
	int r = 0;

	while (r >= 0 && job->state == JOB_IS_ASKED && job->req)
		r = job_wait_park(job);
	return r >= 0 && job->state == JOB_IS_REFUSED ? job->error : r;
}

static int submit_and_wait(struct weir_job *job)
{
	struct job_watch watch;
	int r;

	job_watch_init(&watch);
	r = job_attach(job, &watch);
	if (r >= 0)
		r = job_submit(job);
	if (r >= 0)
		r = wait_accepted(job);
	if (!job_detach(job))
		return -EPIPE; /* with its request */
	if (r < 0) {
		weir_job_cancel(job);
		weir_job_release(job);
	}
	return r;
}

int weir_job_start_with(weir_req *pub, weir_job **ret_job, const weir_job_opts *given)
{
	struct weir_job *job;
	weir_job_opts opts;
	int r;

	r = job_start_check(pub, given, &opts);
	if (r < 0)
		return r;
	r = job_start_new(pub, &opts, opts.input, &job);
	if (r < 0)
		return r;
	r = submit_and_wait(job);
	if (r >= 0)
		*ret_job = job;
	return r;
}
