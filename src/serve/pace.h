#ifndef WEIR_SERVE_PACE_H
#define WEIR_SERVE_PACE_H
/*
 * pace.h - how fast a client has to be while we wait for it: for the bytes of
 * its body, and for it to take those of an answer. Routes may differ, so there
 * is one of these for each set of limits that occurs, each with lists of
 * time-outs that are equal in it.
 */
#include <stdbool.h>
#include <stdint.h>

#include "io/timeouts.h"

/* Times in milliseconds; 0 turns a limit off. */
struct pace_limits {
	int64_t body_ms;    /* between two bytes of a body */
	int64_t send_ms;    /* between two bytes that the client takes */
	uint64_t min_rate;  /* bytes a second on average, both ways */
	int64_t average_ms; /* of waiting, before there is an average to speak of */
};

struct pace {
	struct pace_limits limits;
	struct timeouts bodies; /* those whose body is waited for */
	struct timeouts looks;	/* those whose answer waits in the kernel, to be looked at */
	struct pace *next;	/* for whoever keeps several */
};

/* expire and look are called as io/timeouts.h says. */
void pace_init(struct pace *pace, struct loop *loop, const struct pace_limits *limits,
	       void (*expire)(struct timeout *timeout), void (*look)(struct timeout *timeout));
void pace_done(struct pace *pace);

bool pace_has_limits(const struct pace *pace, const struct pace_limits *limits);

/* Are so few bytes in so much time, in which only the client was waited for, below the average? */
bool pace_is_too_slow(const struct pace *pace, uint64_t bytes, int64_t waited_ms);

#endif
