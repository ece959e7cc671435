#ifndef WEIR_DAEMON_JOB_COUNTS_H
#define WEIR_DAEMON_JOB_COUNTS_H
/*
 * job_counts.h - how many jobs of each pool went which way, and how long they
 * waited and ran. In memory that the master makes and the hub writes: others
 * may read it at any time, and it outlives the hub.
 *
 *	submitted = waiting + running + done + failed + killed
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/histogram.h"
#include "base/macro.h"
#include "daemon/job_plan.h"

/* In the place that the pool has in the plan (daemon/job_plan). */
struct job_pool_counts {
	char name[JOB_PLAN_NAME]; /* of the pool that is there, or was the last; "": none yet */
	uint32_t is_open;	  /* it is there, for the hub */
	uint64_t submitted;	  /* and taken */
	uint64_t refused; /* the others: the queue was full, or their time over before they came */
	uint64_t waiting; /* now, as the next */
	uint64_t running;
	uint64_t done;	 /* their process said that they have ended well */
	uint64_t failed; /* it said something else, or died, or they were not wanted any more */
	uint64_t killed; /* they did not end when they were asked to, or talked nonsense */
	struct histogram wait_us;
	struct histogram run_us; /* to whatever end */
};

struct job_counts {
	struct job_pool_counts *pools; /* owned; NULL: nothing is counted */
};

/* Before the hub is forked. -ENOMEM: then it is zeroed, which is fine for all that follows. */
MUST_USE int job_counts_init(struct job_counts *counts);
void job_counts_done(struct job_counts *counts);
/* NULL, where nothing is counted; which is fine for all that follows, too. */
struct job_pool_counts *job_counts_at(const struct job_counts *counts, size_t place);
/* A pool has this place, or has it again; another than the last one there begins with zeroes. */
void job_counts_open(const struct job_counts *counts, size_t place, const char *name);
/* It has gone; what was counted stays, for when it comes back. */
void job_counts_close(const struct job_counts *counts, size_t place);

/* Of the pools that one shows who has this configuration. Begins with zeroes. */
struct job_counts_walk {
	size_t i;
	const char *name;	       /* of the pool */
	struct job_pool_counts counts; /* now; zeroes of one that the hub has not heard of yet */
};
/* The next: those that are configured, and others that are still there. False: that was all. */
bool job_counts_next(const struct job_counts *counts, const struct conf_jobs *conf,
		     struct job_counts_walk *walk);

/* A new hub begins: what its predecessor had has failed. */
void job_counts_begin(struct job_pool_counts *counts);

void job_counts_refuse(struct job_pool_counts *counts);
/* It is taken, and waits, if only for a moment. */
void job_counts_submit(struct job_pool_counts *counts);
void job_counts_start(struct job_pool_counts *counts, uint64_t waited_us);

enum job_counts_end { JOB_COUNTS_DONE, JOB_COUNTS_FAILED, JOB_COUNTS_KILLED };
/* One that still waited. */
void job_counts_give_up(struct job_pool_counts *counts);
void job_counts_end(struct job_pool_counts *counts, enum job_counts_end how, uint64_t ran_us);

/* As a reader sees it now; zeroes for NULL. */
struct job_pool_counts job_counts_read(const struct job_pool_counts *counts);
/* In words: "12 submitted, 10 done, ...; half of them waited 0.256 ms at most and ran ...". */
#define JOB_COUNTS_WORDS_MAX 256
void job_counts_describe(const struct job_pool_counts *counts,
			 char ret_words[JOB_COUNTS_WORDS_MAX]);

#endif
