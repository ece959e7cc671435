/*
 * conf_jobs.c - see conf_jobs.h. A mistake in what all pools inherit is said
 * once, where it was made, and not again for each of them.
 */
#include "conf/conf_jobs.h"

#include <stdio.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/conf_origin.h"
#include "conf/conf_value.h"
#include "conf/messages.h"
#include "conf/option_table.h"

#define MAX_POOLS 64
#define MAX_NAME 64

/* Less does not even hold weir and its libraries: every process would die as it starts. */
#define MIN_MEMORY ((uint64_t)64 * 1024 * 1024)

int conf_jobs_set_pools(struct conf *conf)
{
	struct conf_jobs *jobs = &conf->jobs;
	struct conf_job_pool *pools;

	pools = arena_alloc(&conf->arena, (jobs->n_pools + 1) * sizeof(*pools));
	if (!pools)
		return -ENOMEM;
	pools[0] = jobs->usual;
	pools[0].label.text = "default";
	pools[0].origins = NULL;
	if (jobs->n_pools > 0)
		memcpy(&pools[1], jobs->pools, jobs->n_pools * sizeof(*pools));
	jobs->n_pools++;
	for (size_t i = 0; i < jobs->n_pools; i++)
		pools[i].name = pools[i].label.text;
	jobs->pools = pools;
	return 0;
}

static bool is_word(const char *name)
{
	size_t len = strspn(name,
			    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

	return len > 0 && len <= MAX_NAME && name[len] == '\0';
}

static bool is_name_good(const struct conf_jobs *jobs, const struct conf_job_pool *pool,
			 struct messages *messages)
{
	const struct conf_pos *pos = &pool->label.pos;
	char quote[MESSAGES_QUOTE];

	messages_quote(weir_strz(pool->name), quote);
	if (!is_word(pool->name)) {
		messages_add(messages, pos,
			     "name: %s is not of letters, digits, - and _, %d at most", quote,
			     MAX_NAME);
		return false;
	}
	if (!strcmp(pool->name, "default")) {
		messages_add(messages, pos,
			     "name: %s is the pool that jobs: describes; say it there", quote);
		return false;
	}
	for (const struct conf_job_pool *first = &jobs->pools[1]; first < pool; first++) {
		if (strcmp(first->name, pool->name) != 0)
			continue;
		messages_add(messages, pos, "name: a pool %s is already there in line %d", quote,
			     first->label.pos.line);
		return false;
	}
	return true;
}

/* One that jobs: or a pool in it has, and what it is written in: for origins. */
struct said {
	enum option_place place;
	const void *base;
};

static const struct conf_pos *origin(const struct said *said, const char *name)
{
	return conf_origin_get(option_table_find(said->place, weir_strz(name)), said->base);
}

/* Where it was said; where the other was, if this one is a default; NULL: neither was here. */
static const struct conf_pos *either(const struct said *said, const char *one, const char *other)
{
	const struct conf_pos *pos = origin(said, one);

	if (!pos->file)
		pos = origin(said, other);
	return pos->file ? pos : NULL;
}

static void check_times(const struct conf_job_pool *pool, const struct said *said,
			struct messages *messages)
{
	bool has_limit = pool->max_run_ms > 0;
	bool is_longer = pool->run_timeout_ms == 0 || pool->run_timeout_ms > pool->max_run_ms;
	const struct conf_pos *pos = either(said, "run_timeout", "max_run");
	char timeout[CONF_VALUE_TEXT], max[CONF_VALUE_TEXT];

	if (!pos || !has_limit || !is_longer)
		return;
	messages_add(messages, pos,
		     "run_timeout is %s%s, but a job may run for %s at most (max_run)",
		     conf_value_duration_text((uint64_t)pool->run_timeout_ms, timeout),
		     pool->run_timeout_ms ? "" : ", for ever",
		     conf_value_duration_text((uint64_t)pool->max_run_ms, max));
}

static void check_memory(const struct conf_job_pool *pool, const struct said *said,
			 struct messages *messages)
{
	const struct conf_pos *pos = origin(said, "memory");
	char memory[CONF_VALUE_TEXT], least[CONF_VALUE_TEXT];

	if (!pos->file || pool->memory == 0 || pool->memory >= MIN_MEMORY)
		return;
	messages_add(messages, pos,
		     "memory is %s; with less than %s of address space no process starts",
		     conf_value_size_text(pool->memory, memory),
		     conf_value_size_text(MIN_MEMORY, least));
}

static bool has_sandbox(const struct conf_jobs *jobs)
{
	for (size_t i = 0; i < jobs->n_pools; i++) {
		if (jobs->pools[i].is_sandboxed)
			return true;
	}
	return false;
}

/* What jobs: itself says may be meant for one of the pools only. */
static void check_sandbox(const struct conf_jobs *jobs, const struct conf_job_pool *pool,
			  const struct said *said, struct messages *messages)
{
	const struct conf_pos *pos = origin(said, "sandbox_paths");
	bool is_used = pool->is_sandboxed || (said->place == OPTION_JOBS && has_sandbox(jobs));

	if (pos->file && pool->n_sandbox_paths > 0 && !is_used)
		messages_add(messages, pos,
			     "sandbox_paths needs \"sandbox: true\"; without it jobs may read "
			     "everything");
}

static void check_pool(const struct conf_jobs *jobs, const struct conf_job_pool *pool,
		       const struct said *said, struct messages *messages)
{
	check_times(pool, said, messages);
	check_memory(pool, said, messages);
	check_sandbox(jobs, pool, said, messages);
}

void conf_jobs_check(struct conf *conf, struct messages *messages)
{
	struct conf_jobs *jobs = &conf->jobs;
	/* conf is still being made; its lists become read-only when it is handed out. */
	struct conf_job_pool *pools = (struct conf_job_pool *)jobs->pools;
	size_t n = jobs->n_pools;

	check_pool(jobs, &pools[0], &(struct said){ OPTION_JOBS, jobs }, messages);
	if (n > MAX_POOLS)
		messages_add(messages, &pools[MAX_POOLS].label.pos, "more than %d pools",
			     MAX_POOLS);
	jobs->n_pools = 1;
	for (size_t i = 1; i < n && i < MAX_POOLS; i++) {
		struct conf_job_pool *pool = &pools[jobs->n_pools];

		*pool = pools[i];
		check_pool(jobs, pool, &(struct said){ OPTION_POOL, pool }, messages);
		/* What others inherit says nothing about this one. */
		if (!pool->is_sandboxed)
			pool->n_sandbox_paths = 0;
		jobs->n_pools += is_name_good(jobs, pool, messages);
	}
}

const struct conf_job_pool *conf_jobs_find(const struct conf_jobs *jobs, const char *name)
{
	for (size_t i = 0; i < jobs->n_pools; i++) {
		if (strcmp(jobs->pools[i].name, name) == 0)
			return &jobs->pools[i];
	}
	return NULL;
}
