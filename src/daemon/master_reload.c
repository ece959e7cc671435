/*
 * master_reload.c - the hard thing is the moment when the next generation takes over.
 * New workers accept before old ones are told to stop, from sockets that both share;
 * and a job process of the old modules gets no job any more before a new worker serves.
 */
#include "daemon/master_reload.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/control.h"
#include "daemon/listeners.h"
#include "daemon/master_fork.h"
#include "daemon/master_state.h"
#include "daemon/master_workers.h"
#include "io/proc.h"

/* For workers that nobody has talked to yet. */
#define FAILED_GRACE_MS 2000
/* For an old worker that is stuck; then it does not accept either. */
#define HANDING_MS 1000

/* ---- what others hear */

void master_reload_tell(struct master *m)
{
	service_keeper_reloading(&m->service, clock_monotonic_us());
}

void master_reload_settle(struct master *m)
{
	char where[LISTENERS_WORDS_MAX];

	m->reload = MASTER_SETTLED;
	listeners_describe(m->now->listeners, where);
	service_keeper_ready(&m->service, where);
	if (!m->wants_reload)
		return;
	m->wants_reload = false;
	master_reload_ask(m);
}

static void say_failed(struct master *m)
{
	log_write(m->log, LOG_AT_ERROR, "the new configuration is not used: nothing has changed");
	master_reload_settle(m);
}

/* ---- the next generation */

static void drain_generation(struct master *m, unsigned number, unsigned how, int64_t patience_ms)
{
	int64_t kill_ms = clock_monotonic_ms() + patience_ms + MASTER_KILL_SLACK_MS;

	for (unsigned i = 0; i < m->n_slots; i++) {
		struct worker_slot *slot = &m->slots[i];

		if (slot->generation != number || slot->state == WORKER_DRAINING)
			continue;
		master_workers_drain(slot, how);
		slot->kill_ms = kill_ms;
		slot->is_leaving = !(how & CONTROL_DRAIN_REPLACED); /* or it has never accepted */
	}
}

static void abandon(struct master *m)
{
	struct generation *next = m->next;

	m->next = NULL;
	drain_generation(m, next->number, 0, FAILED_GRACE_MS);
	generation_free(next);
}

static int start_workers(struct master *m)
{
	if (m->now->n_workers + m->next->n_workers > m->n_slots) {
		log_write(m->log, LOG_AT_ERROR, "%u workers are too many without a restart",
			  m->next->n_workers);
		return -EAGAIN;
	}
	for (unsigned lane = 0; lane < m->next->n_workers; lane++) {
		struct worker_slot *slot = master_workers_place(m, m->next, lane);
		int r;

		if (!slot) {
			log_write(m->log, LOG_AT_ERROR,
				  "too many workers of former configurations have not ended yet");
			return -EAGAIN;
		}
		r = master_fork_worker(m, slot);
		if (r < 0) {
			log_write(m->log, LOG_AT_ERROR, "cannot start worker %u: %s", slot->index,
				  strerror(-r));
			return r;
		}
	}
	return 0;
}

static void begin(struct master *m, bool has_jobs)
{
	int r;

	r = m->setup->ops->load(m->setup->ops_arg, m->now, has_jobs, &m->next);
	if (r < 0) {
		m->next = NULL;
		say_failed(m);
		return;
	}
	m->next->number = ++m->last_generation;
	m->reload = MASTER_RENEWING;
	r = job_keeper_can_change(&m->jobs, m->next->jobs, has_jobs);
	if (r >= 0)
		r = start_workers(m);
	if (r < 0)
		master_reload_failed(m);
}

void master_reload_failed(struct master *m)
{
	if (!m->next)
		return;
	abandon(m);
	say_failed(m);
}

/* ---- taking over */

static void serve(struct master *m, unsigned number)
{
	for (unsigned i = 0; i < m->n_slots; i++) {
		struct worker_slot *slot = &m->slots[i];

		if (slot->generation == number && slot->state == WORKER_READY)
			master_workers_serve(slot);
	}
}

static void say_done(const struct master *m)
{
	unsigned n = m->now->n_workers;
	char where[LISTENERS_WORDS_MAX];

	listeners_describe(m->now->listeners, where);
	log_write(m->log, LOG_AT_NOTICE, "reloaded: listening on %s, %u worker%s", where, n,
		  n == 1 ? "" : "s");
}

static void hand_over(struct master *m)
{
	m->reload = MASTER_HANDING;
	m->handed_ms = clock_monotonic_ms() + HANDING_MS;
	master_reload_left(m);
}

void master_reload_replace_handed(struct master *m)
{
	drain_generation(m, 0, CONTROL_DRAIN_REPLACED,
			 m->now->graceful_ms + m->now->session_grace_ms);
	hand_over(m);
}

