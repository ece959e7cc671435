#ifndef WEIR_CONF_CONF_READ_H
#define WEIR_CONF_CONF_READ_H
/*
 * conf_read.h - a file's tree into struct conf, by the option table. What is
 * wrong goes to messages and is left out of conf; reading goes on. The only
 * error is -ENOMEM.
 *
 * In two steps, because routes inherit what the environment and the command
 * line may still change.
 */
#include "base/macro.h"
#include "conf/conf.h"
#include "conf/option_table.h"

struct conf_node;
struct messages;

/* Defaults of all options of that place, those inherited from conf included. */
MUST_USE int conf_read_defaults(struct conf *conf, enum option_place place, void *base);
/* Options of the top with one value; also says which keys are not known. */
MUST_USE int conf_read_values(struct conf *conf, const struct conf_node *root,
			      struct messages *messages);
/* The others: listeners, modules, routes. */
MUST_USE int conf_read_lists(struct conf *conf, const struct conf_node *root,
			     struct messages *messages);

#endif
