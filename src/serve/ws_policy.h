#ifndef WEIR_SERVE_WS_POLICY_H
#define WEIR_SERVE_WS_POLICY_H
/*
 * ws_policy.h - what a route allows its WebSocket sessions, and what all
 * sessions of a worker share.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/list.h"
#include "base/macro.h"
#include "io/timeouts.h"
#include "proto/ws_deflate.h"
#include "proto/ws_tools.h"

struct block_pool;
struct log;
struct loop;

/* What becomes of messages for a client that is slower than they are. */
enum ws_slow {
	WS_SLOW_WAIT,	     /* who sends them waits */
	WS_SLOW_DROP_OLDEST, /* the oldest that wait are dropped */
	WS_SLOW_CLOSE,	     /* the session is closed with 1013 */
};

/* Sizes in bytes, times in milliseconds; a time of 0 turns its limit off. */
struct ws_limits {
	uint64_t max_message;	  /* of one that is received whole, inflated */
	int64_t ping_interval_ms; /* without any byte, until a ping */
	int64_t ping_timeout_ms;  /* without any byte behind that ping, until it is dead */
	int64_t idle_ms;	  /* without any message, either way */
	int64_t lifetime_ms;
	int64_t close_ms; /* for the peer's half of the closing handshake */
	enum ws_slow slow;
	size_t queue_bytes; /* of messages that wait, but for WS_SLOW_WAIT */
	int64_t queue_ms;   /* how long they may */
	bool has_deflate;
	struct ws_deflate_config deflate;
	size_t deflate_min; /* shorter messages go uncompressed */
};

/* Of whole messages, as they were sent and not as they were compressed. */
struct ws_counts {
	uint64_t n_in, n_out;
	uint64_t bytes_in, bytes_out;
};

static inline void ws_policy_count(struct ws_counts *counts, bool is_in, bool is_first, size_t len)
{
	if (is_in) {
		counts->n_in += is_first;
		counts->bytes_in += len;
	} else {
		counts->n_out += is_first;
		counts->bytes_out += len;
	}
}

/* A worker's. */
struct ws_shared {
	struct loop *loop;	   /* borrowed */
	const struct log *log;	   /* borrowed */
	struct block_pool *blocks; /* borrowed: the server's */
	struct ws_tools tools;
	struct list slow;    /* sessions' outboxes with messages */
	size_t queued;	     /* bytes in them */
	size_t queue_budget; /* beyond it, the one with most pays; 0: none */

	unsigned n_open;
	uint64_t n_opened;
	struct ws_counts counts;	/* of all its sessions */
	uint64_t n_dropped;		/* messages, for slow clients */
	uint64_t n_faults[FAULT_COUNT]; /* sessions ended for each */
};

struct ws_policy {
	struct ws_limits limits;
	const char *name;	  /* the route's handler, for logs; borrowed */
	struct ws_shared *shared; /* borrowed */
	/* sessions that wait for the end of such a time */
	struct timeouts pings, pongs, closings, idles, lives;
};

/* -ENOMEM. */
MUST_USE int ws_policy_init_shared(struct ws_shared *shared, struct loop *loop,
				   const struct log *log, struct block_pool *blocks,
				   size_t queue_budget);
/* All sessions must be over. */
void ws_policy_done_shared(struct ws_shared *shared);

void ws_policy_init(struct ws_policy *policy, struct ws_shared *shared, const char *name,
		    const struct ws_limits *limits);
void ws_policy_done(struct ws_policy *policy);

#endif
