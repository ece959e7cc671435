#ifndef WEIR_DAEMON_OPTION_STATIC_H
#define WEIR_DAEMON_OPTION_STATIC_H
/*
 * option_static.h - what may be said of routes that need no module: rows for
 * option_table.h, the last without a name.
 */
#include "daemon/option_table.h"

extern const struct option_spec option_static_rows[];

#endif
