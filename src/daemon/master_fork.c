/* master_fork.c - what a child closes is the point: a worker must not keep what others wait for the end of. */
#include "daemon/master_fork.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/exit_code.h"
#include "daemon/control_fork.h"
#include "daemon/crash_note.h"
#include "daemon/listeners.h"
#include "daemon/master_state.h"
#include "daemon/master_stop.h"
#include "daemon/master_workers.h"
#include "daemon/privileges.h"
#include "daemon/signals.h"
#include "daemon/tls_keeper.h"
#include "daemon/worker_board.h"
#include "io/ipc.h"
#include "io/proc.h"

/* In every child: what is the master's own. keep: whose sockets this child accepts from; NULL: it does not. */
static void forget_master(const struct master *m, const struct generation *keep)
{
	struct generation *all[] = { m->now, m->next };

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (all[i] && all[i] != keep)
			listeners_stop(all[i]->listeners);
	}
	signals_ignore();
	service_keeper_forget(&m->service);
	(void)close(m->signals_fd);
	close_fdp(&m->hub.slot.control_fd);
	ctl_keeper_forget(&m->ctl);
	(void)worker_board_free(m->board);
	job_keeper_forget(&m->jobs);
	for (unsigned i = 0; i < m->n_slots; i++)
		close_fdp(&m->slots[i].control_fd);
}

/* In a child that shows what the master knows of workers, before it forgets all else. */
static void keep_board(struct master *m)
{
	worker_board_only_read(m->board);
	m->board = NULL;
}

/* In a child that is not the master's own hand. */
static void become_user(const struct master *m, const struct generation *g)
{
	int r = privileges_drop(g->privileges);

	if (r == 0)
		return;
	log_write(m->log, LOG_AT_ERROR, "cannot become the user of the configuration: %s",
		  strerror(-r));
	_exit(EXIT_CODE_PERMISSION);
}

static struct generation *generation_of(const struct master *m, const struct worker_slot *slot)
{
	return m->next && m->next->number == slot->generation ? m->next : m->now;
}

/* In the child. Everything of the master's but this lane's sockets is closed. */
__attribute__((noreturn)) static void run_worker(struct master *m, const struct worker_slot *slot,
						 int control_fd)
{
	const struct master_setup *setup = m->setup;
	struct generation *g = generation_of(m, slot);
	struct log log = *setup->log;
	struct worker_args args = { .slot = slot->index,
				    .lane = slot->lane,
				    .is_held = g != m->now || master_workers_is_added(m, slot),
				    .control_fd = control_fd,
				    .listeners = g->listeners,
				    .note = worker_notes_at(&m->notes, slot->index),
				    .crash = m->crashes.notes[slot->index],
				    .lag = worker_lags_at(&m->lags, slot->index),
				    .board = m->board,
				    .lags = &m->lags,
				    .crash_limit = &g->crash_limit,
				    .log = &log,
				    .arg = g->worker_arg };

	if (g != m->now && g->log_level)
		log.level = g->log_level;
	log_set_who(&log, "worker %u", slot->index);
	keep_board(m);
	forget_master(m, g);
	become_user(m, g);
	listeners_keep(g->listeners, slot->lane);
	worker_notes_clear(args.note);
	exit(setup->worker_main(&args));
}

int master_fork_worker(struct master *m, struct worker_slot *slot)
{
	char name[16];
	int ends[2], control_fd = -1, r;
	bool has_hub;
	pid_t pid;

	r = ipc_pair(ends);
	if (r < 0)
		return r;
	/* Before it is born: so the hub is there before its modules start. */
	has_hub = hub_keeper_introduce(&m->hub, slot->index, ends[0]);
	(void)crash_keeper_renew(&m->crashes, slot->index);
	(void)snprintf(name, sizeof(name), "weir:worker %u", slot->index);
	pid = control_fork_over(ends, slot, name, &control_fd);
	if (pid == 0)
		run_worker(m, slot, control_fd);
	if (pid < 0)
		return (int)pid;
	slot->certificates = tls_keeper_generation(generation_of(m, slot)->tls);
	slot->n_closed = generation_of(m, slot)->crash_limit.n_closed;
	if (has_hub)
		slot->hub = m->hub.slot.pid;
	return 0;
}

