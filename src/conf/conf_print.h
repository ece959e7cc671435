#ifndef WEIR_CONF_CONF_PRINT_H
#define WEIR_CONF_CONF_PRINT_H
/*
 * conf_print.h - a configuration as a configuration file: `weir -T`. Read again, from
 * any directory and without any variable, it is the same configuration.
 */
#include <stdbool.h>

#include "base/buf.h"
#include "base/macro.h"

struct conf;

/* has_origins: behind each value a comment on where it is from. -ENOMEM. */
MUST_USE int conf_print(const struct conf *conf, bool has_origins, struct buf *out);

#endif
