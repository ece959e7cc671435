/* master_stop.c - see master_stop.h. */
#include "daemon/master_stop.h"

#include <signal.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/exit_code.h"
#include "daemon/listeners.h"
#include "daemon/master_state.h"
#include "daemon/master_workers.h"
#include "daemon/notify.h"

/* When the daemon cannot start, nobody is being served yet. */
#define FAILED_GRACE_MS 2000

void master_stop_kill_all(struct master *m)
{
	for (unsigned i = 0; i < m->setup->n_workers; i++)
		master_workers_signal(&m->slots[i], SIGKILL);
	job_keeper_kill_all(&m->jobs);
	crash_keeper_kill(&m->crashes);
	m->kill_ms = INT64_MAX;
}

void master_stop_begin(struct master *m, int exit_code, int64_t grace_ms)
{
	if (m->phase == MASTER_STOPPING)
		return;
	m->phase = MASTER_STOPPING;
	m->exit_code = exit_code;
	m->kill_ms = clock_monotonic_ms() + grace_ms;
	(void)notify_send("STOPPING=1"); /* a courtesy */
	hub_keeper_give_up(&m->hub);
	job_keeper_give_up(&m->jobs);
	for (unsigned i = 0; i < m->setup->n_workers; i++)
		master_workers_drain(&m->slots[i]);
	/* The workers do the same; then clients are refused at once, not left in a queue to die. */
	listeners_stop(m->setup->listeners);
}

void master_stop_failed(struct master *m, int exit_code)
{
	master_stop_begin(m, exit_code, FAILED_GRACE_MS);
}

void master_stop_asked(struct master *m, int n_more)
{
	m->n_stops += n_more;
	if (m->n_stops > 1) {
		log_write(m->log, LOG_AT_WARN, "told to stop a second time: ending at once");
		master_stop_begin(m, EXIT_CODE_OK, 0);
		master_stop_kill_all(m);
		return;
	}
	log_write(m->log, LOG_AT_NOTICE, "stopping: requests in flight have %lld ms to finish",
		  (long long)m->setup->graceful_ms);
	master_stop_begin(m, EXIT_CODE_OK, m->setup->graceful_ms + MASTER_KILL_SLACK_MS);
}
