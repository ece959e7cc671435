#ifndef WEIR_APP_METRICS_API_H
#define WEIR_APP_METRICS_API_H
/* metrics_api.h - weir/metrics.h: what modules count, in the worker's metrics (base/metrics). */

struct metrics_api_family;

/* All that a module has made. */
void metrics_api_free(struct metrics_api_family *first);

#endif
