#ifndef WEIR_SERVE_TOPIC_LOGS_H
#define WEIR_SERVE_TOPIC_LOGS_H
/*
 * topic_logs.h - the last publications of a topic, for subscribers that may all
 * fall behind equally far. Everybody stands somewhere in it:
 *
 *	   first                            end
 *	+---------+---------+---------+ - - - - +
 *	| 7: s t  | 8:      | 9: u    |   v w   |
 *	+---------+---------+---------+ - - - - +
 *
 * A publication is kept until nobody stands at it or before it; how many do is
 * counted at each. With a new one all who stood at the end stand at it, and those
 * of them who wait for it are told. Beyond the length of the queue the first one goes:
 * who stood there stands at the next, or is ended. No cursor is touched for any of
 * that: one that is older than first has lost what is between, and stands at first.
 *
 * Made by topics (serve/topics), where the API is. subscriber.h has what a
 * subscriber sees.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/macro.h"

struct publication;
struct subscriber;
struct topic;

struct topic_counts {
	uint64_t published; /* publications, whoever got them */
	uint64_t delivered; /* taken by a subscriber, each of them counted */
	uint64_t dropped;   /* that a subscriber was too slow for, each of them counted */
};

/* log2 of a log's bytes: those of one list are about equally large. */
#define TOPIC_LOG_SIZES 64

/* What the logs of a worker have in common. */
struct topic_logs {
	size_t bytes;	     /* of their rings, and of each publication once */
	size_t budget;	     /* for them; 0: none */
	uint64_t sizes_used; /* a bit for each list below that is not empty */
	struct list by_size[TOPIC_LOG_SIZES];
	struct list waking; /* logs that have somebody to tell */
	bool is_waking;	    /* and that is being done */
	struct topic_counts counts;
};

/* One publication, in the ring. */
struct topic_log_place {
	struct publication *publication; /* owned */
	size_t n_standing;		 /* subscribers that take it next */
};

struct topic_log {
	struct topic_logs *logs;     /* borrowed */
	struct topic *topic;	     /* borrowed: whose log it is */
	struct topic_counts *counts; /* borrowed: that topic's */
	struct topic_log *next;	     /* the topic's: with another limit */
	uint32_t queue;		     /* the most publications it holds */
	bool ends_if_slow;
	uint64_t first, end; /* numbers of publications: the oldest, and the next to come */
	struct topic_log_place *ring; /* owned; NULL when there is nothing in it */
	size_t n_places;	      /* of the ring: a power of two, or 0 */
	size_t n_at_end;	      /* subscribers that have taken all there is */
	/* Each subscriber is on one of two lists. */
	struct list waiting;  /* those that have taken all, and know it */
	struct list informed; /* the others, and the ended; told in this order */
	struct list *untold;  /* the first there that is still to be told; informed itself: none */
	struct list waking;   /* in logs->waking, if there is one */
	size_t n_subscribers; /* with the ended ones */
	size_t bytes;	      /* of the ring and all publications in it */
	struct list by_size;  /* in logs->by_size, if there are bytes */
};

void topic_logs_init(struct topic_logs *logs, size_t budget);
/* Over budget, the largest log loses its oldest, until it fits. */
void topic_logs_fit(struct topic_logs *logs);
/*
 * Tells those for whom something has come. Called from within ready(), it does
 * nothing: the call further up will come to them too.
 */
void topic_logs_wake(struct topic_logs *logs);

struct topic_log *topic_log_new(struct topic_logs *logs, uint32_t queue, bool ends_if_slow);
/* Those still subscribed are no more. Returns NULL. */
struct topic_log *topic_log_free(struct topic_log *log);

void topic_log_join(struct topic_log *log, struct subscriber *s);
void topic_log_leave(struct topic_log *log, struct subscriber *s);

/* Room for a publication, so that topic_log_append() cannot fail. -ENOMEM. */
MUST_USE int topic_log_reserve(struct topic_log *log);
/* It is not needed after all. */
void topic_log_unreserve(struct topic_log *log);
/* Takes a reference of its own. Nobody is told yet, and the budget not looked at. */
void topic_log_append(struct topic_log *log, struct publication *p);

/* The cursor of a subscriber that was too slow. */
#define TOPIC_LOG_ENDED UINT64_MAX

/* For one whose cursor is older than end. With a reference for the caller; NULL: there is none. */
struct publication *topic_log_take(struct topic_log *log, struct subscriber *s);

#endif
