/*
 * master_upgrade.c - the hub and job processes are left to themselves: their control sockets
 * close, as if the master had died, and they stay for the old workers as long as these need them.
 * The new program has others.
 */
#include "daemon/master_upgrade.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/exit_code.h"
#include "daemon/handover.h"
#include "daemon/inherited.h"
#include "daemon/master_fork.h"
#include "daemon/master_reload.h"
#include "daemon/master_state.h"
#include "daemon/master_workers.h"
#include "io/proc.h"

static void say_failed(struct master *m)
{
	log_write(m->log, LOG_AT_ERROR, "the new program is not used: nothing has changed");
	master_reload_settle(m);
}

/* In the child: what a new program would be left, but for the workers, so that it can try to open all it needs. */
static int lend(const struct master *m, unsigned n_inherited)
{
	const struct handover handover = { .listeners = m->now->listeners };
	int fd, r;

	r = handover_leave(&handover, &fd);
	if (r < 0)
		return r;
	handover_keep(&handover, fd, true);
	inherited_lend(n_inherited);
	return 0;
}

/* In the child: the new program, with the old one's arguments and -t. */
__attribute__((noreturn)) static void ask_program(const struct master *m, unsigned n_inherited)
{
	char **arguments;
	size_t n = 0;

	while (m->setup->arguments[n])
		n++;
	arguments = calloc(n + 2, sizeof(*arguments));
	if (!arguments || setenv(HANDOVER_VERSION_NAME, HANDOVER_VERSION, 1) < 0 ||
	    lend(m, n_inherited) < 0)
		_exit(EXIT_CODE_SYSTEM);
	memcpy(arguments, m->setup->arguments, n * sizeof(*arguments));
	arguments[n] = (char[]){ "-t" };
	(void)execv(m->setup->program, arguments);
	log_write(m->log, LOG_AT_ERROR, "cannot execute %s: %s", m->setup->program,
		  strerror(errno));
	_exit(EXIT_CODE_SYSTEM);
}

void master_upgrade_ask(struct master *m)
{
	unsigned n_inherited = inherited_count();
	pid_t pid;

	if (m->phase != MASTER_RUNNING || m->leave_ms != INT64_MAX || m->reload != MASTER_SETTLED ||
	    !m->setup->program) {
		log_write(m->log, LOG_AT_WARN, "SIGUSR2 is ignored%s",
			  m->reload != MASTER_SETTLED ? ": there is a reload" : "");
		return;
	}
	log_write(m->log, LOG_AT_NOTICE, "SIGUSR2: asking %s whether it could take over",
		  m->setup->program);
	pid = proc_fork("weir:check");
	if (pid == 0)
		ask_program(m, n_inherited);
	if (pid < 0) {
		log_write(m->log, LOG_AT_ERROR, "cannot ask: %s", strerror((int)-pid));
		return;
	}
	m->reload = MASTER_ASKING;
	m->checker = pid;
}

/* ---- leaving */

static bool is_to_be_left(const struct worker_slot *slot)
{
	return worker_slot_has_process(slot) && slot->control_fd >= 0;
}

static int leave(const struct master *m, struct handover *ret_handover, int *ret_fd)
{
	struct handover *h = ret_handover;

	h->listeners = m->now->listeners;
	h->workers = calloc(m->n_slots, sizeof(*h->workers));
	if (!h->workers)
		return -ENOMEM;
	for (unsigned i = 0; i < m->n_slots; i++) {
		const struct worker_slot *slot = &m->slots[i];

		if (!is_to_be_left(slot))
			continue;
		h->workers[h->n_workers++] = (struct handed_worker){
			.kill_ms = slot->kill_ms,
			.pid = (int32_t)slot->pid,
			.control_fd = slot->control_fd,
			.slot = i,
			.is_draining = slot->state == WORKER_DRAINING
		};
	}
	return handover_leave(h, ret_fd);
}

static void execute(struct master *m)
{
	struct handover handover = { 0 };
	int fd = -1, r;

	r = leave(m, &handover, &fd);
	if (r >= 0) {
		log_write(m->log, LOG_AT_NOTICE, "executing %s", m->setup->program);
		master_reload_tell(m);
		ctl_keeper_step_aside(&m->ctl);
		handover_keep(&handover, fd, true);
		inherited_hand_on(true);
		(void)execv(m->setup->program, m->setup->arguments);
		r = -errno;
		handover_keep(&handover, fd, false);
		inherited_hand_on(false);
		(void)unsetenv(HANDOVER_FD_NAME);
	}
	log_write(m->log, LOG_AT_ERROR, "cannot execute %s: %s", m->setup->program, strerror(-r));
	close_fdp(&fd);
	free(handover.workers);
	say_failed(m);
}

bool master_upgrade_reaped(struct master *m, pid_t pid, int status)
{
	if (m->reload != MASTER_ASKING || pid != m->checker)
		return false;
	m->checker = 0;
	if (m->phase != MASTER_STOPPING && !proc_ended_well(status))
		say_failed(m);
	return true;
}

void master_upgrade_leave(struct master *m)
{
	if (m->reload != MASTER_ASKING || m->checker > 0 || m->phase == MASTER_STOPPING)
		return;
	if (m->leave_ms == INT64_MAX) {
		execute(m);
		return;
	}
	log_write(m->log, LOG_AT_NOTICE, "the new program is not used: this one is about to stop");
	master_reload_settle(m);
}

/* ---- taking */

void master_upgrade_take(struct master *m)
{
	struct handover *h = m->setup->handed;

	for (uint32_t i = 0; h && i < h->n_workers; i++) {
		struct handed_worker *worker = &h->workers[i];
		struct worker_slot *slot = &m->slots[worker->slot % m->n_slots];

		if (slot->state != WORKER_EMPTY)
			continue;
		worker_slot_forked(slot, worker->pid, steal_fd(worker->control_fd),
				   clock_monotonic_ms());
		worker_slot_move(slot, worker->is_draining ? WORKER_DRAINING : WORKER_READY);
		slot->kill_ms = worker->is_draining ? worker->kill_ms : 0;
		slot->is_leaving = worker->is_draining;
	}
}
