/*
 * job_link.c - see job_link.h. The order is what makes it safe: a hub says STARTED before it gives
 * a job away, and a dead hub's last words are heard before anything is submitted to the next. So
 * what goes there a second time was never given away.
 */
#include "daemon/job_link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* Bytes that a hub has not taken, as long as it may be stuck. */
#define UNSENT_MAX ((size_t)8 * 1024 * 1024)

enum stage {
	STAGE_ALONE,   /* no hub has it */
	STAGE_SENT,    /* it was submitted, and has perhaps been queued */
	STAGE_STARTED, /* a process has it, or had it */
};

static struct job_link *link_of(struct job_pipe *pipe)
{
	return container_of(pipe, struct job_link, pipe);
}

/* ---- the table */

static struct job_call **slot_of(struct job_link *link, uint64_t number)
{
	return &link->slots[number % JOB_LINK_SLOTS];
}

static struct job_call *find(struct job_link *link, uint64_t number)
{
	struct job_call *call = *slot_of(link, number);

	while (call && call->number != number)
		call = call->next;
	return call;
}

static void add(struct job_link *link, struct job_call *call)
{
	struct job_call **slot;

	call->number = ++link->last_number;
	slot = slot_of(link, call->number);
	call->next = *slot;
	*slot = call;
	list_add_tail(&link->calls, &call->link);
}

static void set_stage(struct job_link *link, struct job_call *call, enum stage stage)
{
	link->n_waiting -= call->stage == STAGE_ALONE;
	link->n_waiting += stage == STAGE_ALONE;
	call->stage = stage;
}

static void drop(struct job_link *link, struct job_call *call)
{
	struct job_call **at = slot_of(link, call->number);

	link->n_waiting -= call->stage == STAGE_ALONE;
	while (*at != call)
		at = &(*at)->next;
	*at = call->next;
	list_del(&call->link);
}

/* These two give it back: it may be gone when they return. */
static void refuse(struct job_link *link, struct job_call *call, int error)
{
	drop(link, call);
	call->up->refused(call, error);
}

static void end(struct job_link *link, struct job_call *call, int error)
{
	struct job_end how = { .result = error,
			       .status = error == -ECHILD ? JOB_STATUS_UNKNOWN : 0,
			       .take_fd = -1 };

	drop(link, call);
	call->up->ended(call, &how);
}

/* ---- without a hub */

static void wait_for_hub(struct job_link *link)
{
	if (!timer_is_active(&link->patience))
		loop_timer_start(link->loop, &link->patience,
				 loop_now_ms(link->loop) + JOB_LINK_PATIENCE_MS);
}

static void on_patience_over(struct timer *timer)
{
	struct job_link *link = container_of(timer, struct job_link, patience);

	log_write(link->log, LOG_AT_ERROR, "there is no hub: %u jobs are refused", link->n_waiting);
	list_for_each_safe (at, &link->calls) {
		struct job_call *call = list_entry(at, struct job_call, link);

		if (call->stage == STAGE_ALONE)
			refuse(link, call, -EAGAIN);
	}
}

/* Cancelled while no hub had them: cancel() must not end them itself. */
static void on_sweep(struct loop_defer *defer)
{
	struct job_link *link = container_of(defer, struct job_link, sweep);

	list_for_each_safe (at, &link->calls) {
		struct job_call *call = list_entry(at, struct job_call, link);

		if (call->is_cancelled && call->stage == STAGE_ALONE)
			end(link, call, -ECANCELED);
	}
}

/* What was with a hub that is dead, all of whose words have been heard. */
static void lose_hub(struct job_link *link)
{
	unsigned n_lost = 0;

	list_for_each_safe (at, &link->calls) {
		struct job_call *call = list_entry(at, struct job_call, link);

		if (call->stage == STAGE_STARTED) {
			n_lost++;
			end(link, call, -ECHILD);
		} else if (call->is_cancelled) {
			end(link, call, -ECANCELED);
		} else {
			set_stage(link, call, STAGE_ALONE);
		}
	}
	if (n_lost > 0)
		log_write(link->log, LOG_AT_ERROR, "the hub is gone, and %u jobs that ran with it",
			  n_lost);
	if (link->n_waiting > 0)
		wait_for_hub(link);
}

/* ---- the hub speaks */

static void on_ended(struct job_link *link, struct job_call *call, const struct job_packet *packet)
{
	struct job_end how = { .result = packet->result,
			       .status = packet->status,
			       .bytes = packet->bytes,
			       .take_fd = packet->fd,
			       .fd_len = packet->fd_len };

	/* It was lost on the way, for this process or this user has too many descriptors. */
	if (job_packet_is_torn(packet))
		how.result = -EMFILE;
	if (how.result < 0)
		close_fdp(&how.take_fd);
	if (how.result < 0)
		how.take_fd = -1;
	drop(link, call);
	call->up->ended(call, &how);
}

/* -EPROTO: it makes no sense, and its descriptor is still there. */
static int hear(struct job_link *link, const struct job_packet *packet)
{
	struct job_call *call = find(link, packet->id);

	if (!call || call->stage == STAGE_ALONE)
		return -EPROTO;
	switch (packet->word) {
	case JOB_QUEUED:
		if (call->stage == STAGE_SENT)
			call->up->queued(call);
		return 0;
	case JOB_STARTED:
		set_stage(link, call, STAGE_STARTED);
		call->up->started(call);
		return 0;
	case JOB_REFUSED:
		refuse(link, call, packet->result);
		return 0;
	case JOB_PROGRESS:
		call->up->progress(call, packet->bytes);
		return 0;
	case JOB_ENDED:
		on_ended(link, call, packet);
		return 0;
	default:
		return -EPROTO;
	}
}

