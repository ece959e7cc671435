#ifndef WEIR_CONF_OPTION_STATIC_H
#define WEIR_CONF_OPTION_STATIC_H
/*
 * option_static.h - what may be said of routes that need no module: rows for
 * option_table.h, the last without a name.
 */
#include "conf/option_table.h"

extern const struct option_spec option_static_rows[];

#endif
