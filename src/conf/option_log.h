#ifndef WEIR_CONF_OPTION_LOG_H
#define WEIR_CONF_OPTION_LOG_H
/* option_log.h - options about what is written down and counted: logs, metrics, and the names of requests. */
#include "conf/option_table.h"

/* Behind option_front.c's; ends with name NULL. */
extern const struct option_spec option_log_rows[];

#endif
