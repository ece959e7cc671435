#ifndef WEIR_DAEMON_BINDING_H
#define WEIR_DAEMON_BINDING_H
/*
 * binding.h - the configuration's names turned into functions: modules opened,
 * handlers and middleware found, routes put into a router. Done in a worker,
 * and in a child process for a check (daemon/binding_check); never in the
 * master, which loads no module.
 */
#include <stddef.h>

#include "app/site.h"
#include "base/macro.h"
#include "daemon/binding_answer.h"

struct conf;
struct hosts;
struct log;
struct messages;
struct ratelimit_rule;
struct router;
struct weir_app;

struct binding {
	struct weir_app **apps; /* owned, in the order of the configuration */
	size_t n_apps;
	struct route *routes; /* owned */
	size_t n_routes;
	weir_io *layers; /* owned: each route's chain of middleware */
	size_t n_layers;
	struct binding_shared shared;
	char **names;	       /* owned: of the routes that no file names */
	struct hosts *hosts;   /* owned: routers by host */
	struct router *router; /* borrowed: the only one, where no route names a host; else NULL */
	struct ratelimit_rule *rates; /* owned */
	const struct ratelimit_rule
		*stray; /* borrowed: of requests without a rule of their own; NULL */
};

/*
 * All problems go to messages; then -EINVAL. conf and log are borrowed for the
 * binding's life. -ENOMEM.
 */
MUST_USE int binding_new(const struct conf *conf, const struct log *log, struct messages *messages,
			 struct binding **ret_binding);
struct binding *binding_free(struct binding *b);
DEFINE_CLEANUP(struct binding, binding_free)

#endif