static void on_message(struct job_pipe *pipe, const struct job_packet *packet)
{
	struct job_link *link = link_of(pipe);

	if (hear(link, packet) >= 0)
		return;
	close_fdp(&packet->fd);
	log_write(link->log, LOG_AT_ERROR,
		  "the hub says word %d of a job %llu that it does not have", (int)packet->word,
		  (unsigned long long)packet->id);
}

static void on_closed(struct job_pipe *pipe, int error)
{
	struct job_link *link = link_of(pipe);

	if (error < 0)
		log_write(link->log, LOG_AT_ERROR, "the pipe to the hub for jobs is closed: %s",
			  strerror(-error));
	lose_hub(link);
}

static const struct job_pipe_ops pipe_ops = { .message = on_message, .closed = on_closed };

/* ---- the worker speaks */

static int send_submit(struct job_link *link, const struct job_call *call)
{
	struct job_packet packet = { .word = JOB_SUBMIT,
				     .id = call->number,
				     .priority = call->priority,
				     .route = call->route,
				     .max_run_ms = call->max_run_ms,
				     .deadline_ms = call->deadline_ms,
				     .pool = call->pool,
				     .module = call->module,
				     .name = call->name,
				     .request_id = call->request_id,
				     .traceparent = call->traceparent,
				     .bytes = call->input,
				     .fd = call->input_fd,
				     .fd_len = call->input_len };

	return job_pipe_send(&link->pipe, &packet);
}

static int submit_now(struct job_link *link, struct job_call *call)
{
	int r;

	if (link->pipe.n_unsent > UNSENT_MAX)
		return -EAGAIN;
	add(link, call);
	r = send_submit(link, call);
	if (r < 0)
		drop(link, call);
	return r;
}

static int submit(struct job_carrier *carrier, struct job_call *call)
{
	struct job_link *link = container_of(carrier, struct job_link, carrier);

	/* No pool has it; and of -EMSGSIZE people would think that the input is meant. */
	if (call->pool.len > JOB_NAME_MAX)
		return -ENOENT;
	call->is_cancelled = false;
	call->stage = STAGE_SENT;
	if (job_pipe_is_open(&link->pipe))
		return submit_now(link, call);
	if (link->n_waiting >= JOB_LINK_WAITING_MAX)
		return -EAGAIN;
	add(link, call);
	set_stage(link, call, STAGE_ALONE);
	wait_for_hub(link);
	return 0;
}

static void cancel(struct job_carrier *carrier, struct job_call *call)
{
	struct job_link *link = container_of(carrier, struct job_link, carrier);
	struct job_packet packet = { .word = JOB_CANCEL, .id = call->number, .fd = -1 };

	call->is_cancelled = true;
	if (call->stage == STAGE_ALONE)
		loop_defer(link->loop, &link->sweep);
	else if (job_pipe_send(&link->pipe, &packet) < 0)
		log_write(link->log, LOG_AT_ERROR,
			  "no memory to cancel a job: it runs until its time is over");
}

static const struct job_carrier_ops carrier_ops = { submit, cancel };

/* What the former hub had not started. */
static void submit_again(struct job_link *link)
{
	list_for_each_safe (at, &link->calls) {
		struct job_call *call = list_entry(at, struct job_call, link);
		int r;

		if (call->is_cancelled)
			continue; /* the sweep comes for it */
		r = send_submit(link, call);
		if (r < 0)
			refuse(link, call, r);
		else
			set_stage(link, call, STAGE_SENT);
	}
}

/* ---- life */

void job_link_init(struct job_link *link, struct loop *loop, const struct log *log)
{
	*link = (struct job_link){ .carrier = { &carrier_ops }, .loop = loop, .log = log };
	job_pipe_init(&link->pipe, loop, NULL, SIZE_MAX, &pipe_ops);
	list_init(&link->calls);
	timer_init(&link->patience, on_patience_over);
	loop_defer_init(&link->sweep, on_sweep);
}

void job_link_done(struct job_link *link)
{
	job_pipe_close(&link->pipe);
	loop_timer_stop(link->loop, &link->patience);
	loop_defer_cancel(&link->sweep);
	list_for_each_safe (at, &link->calls)
		end(link, list_entry(at, struct job_call, link), -ECANCELED);
	free(link->buf);
	link->buf = NULL;
}

void job_link_connect(struct job_link *link, int take_fd)
{
	if (!link->buf) {
		link->buf = malloc(JOB_PACKET_MAX);
		link->pipe.buf = link->buf;
	}
	if (!link->buf) {
		(void)close(take_fd);
		log_write(link->log, LOG_AT_ERROR, "no memory for the jobs' pipe to the hub");
		return;
	}
	if (job_pipe_is_open(&link->pipe)) {
		job_pipe_finish(&link->pipe);
		lose_hub(link);
	}
	job_pipe_open(&link->pipe, take_fd);
	loop_timer_stop(link->loop, &link->patience);
	submit_again(link);
}
