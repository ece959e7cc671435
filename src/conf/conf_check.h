#ifndef WEIR_CONF_CONF_CHECK_H
#define WEIR_CONF_CONF_CHECK_H
/*
 * conf_check.h - what is wrong between the parts of a configuration, each of
 * which is right by itself: two listeners on one address, a route that is
 * there twice, a handler in a module that is not listed.
 */
#include "base/macro.h"

struct conf;
struct messages;

/*
 * Mistakes go to messages; listeners, modules and routes that have one are
 * taken out of conf, so that whoever looks further does not find them again.
 * -ENOMEM.
 */
MUST_USE int conf_check(struct conf *conf, struct messages *messages);

#endif