static void take_over(struct master *m)
{
	struct generation *former = m->now;

	m->now = m->next;
	m->next = NULL;
	if (m->now->log_level)
		m->setup->log->level = m->now->log_level;
	listeners_succeed(m->now->listeners);
	if (listeners_begin(m->now->listeners) < 0)
		log_write(m->log, LOG_AT_WARN, "not every worker has sockets of its own");
	job_keeper_change(&m->jobs, m->now->jobs, m->now->has_jobs, m->hub.slot.control_fd);
	serve(m, m->now->number);
	adoption_done(&m->adoption);
	if (adoption_grow(&m->adoption, listeners_n_lanes(m->now->listeners)) < 0)
		log_write(m->log, LOG_AT_WARN, "no memory to take over from workers that die");
	master_workers_settle(m);
	drain_generation(m, former->number, CONTROL_DRAIN_REPLACED,
			 former->graceful_ms + former->session_grace_ms);
	generation_free(former);
	hand_over(m);
}

/* From now on who connects is served as the new configuration says. */
static void finish(struct master *m)
{
	say_done(m);
	master_reload_settle(m);
}

void master_reload_left(struct master *m)
{
	if (m->reload != MASTER_HANDING)
		return;
	for (unsigned i = 0; i < m->n_slots; i++) {
		const struct worker_slot *slot = &m->slots[i];

		if (slot->generation != m->now->number && worker_slot_has_process(slot) &&
		    !slot->is_leaving)
			return;
	}
	finish(m);
}

bool master_reload_is_past(const struct master *m)
{
	for (unsigned i = 0; i < m->n_slots; i++) {
		if (worker_slot_has_process(&m->slots[i]) &&
		    m->slots[i].generation != m->now->number)
			return false;
	}
	return !m->next;
}

void master_reload_tick(struct master *m, int64_t now_ms)
{
	if (m->reload == MASTER_HANDING && m->handed_ms <= now_ms)
		finish(m);
}

int64_t master_reload_next_ms(const struct master *m)
{
	return m->reload == MASTER_HANDING ? m->handed_ms : INT64_MAX;
}

void master_reload_ready(struct master *m)
{
	if (m->next && master_workers_are_ready(m, m->next))
		take_over(m);
}

/* ---- asking */

static void check(struct master *m)
{
	m->reload = MASTER_CHECKING;
	log_write(m->log, LOG_AT_NOTICE, "SIGHUP: reading the configuration again");
	master_reload_tell(m);
	master_fork_checker(m);
	if (m->checker > 0)
		return;
	log_write(m->log, LOG_AT_ERROR, "cannot check the configuration: %s",
		  strerror((int)-m->checker));
	m->checker = 0;
	say_failed(m);
}

void master_reload_ask(struct master *m)
{
	if (m->phase == MASTER_STOPPING || !m->setup->ops) {
		log_write(m->log, LOG_AT_WARN, "SIGHUP is ignored");
		return;
	}
	/* What is on disk may have changed since it was read. */
	if (m->phase == MASTER_STARTING || m->reload == MASTER_CHECKING ||
	    m->reload == MASTER_ASKING || m->reload == MASTER_HANDING) {
		log_write(m->log, LOG_AT_INFO, "SIGHUP: as soon as what is under way is done");
		m->wants_reload = true;
		return;
	}
	if (m->reload == MASTER_RENEWING) {
		log_write(m->log, LOG_AT_NOTICE, "the workers that start are given up");
		abandon(m);
	}
	check(m);
}

bool master_reload_reaped(struct master *m, pid_t pid, int status)
{
	bool has_jobs;
	char how[PROC_END_MAX];

	if (pid != m->checker)
		return false;
	m->checker = 0;
	if (m->phase == MASTER_STOPPING || m->reload != MASTER_CHECKING)
		return true;
	has_jobs = WIFEXITED(status) && WEXITSTATUS(status) == GENERATION_HAS_JOBS;
	if (has_jobs || proc_ended_well(status)) {
		begin(m, has_jobs);
		return true;
	}
	if (!WIFEXITED(status)) {
		proc_describe(status, how);
		log_write(m->log, LOG_AT_ERROR, "the process that checked the configuration: %s",
			  how);
	}
	say_failed(m);
	return true;
}

void master_reload_give_up(struct master *m)
{
	m->wants_reload = false;
	if (m->checker > 0)
		(void)kill(m->checker, SIGKILL);
	if (m->next)
		abandon(m);
	m->reload = MASTER_SETTLED;
}

/* ---- logs */

static void reopen(struct master *m, struct generation *g)
{
	int fd = -1;
	int r;

	r = m->setup->ops->reopen(g, &fd);
	if (r < 0 || fd < 0)
		return;
	for (unsigned i = 0; i < m->n_slots; i++) {
		struct worker_slot *slot = &m->slots[i];

		if (slot->generation != g->number || slot->control_fd < 0)
			continue;
		r = control_send_access_log(slot->control_fd, fd);
		if (r < 0)
			log_write(m->log, LOG_AT_ERROR, "worker %u keeps its access log: %s",
				  slot->index, strerror(-r));
	}
}

void master_reload_logs(struct master *m)
{
	if (!m->setup->ops || m->phase == MASTER_STOPPING)
		return;
	log_write(m->log, LOG_AT_NOTICE, "SIGUSR1: opening logs again");
	reopen(m, m->now);
	if (m->next)
		reopen(m, m->next);
}
