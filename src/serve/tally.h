#ifndef WEIR_SERVE_TALLY_H
#define WEIR_SERVE_TALLY_H
/*
 * tally.h - what is counted of the requests of one route: how many by status,
 * how long they took, and bytes both ways. In a process's metrics, where
 * others read it. Every request pays for it, so a status gets its series when it
 * is first seen, and after that it is one addition.
 */
#include <stdint.h>
#include <weir/base.h>

#include "base/macro.h"
#include "base/metrics.h"
#include "base/ticks.h"

/* Where each status has its place: 0 is for those that nobody has heard of. */
#define TALLY_MAX_STATUS 600
#define TALLY_PLACES 64
extern const uint8_t tally_places[TALLY_MAX_STATUS];

#define TALLY_N_BOUNDS 21

/* What all routes of a process share. */
struct tallies {
	struct metrics *metrics; /* borrowed */
	struct ticks ticks;
	metrics_family requests, durations, sent, received;
	uint64_t nowhere[TALLY_N_BOUNDS + 2]; /* for what has found no room */
};

struct tally {
	struct tallies *tallies;	  /* borrowed */
	weir_str route;			  /* the path's pattern; borrowed; empty: of no route */
	uint64_t *by_place[TALLY_PLACES]; /* NULL: not yet seen */
	uint64_t *durations;
	uint64_t *sent, *received; /* bytes of bodies */
};

/* One exchange. */
struct tally_entry {
	int status;
	uint64_t started; /* ticks */
	uint64_t sent, received;
};

/* Negative errno: there is no room, and then nothing is counted. */
MUST_USE int tally_init_all(struct tallies *tallies, struct metrics *metrics,
			    const struct ticks *ticks);
/* What finds no room goes nowhere. */
void tally_init(struct tally *tally, struct tallies *tallies, weir_str route);

uint64_t *tally_open(struct tally *tally, int status);
extern const uint32_t tally_bounds_us[TALLY_N_BOUNDS + 1];
/* The first bucket that a value with so many bits can be in. */
extern const uint8_t tally_first_buckets[32];

static inline unsigned tally_bucket(uint64_t us)
{
	uint32_t short_us = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
	unsigned bucket = tally_first_buckets[31 - __builtin_clz(short_us | 1)];

	while (short_us > tally_bounds_us[bucket])
		bucket++;
	return bucket;
}

static inline void tally_count(struct tally *tally, const struct tally_entry *entry)
{
	const struct ticks *ticks = &tally->tallies->ticks;
	unsigned status = (unsigned)entry->status < TALLY_MAX_STATUS ? (unsigned)entry->status : 0;
	uint64_t us = ticks_us(ticks, entry->started, ticks_now(ticks));
	uint64_t *number = tally->by_place[tally_places[status]];

	if (!number)
		number = tally_open(tally, entry->status);
	metrics_count(number, 1);
	metrics_count(&tally->durations[1 + tally_bucket(us)], 1);
	metrics_add_real(&tally->durations[0], (double)(int64_t)us * 1e-6);
	if (entry->sent > 0)
		metrics_count(tally->sent, entry->sent);
	if (entry->received > 0)
		metrics_count(tally->received, entry->received);
}

/* One that has come to no exchange. */
void tally_count_refused(struct tally *tally, int status);

#endif
