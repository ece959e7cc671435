#ifndef WEIR_DAEMON_FAREWELL_H
#define WEIR_DAEMON_FAREWELL_H
/*
 * farewell.h - how a worker that is replaced asks those to go who would stay for ever:
 * WebSockets and streams of events. Not all at once, since all of them come back, to the
 * workers that have just started.
 */
#include <stdint.h>

#include "io/loop.h"

struct server;
struct site;

struct farewell {
	struct loop *loop;	   /* borrowed */
	struct server *server;	   /* borrowed: whose tunnels */
	struct site *site;	   /* borrowed: whose streams */
	int64_t streams_until_ms;  /* all of them have been asked */
	int64_t sessions_from_ms;  /* until then they may stay */
	int64_t sessions_until_ms; /* all of them have been asked */
	struct timer timer;
};

void farewell_init(struct farewell *farewell, struct loop *loop, struct server *server,
		   struct site *site);
/* Streams are asked within spread_ms; sessions may stay for grace_ms before that. */
void farewell_begin(struct farewell *farewell, int64_t grace_ms, int64_t spread_ms);
/* Nobody is asked any more. Zeroed is fine. */
void farewell_end(struct farewell *farewell);

#endif
