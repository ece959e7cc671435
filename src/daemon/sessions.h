#ifndef WEIR_DAEMON_SESSIONS_H
#define WEIR_DAEMON_SESSIONS_H
/*
 * sessions.h - what a worker has for its WebSockets and for publishing: the
 * tools that sessions share, a policy for each route, and the topics.
 */
#include "base/macro.h"
#include "serve/topics.h"
#include "serve/ws_policy.h"

struct binding;
struct conf;
struct server;
struct site;

struct sessions {
	struct ws_shared shared;
	struct topics topics;
	struct ws_policy *policies; /* owned: one for each route of WebSockets */
	size_t n_policies;
};

/* Routes and site get what they need of it; server is initialised. -ENOMEM. */
MUST_USE int sessions_init(struct sessions *sessions, const struct conf *conf,
			   struct binding *binding, struct server *server, struct site *site);
/* All sessions are over, and nobody is subscribed. */
void sessions_done(struct sessions *sessions);

#endif
