#ifndef WEIR_TESTS_H1_FEED_H
#define WEIR_TESTS_H1_FEED_H
/*
 * h1_feed.h - a connection without a socket: feeds bytes to h1_read in pieces
 * and writes down, as text, everything that came out. Two ways of cutting the
 * same bytes must give the same text.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/base.h>

#include "proto/h1_guard.h"

struct h1_feed {
	struct h1_limits limits;
	uint64_t max_body;
	size_t first; /* bytes in the first piece, if less than all */
	size_t step;  /* bytes in each one behind it; 0: all that are left */
	bool is_slow; /* the arena has never room for the fields: no head goes the quick way */
};

/* The defaults of a server, fed whole. */
struct h1_feed h1_feed_default(void);

/*
 * A line for each head, field, body, trailer and fault, for example
 *
 *	POST /x 11 keep chunked
 *	  host=a
 *	  body 5 hello
 *	  trailer x=1
 *	fault chunk-size
 *
 * Ends with "done" between messages, "closed" after one without keep-alive,
 * "head..." or "body..." inside one, "fault NAME", or "error NUMBER". To be
 * freed by the caller.
 */
char *h1_feed_run(const struct h1_feed *how, weir_str bytes);

/* Whole, quick or not, byte by byte, and cut in two at every place: NULL, or where texts differ (to be freed). */
char *h1_feed_differs(const struct h1_feed *how, weir_str bytes);

#endif
