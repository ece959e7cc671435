/*
 * crash_limit.c - see crash_limit.h. What a dead worker has left may be any bytes:
 * a number that is no route's closes nothing, since no worker has a route of that number.
 */
#include "daemon/crash_limit.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "conf/conf.h"
#include "daemon/control.h"
#include "daemon/crash_note.h"
#include "daemon/worker_slot.h"

static_assert(CONF_CRASH_LIMIT_MAX <= CRASH_LIMIT_EVENTS, "so many can be counted");

void crash_limit_init(struct crash_limit *c, const struct log *log, unsigned limit,
		      int64_t window_ms)
{
	*c = (struct crash_limit){ .log = log, .limit = limit, .window_ms = window_ms };
}

void crash_limit_done(struct crash_limit *c)
{
	free(c->events);
	c->events = NULL;
	c->n_events = 0;
	free(c->closed);
	c->closed = NULL;
	c->n_closed = 0;
}

static bool is_closed(const struct crash_limit *c, uint32_t route)
{
	for (size_t i = 0; i < c->n_closed; i++) {
		if (c->closed[i] == route)
			return true;
	}
	return false;
}

/* Of this route, in the window that ends now. */
static unsigned count_crashes(const struct crash_limit *c, uint32_t route, int64_t now_ms)
{
	size_t n = c->n_events < CRASH_LIMIT_EVENTS ? c->n_events : CRASH_LIMIT_EVENTS;
	unsigned n_crashes = 0;

	for (size_t i = 0; i < n; i++)
		n_crashes += c->events[i].route == route &&
			     now_ms - c->events[i].at_ms < c->window_ms;
	return n_crashes;
}

bool crash_limit_count(struct crash_limit *c, uint32_t route, int64_t now_ms)
{
	uint32_t *closed;

	if (c->limit == 0 || is_closed(c, route))
		return false;
	if (!c->events)
		c->events = calloc(CRASH_LIMIT_EVENTS, sizeof(*c->events));
	if (!c->events)
		return false;
	c->events[c->n_events++ % CRASH_LIMIT_EVENTS] = (struct crash_event){ .route = route,
									      .at_ms = now_ms };
	if (count_crashes(c, route, now_ms) < c->limit)
		return false;
	closed = realloc(c->closed, (c->n_closed + 1) * sizeof(*closed));
	if (!closed)
		return false; /* the next crash tries it again */
	closed[c->n_closed++] = route;
	c->closed = closed;
	return true;
}

/* Whose task was running when the worker ended, by a signal or by its own watchdog; NULL: nobody's. */
static const struct culprit *find_culprit(const struct crash_note *note)
{
	if (!note)
		return NULL;
	if (atomic_load(&note->crash.state) == CRASH_WHOLE)
		return &note->crash.culprit;
	if (note->reason[0] && atomic_load(&note->stall.state) == CRASH_WHOLE)
		return &note->stall.culprit;
	return NULL;
}

void crash_limit_died(struct crash_limit *c, const struct crash_note *note, int64_t now_ms)
{
	const struct culprit *culprit = find_culprit(note);

	if (!culprit || !culprit->has_route)
		return;
	if (!crash_limit_count(c, culprit->route_index, now_ms))
		return;
	log_write(
		c->log, LOG_AT_ERROR,
		"the route %.*s (%.*s) has crashed %u times within %lld s: it is answered 503 "
		"from now on, the others go on; when it is mended, a reload (SIGHUP) or a restart "
		"opens it again",
		CULPRIT_NAME - 1, culprit->path, CULPRIT_NAME - 1, culprit->route, c->limit,
		(long long)((c->window_ms + 999) / 1000));
}

/* Those that are closed later come behind: so a number tells what a worker knows. */
void crash_limit_tell(const struct crash_limit *c, struct worker_slot *slots, unsigned n_slots,
		      unsigned generation)
{
	for (unsigned i = 0; i < n_slots; i++) {
		struct worker_slot *slot = &slots[i];

		while (slot->generation == generation && slot->n_closed < c->n_closed &&
		       slot->control_fd >= 0 && worker_slot_has_process(slot) &&
		       control_send_close(slot->control_fd, c->closed[slot->n_closed]) == 0)
			slot->n_closed++;
	}
}
