#ifndef WEIR_APP_REQUEST_IDS_H
#define WEIR_APP_REQUEST_IDS_H
/*
 * request_ids.h - by which names others know a request: X-Request-Id, and the trace
 * that it belongs to (proto/traceparent). Taken from whom the operator trusts.
 */
#include <weir/base.h>

struct req;

/* site->ids is not SITE_IDS_MADE, and the scope has its fields: takes what they say. */
void request_ids_take(struct req *req);
/* It has a trace: the trace's id. */
weir_str request_ids_trace(const struct req *req);

/* " [id]", or nothing where the log shall not have it. */
#define REQUEST_IDS_LOG_MAX 136
const char *request_ids_for_log(const struct req *req, char text[REQUEST_IDS_LOG_MAX]);
/* The same where there is no request; nothing for an empty id. */
void request_ids_words(weir_str id, char ret_text[REQUEST_IDS_LOG_MAX]);

#endif
