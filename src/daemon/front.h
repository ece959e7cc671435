#ifndef WEIR_DAEMON_FRONT_H
#define WEIR_DAEMON_FRONT_H
/*
 * front.h - what stands before the handlers and belongs to all workers: how many
 * connections there are and from where, and who has asked how often. A limit of the
 * configuration is the daemon's; so this is memory that they share. And what only
 * descriptors limit: how many connections a worker can have.
 */
#include "base/macro.h"
#include "serve/headcount.h"
#include "serve/ratelimit.h"

struct conf;
struct log;

struct front {
	struct headcount headcount;
	struct ratelimit rates;
};

/* Before anything is forked; descriptors have been raised. -ENOMEM. */
MUST_USE int front_init(struct front *front, const struct conf *conf);
/* Zeroed is fine. */
void front_done(struct front *front);

/* How many connections there may be, and why. */
void front_describe(const struct conf *conf, const struct log *log);

/* Of one worker, whatever the others have. */
unsigned front_max_connections(const struct conf *conf);

/* In a worker: it counts, with the limits of its configuration. */
void front_join(struct front *front, const struct conf *conf, const struct log *log);

#endif
