/* job_counts.c - see job_counts.h. One writer, so a store that no reader sees half of is enough. */
#include "daemon/job_counts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/shared.h"
#include "conf/conf.h"
#include "conf/conf_jobs.h"

#define SIZE (JOB_PLAN_MAX * sizeof(struct job_pool_counts))

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

int job_counts_init(struct job_counts *counts)
{
	*counts = (struct job_counts){ .pools = shared_new(SIZE) };
	return counts->pools ? 0 : -ENOMEM;
}

void job_counts_done(struct job_counts *counts)
{
	counts->pools = shared_free(counts->pools, SIZE);
}

struct job_pool_counts *job_counts_at(const struct job_counts *counts, size_t place)
{
	return counts && counts->pools && place < JOB_PLAN_MAX ? &counts->pools[place] : NULL;
}

/* ---- whose they are */

static void set_open(struct job_pool_counts *c, bool is_open)
{
	__atomic_store_n(&c->is_open, is_open, __ATOMIC_RELEASE);
}

static bool is_named(const struct job_pool_counts *c, const char *name)
{
	return strncmp(c->name, name, sizeof(c->name)) == 0;
}

/* Whoever reads meanwhile may take some of the former's counts for this one's, for a moment. */
static void rename_to(struct job_pool_counts *c, const char *name)
{
	*c = (struct job_pool_counts){ 0 };
	(void)snprintf(c->name, sizeof(c->name), "%s", name);
}

void job_counts_open(const struct job_counts *counts, size_t place, const char *name)
{
	struct job_pool_counts *c = job_counts_at(counts, place);

	if (!c)
		return;
	for (size_t i = 0; i < JOB_PLAN_MAX; i++) {
		if (i != place && is_named(&counts->pools[i], name))
			rename_to(&counts->pools[i], "");
	}
	if (!is_named(c, name))
		rename_to(c, name);
	set_open(c, true);
}

void job_counts_close(const struct job_counts *counts, size_t place)
{
	struct job_pool_counts *c = job_counts_at(counts, place);

	if (c)
		set_open(c, false);
}

static const struct job_pool_counts *find(const struct job_counts *counts, const char *name)
{
	for (size_t i = 0; i < JOB_PLAN_MAX; i++) {
		if (is_named(&counts->pools[i], name))
			return &counts->pools[i];
	}
	return NULL;
}

/* One that is there, and not configured any more, or not yet, as far as the reader knows. */
static bool is_other(const struct conf_jobs *conf, struct job_pool_counts *c)
{
	c->name[sizeof(c->name) - 1] = '\0';
	return c->is_open && c->name[0] && !conf_jobs_find(conf, c->name);
}

bool job_counts_next(const struct job_counts *counts, const struct conf_jobs *conf,
		     struct job_counts_walk *walk)
{
	if (!counts || !counts->pools)
		return false;
	while (walk->i < conf->n_pools + JOB_PLAN_MAX) {
		size_t i = walk->i++;

		if (i < conf->n_pools) {
			walk->name = conf->pools[i].name;
			walk->counts = job_counts_read(find(counts, walk->name));
			return true;
		}
		walk->counts = job_counts_read(&counts->pools[i - conf->n_pools]);
		walk->name = walk->counts.name;
		if (is_other(conf, &walk->counts))
			return true;
	}
	return false;
}

/* ---- what happens */

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
	struct job_pool_counts now;

	if (!c)
		return (struct job_pool_counts){ 0 };
	now = (struct job_pool_counts){
		.is_open = __atomic_load_n(&c->is_open, __ATOMIC_ACQUIRE),
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

	memcpy(now.name, c->name, sizeof(now.name));
	return now;
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
