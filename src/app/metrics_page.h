#ifndef WEIR_APP_METRICS_PAGE_H
#define WEIR_APP_METRICS_PAGE_H
/* metrics_page.h - weir.metrics: what all processes have counted, as OpenMetrics text. */
#include <weir/http.h>

/* A weir_handler. 404 where nobody counts. */
int metrics_page(weir_req *req);

#endif
