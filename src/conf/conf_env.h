#ifndef WEIR_CONF_CONF_ENV_H
#define WEIR_CONF_CONF_ENV_H
/*
 * conf_env.h - what the environment and the command line say, which wins over
 * the file: WEIR_NAME for every option of the top with one value, WEIR_LISTEN;
 * and, weaker, the two names that hosting platforms set: WEB_CONCURRENCY, PORT.
 */
#include "base/macro.h"
#include "conf/conf.h"

struct cli;
struct messages;

/* Options with one value. Mistakes go to messages; -ENOMEM. */
MUST_USE int conf_env_values(struct conf *conf, const struct cli *cli, struct messages *messages);
/* Listeners, instead of those conf has. */
MUST_USE int conf_env_listen(struct conf *conf, const struct cli *cli, struct messages *messages);

#endif
