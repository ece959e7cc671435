#ifndef WEIR_PROTO_HTTP_DATE_H
#define WEIR_PROTO_HTTP_DATE_H
/* http_date.h - dates of fields (RFC 9110, section 5.6.7), read; clock_http_date() writes them. */
#include <time.h>
#include <weir/base.h>

#include "base/macro.h"

/*
 * All three forms: "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", of which
 * the century is the one that is not over 50 years ahead of now, and "Sun Nov  6 08:49:37 1994".
 * -EINVAL for anything else, and for days that there are not.
 */
MUST_USE int http_date_parse(weir_str text, time_t now, time_t *ret_when);

#endif
