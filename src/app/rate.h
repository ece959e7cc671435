#ifndef WEIR_APP_RATE_H
#define WEIR_APP_RATE_H
/*
 * rate.h - who asks too often is answered 429, and when to come back. A route has a
 * rule of its own, or that of the whole file, which all other routes share.
 */
#include <stdbool.h>

struct exchange;
struct ratelimit_rule;
struct site;

/* True: the exchange was answered, and is finished. name: the route's, for the log. */
bool rate_apply(const struct site *site, const struct ratelimit_rule *rule, struct exchange *ex,
		const char *name);

#endif
