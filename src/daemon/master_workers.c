/*
 * master_workers.c - the hard thing is that a worker's end is told in two ways
 * which race: its last words on the control socket and SIGCHLD. So a child that
 * was reaped has its socket read to the end before anything is concluded.
 */
#include "daemon/master_workers.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/exit_code.h"
#include "daemon/adoption.h"
#include "daemon/control.h"
#include "daemon/crash_note.h"
#include "daemon/crash_report.h"
#include "daemon/listeners.h"
#include "daemon/master_fork.h"
#include "daemon/master_reload.h"
#include "daemon/master_state.h"
#include "daemon/master_stop.h"
#include "daemon/worker_death.h"
#include "io/proc.h"

void master_workers_signal(const struct worker_slot *slot, int sig)
{
	if (worker_slot_has_process(slot))
		(void)kill(slot->pid, sig); /* gone already: then it is about to be reaped */
}

void master_workers_drain(struct worker_slot *slot, unsigned how)
{
	int r;

	if (slot->state == WORKER_BACKING_OFF)
		worker_slot_move(slot, WORKER_EMPTY);
	if (!worker_slot_has_process(slot))
		return;
	if (slot->state != WORKER_DRAINING)
		worker_slot_move(slot, WORKER_DRAINING);
	slot->kill_ms = INT64_MAX;
	r = slot->control_fd < 0 ? -EPIPE : control_send_drain_how(slot->control_fd, how);
	if (r < 0)
		master_workers_signal(slot, SIGTERM);
}

void master_workers_start(struct master *m, struct worker_slot *slot)
{
	int64_t now_ms = clock_monotonic_ms();
	int r;

	r = master_fork_worker(m, slot);
	if (r == 0)
		return;
	log_write(m->log, LOG_AT_ERROR, "cannot start worker %u: %s", slot->index, strerror(-r));
	if (m->phase == MASTER_STARTING) {
		master_stop_failed(m, EXIT_CODE_SYSTEM);
		return;
	}
	slot->started_ms = now_ms;
	worker_slot_died(slot, now_ms);
}

struct worker_slot *master_workers_place(struct master *m, const struct generation *g,
					 unsigned lane)
{
	for (unsigned i = 0; i < m->n_slots; i++) {
		struct worker_slot *slot = &m->slots[i];

		if (slot->state != WORKER_EMPTY)
			continue;
		worker_slot_init(slot, i);
		slot->generation = g->number;
		slot->lane = lane;
		slot->is_new = true;
		return slot;
	}
	return NULL;
}

static void say_ready(struct master *m)
{
	unsigned n = m->now->n_workers;
	char where[LISTENERS_WORDS_MAX];

	listeners_describe(m->now->listeners, where);
	log_write(m->log, LOG_AT_NOTICE, "ready: listening on %s, %u worker%s, pid %d", where, n,
		  n == 1 ? "" : "s", (int)getpid());
	service_keeper_ready(&m->service, where);
}

bool master_workers_are_ready(const struct master *m, const struct generation *g)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->n_slots; i++)
		n += m->slots[i].generation == g->number && m->slots[i].state == WORKER_READY;
	return n == g->n_workers;
}

void master_workers_become_ready(struct master *m)
{
	if (!master_workers_are_ready(m, m->now))
		return;
	if (m->phase != MASTER_STARTING || !job_keeper_is_ready(&m->jobs))
		return;
	m->phase = MASTER_RUNNING;
	say_ready(m);
	if (m->setup->handed)
		master_reload_replace_handed(m);
}

/* It is of the generation that is not in force yet. */
static bool is_next(const struct master *m, const struct worker_slot *slot)
{
	return m->next && slot->generation == m->next->number;
}

void master_workers_settle(struct master *m)
{
	adoption_settle(&m->adoption, m->now->number, m->slots, m->n_slots, m->now->listeners);
}

bool master_workers_is_added(const struct master *m, const struct worker_slot *slot)
{
	return slot->is_new && m->phase == MASTER_RUNNING;
}

void master_workers_serve(const struct worker_slot *slot)
{
	/* Who cannot be told is replaced by one that need not be. */
	if (control_send_serve(slot->control_fd) < 0)
		master_workers_signal(slot, SIGKILL);
}

static void on_ready(struct master *m, struct worker_slot *slot)
{
	bool is_added = master_workers_is_added(m, slot);

	if (slot->state != WORKER_STARTING)
		return;
	worker_slot_move(slot, WORKER_READY);
	slot->is_new = false;
	if (is_next(m, slot)) {
		master_reload_ready(m);
		return;
	}
	if (listeners_begin(m->now->listeners) < 0) /* its lane may be a new one */
		log_write(m->log, LOG_AT_WARN, "worker %u has no socket of its own", slot->index);
	if (is_added)
		master_workers_serve(slot);
	master_workers_settle(m);
	if (m->phase == MASTER_RUNNING) {
		log_write(m->log, LOG_AT_NOTICE, "worker %u is ready%s, pid %d", slot->index,
			  is_added ? "" : " again", (int)slot->pid);
		return;
	}
	master_workers_become_ready(m);
}

