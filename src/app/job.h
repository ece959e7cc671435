#ifndef WEIR_APP_JOB_H
#define WEIR_APP_JOB_H
/*
 * job.h - jobs of requests (weir/job.h), for job_map.c and for those who end requests. How they are
 * run is a carrier's business: job_carrier.h.
 */
#include <stdbool.h>
#include <stdint.h>
#include <weir/job.h>

#include "app/job_carrier.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/macro.h"
#include "coro/wait.h"

struct req;
struct site;

enum job_state {
	JOB_IS_NEW,	/* not submitted */
	JOB_IS_ASKED,	/* submitted; nothing was heard yet */
	JOB_IS_WAITING, /* in its pool's queue */
	JOB_IS_RUNNING,
	JOB_IS_REFUSED, /* the carrier has let go of it: nothing has run */
	JOB_IS_OVER,	/* the carrier has let go of it */
	JOB_STATES
};

/* Who waits for jobs: one task, for one job or for many. */
struct job_watch {
	struct wait wait;	/* woken whenever something has changed */
	struct list settled;	/* those that were refused, or are over, in that order */
	unsigned n[JOB_STATES]; /* jobs in each state */
};

/* The public weir_job. */
struct weir_job {
	struct job_call call;
	struct site *site;     /* borrowed */
	struct req *req;       /* borrowed; NULL once it is released: it is freed when it is over */
	struct weir_job *next; /* among the request's */
	struct job_watch *watch; /* borrowed; NULL: no task waits for it */
	struct list settled;	 /* in the watch's list */
	struct list alone;	 /* in the site's list: released, and goes on to its end */
	size_t index;		 /* job_map.c's */
	enum job_state state;
	uint32_t flags;
	bool is_unwanted; /* it was cancelled: the carrier was asked to end it, if it had it */
	bool is_said;	  /* the request's words for the log are about its failure */
	char *input;	  /* owned: what call.input is; until it has started */

	struct buf unread, report; /* the newest, and the one that was read */
	bool has_unread;
	int error;	     /* refused: why; over: its result */
	int status;	     /* over, with -ECHILD: as job_end's */
	char *small;	     /* owned: a result that came as it is */
	int large_fd;	     /* owned: one in a memfd, until it is mapped; -1 */
	uint64_t result_len; /* of either */
	weir_str large;	     /* owned: one that is mapped */

	char names[]; /* "module.name", NUL, the pool, NUL, and whose it is */
};

/* It is the carrier's: something will be heard of it. */
static inline bool job_is_carried(const struct weir_job *job)
{
	return job->state >= JOB_IS_ASKED && job->state <= JOB_IS_RUNNING;
}

/* The request's, without an input yet. -ENOMEM. */
MUST_USE int job_make(struct req *req, const weir_job_opts *opts, const weir_job_entry *entry,
		      struct weir_job **ret_job);
/* A new one, or one that was refused. An error: it was refused. -ECANCELED: nobody wants it any more. */
MUST_USE int job_submit(struct weir_job *job);
/* The task that waits was cancelled: so is the job, unless it is to finish anyway. */
void job_abandon(struct weir_job *job);
/* How it failed, for people. */
void job_describe(const struct weir_job *job, char *ret_words, size_t size);
/* As weir_fail(), in the same memory each time: a session may see a million jobs fail. */
int job_fail(struct req *req, int error, const char *fmt, ...) PRINTF_LIKE(3, 4);

void job_watch_init(struct job_watch *watch);
/* -EBUSY: another task waits for it. */
MUST_USE int job_attach(struct weir_job *job, struct job_watch *watch);
/* False: it was released meanwhile, and is gone now. */
MUST_USE bool job_detach(struct weir_job *job);

/* opts of an older header, and all that can be said without an input. */
MUST_USE int job_start_check(weir_req *req, const weir_job_opts *given, weir_job_opts *ret_opts);
/* With its input; suspends for a large one. Both return what weir_job_start() may. */
MUST_USE int job_start_new(weir_req *req, const weir_job_opts *opts, weir_str input,
			   struct weir_job **ret_job);

/* Parks the running task, which is attached to the job; if that is cancelled, so is the job. */
MUST_USE int job_wait_park(struct weir_job *job);
/* What came of one that is over or was refused, as weir_job_await(). Suspends to map a large result. */
MUST_USE int job_wait_fetch(struct weir_job *job, weir_str *ret_result);
/* If the error is the job's: words for the log, should the handler return it. Hands it back. */
int job_wait_say(struct weir_job *job, int error);

/* Their request has ended. */
void job_release_all(struct weir_job **jobs);
/* The grace is over: nobody waits for these any more. */
void job_cancel_alone(struct list *alone);

#endif
