/* ws_policy.c - see ws_policy.h. */
#include "serve/ws_policy.h"

#include <assert.h>

#include "serve/ws_session.h"

int ws_policy_init_shared(struct ws_shared *shared, struct loop *loop, const struct log *log,
			  struct block_pool *blocks, size_t queue_budget)
{
	*shared = (struct ws_shared){
		.loop = loop, .log = log, .blocks = blocks, .queue_budget = queue_budget
	};
	list_init(&shared->slow);
	return ws_tools_init(&shared->tools);
}

void ws_policy_done_shared(struct ws_shared *shared)
{
	assert(shared->n_open == 0 && list_is_empty(&shared->slow));
	ws_tools_done(&shared->tools);
}

void ws_policy_init(struct ws_policy *policy, struct ws_shared *shared, const char *name,
		    const struct ws_limits *limits)
{
	struct loop *loop = shared->loop;

	*policy = (struct ws_policy){ .limits = *limits, .name = name, .shared = shared };
	timeouts_init(&policy->pings, loop, limits->ping_interval_ms, ws_session_ping_due);
	timeouts_init(&policy->pongs, loop, limits->ping_timeout_ms, ws_session_pong_due);
	timeouts_init(&policy->closings, loop, limits->close_ms, ws_session_close_due);
	timeouts_init(&policy->idles, loop, limits->idle_ms, ws_session_idle_due);
	timeouts_init(&policy->lives, loop, limits->lifetime_ms, ws_session_life_due);
}

void ws_policy_done(struct ws_policy *policy)
{
	timeouts_done(&policy->pings);
	timeouts_done(&policy->pongs);
	timeouts_done(&policy->closings);
	timeouts_done(&policy->idles);
	timeouts_done(&policy->lives);
}
