#ifndef WEIR_DAEMON_ADOPTION_H
#define WEIR_DAEMON_ADOPTION_H
/*
 * adoption.h - the kernel goes on spreading connections over all sockets of an
 * address, also to a lane (see listeners.h) whose worker has died, and to one that
 * there is no worker for any more. Until the lane has a worker, another one
 * accepts from it.
 */
#include "base/macro.h"

struct listeners;
struct worker_slot;

/* The lanes of one generation of workers. */
struct adoption {
	int *adopters; /* owned: of each lane the slot that accepts for it; -1: none */
	unsigned n;
};

/* Grows it to so many lanes; an empty one is zeroed. -ENOMEM. */
MUST_USE int adoption_grow(struct adoption *adoption, unsigned n);
/* Zeroed is fine. */
void adoption_done(struct adoption *adoption);

/*
 * After any change of these slots: lanes without a worker get an adopter, those
 * that have one again are returned. Only slots of this generation count.
 */
void adoption_settle(struct adoption *adoption, unsigned generation, struct worker_slot *slots,
		     unsigned n_slots, const struct listeners *listeners);

#endif
