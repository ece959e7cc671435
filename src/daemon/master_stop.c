/* master_stop.c - see master_stop.h. */
#include "daemon/master_stop.h"

#include <signal.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/exit_code.h"
#include "daemon/control.h"
#include "daemon/listeners.h"
#include "daemon/master_ctl.h"
#include "daemon/master_reload.h"
#include "daemon/master_state.h"
#include "daemon/master_workers.h"

/* When the daemon cannot start, nobody is being served yet. */
#define FAILED_GRACE_MS 2000

void master_stop_kill_all(struct master *m)
{
	for (unsigned i = 0; i < m->n_slots; i++)
		master_workers_signal(&m->slots[i], SIGKILL);
	job_keeper_kill_all(&m->jobs);
	ctl_keeper_kill(&m->ctl);
	crash_keeper_kill(&m->crashes);
	m->kill_ms = INT64_MAX;
}

static void drain_all(struct master *m, unsigned how)
{
	for (unsigned i = 0; i < m->n_slots; i++)
		master_workers_drain(&m->slots[i], how);
}

/* grace_ms: INT64_MAX: as long as it takes. */
static void begin(struct master *m, int exit_code, int64_t grace_ms)
{
	if (m->phase == MASTER_STOPPING)
		return;
	m->phase = MASTER_STOPPING;
	m->leave_ms = INT64_MAX;
	master_ctl_publish(m); /* before any client is refused */
	m->exit_code = exit_code;
	m->has_limit = grace_ms < INT64_MAX;
	m->kill_ms = m->has_limit ? clock_monotonic_ms() + grace_ms : INT64_MAX;
	service_keeper_stopping(&m->service, grace_ms);
	hub_keeper_give_up(&m->hub);
	job_keeper_give_up(&m->jobs);
	master_reload_give_up(m);
	drain_all(m, m->has_limit ? 0 : CONTROL_DRAIN_PATIENT);
	/* The workers do the same; then clients are refused at once, not left in a queue to die. */
	listeners_stop(m->now->listeners);
}

void master_stop_failed(struct master *m, int exit_code)
{
	begin(m, exit_code, FAILED_GRACE_MS);
}

/* It stops already, but with all the time in the world. */
static void limit(struct master *m, int64_t grace_ms)
{
	m->has_limit = true;
	m->kill_ms = clock_monotonic_ms() + grace_ms;
	drain_all(m, 0);
}

static void leave(struct master *m)
{
	int64_t grace_ms = m->now->graceful_ms + MASTER_KILL_SLACK_MS;

	log_write(m->log, LOG_AT_NOTICE, "stopping: requests in flight have %lld ms to finish",
		  (long long)m->now->graceful_ms);
	if (m->phase == MASTER_STOPPING && !m->has_limit)
		limit(m, grace_ms);
	begin(m, EXIT_CODE_OK, grace_ms);
}

void master_stop_tick(struct master *m, int64_t now_ms)
{
	if (m->leave_ms <= now_ms)
		leave(m);
}

void master_stop_asked(struct master *m, int n_more)
{
	/* Who asks again while notice is given wants no notice. */
	if (m->leave_ms != INT64_MAX) {
		m->leave_ms = clock_monotonic_ms();
		n_more--;
	}
	m->n_stops += n_more;
	if (m->n_stops > 1) {
		log_write(m->log, LOG_AT_WARN, "told to stop a second time: ending at once");
		begin(m, EXIT_CODE_OK, 0);
		master_stop_kill_all(m);
		return;
	}
	if (m->now->notice_ms == 0 || m->phase != MASTER_RUNNING || m->leave_ms != INT64_MAX) {
		leave(m);
		return;
	}
	m->leave_ms = clock_monotonic_ms() + m->now->notice_ms;
	master_ctl_publish(m);
	log_write(m->log, LOG_AT_NOTICE, "stopping in %lld ms; until then clients are served",
		  (long long)m->now->notice_ms);
}

void master_stop_patiently(struct master *m)
{
	if (m->phase == MASTER_STOPPING)
		return;
	log_write(m->log, LOG_AT_NOTICE,
		  "stopping: requests in flight may take as long as they need");
	begin(m, EXIT_CODE_OK, INT64_MAX);
}
