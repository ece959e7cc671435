#ifndef WEIR_BASE_METRICS_TEXT_H
#define WEIR_BASE_METRICS_TEXT_H
/*
 * metrics_text.h - metrics as OpenMetrics 1.0 has them, which Prometheus and
 * others scrape:
 *
 *	# TYPE weir_http_requests counter
 *	# HELP weir_http_requests Requests that were answered.
 *	weir_http_requests_total{route="/hello",code="200"} 17
 *	# EOF
 */
#include "base/macro.h"

struct buf;
struct metrics_view;

#define METRICS_TEXT_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* All of it. -ENOMEM; -EMSGSIZE beyond the buffer's limit. */
MUST_USE int metrics_text_write(struct metrics_view *view, struct buf *out);

#endif
