#ifndef WEIR_DAEMON_JOB_QUEUE_H
#define WEIR_DAEMON_JOB_QUEUE_H
/*
 * job_queue.h - which of the jobs that wait is next. Higher priority goes
 * first; among jobs of one priority routes take turns, and within a route the
 * workers; what one worker has for one route goes in the order it came. So
 * whoever comes waits for one job of each other route, not for all they have.
 *
 *	queue ── priority 5 ── route 1 ── worker 0: job, job, job
 *	      │             │          └─ worker 1: job
 *	      │             └─ route 7 ── worker 0: job
 *	      └─ priority 0 ── ...
 *
 * A priority that was not served for a while counts for more: one more for each
 * JOB_QUEUE_AGE_MS. It begins anew with each of its jobs, so that who sends a
 * flood of them does not overtake others by the age of the flood.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/macro.h"

#define JOB_QUEUE_AGE_MS 1000

struct job_flow;

/* Embedded in what waits; the first three are set by its owner before it is put. */
struct job_queue_item {
	int32_t priority;
	uint32_t route;
	unsigned worker;
	struct list link;
	struct job_flow *flow; /* borrowed; NULL: it is in no queue */
};

struct job_queue {
	struct list levels; /* of struct level, owned: the priorities that occur */
	size_t n;	    /* items */
};

void job_queue_init(struct job_queue *queue);
/* The items are their owners' again. */
void job_queue_done(struct job_queue *queue);

/* -ENOMEM. */
MUST_USE int job_queue_put(struct job_queue *queue, struct job_queue_item *item, int64_t now_ms);
void job_queue_remove(struct job_queue *queue, struct job_queue_item *item);

/* Whose jobs keep their place and are passed over. */
typedef bool job_queue_is_blocked_fn(void *arg, unsigned worker);
/* The next, taken out; NULL when there is none that may go. */
struct job_queue_item *job_queue_take(struct job_queue *queue, int64_t now_ms,
				      job_queue_is_blocked_fn *is_blocked, void *arg);

#endif
