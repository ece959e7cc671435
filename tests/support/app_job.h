#ifndef WEIR_TESTS_APP_JOB_H
#define WEIR_TESTS_APP_JOB_H
/*
 * app_job.h - jobs in an app_world that run nowhere: what becomes of them is what the test says.
 *
 *	struct app_world *a = app_world_new();
 *	struct app_job *j = app_job_new(a);	<- from now on its routes can start jobs
 *
 *	app_world_route(a, "/", handler_that_starts_one);
 *	(void)app_world_ask(a, "/");
 *	app_job_start(j, 0);
 *	app_job_end(j, 0, 0, "result");
 *	app_job_free(j);	<- ends those that have not ended
 *	app_world_free(a);
 *
 * The module is "shop", with jobs "count" and "other".
 */
#include "app/job.h"
#include "app_world.h"

#define APP_JOB_CALLS 1000

/* One that was submitted, as it was then. */
struct app_job_call {
	struct job_call *call;				/* NULL: it was refused, or has ended */
	char module[32], name[32], pool[32], input[64]; /* the first bytes of it */
	char request_id[32], traceparent[64];
	size_t input_len;
	int priority;
	int64_t max_run_ms, deadline_ms;
	bool is_cancelled, is_started;
};

struct app_job {
	struct job_carrier carrier;
	struct app_world *a;
	struct app_job_call calls[APP_JOB_CALLS];
	unsigned n_calls, n_cancelled;
	int submit_error; /* of the next one */

	/* A pool, if it has processes: then calls are queued, started or refused by themselves. */
	unsigned n_processes, n_queue;
	unsigned n_running, n_most_waiting, n_refused;
	unsigned n_unsaid; /* calls of which nothing was said, the last ones */
	struct loop_defer say;
};

struct app_job *app_job_new(struct app_world *a);
/* Before its world goes, or after its clients have. */
void app_job_free(struct app_job *j);
/* All of it: connections, then these, then the world. */
void app_job_close(struct app_job *j);

/* The n-th call, from 0. All of them settle. */
void app_job_queue(struct app_job *j, unsigned n);
void app_job_start(struct app_job *j, unsigned n);
void app_job_refuse(struct app_job *j, unsigned n, int error);
void app_job_report(struct app_job *j, unsigned n, const char *report);
void app_job_end(struct app_job *j, unsigned n, int result, const char *bytes);
/* Its process has died. */
void app_job_die(struct app_job *j, unsigned n, int status);
/* With a descriptor, which is taken; waits for threads. */
void app_job_end_fd(struct app_job *j, unsigned n, int take_fd, uint64_t len);
/* Calls that have not ended. */
unsigned app_job_left(const struct app_job *j);

#endif
