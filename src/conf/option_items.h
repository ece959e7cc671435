#ifndef WEIR_CONF_OPTION_ITEMS_H
#define WEIR_CONF_OPTION_ITEMS_H
/* option_items.h - the rows of the option table for what lists hold: for option_table.c only. */
#include "conf/option_table.h"

/* Of OPTION_LISTEN, OPTION_MODULE and OPTION_ROUTE; the last has no name. */
extern const struct option_spec option_items_rows[];

/* Of slow_client, which the whole file may say as well. */
extern const struct option_choice option_items_slow_clients[];

#endif
