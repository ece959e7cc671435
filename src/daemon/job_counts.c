/* job_counts.c - see job_counts.h. One writer, so a store that no reader sees half of is enough. */
#include "daemon/job_counts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>

static void set(uint64_t *number, uint64_t value)
{
	__atomic_store_n(number, value, __ATOMIC_RELAXED);
}

static uint64_t get(const uint64_t *number)
{
	return __atomic_load_n(number, __ATOMIC_RELAXED);
}

static void add(uint64_t *number, uint64_t more)
{
	set(number, *number + more);
}

int job_counts_init(struct job_counts *counts, size_t n_pools)
{
	void *pools = mmap(NULL, n_pools * sizeof(*counts->pools), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	*counts = (struct job_counts){ 0 };
	if (pools == MAP_FAILED)
		return -ENOMEM;
	*counts = (struct job_counts){ .pools = pools, .n_pools = n_pools };
	return 0;
}

void job_counts_done(struct job_counts *counts)
{
	if (counts->pools)
		(void)munmap(counts->pools, counts->n_pools * sizeof(*counts->pools));
	*counts = (struct job_counts){ 0 };
}

struct job_pool_counts *job_counts_at(const struct job_counts *counts, size_t pool)
{
	return counts && pool < counts->n_pools ? &counts->pools[pool] : NULL;
}

void job_counts_begin(struct job_pool_counts *c)
{
	if (!c)
		return;
	add(&c->failed, c->waiting + c->running);
	set(&c->waiting, 0);
	set(&c->running, 0);
}

void job_counts_refuse(struct job_pool_counts *c)
{
	if (c)
		add(&c->refused, 1);
}

void job_counts_submit(struct job_pool_counts *c)
{
	if (!c)
		return;
	add(&c->submitted, 1);
	add(&c->waiting, 1);
}

void job_counts_start(struct job_pool_counts *c, uint64_t waited_us)
{
	if (!c)
		return;
	set(&c->waiting, c->waiting - 1);
	add(&c->running, 1);
	histogram_add(&c->wait_us, waited_us);
}

void job_counts_give_up(struct job_pool_counts *c)
{
	if (!c)
		return;
	set(&c->waiting, c->waiting - 1);
	add(&c->failed, 1);
}

void job_counts_end(struct job_pool_counts *c, enum job_counts_end how, uint64_t ran_us)
{
	if (!c)
		return;
	set(&c->running, c->running - 1);
	add(how == JOB_COUNTS_DONE     ? &c->done
	    : how == JOB_COUNTS_FAILED ? &c->failed
				       : &c->killed,
	    1);
	histogram_add(&c->run_us, ran_us);
}

struct job_pool_counts job_counts_read(const struct job_pool_counts *c)
{
	if (!c)
		return (struct job_pool_counts){ 0 };
	return (struct job_pool_counts){
		.submitted = get(&c->submitted),
		.refused = get(&c->refused),
		.waiting = get(&c->waiting),
		.running = get(&c->running),
		.done = get(&c->done),
		.failed = get(&c->failed),
		.killed = get(&c->killed),
		.wait_us = histogram_read(&c->wait_us),
		.run_us = histogram_read(&c->run_us),
	};
}

/* Which the histogram knows within a factor of two. */
static double quantile_ms(const struct histogram *h, double share)
{
	return (double)histogram_quantile_us(h, share) / 1000.;
}

void job_counts_describe(const struct job_pool_counts *counts, char ret_words[JOB_COUNTS_WORDS_MAX])
{
	struct job_pool_counts c = job_counts_read(counts);

	(void)snprintf(ret_words, JOB_COUNTS_WORDS_MAX,
		       "%" PRIu64 " submitted, %" PRIu64 " done, %" PRIu64 " failed, %" PRIu64
		       " killed, %" PRIu64
		       " refused; half of them waited %g ms at most and ran %g ms, "
		       "99 %% of them %g ms and %g ms",
		       c.submitted, c.done, c.failed, c.killed, c.refused,
		       quantile_ms(&c.wait_us, .5), quantile_ms(&c.run_us, .5),
		       quantile_ms(&c.wait_us, .99), quantile_ms(&c.run_us, .99));
}
