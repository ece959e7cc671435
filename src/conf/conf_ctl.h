#ifndef WEIR_CONF_CONF_CTL_H
#define WEIR_CONF_CONF_CTL_H
/* conf_ctl.h - what is said of health: and control:, whether it makes sense. */
#include "base/macro.h"

struct conf;
struct messages;

/* What is wrong goes to messages, and what is then of no use is turned off. -ENOMEM. */
MUST_USE int conf_ctl_check(struct conf *conf, struct messages *messages);

#endif
