#ifndef WEIR_DAEMON_JOB_LIMITS_H
#define WEIR_DAEMON_JOB_LIMITS_H
/*
 * job_limits.h - what the kernel holds a job process to: memory, CPU time, no
 * new privileges, and a place behind everybody else when CPU or memory is short.
 */
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/buf.h"
#include "base/macro.h"

struct conf_job_pool;

struct job_limits {
	int64_t cpu_time_ms; /* of each job; 0: no limit */
	timer_t cpu_timer;   /* owned, with a limit */
};

/*
 * For the rest of this process's life. After the modules are loaded: they count, but need not fit
 * into what is left. reterr_words: what cannot be, and what helps. -ENOMEM when the process is
 * larger already than it may be, other errors.
 */
MUST_USE int job_limits_apply(struct job_limits *limits, const struct conf_job_pool *pool,
			      struct buf *reterr_words);
void job_limits_done(struct job_limits *limits);

/* A job begins, which dies of SIGXCPU when it has used its time up; or it has ended. */
void job_limits_begin(struct job_limits *limits);
void job_limits_end(struct job_limits *limits);

#endif
