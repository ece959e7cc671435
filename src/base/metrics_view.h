#ifndef WEIR_BASE_METRICS_VIEW_H
#define WEIR_BASE_METRICS_VIEW_H
/*
 * metrics_view.h - what all processes have counted, summed: the families by
 * name, each with its series. A copy: nothing changes while it is looked at.
 * Numbers that lie elsewhere can be added before it is.
 */
#include <stdint.h>
#include <weir/base.h>

#include "base/macro.h"
#include "base/metrics.h"

struct histogram;

struct metrics_series {
	weir_str labels; /* route="/hello",code="200" */
	struct metrics_series *next;
	uint64_t words[]; /* see enum metric_type */
};

struct metrics_group {
	enum metric_type type;
	weir_str name, unit, help;
	const double *bounds;
	unsigned n_bounds;
	struct metrics_series *first, *last;
	struct metrics_group *next;
};

struct metrics_view;

/* NULL memory: of nobody yet. -ENOMEM. */
MUST_USE int metrics_view_new(const struct metrics_memory *memory, struct metrics_view **ret_view);
struct metrics_view *metrics_view_free(struct metrics_view *view);
DEFINE_CLEANUP(struct metrics_view, metrics_view_free)

/* The first of the groups, in the order of their names. */
const struct metrics_group *metrics_view_groups(struct metrics_view *view);
/* NULL: there is none. */
const struct metrics_group *metrics_view_find(const struct metrics_view *view, weir_str name);
/* Of all its series: a counter's or gauge's number, of a histogram how many; 0: there is none. */
double metrics_view_total(const struct metrics_view *view, weir_str name);
/* How many a histogram has counted. */
uint64_t metrics_view_count(const struct metrics_group *group, const struct metrics_series *series);

/* One more series, or more of one. For a counter or a gauge; value is whole for a counter. -ENOMEM. */
MUST_USE int metrics_view_add(struct metrics_view *view, const struct metric_def *def,
			      weir_str labels, double value);
/* For a histogram whose bounds are those of base/histogram, in seconds: def's are not looked at. */
MUST_USE int metrics_view_add_histogram(struct metrics_view *view, const struct metric_def *def,
					weir_str labels, const struct histogram *histogram);

#endif
