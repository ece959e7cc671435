#ifndef WEIR_DAEMON_ADOPTION_H
#define WEIR_DAEMON_ADOPTION_H
/*
 * adoption.h - the kernel goes on spreading connections over all sockets of an
 * address, also to the slot whose worker has died. Until the slot has a worker
 * again, another one accepts from it.
 */
struct listeners;
struct worker_slot;

/* The slot's worker has died, or is leaving: finds another for it and for those it had adopted. It is not READY any more. */
void adoption_lost(struct worker_slot *slots, unsigned n_slots, struct worker_slot *dead,
		   const struct listeners *listeners);
/* The slot has a worker that is ready: it gets its sockets back, and orphans that nobody could adopt. */
void adoption_ready(struct worker_slot *slots, unsigned n_slots, struct worker_slot *ready,
		    const struct listeners *listeners);

#endif
