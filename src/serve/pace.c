/*
 * pace.c - see pace.h. Who takes an answer is looked at every second: the kernel
 * speaks up only when a third of its queue is free, with some clients after
 * minutes. Who sends a body speaks for itself, with each byte.
 */
#include "serve/pace.h"

#define LOOK_MS 1000

void pace_init(struct pace *pace, struct loop *loop, const struct pace_limits *limits,
	       void (*expire)(struct timeout *timeout), void (*look)(struct timeout *timeout))
{
	bool is_short = limits->send_ms > 0 && limits->send_ms < LOOK_MS;

	*pace = (struct pace){ .limits = *limits };
	timeouts_init(&pace->bodies, loop, limits->body_ms, expire);
	timeouts_init(&pace->looks, loop, is_short ? limits->send_ms : LOOK_MS, look);
}

void pace_done(struct pace *pace)
{
	timeouts_done(&pace->bodies);
	timeouts_done(&pace->looks);
}

bool pace_has_limits(const struct pace *pace, const struct pace_limits *limits)
{
	return pace->limits.body_ms == limits->body_ms && pace->limits.send_ms == limits->send_ms &&
	       pace->limits.min_rate == limits->min_rate &&
	       pace->limits.average_ms == limits->average_ms;
}

bool pace_is_too_slow(const struct pace *pace, uint64_t bytes, int64_t waited_ms)
{
	uint64_t min_rate = pace->limits.min_rate;

	if (min_rate == 0 || waited_ms < 1 || waited_ms < pace->limits.average_ms)
		return false;
	/* Bytes by seconds, so that no product can be too large for its type. */
	return bytes / (uint64_t)waited_ms * 1000 + bytes % (uint64_t)waited_ms * 1000 / waited_ms <
	       min_rate;
}
