#ifndef WEIR_APP_STATUS_PAGE_H
#define WEIR_APP_STATUS_PAGE_H
/*
 * status_page.h - weir.status: a page that shows how the daemon is, and, on the
 * same path, the sessions in which such pages hear it, once a second. What they
 * hear is site.status.
 */
#include <weir/http.h>

/* A weir_handler, of sessions and of requests. 404 where there is nothing to be shown. */
int status_page(weir_req *req);

#endif
