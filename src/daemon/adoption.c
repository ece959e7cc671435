/*
 * adoption.c - a message that cannot be sent is tried again when something else
 * changes: what waits in the orphan's sockets is served by its next worker at the latest.
 */
#include "daemon/adoption.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "daemon/control.h"
#include "daemon/listeners.h"
#include "daemon/worker_slot.h"

struct settling {
	struct adoption *adoption;
	unsigned generation;
	struct worker_slot *slots;
	unsigned n_slots;
	const struct listeners *listeners;
};

int adoption_grow(struct adoption *a, unsigned n)
{
	int *adopters;

	if (n <= a->n)
		return 0;
	adopters = realloc(a->adopters, n * sizeof(*adopters));
	if (!adopters)
		return -ENOMEM;
	for (unsigned i = a->n; i < n; i++)
		adopters[i] = -1;
	*a = (struct adoption){ .adopters = adopters, .n = n };
	return 0;
}

void adoption_done(struct adoption *a)
{
	free(a->adopters);
	*a = (struct adoption){ 0 };
}

static bool can_adopt(const struct settling *s, const struct worker_slot *slot)
{
	return slot->state == WORKER_READY && slot->generation == s->generation &&
	       slot->control_fd >= 0;
}

/* The slot whose lane this is; NULL: none. */
static const struct worker_slot *find_home(const struct settling *s, unsigned lane)
{
	for (unsigned i = 0; i < s->n_slots; i++) {
		const struct worker_slot *slot = &s->slots[i];

		if (slot->generation == s->generation && slot->lane == lane &&
		    slot->state != WORKER_EMPTY && slot->state != WORKER_DRAINING)
			return slot;
	}
	return NULL;
}

static size_t orphaned_fds(const struct listeners *listeners, unsigned lane, int fds[IPC_FDS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < listeners_count(listeners) && n < IPC_FDS_MAX; i++) {
		if (!listeners_is_shared(listeners, i))
			fds[n++] = listeners_fd(listeners, lane, i);
	}
	return n;
}

static unsigned count_adopted(const struct adoption *a, unsigned slot)
{
	unsigned n = 0;

	for (unsigned i = 0; i < a->n; i++)
		n += a->adopters[i] == (int)slot;
	return n;
}

/* Who has adopted the fewest; of these the next after the orphan, so that several orphans go to several workers. */
static struct worker_slot *choose(const struct settling *s, unsigned lane)
{
	unsigned n = s->adoption->n, least = 0;
	struct worker_slot *chosen = NULL;

	for (unsigned i = 0; i < s->n_slots; i++) {
		struct worker_slot *slot = &s->slots[i];
		unsigned load = count_adopted(s->adoption, i) * n + (slot->lane + n - lane) % n;

		if (!can_adopt(s, slot) || (chosen && load >= least))
			continue;
		chosen = slot;
		least = load;
	}
	return chosen;
}

static void adopt(const struct settling *s, unsigned lane)
{
	struct worker_slot *adopter = choose(s, lane);
	int fds[IPC_FDS_MAX];
	size_t n_fds = orphaned_fds(s->listeners, lane, fds);

	s->adoption->adopters[lane] = -1;
	if (adopter && n_fds > 0 && control_send_adopt(adopter->control_fd, lane, fds, n_fds) == 0)
		s->adoption->adopters[lane] = (int)adopter->index;
}

static void give_back(const struct settling *s, unsigned lane)
{
	int adopter = s->adoption->adopters[lane];

	s->adoption->adopters[lane] = -1;
	/* Accepting for a lane whose worker also accepts is harmless: each connection goes to one. */
	if (adopter >= 0 && can_adopt(s, &s->slots[adopter]))
		(void)control_send_return(s->slots[adopter].control_fd, lane);
}

static void settle(const struct settling *s, unsigned lane)
{
	const struct worker_slot *home = find_home(s, lane);
	int adopter = s->adoption->adopters[lane];
	bool is_adopted = adopter >= 0 && can_adopt(s, &s->slots[adopter]);

	if (home && home->state == WORKER_READY) {
		give_back(s, lane);
		return;
	}
	/* Who starts for the first time is waited for, as long as nobody had to take over. */
	if (is_adopted || (home && home->state == WORKER_STARTING && adopter < 0))
		return;
	adopt(s, lane);
}

void adoption_settle(struct adoption *a, unsigned generation, struct worker_slot *slots,
		     unsigned n_slots, const struct listeners *listeners)
{
	struct settling settling = { a, generation, slots, n_slots, listeners };

	for (unsigned lane = 0; lane < a->n; lane++)
		settle(&settling, lane);
}
