#ifndef WEIR_CONF_OPTION_JOBS_H
#define WEIR_CONF_OPTION_JOBS_H
/* option_jobs.h - the rows of the option table for jobs and their pools: for option_table.c only. */
#include "conf/option_table.h"

/* Of OPTION_JOBS and OPTION_POOL; the last has no name. */
extern const struct option_spec option_jobs_rows[];

#endif
