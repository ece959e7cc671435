#ifndef WEIR_DAEMON_WORKER_STATUS_H
#define WEIR_DAEMON_WORKER_STATUS_H
/*
 * worker_status.h - what weir.status shows, of all workers. Numbers lie in memory that
 * all processes share. Tasks do not: who looks asks, by a publication of the
 * module "weir", whose topics are nobody else's, and all workers answer by
 * another; so also one that had nothing to do is woken. Nobody asks when nobody
 * looks.
 */
#include <stdbool.h>
#include <stdint.h>

#include "app/site.h"
#include "base/buf.h"
#include "serve/subscriber.h"

struct binding;
struct worker_args;
struct worker_metrics_of;
struct worker_status_report;

struct worker_status {
	const struct worker_args *args; /* borrowed */
	struct loop *loop;		/* borrowed, and so the next ones */
	struct sched *sched;
	struct site *site;
	const struct metrics_memory *memory;
	const struct conf *conf;
	const struct job_counts *jobs;
	struct site_status shown;
	struct subscriber asked, told;	      /* of the topics */
	struct worker_status_report *reports; /* owned: one for each slot; NULL: it shows nothing */
	struct buf json;		      /* the last */
	int64_t made_ms, reported_ms;	      /* when; INT64_MIN: never */
};

/* Where no route is weir.status, or nobody counts, nothing happens. What cannot be is said. */
void worker_status_start(struct worker_status *ws, const struct worker_metrics_of *of,
			 const struct worker_args *args, const struct binding *binding);
/* Before the topics, and what it is of, go away. Zeroed is fine. */
void worker_status_stop(struct worker_status *ws);

#endif
