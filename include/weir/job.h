#ifndef WEIR_JOB_H
#define WEIR_JOB_H
/*
 * weir/job.h - work that would hold the event loop up.
 *
 *	#include <stdio.h>
 *	#include <stdlib.h>
 *	#include <weir/weir.h>
 *
 *	static int count_primes(weir_work *work, weir_str input)
 *	{
 *		unsigned long below, n_found = 0;
 *		char text[24];
 *
 *		snprintf(text, sizeof(text), "%.*s", WEIR_ARG(input));
 *		below = strtoul(text, NULL, 10);
 *		for (unsigned long n = 2; n < below; n++) {
 *			unsigned long d = 2;
 *
 *			if (weir_work_unwanted(work))
 *				return -ECANCELED;
 *			while (d * d <= n && n % d != 0)
 *				d++;
 *			n_found += d * d > n;
 *			if (n % 100000 == 0)
 *				weir_work_report(work, "%lu of %lu", n, below);
 *		}
 *		snprintf(text, sizeof(text), "%lu\n", n_found);
 *		return weir_work_result(work, weir_strz(text));
 *	}
 *
 *	static int primes(weir_req *req)
 *	{
 *		weir_str result;
 *		weir_job *job;
 *		int r;
 *
 *		r = weir_job_start(req, &job, .name = "count_primes",
 *				   .input = weir_param(req, "below"));
 *		if (r < 0)
 *			return r;	<- -EAGAIN, say, which the client sees as 503
 *		r = weir_job_await(job, &result);
 *		if (r < 0)
 *			return r;
 *		return weir_respond(req, 200, "text/plain", result);
 *	}
 *
 * and in the module's description, .jobs = WEIR_JOBS({ "count_primes", count_primes }).
 *
 * A job runs in a process of its own kind, which has loaded the same module. It gets bytes and
 * gives bytes back; it is ordinary, blocking C, and while it runs its worker serves everybody else.
 * How many run at once, and how many may wait, is the operator's to say, for each pool (jobs: in
 * the configuration).
 *
 * What is true of tasks is true of jobs. When the client goes away, when the group of the task that
 * waits for it is cancelled, or when the deadline passes that was in force where it was started, it
 * is cancelled: one that waits never runs; one that runs is asked to stop (weir_work_unwanted), and
 * its process is killed if it has not after the pool's grace. A job never outlives its request,
 * unless it says WEIR_FINISH_ANYWAY.
 *
 * A job that crashes, or is killed, fails by itself: -ECHILD for the one who waits for it, and a
 * line in the log. No job runs twice, and each that was started resolves exactly once, whichever
 * process dies: what was running when the hub died is -ECHILD, what was still waiting goes to the
 * next one.
 */
#include <weir/module.h>
WEIR_BEGIN

/* ---- In a handler. */

typedef struct weir_job weir_job;

typedef struct weir_job_opts {
	size_t size;
	const char *name;   /* one of this module's jobs */
	weir_str input;	    /* any bytes; copied */
	const char *pool;   /* NULL: "default" */
	int32_t priority;   /* larger first, among those that wait; 0 is usual */
	uint32_t flags;	    /* WEIR_FINISH_ANYWAY (weir/module.h): see weir_job_release() */
	int64_t max_run_ms; /* 0: the pool's; beyond it the job is cancelled, with -ETIMEDOUT */
} weir_job_opts;

/*
 * Suspends until the job has been taken: it waits for its turn, or runs already. The deadline in
 * force here is the job's, whatever is in force where it is awaited.
 *
 *	-EAGAIN		too many wait in its pool; left to the server it is a 503 with Retry-After
 *	-ENOENT		the module has no such job, or there is no such pool
 *	-EMSGSIZE	the input is larger than max_result
 *	-EINVAL		no name, unknown flags, or a negative max_run_ms
 *	-EDEADLK	not in a task
 *	-ENOTSUP	there are no job processes here
 *	-ENOMEM, -EMFILE, -ECANCELED, -ETIMEDOUT
 *
 * After an error there is no job; if it had come as far as running, it is cancelled.
 */
#define weir_job_start(req, ret_job, ...)     \
	weir_job_start_with((req), (ret_job), \
			    &(weir_job_opts){ .size = sizeof(weir_job_opts), __VA_ARGS__ })
WEIR_API WEIR_SUSPENDS int weir_job_start_with(weir_req *req, weir_job **ret_job,
					       const weir_job_opts *opts);

/*
 * Both wait for one job, and one task at a time may be in one of them: -EBUSY for others. When the
 * task that waits is cancelled, so is the job, without WEIR_FINISH_ANYWAY. A deadline (-ETIMEDOUT)
 * only ends the call: the job goes on. -EPIPE: another task has released it.
 *
 * 1 and the newest report that has not been read, valid until the next call; older ones are gone.
 * 0 when the job has ended, well or not, and no report is left: weir_job_await() says how.
 */
