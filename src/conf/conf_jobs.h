#ifndef WEIR_CONF_CONF_JOBS_H
#define WEIR_CONF_CONF_JOBS_H
/* conf_jobs.h - the pools of job processes: which there are, and whether they make sense. */
#include "base/macro.h"

struct conf;
struct conf_job_pool;
struct conf_jobs;
struct messages;

/* Puts the default pool before those that were read. -ENOMEM. */
MUST_USE int conf_jobs_set_pools(struct conf *conf);

/* What is wrong goes to messages; a pool that is of no use is taken out. */
void conf_jobs_check(struct conf *conf, struct messages *messages);

/* The pool of this name; NULL. */
const struct conf_job_pool *conf_jobs_find(const struct conf_jobs *jobs, const char *name);

#endif
