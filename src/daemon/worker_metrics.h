#ifndef WEIR_DAEMON_WORKER_METRICS_H
#define WEIR_DAEMON_WORKER_METRICS_H
/*
 * worker_metrics.h - what a worker lets others know of itself. Requests count
 * where they end (serve/tally); everything else is counted by whom it concerns, in
 * its own memory, and copied from there at most once a second, and only when
 * something has happened: it costs requests nothing.
 */
#include "app/site.h"
#include "base/histogram.h"
#include "base/macro.h"
#include "base/metrics.h"
#include "io/timers.h"
#include "serve/tally.h"

struct access_log;
struct binding;
struct conf;
struct job_counts;
struct log;
struct server;
struct sessions;
struct worker_lag;

/* Whose numbers these are. All borrowed; what is NULL has none. */
struct worker_metrics_of {
	struct metrics_memory *memory;
	const struct conf *conf;
	const struct job_counts *jobs;
	const struct log *log;
	struct loop *loop;
	struct sched *sched;
	struct server *server;
	struct site *site;
	const struct sessions *sessions;
	const struct access_log *access_log;
	const struct worker_lag *lag;
};

#define WORKER_METRICS_MAX 40

/* A number that somebody counts from 0, as the one that goes on where a predecessor has stopped. */
struct worker_metrics_follower {
	uint64_t *words;
	uint64_t before; /* what was there when this process began */
};

struct worker_metrics {
	struct worker_metrics_of of;
	struct metrics *metrics; /* owned; NULL: nothing is counted */
	struct tallies tallies;
	struct tally unrouted;
	struct tally *routes; /* owned */
	struct site_metrics shown;
	struct worker_metrics_follower followers[WORKER_METRICS_MAX];
	uint64_t *turns;	     /* the histogram of the loop's turns */
	struct histogram turns_told; /* what of them is there */
	struct timer timer;
};

/*
 * From now on site's and server's requests, and those of the routes, are counted, and modules may
 * count. What finds no room is not: said once, and no reason not to serve.
 */
void worker_metrics_start(struct worker_metrics *wm, const struct worker_metrics_of *of,
			  unsigned slot, struct binding *binding);
/* What is there now, to the last: before what it is of goes away. */
void worker_metrics_stop(struct worker_metrics *wm);
/* After all who might count. Zeroed is fine, for both. */
void worker_metrics_done(struct worker_metrics *wm);
/* Now, not within a second. */
void worker_metrics_update(struct worker_metrics *wm);

#endif
