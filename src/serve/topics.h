#ifndef WEIR_SERVE_TOPICS_H
#define WEIR_SERVE_TOPICS_H
/*
 * topics.h - publish and subscribe inside one worker. A topic is literal bytes,
 * and exists while it has a subscriber. A subscription to a prefix is a topic of
 * its own, which gets the publications of all topics whose names begin so, in
 * the order in which they are published.
 *
 * To other workers it goes through hooks: what is published here, and what is
 * wanted here. What they have published comes by topics_deliver().
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/base.h>

#include "base/macro.h"
#include "base/siphash.h"
#include "serve/publication.h"
#include "serve/topic_logs.h"

struct subscriber;

/* Of a topic's name, and of its scope's: names may come from clients. */
#define TOPICS_NAME_MAX 1024

struct topic_key {
	weir_str scope; /* a module's name; "": shared by all */
	weir_str name;
	bool is_prefix;
};

struct topic {
	struct topic_key key;	    /* of what follows this struct */
	struct topic_counts counts; /* since it exists */
	struct topic_log *logs;	    /* owned: one for each limit that its subscribers have */
	struct topics *topics;	    /* borrowed */
	struct topic *next;	    /* in its slot */
	struct topic *next_match;   /* topics.c's: while something is published */
	uint64_t hash;
};

/* Names of some length that is in use for prefixes. */
struct topics_prefix {
	size_t len;
	size_t n_topics;
};

/* Set by the owner after topics_init(); either may be NULL. They must not call back into topics. */
struct topics_hooks {
	/* Its first subscriber has come, or the last one has gone. */
	void (*wanted)(void *arg, const struct topic_key *key, bool is_wanted);
	/* Published here: for the other workers. */
	void (*publish_out)(void *arg, const struct publication_view *view);
	void *arg;
};

struct topics {
	struct topics_hooks hooks;
	struct topic_logs logs; /* logs.counts: of all topics, since the worker started */
	uint64_t n_lost;	/* on their way between workers, as far as it is known */
	struct topic **slots;	/* owned; a power of two, or none at first */
	size_t n_slots, n_topics;
	struct topics_prefix *prefixes; /* owned; shortest first */
	size_t n_prefixes;
	struct siphash_key secret;
};

/* budget: in bytes, of what all logs hold; 0: none. */
void topics_init(struct topics *topics, const struct siphash_key *secret, size_t budget);
/* Those still subscribed are no more; no hook is called. */
void topics_done(struct topics *topics);

/* How far a subscriber may fall behind. */
struct topics_limit {
	uint32_t queue;	   /* in publications; at least 1 */
	bool ends_if_slow; /* beyond it; else it loses the oldest */
};

/*
 * From the next publication on. s is subscribed to nothing. -EMSGSIZE: a name
 * is too long; -ENOMEM.
 */
MUST_USE int topics_subscribe(struct topics *topics, struct subscriber *s,
			      const struct topic_key *key, const struct topics_limit *limit);
/*
 * From now on s is ended when it is too slow, as with ends_if_slow. Only for
 * one that has taken all there is: else nothing changes. -ENOMEM.
 */
MUST_USE int topics_end_if_slow(struct subscriber *s);
/* What it has not taken is not for it any more. Harmless if it is not subscribed. */
void topics_unsubscribe(struct subscriber *s);

/*
 * To all subscribers here, and out to the other workers. view.published_ms is
 * the caller's to fill. ready() of those who had caught up is called before this
 * returns, unless it is called from within a ready(): then afterwards. -EMSGSIZE:
 * a name is too long; -ENOMEM: nobody has got it.
 */
MUST_USE int topics_publish(struct topics *topics, const struct publication_view *view);
/* The same for what another worker has published: it does not go out. */
MUST_USE int topics_deliver(struct topics *topics, const struct publication_view *view);

/* So many publications of other workers will never come, or of ours never get there. */
void topics_note_lost(struct topics *topics, uint64_t n);

/* For looking at all: the one behind topic, the first for NULL; NULL: that was the last one. */
struct topic *topics_next(const struct topics *topics, const struct topic *topic);

#endif
