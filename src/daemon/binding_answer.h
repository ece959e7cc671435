#ifndef WEIR_DAEMON_BINDING_ANSWER_H
#define WEIR_DAEMON_BINDING_ANSWER_H
/* binding_answer.h - what a route's mapping says to the handler that it stands for (app/builtin.h). */
#include "base/macro.h"

struct builtin_settings;
struct conf_route;
struct messages;
struct mime;

/* What answers share: all NULL at first. */
struct binding_shared {
	struct mime *mime; /* owned */
};
void binding_answer_done(struct binding_shared *shared);

/*
 * *ret_settings stays as it is where the route has a handler that needs none; else they are
 * the caller's to free before shared, and borrow from the route. Problems go to messages. -ENOMEM.
 */
MUST_USE int binding_answer(const struct conf_route *route, struct binding_shared *shared,
			    struct messages *messages, struct builtin_settings **ret_settings);

#endif