/* In the child. */
__attribute__((noreturn)) static void run_hub(struct master *m, int control_fd)
{
	const struct master_setup *setup = m->setup;
	struct log log = *setup->log;
	struct hub_args args = { .control_fd = control_fd,
				 .n_slots = m->n_slots,
				 .jobs = m->jobs.plan,
				 .log = &log,
				 .arg = m->now->hub_arg };

	log_set_who(&log, "hub");
	forget_master(m, NULL);
	become_user(m, m->now);
	if (privileges_enter(m->now->privileges) < 0)
		_exit(EXIT_CODE_PERMISSION);
	exit(setup->hub_main(&args));
}

void master_fork_hub(struct master *m)
{
	int control_fd = -1;
	pid_t pid = hub_keeper_fork(&m->hub, &control_fd);

	if (pid == 0)
		run_hub(m, control_fd);
}

/* In the child. */
__attribute__((noreturn)) static void run_ctl(struct master *m, int control_fd)
{
	const struct master_setup *setup = m->setup;
	struct log log = *setup->log;
	struct ctl_args args = { .control_fd = control_fd,
				 .board = m->board,
				 .lags = &m->lags,
				 .doors = setup->ctl_doors,
				 .log = &log,
				 .arg = m->now->ctl_arg };

	log_set_who(&log, "ctl");
	m->ctl.doors = NULL; /* these it keeps */
	keep_board(m);
	forget_master(m, NULL);
	become_user(m, m->now);
	if (privileges_enter(m->now->privileges) < 0)
		_exit(EXIT_CODE_PERMISSION);
	exit(setup->ctl_main(&args));
}

void master_fork_ctl(struct master *m)
{
	int control_fd = -1;
	pid_t pid = ctl_keeper_fork(&m->ctl, &control_fd);

	if (pid == 0)
		run_ctl(m, control_fd);
}

unsigned master_fork_crash_index(const struct master *m, const struct job_slot *slot)
{
	return m->n_slots + slot->slot.index;
}

/* In the child. */
__attribute__((noreturn)) static void run_job_process(struct master *m, const struct job_slot *slot,
						      int control_fd)
{
	const struct master_setup *setup = m->setup;
	struct log log = *setup->log;
	struct job_args args = { .pool = job_keeper_pool(&m->jobs, slot->slot.index),
				 .control_fd = control_fd,
				 .note = job_keeper_keep_note(&m->jobs, slot),
				 .crash = m->crashes.notes[master_fork_crash_index(m, slot)],
				 .log = &log,
				 .arg = m->now->job_arg };

	log_set_who(&log, "job %s", job_keeper_pool(&m->jobs, slot->slot.index));
	forget_master(m, NULL);
	/* A worker follows a pointer that lies in there: nothing that a job does may change it. */
	worker_lags_done(&m->lags);
	worker_notes_done(&m->notes);
	become_user(m, m->now);
	worker_notes_clear(args.note);
	exit(setup->job_main(&args));
}

void master_fork_job_processes(struct master *m)
{
	struct job_slot *slot;
	pid_t pid = 1;

	while (pid > 0 && (slot = job_keeper_due(&m->jobs, clock_monotonic_ms()))) {
		int control_fd = -1;

		(void)crash_keeper_renew(&m->crashes, master_fork_crash_index(m, slot));
		pid = job_keeper_fork(&m->jobs, slot, &control_fd);
		if (pid == 0)
			run_job_process(m, slot, control_fd);
	}
	if (pid < 0 && m->phase == MASTER_STARTING)
		master_stop_failed(m, EXIT_CODE_SYSTEM);
}

void master_fork_report(struct master *m, unsigned child, enum crash_report_what what)
{
	const struct crash_note *note = m->crashes.notes[child];
	struct log log = *m->log;

	if (!crash_report_is_due(note, what) || crash_keeper_fork(&m->crashes) != 0)
		return;
	forget_master(m, NULL);
	become_user(m, m->now);
	if (child < m->n_slots)
		log_set_who(&log, "worker %u", child);
	else
		log_set_who(&log, "job %s", job_keeper_pool(&m->jobs, child - m->n_slots));
	crash_report_write(&log, note, what);
	_exit(0);
}

void master_fork_checker(struct master *m)
{
	pid_t pid = proc_fork("weir:check");

	if (pid == 0) {
		forget_master(m, NULL);
		_exit(m->setup->ops->check(m->setup->ops_arg));
	}
	m->checker = pid;
}
