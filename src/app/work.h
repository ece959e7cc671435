#ifndef WEIR_APP_WORK_H
#define WEIR_APP_WORK_H
/*
 * work.h - a job from inside: the public weir_work, over whatever carries what
 * it says. A job process has a pipe (daemon/job_run), a test has none. It knows
 * no event loop: a job is plain C that may take as long as it likes.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <weir/job.h>

#include "base/arena.h"
#include "base/token_bucket.h"

/* The longest report. */
#define WORK_REPORT_MAX 4096
/* What of a line for the log is kept. */
#define WORK_LOG_MAX 1024

struct work_ops {
	/* Hands a report on without waiting: 0; -EAGAIN: not now, it is kept; -EPIPE. */
	int (*report)(weir_work *work, weir_str text);
	/* Whether somebody has said that it is not wanted any more. At most once a millisecond. */
	bool (*is_unwanted)(weir_work *work);
	/* One line, which says which job it is from. */
	void (*log)(weir_work *work, int level, const char *text);
};

/* The public weir_work. One may run many jobs, one after the other. */
struct weir_work {
	const struct work_ops *ops; /* borrowed */
	size_t max_result;	    /* bytes */
	size_t max_inline;	    /* a longer result is kept in a sealed memfd (io/sealed) */
	int64_t deadline_ms;	    /* of CLOCK_MONOTONIC; INT64_MAX: none */

	/* Whose it is, borrowed: set for each job before it runs, until it is reset. May be empty. */
	weir_str request_id, traceparent;

	/* When it has ended with 0, until it is reset. */
	bool has_result;
	weir_str result;     /* in its memory; empty with result_fd */
	int result_fd;	     /* owned; -1: result is all */
	uint64_t result_len; /* of what is in result_fd */

	struct arena arena; /* weir_work_alloc() */
	struct budget budget;
	pid_t pid; /* the process that runs it: one that it forks does not speak for it */

	int64_t looked_us; /* when is_unwanted() was asked last */
	bool is_unwanted;

	struct token_bucket reports; /* how many more may be handed on now */
	bool has_late;		     /* a report that has not been */
	size_t late_len;
	char late[WORK_REPORT_MAX];
};

void work_init(weir_work *work, const struct work_ops *ops, size_t max_result, size_t max_inline);
void work_done(weir_work *work);

/*
 * Runs one job, until it returns: what it returned, positive numbers as 0. deadline_ms is for
 * weir_work_unwanted() only. Does not return in a process that the job has forked.
 */
MUST_USE int work_run(weir_work *work, weir_job_fn *fn, weir_str input, int64_t deadline_ms);
/* Its memory and its result go. Then it can run another. */
void work_reset(weir_work *work);

#endif
