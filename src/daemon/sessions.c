/* sessions.c - see sessions.h. */
#include "daemon/sessions.h"

#include <stdlib.h>
#include <sys/random.h>

#include "app/site.h"
#include "conf/conf.h"
#include "daemon/binding.h"
#include "serve/server.h"

static int make_policies(struct sessions *sessions, struct binding *binding)
{
	sessions->policies = calloc(binding->n_routes + 1, sizeof(*sessions->policies));
	if (!sessions->policies)
		return -ENOMEM;
	for (size_t i = 0; i < binding->n_routes; i++) {
		struct route *route = &binding->routes[i];
		struct ws_policy *policy = &sessions->policies[sessions->n_policies];

		if (!route->is_websocket)
			continue;
		ws_policy_init(policy, &sessions->shared, route->name, &route->ws_limits);
		sessions->n_policies++;
		route->ws = policy;
	}
	return 0;
}

int sessions_init(struct sessions *sessions, const struct conf *conf, struct binding *binding,
		  struct server *server, struct site *site)
{
	struct siphash_key secret;
	int r;

	*sessions = (struct sessions){ .n_policies = 0 };
	if (getrandom(&secret, sizeof(secret), 0) < 0)
		secret = (struct siphash_key){ site->id_seed, ~site->id_seed };
	topics_init(&sessions->topics, &secret, conf->limits.publish_budget);
	r = ws_policy_init_shared(&sessions->shared, server->loop, server->log, &server->blocks,
				  conf->limits.send_queue_budget);
	if (r < 0)
		return r;
	site->topics = &sessions->topics;
	site->max_publication = conf->limits.max_publication;
	return make_policies(sessions, binding);
}

void sessions_done(struct sessions *sessions)
{
	for (size_t i = 0; i < sessions->n_policies; i++)
		ws_policy_done(&sessions->policies[i]);
	free(sessions->policies);
	ws_policy_done_shared(&sessions->shared);
	topics_done(&sessions->topics);
}
