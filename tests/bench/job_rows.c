/*
 * job_rows.c - a module for scripts/bench: what jobs cost, measured where they are
 * awaited.
 *
 *	/empty?n=1000&flight=64	so many jobs that do nothing, so many of them at once:
 *				JSON with their round trips in microseconds, and the rate
 *	/large?size=67108864	so many bytes into a job and back
 *	/deaf			a job that nobody can stop: says "pid 12", then waits for it
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <weir/weir.h>

#define MOST_JOBS 200000
#define MOST_FLIGHT 256

static const volatile bool always = true;

static int64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- jobs */

static int nothing(weir_work *work, weir_str input)
{
	return 0;
}

static int echo(weir_work *work, weir_str input)
{
	return weir_work_result(work, input);
}

static int deaf(weir_work *work, weir_str input)
{
	(void)weir_work_report(work, "pid %d", (int)getpid());
	while (always)
		;
	return 0;
}

/* ---- handlers */

static size_t get_number(weir_req *req, const char *name, size_t fallback, size_t most)
{
	weir_str text = weir_query_get(req, name);
	size_t number = 0;

	if (!text.ptr)
		return fallback;
	for (size_t i = 0; i < text.len && number <= most; i++)
		number = number * 10 + (size_t)(text.ptr[i] - '0');
	return number > most ? most : number;
}

/* What the tasks of one request share. */
struct run {
	weir_req *req;
	size_t n_left;
	float *waits_us;
	size_t n_done;
};

static int work_through(void *arg)
{
	struct run *run = arg;

	while (run->n_left > 0) {
		int64_t begin_ns = now_ns();
		weir_str result;
		weir_job *job;
		int r;

		run->n_left--;
		r = weir_job_start(run->req, &job, .name = "nothing");
		if (r < 0)
			return r;
		r = weir_job_await(job, &result);
		weir_job_release(job);
		if (r < 0)
			return r;
		run->waits_us[run->n_done++] = (float)(now_ns() - begin_ns) / 1000;
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static int run_all(struct run *run, size_t flight)
{
	WEIR_GROUP(g, WEIR_ALL);
	for (size_t i = 0; i < flight; i++)
		(void)weir_spawn(g, work_through, run);
	return weir_join(g);
}

static int empty(weir_req *req)
{
	size_t n = get_number(req, "n", 1000, MOST_JOBS);
	size_t flight = get_number(req, "flight", 1, MOST_FLIGHT);
	struct run run = { .req = req, .n_left = n };
	int64_t begin_ns;
	double seconds;
	int r;

	run.waits_us = weir_alloc(req, (n + 1) * sizeof(*run.waits_us));
	if (!run.waits_us)
		return -ENOMEM;
	begin_ns = now_ns();
	r = run_all(&run, flight);
	if (r < 0)
		return r;
	seconds = (double)(now_ns() - begin_ns) / 1e9;
	qsort(run.waits_us, run.n_done, sizeof(*run.waits_us), compare);
	return weir_respond(req, 200, "application/json",
			    weir_printf(req,
					"{\"done\": %zu, \"p50_us\": %.2f, \"p99_us\": %.2f, "
					"\"rate\": %.1f}\n",
					run.n_done, (double)run.waits_us[run.n_done / 2],
					(double)run.waits_us[run.n_done * 99 / 100],
					(double)run.n_done / seconds));
}

/* The bytes are made once: only what jobs cost is to be measured. */
static int begin(weir_app *app)
{
	size_t size = (size_t)64 << 20;
	char *bytes = malloc(size);

	if (!bytes)
		return -ENOMEM;
	memset(bytes, 'x', size);
	weir_app_set_state(app, bytes);
	return 0;
}

static void end(weir_app *app)
{
	free(weir_app_state(app));
}

static int large(weir_req *req)
{
	size_t size = get_number(req, "size", 1, (size_t)64 << 20);
	weir_str result;
	weir_job *job;
	int r;

	r = weir_job_start(req, &job, .name = "echo", .input = { req->state, size });
	if (r < 0)
		return r;
	r = weir_job_await(job, &result);
	if (r < 0)
		return r;
	return weir_respond(req, 200, "text/plain", weir_printf(req, "%09zu\n", result.len));
}

static int run_deaf(weir_req *req)
{
	weir_str text;
	weir_job *job;
	int r;

	r = weir_job_start(req, &job, .name = "deaf");
	if (r < 0)
		return r;
	r = weir_start(req, 200, "text/plain");
	if (r < 0)
		return r;
	r = weir_job_progress(job, &text);
	if (r < 0)
		return r;
	r = weir_writef(req, "%.*s\n", WEIR_ARG(text));
	if (r < 0)
		return r;
	return weir_job_await(job, &text);
}

WEIR_MODULE(.name = "job_rows", .startup = begin, .shutdown = end,
	    .handlers = WEIR_HANDLERS({ "empty", empty, "GET", "/empty", 0 },
				      { "large", large, "GET", "/large", 0 },
				      { "deaf", run_deaf, "GET", "/deaf", 0 }),
	    .jobs = WEIR_JOBS({ "nothing", nothing }, { "echo", echo }, { "deaf", deaf }));
