#ifndef WEIR_DAEMON_STATUS_JSON_H
#define WEIR_DAEMON_STATUS_JSON_H
/*
 * status_json.h - what the status page is told each second: numbers that all
 * workers have counted since they began, from which the page makes rates and
 * quantiles of the last seconds, by taking the last ones away.
 */
#include <stddef.h>
#include <stdint.h>
#include <weir/base.h>

#include "base/macro.h"
#include "daemon/health.h"

struct buf;
struct conf;
struct job_counts;
struct metrics_memory;
struct metrics_view;

/* What a worker has said of its tasks. */
struct status_json_tasks {
	int64_t at_ms; /* the monotonic clock; 0: it has said nothing */
	weir_str json; /* slow_tasks_write()'s */
};

/* All borrowed. */
struct status_json_of {
	struct health_view view;
	const struct metrics_memory *memory;
	const struct metrics_view *sums;
	const struct conf *conf;	       /* for the names of the pools */
	const struct job_counts *jobs;	       /* NULL: nobody counts them */
	unsigned slot;			       /* who writes */
	int64_t now_us;			       /* the monotonic clock */
	const struct status_json_tasks *tasks; /* of each row of the board */
};

/* Appends. -ENOMEM. */
MUST_USE int status_json_write(const struct status_json_of *of, struct buf *out);

#endif
