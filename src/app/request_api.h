#ifndef WEIR_APP_REQUEST_API_H
#define WEIR_APP_REQUEST_API_H
/* request_api.h - what response_api.c shares with request_api.c; the rest is weir/http.h. */
#include <stdarg.h>
#include <weir/http.h>

/* weir_printf() with a va_list. */
weir_str request_api_vprintf(weir_req *req, const char *fmt, va_list ap) WEIR_PRINTF(2, 0);

#endif
