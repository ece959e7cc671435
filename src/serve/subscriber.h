#ifndef WEIR_SERVE_SUBSCRIBER_H
#define WEIR_SERVE_SUBSCRIBER_H
/*
 * subscriber.h - one that gets the publications of a topic: a cursor into its log.
 * Embedded in whoever wants them; topics_subscribe() makes it one.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/macro.h"
#include "serve/topic_logs.h"

struct publication;
struct topic;

struct subscriber {
	struct topic_log *log; /* borrowed; NULL: not subscribed */
	/*
	 * There is something to take after there was nothing, or s was ended. Not
	 * called again before the last one is taken, or subscriber_next() has said NULL:
	 * sixteen publications at once are one call.
	 * Everything is allowed in it, with s and with others, but topics_done(); a
	 * publication from there goes behind those that are there.
	 */
	void (*ready)(struct subscriber *s);
	struct list link; /* the log's: what it knows */
	uint64_t cursor;  /* the number of the publication to take next, or TOPIC_LOG_ENDED */
	uint64_t lost;	  /* up to the cursor */
};

void subscriber_init(struct subscriber *s, void (*ready)(struct subscriber *s));

/*
 * The next publication, with a reference for the caller to drop. NULL: there is
 * none now, or never again (subscriber_is_ended()). After ready() it may say
 * NULL at once: what came has been taken before, or went when the budget for all
 * logs was used up.
 */
MUST_USE static inline struct publication *subscriber_next(struct subscriber *s)
{
	if (!s->log || s->cursor >= s->log->end)
		return NULL;
	return topic_log_take(s->log, s);
}

static inline bool subscriber_is_ended(const struct subscriber *s)
{
	return s->cursor == TOPIC_LOG_ENDED;
}

/* How many publications it was too slow for, since it subscribed. Still there when it is ended. */
uint64_t subscriber_lost(const struct subscriber *s);

/* What it is subscribed to; NULL: nothing. */
struct topic *subscriber_topic(const struct subscriber *s);

#endif
