/* worker_limits.c - see worker_limits.h. */
#include "daemon/worker_limits.h"

#include <stddef.h>

#include "conf/conf.h"
#include "daemon/binding.h"
#include "daemon/front.h"

struct server_limits worker_limits_of(const struct conf *conf)
{
	const struct conf_limits *limits = &conf->limits;

	return (struct server_limits){
		.head = { .max_head = limits->max_head,
			  .max_target = limits->max_target,
			  .max_fields = limits->max_fields },
		.request_memory = limits->request_memory,
		.high_water = limits->high_water,
		.memory_budget = limits->memory_budget,
		.max_connections = front_max_connections(conf),
		.handshake_ms = limits->handshake_timeout_ms,
		.header_ms = limits->header_timeout_ms,
		.keep_alive_ms = limits->keep_alive_ms,
		.pace = { .body_ms = limits->body_timeout_ms,
			  .send_ms = limits->send_timeout_ms,
			  .min_rate = limits->min_rate,
			  .average_ms = limits->min_rate_after_ms },
	};
}

int worker_limits_set_paces(struct server *server, const struct conf *conf, struct binding *b)
{
	for (size_t i = 0; i < b->n_routes; i++) {
		struct route *route = &b->routes[i];
		int r;

		route->pace_limits.average_ms = conf->limits.min_rate_after_ms;
		r = server_pace(server, &route->pace_limits, &route->pace);
		if (r < 0)
			return r;
		if (route->pace == &server->pace)
			route->pace = NULL; /* what a request begins with */
	}
	return 0;
}
