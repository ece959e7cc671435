#ifndef WEIR_APP_JOB_CARRIER_H
#define WEIR_APP_JOB_CARRIER_H
/*
 * job_carrier.h - between a request's jobs (app/job) and who has them run: a worker's link to the
 * hub (daemon/job_link), or the world of a test (app/test_jobs).
 *
 *	submit() ──► queued() ──► started() ──► progress()... ──► ended()
 *		 └─► refused(), before or after queued()
 *
 * A call is the carrier's from submit() until refused() or ended(), which come exactly once, from
 * the loop and never from within submit() or cancel(). The carrier knows no request, and the
 * request's side no process.
 */
#include <stdbool.h>
#include <stdint.h>
#include <weir/job.h>

#include "base/list.h"

struct job_call;

/* Input and results of so many bytes travel as they are; what is larger in a sealed memfd (io/sealed). */
#define JOB_CARRIER_INLINE ((size_t)64 * 1024)

struct job_carrier {
	const struct job_carrier_ops *ops;
};

struct job_carrier_ops {
	/* -EAGAIN, -ENOMEM and others: as refused(). */
	int (*submit)(struct job_carrier *carrier, struct job_call *call);
	/* Asks: it still ends. Not twice. */
	void (*cancel)(struct job_carrier *carrier, struct job_call *call);
};

/* With -ECHILD, how its process has ended: as waitpid() says, or one of these. */
enum {
	JOB_STATUS_UNKNOWN = -1, /* who would say it, the hub or the master, has died */
	JOB_STATUS_OWN = -2,	 /* it has not: -ECHILD is what the job has returned */
};

struct job_end {
	int result;	 /* 0, or a negative errno */
	int status;	 /* with -ECHILD: see above */
	weir_str bytes;	 /* good until ended() returns */
	int take_fd;	 /* instead of bytes, a memfd that nobody has looked at; else -1 */
	uint64_t fd_len; /* what it is said to hold */
};

struct job_call_ops {
	/* It waits for a process. More than once, if it goes from one hub to the next. */
	void (*queued)(struct job_call *call);
	/* Its input is not needed any more. */
	void (*started)(struct job_call *call);
	/* Nothing of it has run, nor will. */
	void (*refused)(struct job_call *call, int error);
	void (*progress)(struct job_call *call, weir_str report);
	void (*ended)(struct job_call *call, const struct job_end *end);
};

struct job_call {
	const struct job_call_ops *up;
	weir_str module, name;
	weir_str pool; /* empty: the default one */
	/* Whose it is; the second may be empty. */
	weir_str request_id, traceparent;
	/* Either; good until started() or the end. The descriptor stays the owner's. */
	weir_str input;
	int input_fd; /* a sealed memfd of input_len bytes; -1: none */
	uint64_t input_len;
	weir_job_fn *fn; /* for a carrier that runs it in this process */
	int32_t priority;
	uint32_t route;	     /* for fairness */
	int64_t max_run_ms;  /* 0: the pool's */
	int64_t deadline_ms; /* of the loop's clock; INT64_MAX: none */

	/* the carrier's */
	struct list link;
	struct job_call *next;
	uint64_t number;
	int stage;
	bool is_cancelled;
};

#endif
