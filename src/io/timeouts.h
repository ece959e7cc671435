#ifndef WEIR_IO_TIMEOUTS_H
#define WEIR_IO_TIMEOUTS_H
/*
 * timeouts.h - many things that expire after the same time. Because the time
 * is the same for all, the list is in order of expiry when each is put at the
 * tail as it is touched: no heap, no re-arming, a handful of instructions.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "io/loop.h"

/* Embedded in what may expire. */
struct timeout {
	struct list link;
	int64_t at_ms;
};

struct timeouts {
	struct loop *loop; /* borrowed */
	int64_t after_ms;  /* 0: nothing ever expires */
	void (*expire)(struct timeout *timeout);
	struct list entries; /* soonest first */
	struct timer
		timer; /* armed for an entry that was the head once, or for nobody: never late */
};

/* expire is called with the entry stopped; it may free it, and start and stop any other. */
void timeouts_init(struct timeouts *timeouts, struct loop *loop, int64_t after_ms,
		   void (*expire)(struct timeout *timeout));
/* The entries still in the list are forgotten, not expired. */
void timeouts_done(struct timeouts *timeouts);

static inline void timeout_init(struct timeout *timeout)
{
	list_init(&timeout->link);
}

/* to stands where from stood, which is in no list then: its owner has moved. */
static inline void timeout_move(struct timeout *to, struct timeout *from)
{
	to->at_ms = from->at_ms;
	list_replace(&from->link, &to->link);
}

static inline bool timeout_is_active(const struct timeout *timeout)
{
	return !list_is_empty(&timeout->link);
}

void timeouts_arm(struct timeouts *timeouts);

/* Starts it, or starts it anew: it expires after_ms from this turn. */
static inline void timeouts_touch(struct timeouts *timeouts, struct timeout *timeout)
{
	if (timeouts->after_ms == 0) {
		list_del(&timeout->link); /* it may wait in another list, for what is over */
		return;
	}
	timeout->at_ms = loop_now_ms(timeouts->loop) + timeouts->after_ms;
	list_move_tail(&timeouts->entries, &timeout->link);
	if (!timer_is_active(&timeouts->timer))
		timeouts_arm(timeouts);
}

/*
 * Was it started in these a moment ago, a 64th of their time? Who need not be that
 * exact spares the neighbours in the list, which lie wherever they lie, for each sign of
 * life. An entry that was not started at all is not fresh.
 */
static inline bool timeouts_is_fresh(const struct timeouts *timeouts, const struct timeout *timeout)
{
	int64_t age_ms = loop_now_ms(timeouts->loop) + timeouts->after_ms - timeout->at_ms;

	return timeout_is_active(timeout) && age_ms < timeouts->after_ms / 64;
}

static inline void timeouts_stop(struct timeout *timeout)
{
	list_del(&timeout->link);
}

#endif