WEIR_API WEIR_SUSPENDS int weir_job_progress(weir_job *job, weir_str *ret_report);
/*
 * 0 and the job's result (empty, if it gave none), valid until weir_job_release() or the end of the
 * request, and not charged to request memory; or the job's own error. May be asked again.
 *
 *	-ECHILD		its process died: it crashed, was killed, ran out of memory; or the hub did; or it
 *			waited for a pool that a reload has taken out, and whose last process died
 *	-ECANCELED	it was cancelled, or the task that waits is
 *	-ETIMEDOUT	its deadline, or the time it may run, is over; or the call's own deadline
 *	-EAGAIN		the hub died while it waited, and it found no room with the next one
 *	-EPROTO		what came as its result is none: a process of its pool is out of order
 *	-EMSGSIZE	it is larger than max_result, which was less when this worker began
 *	-ENOMEM, -EMFILE	there is no room here for its result
 */
WEIR_API WEIR_SUSPENDS int weir_job_await(weir_job *job, weir_str *ret_result);

/*
 * Asks, and does not wait: weir_job_await() returns -ECANCELED once the job has stopped, or what it
 * returned if it had ended before it could be asked. Harmless when it has ended. NULL is fine, here and below.
 */
WEIR_API void weir_job_cancel(weir_job *job);
/*
 * The handle, reports and result are gone. A job that has not ended is cancelled; with
 * WEIR_FINISH_ANYWAY it goes on to its end, which nobody hears of but the log, if it fails. The
 * request's end does this for every job it still has.
 */
WEIR_API void weir_job_release(weir_job *job);

/*
 * One job over many inputs: as many at once as the pool has processes for, and a few that wait;
 * when the pool's queue is full with the jobs of others, it waits for room. Items do not cancel
 * each other: each gets its result or its error. opts->input is not looked at.
 *
 * 0 when all went well, else the first error in the order of items. When the call is cancelled or
 * its deadline passes, so are its jobs, and items that have not ended have that error. Results
 * live until the request ends, or until weir_job_release(items[i].job). -EAGAIN, -ENOENT
 * and so on, as above, for all of them: nothing has run.
 */
typedef struct weir_job_item {
	weir_str input;
	weir_str result;
	int error;     /* 0, or as from weir_job_await() */
	weir_job *job; /* whose result it is; NULL: it was never taken */
} weir_job_item;
#define weir_job_map(req, items, n, ...)       \
	weir_job_map_with((req), (items), (n), \
			  &(weir_job_opts){ .size = sizeof(weir_job_opts), __VA_ARGS__ })
WEIR_API WEIR_SUSPENDS int weir_job_map_with(weir_req *req, weir_job_item *items, size_t n,
					     const weir_job_opts *opts);

/* ---- In a job. */

/*
 * A weir_job_fn (weir/module.h) runs in a job process, on its main thread, one at a time. Nothing of
 * weir/coro.h may be waited for there; there is no request, and no state of the module, for
 * startup() is not called in job processes. What it keeps in static variables is there for the
 * next job that comes to this process, if one does. The input is valid, and may not be written to,
 * until it returns. It returns 0, or a negative errno, which weir_job_await() hands on.
 */

/* Memory until the job returns; aligned for any type, not cleared. NULL when there is none. */
WEIR_API void *weir_work_alloc(weir_work *work, size_t size);
/*
 * How far it is, for weir_job_progress(). Never waits; a report that has not been read is replaced
 * by the next. -EMSGSIZE beyond 4096 bytes, -ENOMEM, -EPIPE: nobody will read it.
 */
WEIR_API int weir_work_report(weir_work *work, const char *fmt, ...) WEIR_PRINTF(2, 3);
/*
 * Copied: the bytes are yours again when this returns. It counts if the function returns 0.
 * -EMSGSIZE beyond max_result; -EALREADY: there is one; -ENOMEM, -EMFILE.
 */
WEIR_API WEIR_MUST_USE int weir_work_result(weir_work *work, weir_str result);
/*
 * The one who started it is gone, or does not want it any more: clean up and return, -ECANCELED
 * say, within the pool's grace. Cheap enough for an inner loop; once true it stays so.
 */
WEIR_API bool weir_work_unwanted(const weir_work *work);

/*
 * Whose job it is, valid until it returns: its request's scope->request_id, and what
 * weir_traceparent() says there, for what the job itself asks of others:
 *
 *	static int ask_bank(weir_work *work, weir_str input)
 *	{
 *		char field[80];
 *
 *		weir_work_log(work, WEIR_LOG_INFO, "asks the bank for %.*s", WEIR_ARG(input));
 *		snprintf(field, sizeof(field), "traceparent: %.*s",
 *			 WEIR_ARG(weir_work_traceparent(work)));
 *		return weir_work_result(work, weir_strz(field));	<- what the bank says to it
 *	}
 *
 * ptr NULL: it is not known.
 */
WEIR_API weir_str weir_work_request_id(const weir_work *work);
WEIR_API weir_str weir_work_traceparent(const weir_work *work);
/* As weir_log(): a line that begins with the job's name, and ends with its request's id if it shall. */
WEIR_API void weir_work_log(weir_work *work, int level, const char *fmt, ...) WEIR_PRINTF(3, 4);

WEIR_END
#endif
