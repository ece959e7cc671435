#ifndef WEIR_DAEMON_CRASH_LIMIT_H
#define WEIR_DAEMON_CRASH_LIMIT_H
/*
 * crash_limit.h - the master's count of which route's handlers have taken their
 * worker with them. One that does so too often is closed: all workers answer it
 * 503, so that it costs nobody else a connection. Those forked later find it
 * in what they inherit; the others are told. It stays closed as long as this
 * configuration is the one that is served.
 *
 * A route is known by its place in the binding, which is the same in all workers
 * of one configuration.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"

struct crash_note;
struct log;
struct worker_slot;

/* Crashes that are remembered: of the oldest nothing is known, if there are more in a window. */
#define CRASH_LIMIT_EVENTS 256

struct crash_event {
	uint32_t route;
	int64_t at_ms;
};

struct crash_limit {
	const struct log *log; /* borrowed */
	unsigned limit;	       /* 0: no route is ever closed */
	int64_t window_ms;
	struct crash_event *events; /* owned: a ring; NULL before the first */
	size_t n_events;	    /* since it began */
	uint32_t *closed;	    /* owned: routes, in the order in which they were */
	size_t n_closed;
};

void crash_limit_init(struct crash_limit *c, const struct log *log, unsigned limit,
		      int64_t window_ms);
/* Zeroed is fine. */
void crash_limit_done(struct crash_limit *c);

/*
 * A worker is dead, and this is its note, or NULL. If a handler of a route took it with it, that
 * counts, and the log is told when it was one time too many.
 */
void crash_limit_died(struct crash_limit *c, const struct crash_note *note, int64_t now_ms);
/* The same for a route, with words for people. True: from now on it is closed. */
bool crash_limit_count(struct crash_limit *c, uint32_t route, int64_t now_ms);

/*
 * Tells workers of that generation what they do not know. Who cannot be told now, because its
 * socket is full, is when this is called again.
 */
void crash_limit_tell(const struct crash_limit *c, struct worker_slot *slots, unsigned n_slots,
		      unsigned generation);

#endif
