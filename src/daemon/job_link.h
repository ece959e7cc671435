#ifndef WEIR_DAEMON_JOB_LINK_H
#define WEIR_DAEMON_JOB_LINK_H
/*
 * job_link.h - a worker's end of the hub for jobs: the carrier (app/job_carrier.h) of what its
 * requests start.
 *
 * Hubs come and go. What one has not said to be started goes to the next, with its input, which is
 * kept until then; what it has said to be started, and not to have ended, has failed: nobody knows
 * how far it came, and nothing runs twice. In between calls wait, not for ever: they are then
 * refused with -EAGAIN.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/job_carrier.h"
#include "base/list.h"
#include "base/macro.h"
#include "daemon/job_pipe.h"
#include "io/loop.h"

struct log;

/* How long calls wait for a hub, and how many. It is usually back within milliseconds. */
#define JOB_LINK_PATIENCE_MS 2000
#define JOB_LINK_WAITING_MAX 1000

#define JOB_LINK_SLOTS 256

struct job_link {
	struct job_carrier carrier; /* for the site */
	struct loop *loop;	    /* borrowed */
	const struct log *log;	    /* borrowed */
	struct job_pipe pipe;
	void *buf;				/* owned: the pipe's; NULL before the first hub */
	struct list calls;			/* borrowed, in the order they were submitted */
	struct job_call *slots[JOB_LINK_SLOTS]; /* the same, by number */
	unsigned n_waiting;			/* for a hub */
	uint64_t last_number;
	struct timer patience;
	struct loop_defer sweep;
};

void job_link_init(struct job_link *link, struct loop *loop, const struct log *log);
/* Nothing more is heard of its calls but their end. Twice is once. */
void job_link_done(struct job_link *link);

/* There is a hub, perhaps in place of a former one, which is dead then. */
void job_link_connect(struct job_link *link, int take_fd);

#endif
