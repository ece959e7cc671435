/*
 * work.c - see work.h. The hard thing is that a job calls these as often as it
 * likes, from its inner loop: so the pipe is looked at once a millisecond, and
 * reports beyond a thousand a second are kept back, the newest of them.
 */
#include "app/work.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "io/sealed.h"

#define LOOK_EVERY_US 1000
/* So many reports at once, and then one more for each of these. */
#define REPORTS_AT_ONCE 16
#define REPORT_EVERY_US 1000

void work_init(weir_work *work, const struct work_ops *ops, size_t max_result, size_t max_inline)
{
	*work = (weir_work){
		.ops = ops, .max_result = max_result, .max_inline = max_inline, .result_fd = -1
	};
	/* What it takes is between the job and its process's limits. */
	work->budget.limit = SIZE_MAX;
	arena_init(&work->arena, &work->budget);
}

void work_reset(weir_work *work)
{
	close_fdp(&work->result_fd);
	work->result_fd = -1;
	work->result_len = 0;
	work->result = (weir_str){ 0 };
	work->request_id = work->traceparent = (weir_str){ 0 };
	work->has_result = false;
	work->has_late = false;
	work->is_unwanted = false;
	arena_reset(&work->arena);
}

void work_done(weir_work *work)
{
	work_reset(work);
	arena_done(&work->arena);
}

/* ---- reports */

static int report(weir_work *work, weir_str text)
{
	int r = -EAGAIN;

	if (token_bucket_has(&work->reports, clock_monotonic_us()))
		r = work->ops->report(work, text);
	if (r != -EAGAIN) {
		work->has_late = false;
		token_bucket_take(&work->reports);
		return r;
	}
	work->has_late = true;
	work->late_len = text.len;
	memmove(work->late, text.ptr, text.len);
	return 0;
}

static void report_late(weir_work *work)
{
	if (work->has_late)
		(void)report(work, (weir_str){ work->late, work->late_len });
}

int weir_work_report(weir_work *work, const char *fmt, ...)
{
	char text[WORK_REPORT_MAX + 1];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0)
		return -EINVAL;
	if (n > WORK_REPORT_MAX)
		return -EMSGSIZE;
	if (getpid() != work->pid)
		return -EPIPE;
	return report(work, (weir_str){ text, (size_t)n });
}

/* ---- */

weir_str weir_work_request_id(const weir_work *work)
{
	return work->request_id;
}

weir_str weir_work_traceparent(const weir_work *work)
{
	return work->traceparent;
}

void weir_work_log(weir_work *work, int level, const char *fmt, ...)
{
	char text[WORK_LOG_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	work->ops->log(work, level, text);
}

void *weir_work_alloc(weir_work *work, size_t size)
{
	return arena_alloc(&work->arena, size);
}

int weir_work_result(weir_work *work, weir_str result)
{
	int r;

	if (work->has_result)
		return -EALREADY;
	if (result.len > work->max_result)
		return -EMSGSIZE;
	if (result.len > work->max_inline) {
		r = sealed_new(result, &work->result_fd);
		if (r < 0)
			return r;
		work->result_len = result.len;
	} else if (result.len > 0) {
		work->result = arena_copy(&work->arena, result);
		if (!work->result.ptr)
			return -ENOMEM;
	}
	work->has_result = true;
	return 0;
}

/* In one that the job has forked nobody can be asked: what it reads would be missing here. */
static bool look(weir_work *work)
{
	if (getpid() != work->pid)
		return true;
	report_late(work);
	return clock_monotonic_ms() >= work->deadline_ms || work->ops->is_unwanted(work);
}

bool weir_work_unwanted(const weir_work *work)
{
	/* const is for who has the job: that its answer is remembered is not seen. */
	weir_work *w = (weir_work *)(uintptr_t)work;
	int64_t now_us;

	if (w->is_unwanted)
		return true;
	now_us = clock_monotonic_us();
	if (now_us - w->looked_us < LOOK_EVERY_US)
		return false;
	w->looked_us = now_us;
	w->is_unwanted = look(w);
	return w->is_unwanted;
}

int work_run(weir_work *work, weir_job_fn *fn, weir_str input, int64_t deadline_ms)
{
	int r;

	work->pid = getpid();
	work->deadline_ms = deadline_ms;
	work->looked_us = 0;
	token_bucket_init(&work->reports, REPORTS_AT_ONCE, REPORT_EVERY_US, clock_monotonic_us());
	r = fn(work, input);
	/* A child of the job's that has come back here would go on as a second one of us. */
	if (getpid() != work->pid)
		_exit(r < 0);
	work->reports.n = 1;
	report_late(work);
	return r < 0 ? r : 0;
}