static void on_failed(struct master *m, struct worker_slot *slot, const char *why)
{
	/* The others fail for the same reason; once is enough. */
	if (m->phase == MASTER_STOPPING || slot->state == WORKER_DRAINING)
		return;
	log_write(m->log, LOG_AT_ERROR, "worker %u cannot start: %s", slot->index, why);
	if (is_next(m, slot))
		master_reload_failed(m);
	if (m->phase == MASTER_STARTING)
		master_stop_failed(m, EXIT_CODE_START);
}

static void on_leaving(struct master *m, struct worker_slot *slot)
{
	if (slot->state == WORKER_DRAINING) {
		slot->is_leaving = true;
		master_reload_left(m);
	}
	if (slot->state != WORKER_READY)
		return;
	worker_slot_move(slot, WORKER_LEAVING);
	slot->kill_ms = clock_monotonic_ms() + m->now->graceful_ms + MASTER_KILL_SLACK_MS;
	master_workers_settle(m);
}

static void on_message(struct master *m, struct worker_slot *slot,
		       const struct ipc_message *message)
{
	for (size_t i = 0; i < message->n_fds; i++)
		close_fdp(&message->fds[i]);
	if (message->type == CONTROL_READY)
		on_ready(m, slot);
	else if (message->type == CONTROL_LEAVING)
		on_leaving(m, slot);
	else if (message->type == CONTROL_FAILED)
		on_failed(m, slot, message->text);
	else if (message->type == CONTROL_STALLED)
		master_fork_report(m, slot->index, CRASH_REPORT_STALL);
}

void master_workers_listen(struct master *m, struct worker_slot *slot)
{
	struct ipc_message message;
	int r;

	while (slot->control_fd >= 0) {
		r = control_receive(slot->control_fd, &message);
		if (r == -EAGAIN)
			return;
		if (r == 1) {
			on_message(m, slot, &message);
			continue;
		}
		/* It is ending, or has lost its mind; SIGCHLD will tell which. */
		(void)close(slot->control_fd);
		slot->control_fd = -1;
	}
}

/* The slot is backing off. */
static void say_death(const struct master *m, const struct worker_slot *slot, pid_t pid, int status)
{
	const struct crash_note *note = m->crashes.notes[slot->index];
	char last[WORKER_NOTES_NAME], why[CRASH_REASON + 2] = "";

	if (note)
		crash_note_reason(note, why);
	worker_notes_read(&m->notes, slot->index, last);
	worker_death_say(m->log, slot, pid, status, why, last);
}

static void on_drained(struct master *m, const struct worker_slot *slot, pid_t pid, int status)
{
	char how[PROC_END_MAX];

	if (proc_ended_well(status) || m->exit_code == EXIT_CODE_START)
		return;
	proc_describe(status, how);
	log_write(m->log, LOG_AT_WARN, "worker %u (pid %d) did not stop cleanly: %s", slot->index,
		  (int)pid, how);
	if (m->phase == MASTER_STOPPING && m->exit_code == EXIT_CODE_OK)
		m->exit_code = EXIT_CODE_UNCLEAN;
}

void master_workers_died(struct master *m, struct worker_slot *slot, int status)
{
	pid_t pid = slot->pid;
	char how[PROC_END_MAX];

	master_workers_listen(m, slot);
	master_fork_report(m, slot->index, CRASH_REPORT_CRASH);
	/* Of another configuration, it had other routes. */
	if (slot->generation == m->now->number)
		crash_limit_died(&m->now->crash_limit, m->crashes.notes[slot->index],
				 clock_monotonic_ms());
	if (slot->state == WORKER_STARTING && m->phase == MASTER_STARTING) {
		proc_describe(status, how);
		log_write(m->log, LOG_AT_ERROR, "worker %u (pid %d) ended while it started: %s",
			  slot->index, (int)pid, how);
		master_stop_failed(m, EXIT_CODE_START);
	}
	if (is_next(m, slot)) {
		proc_describe(status, how);
		log_write(m->log, LOG_AT_ERROR, "worker %u (pid %d) ended while it started: %s",
			  slot->index, (int)pid, how);
		master_reload_failed(m);
		worker_slot_died(slot, clock_monotonic_ms());
		return;
	}
	if (slot->state == WORKER_DRAINING) {
		worker_slot_died(slot, clock_monotonic_ms());
		on_drained(m, slot, pid, status);
		master_reload_left(m);
		return;
	}
	worker_slot_died(slot, clock_monotonic_ms());
	say_death(m, slot, pid, status);
	/* Of a former program: there is no other of its kind. */
	if (slot->generation != m->now->number)
		worker_slot_move(slot, WORKER_EMPTY);
	master_workers_settle(m);
}

void master_workers_say_late(const struct master *m, const struct worker_slot *slot)
{
	log_write(m->log, LOG_AT_WARN, "worker %u (pid %d) did not end in time", slot->index,
		  (int)slot->pid);
}

void master_workers_end(const struct master *m, struct worker_slot *slot)
{
	master_workers_say_late(m, slot);
	master_workers_signal(slot, SIGKILL);
	slot->kill_ms = INT64_MAX;
}

bool master_workers_are_left(const struct master *m)
{
	for (unsigned i = 0; i < m->n_slots; i++) {
		if (m->slots[i].state != WORKER_EMPTY)
			return true;
	}
	return false;
}
