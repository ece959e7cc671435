/*
 * burn.c - burns CPU time where you say, to see what it does to everybody else.
 *
 *	curl 'http://127.0.0.1:8000/burn/2000?where=job'
 *
 *	where=loop	in the handler: its worker answers nobody meanwhile, and the log says who holds
 *			it up, and where
 *	where=thread	on a thread of the worker: the loop goes on, but shares the worker's CPU time;
 *			it is meant for calls that block, not for this
 *	where=job	in a job process: nobody notices
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <weir/weir.h>

#define LONGEST_MS 60000
#define PATIENCE_MS (5 * 60 * 1000) /* a job gets what others leave of the CPUs */

static int64_t cpu_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A few microseconds. */
static void burn_a_bit(void)
{
	volatile unsigned n = 0;

	for (unsigned i = 0; i < 5000; i++)
		n = n + i;
}

/* Digits only. -1 for anything else, or beyond LONGEST_MS. */
static int parse_ms(weir_str text)
{
	int ms = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c < '0' || c > '9')
			return -1;
		ms = ms * 10 + (c - '0');
		if (ms > LONGEST_MS)
			return -1;
	}
	return text.len > 0 ? ms : -1;
}

static void burn_in_loop(int ms)
{
	int64_t end_ms = cpu_ms() + ms;

	while (cpu_ms() < end_ms)
		burn_a_bit();
}

/* On a thread of the worker: nobody can stop it, so it has to ask. */
static int burn_in_thread(void *arg)
{
	int64_t end_ms = cpu_ms() + *(const int *)arg;

	while (cpu_ms() < end_ms) {
		if (weir_offload_unwanted())
			return -ECANCELED;
		burn_a_bit();
	}
	return 0;
}

/* In a job process: who asks can clean up before it is killed. */
static int burn_in_job(weir_work *work, weir_str input)
{
	int64_t end_ms = cpu_ms() + parse_ms(input);

	while (cpu_ms() < end_ms) {
		if (weir_work_unwanted(work))
			return -ECANCELED;
		burn_a_bit();
	}
	return 0;
}

static int run_job(weir_req *req, weir_str ms)
{
	weir_str nothing;
	weir_job *job;
	int r;

	r = weir_job_start(req, &job, .name = "burn", .input = ms, .max_run_ms = PATIENCE_MS);
	if (r < 0)
		return r;
	return weir_job_await(job, &nothing);
}

static int burn(weir_req *req)
{
	weir_str where = weir_query_get(req, "where");
	int ms = parse_ms(weir_param(req, "ms"));
	int r = 0;

	if (!where.ptr)
		where = WEIR_STR("job");
	if (ms < 0)
		return weir_respond(
			req, 400, "text/plain",
			weir_printf(req, "milliseconds, please: 0 to %d\n", LONGEST_MS));
	if (weir_str_eq(where, WEIR_STR("loop")))
		burn_in_loop(ms);
	else if (weir_str_eq(where, WEIR_STR("thread")))
		r = weir_offload(burn_in_thread, &ms);
	else if (weir_str_eq(where, WEIR_STR("job")))
		r = run_job(req, weir_param(req, "ms"));
	else
		return weir_respond(req, 400, "text/plain",
				    WEIR_STR("where? loop, job or thread\n"));
	if (r < 0)
		return r;
	return weir_respond(req, 200, "text/plain",
			    weir_printf(req, "%d ms burned: %.*s\n", ms, WEIR_ARG(where)));
}

WEIR_MODULE(.name = "burn", .handlers = WEIR_HANDLERS({ "burn", burn, "GET", "/burn/{ms}", 0 }),
	    .jobs = WEIR_JOBS({ "burn", burn_in_job }));
