#ifndef WEIR_DAEMON_WORKER_LIMITS_H
#define WEIR_DAEMON_WORKER_LIMITS_H
/* worker_limits.h - what the configuration says of limits, for a worker's server and its routes. */
#include "base/macro.h"
#include "serve/server.h"

struct binding;
struct conf;

struct server_limits worker_limits_of(const struct conf *conf);
/* What routes say about the pace of their clients. -ENOMEM. */
MUST_USE int worker_limits_set_paces(struct server *server, const struct conf *conf,
				     struct binding *binding);

#endif
