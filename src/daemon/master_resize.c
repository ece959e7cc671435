/*
 * master_resize.c - a worker more has a lane of its own; one less leaves its lane to
 * another, as if it had died, because what waits there would be lost with it.
 */
#include "daemon/master_resize.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/control.h"
#include "daemon/listeners.h"
#include "daemon/master_state.h"
#include "daemon/master_workers.h"

static void say(const struct master *m, const char *signal)
{
	log_write(m->log, LOG_AT_NOTICE, "%s: %u workers from now on", signal, m->now->n_workers);
}

static int add(struct master *m)
{
	unsigned lane = m->now->n_workers;
	struct worker_slot *slot;
	int r;

	r = listeners_widen(m->now->listeners, lane + 1);
	if (r == 0)
		r = adoption_grow(&m->adoption, lane + 1);
	if (r < 0)
		return r;
	slot = master_workers_place(m, m->now, lane);
	if (!slot)
		return -EAGAIN;
	m->now->n_workers++;
	master_workers_start(m, slot);
	return 0;
}

static void remove_last(struct master *m)
{
	const struct generation *g = m->now;
	unsigned lane = --m->now->n_workers;

	say(m, "SIGTTOU");
	for (unsigned i = 0; i < m->n_slots; i++) {
		struct worker_slot *slot = &m->slots[i];

		if (slot->generation != g->number || slot->lane != lane ||
		    slot->state == WORKER_EMPTY || slot->state == WORKER_DRAINING)
			continue;
		master_workers_drain(slot, CONTROL_DRAIN_REPLACED);
		slot->kill_ms = clock_monotonic_ms() + g->graceful_ms + g->session_grace_ms +
				MASTER_KILL_SLACK_MS;
	}
	master_workers_settle(m);
}

void master_resize(struct master *m, int n_more)
{
	int r = 0;

	if (m->phase != MASTER_RUNNING || n_more == 0)
		return;
	if (m->reload == MASTER_RENEWING) {
		log_write(m->log, LOG_AT_WARN, "there is a reload: the number of workers stays");
		return;
	}
	for (; n_more > 0 && r == 0; n_more--) {
		r = add(m);
		if (r < 0)
			log_write(m->log, LOG_AT_ERROR, "SIGTTIN: no more workers: %s",
				  strerror(-r));
		else
			say(m, "SIGTTIN");
	}
	for (; n_more < 0 && m->now->n_workers > 1; n_more++)
		remove_last(m);
	if (n_more < 0)
		log_write(m->log, LOG_AT_WARN, "SIGTTOU: one worker stays");
}
