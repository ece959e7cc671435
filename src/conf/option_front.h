#ifndef WEIR_CONF_OPTION_FRONT_H
#define WEIR_CONF_OPTION_FRONT_H
/* option_front.h - options about who stands before the server: proxies, hosts, and limits for addresses. */
#include "conf/option_table.h"

/* Of the file, of listeners and of routes; option_table.c goes on here behind its own. option_log.c behind it. */
extern const struct option_spec option_front_rows[];

#endif
