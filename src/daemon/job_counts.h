#ifndef WEIR_DAEMON_JOB_COUNTS_H
#define WEIR_DAEMON_JOB_COUNTS_H
/*
 * job_counts.h - how many jobs of each pool went which way, and how long they
 * waited and ran. In memory that the master makes and the hub writes: others
 * may read it at any time, and it outlives the hub.
 *
 *	submitted = waiting + running + done + failed + killed
 */
#include <stddef.h>
#include <stdint.h>

#include "base/histogram.h"
#include "base/macro.h"

struct job_pool_counts {
	uint64_t submitted; /* and taken */
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
	size_t n_pools;
};

/* Before the hub is forked. -ENOMEM: then it is zeroed, which is fine for all that follows. */
MUST_USE int job_counts_init(struct job_counts *counts, size_t n_pools);
void job_counts_done(struct job_counts *counts);
/* NULL, where nothing is counted; which is fine for all that follows, too. */
struct job_pool_counts *job_counts_at(const struct job_counts *counts, size_t pool);

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
