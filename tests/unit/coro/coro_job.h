#ifndef WEIR_TESTS_CORO_JOB_H
#define WEIR_TESTS_CORO_JOB_H
/* coro_job.h - a child for tests of groups, which notes what became of it. */
#include "coro/group.h"
#include "coro/wait.h"
#include "coro_world.h"

/* What a child does: sleeps, and returns what it was told, or the error of its sleep. */
struct job {
	int64_t ms;
	int result;
	bool has_begun, has_ended;
	enum reason reason;
	int64_t ended_ms;
};

static inline int do_job(void *arg)
{
	struct job *job = arg;
	int r;

	job->has_begun = true;
	r = job->ms > 0 ? wait_sleep(job->ms) : 0;
	job->reason = task_reason(task_current());
	job->has_ended = true;
	job->ended_ms = loop_now_ms(task_current()->sched->loop) - 1000;
	return r < 0 ? r : job->result;
}

static inline struct group_child *spawn(struct group *g, struct job *job)
{
	return group_spawn(g, do_job, job, "do_job (coro_job.h)");
}

#endif
