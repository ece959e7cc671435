/*
 * adoption.c - a message that cannot be sent is not tried again: what waits in
 * the orphan's sockets is served by its next worker at the latest.
 */
#include "daemon/adoption.h"

#include <stdbool.h>
#include <stddef.h>

#include "daemon/control.h"
#include "daemon/listeners.h"
#include "daemon/worker_slot.h"

static size_t orphaned_fds(const struct listeners *listeners, unsigned slot, int fds[IPC_FDS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < listeners_count(listeners) && n < IPC_FDS_MAX; i++) {
		if (!listeners_is_shared(listeners, i))
			fds[n++] = listeners_fd(listeners, slot, i);
	}
	return n;
}

/* The next ready slot after the orphan, so that several orphans go to several workers. */
static struct worker_slot *choose(struct worker_slot *slots, unsigned n_slots, unsigned orphan)
{
	for (unsigned i = 1; i < n_slots; i++) {
		struct worker_slot *slot = &slots[(orphan + i) % n_slots];

		if (slot->state == WORKER_READY && slot->control_fd >= 0)
			return slot;
	}
	return NULL;
}

static void adopt(struct worker_slot *slots, unsigned n_slots, struct worker_slot *orphan,
		  const struct listeners *listeners)
{
	struct worker_slot *adopter = choose(slots, n_slots, orphan->index);
	int fds[IPC_FDS_MAX];
	size_t n_fds;

	orphan->adopter = -1;
	n_fds = orphaned_fds(listeners, orphan->index, fds);
	if (!adopter || n_fds == 0)
		return;
	if (control_send_adopt(adopter->control_fd, orphan->index, fds, n_fds) == 0)
		orphan->adopter = (int)adopter->index;
}

void adoption_lost(struct worker_slot *slots, unsigned n_slots, struct worker_slot *dead,
		   const struct listeners *listeners)
{
	for (unsigned i = 0; i < n_slots; i++) {
		bool is_orphan = i == dead->index && dead->adopter < 0;

		if (is_orphan || slots[i].adopter == (int)dead->index)
			adopt(slots, n_slots, &slots[i], listeners);
	}
}

static void give_back(struct worker_slot *slots, struct worker_slot *slot)
{
	struct worker_slot *adopter;

	if (slot->adopter < 0)
		return;
	adopter = &slots[slot->adopter];
	slot->adopter = -1;
	/* Accepting for a slot that also accepts itself is harmless: each connection goes to one. */
	if (adopter->state == WORKER_READY && adopter->control_fd >= 0)
		(void)control_send_return(adopter->control_fd, slot->index);
}

void adoption_ready(struct worker_slot *slots, unsigned n_slots, struct worker_slot *ready,
		    const struct listeners *listeners)
{
	give_back(slots, ready);
	for (unsigned i = 0; i < n_slots; i++) {
		bool has_lost = slots[i].state == WORKER_BACKING_OFF ||
				slots[i].state == WORKER_LEAVING;

		if (has_lost && slots[i].adopter < 0)
			adopt(slots, n_slots, &slots[i], listeners);
	}
}
