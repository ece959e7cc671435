#ifndef WEIR_SERVE_EXCHANGE_LOG_H
#define WEIR_SERVE_EXCHANGE_LOG_H
/* exchange_log.h - a finished exchange as a line of the access log, whatever the protocol. */
#include <stdint.h>

struct access_log;
struct exchange;

void exchange_log_write(struct access_log *access_log, const struct exchange *ex, int64_t now_ms);

#endif
