#ifndef WEIR_CONF_CONF_FRONT_H
#define WEIR_CONF_CONF_FRONT_H
/* conf_front.h - proxies that are trusted, and hosts of routes: whether they are some. */
#include <stdbool.h>

#include "base/macro.h"

struct conf;
struct conf_route;
struct messages;

/* Addresses as values. What is wrong goes to messages, and is left out. -ENOMEM. */
MUST_USE int conf_front_check(struct conf *conf, struct messages *messages);

/* Brings its host, if it has one, to the spelling that is compared. 1; 0: it is none, which was said; -ENOMEM. */
MUST_USE int conf_front_spell(struct conf *conf, struct conf_route *route,
			      struct messages *messages);

/* Has the route a rate limit of its own, or none, instead of the one for all others? */
bool conf_front_has_own_rate(const struct conf_route *route);

#endif
