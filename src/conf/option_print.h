#ifndef WEIR_CONF_OPTION_PRINT_H
#define WEIR_CONF_OPTION_PRINT_H
/*
 * option_print.h - the option table for people: `weir --help-config`, and the
 * configuration file that packages install.
 */
#include "base/buf.h"
#include "base/macro.h"

MUST_USE int option_print_help(struct buf *out);
/* Every option with its default, commented out: conf/weir.yaml. */
MUST_USE int option_print_default(struct buf *out);

#endif
