/*
 * master.c - one poll() over the signals and the children's control sockets, and
 * what is due by the clock. Its parts: master_fork.c begins children, master_workers.c
 * minds workers, master_reload.c replaces them, master_stop.c ends all.
 */
#include "daemon/master.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/exit_code.h"
#include "daemon/crash_report.h"
#include "daemon/listeners.h"
#include "daemon/master_ctl.h"
#include "daemon/master_fork.h"
#include "daemon/master_reload.h"
#include "daemon/master_resize.h"
#include "daemon/master_state.h"
#include "daemon/master_stop.h"
#include "daemon/master_upgrade.h"
#include "daemon/master_workers.h"
#include "daemon/signals.h"
#include "daemon/tls_keeper.h"
#include "daemon/worker_board.h"
#include "io/ipc.h"

/* Generations of workers that may drain at the same time, and what there are slots for at least. */
#define GENERATIONS 4
#define MIN_SLOTS 64
/* The hub ends at once, when the last worker has; unless it is stuck. */
#define HUB_GRACE_MS 2000
/* Until who could not be introduced is tried again: its socket was full, or there was no descriptor. */
#define INTRODUCE_AGAIN_MS 1000

static void on_hub_death(struct master *m, int status)
{
	hub_keeper_died(&m->hub, status, m->phase == MASTER_STOPPING);
}

static void on_job_process_death(struct master *m, pid_t pid, int status)
{
	const struct job_slot *slot = job_keeper_find(&m->jobs, pid);
	bool has_failed;

	if (slot)
		master_fork_report(m, master_fork_crash_index(m, slot), CRASH_REPORT_CRASH);
	if (job_keeper_died(&m->jobs, pid, status, &has_failed) && has_failed &&
	    m->phase == MASTER_STARTING)
		master_stop_failed(m, EXIT_CODE_START);
}

/* A child that has ended, and its status; 0: no other. */
static pid_t next_dead(const struct master *m, int *ret_status)
{
	siginfo_t info = { 0 };

	if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
		return 0;
	job_keeper_end_group(&m->jobs, info.si_pid);
	return waitpid(info.si_pid, ret_status, 0);
}

static void reap(struct master *m)
{
	int status;
	pid_t pid;

	while ((pid = next_dead(m, &status)) > 0) {
		on_job_process_death(m, pid, status);
		if (m->hub.slot.pid == pid)
			on_hub_death(m, status);
		if (m->ctl.slot.pid == pid)
			ctl_keeper_died(&m->ctl, status, m->phase == MASTER_STOPPING);
		(void)crash_keeper_reaped(&m->crashes, pid); /* whatever it came to */
		if (master_upgrade_reaped(m, pid, status) || master_reload_reaped(m, pid, status))
			continue;
		for (unsigned i = 0; i < m->n_slots; i++) {
			if (m->slots[i].pid == pid)
				master_workers_died(m, &m->slots[i], status);
		}
	}
}

static void on_signals(struct master *m)
{
	struct signals signals = { 0 };

	signals_read(m->signals_fd, &signals);
	if (signals.has_children)
		reap(m);
	if (signals.wants_logs)
		master_reload_logs(m);
	if (signals.has_hangup)
		master_reload_ask(m);
	if (signals.wants_binary)
		master_upgrade_ask(m);
	if (signals.n_workers != 0)
		master_resize(m, signals.n_workers);
	if (signals.has_quit)
		master_stop_patiently(m);
	if (signals.n_stops > 0)
		master_stop_asked(m, signals.n_stops);
	master_upgrade_leave(m);
}

static void tick_hub(struct master *m, int64_t now_ms)
{
	if (hub_keeper_is_due(&m->hub, now_ms))
		master_fork_hub(m);
	if (master_reload_is_past(m))
		job_keeper_end_leaving(&m->jobs);
	m->n_strangers = hub_keeper_introduce_all(&m->hub, m->slots, m->n_slots);
	m->n_strangers += job_keeper_introduce_all(&m->jobs, m->hub.slot.control_fd,
						   m->hub.slot.pid);
	/* Workers have jobs and publish as long as they live, so these go after them, the hub last. */
	if (m->phase == MASTER_STOPPING && !master_workers_are_left(m))
		job_keeper_stop(&m->jobs);
	if (m->phase == MASTER_STOPPING && !master_workers_are_left(m) &&
	    job_keeper_is_empty(&m->jobs))
		hub_keeper_stop(&m->hub, HUB_GRACE_MS);
	if (m->hub.slot.state == WORKER_DRAINING && m->hub.slot.kill_ms <= now_ms)
		hub_keeper_kill(&m->hub);
}

/* What is due by now. */
static void tick(struct master *m)
{
	int64_t now_ms = clock_monotonic_ms();

	master_fork_job_processes(m);
	tls_keeper_tick(m->now->tls, now_ms, m->log);
	tls_keeper_tell(m->now->tls, m->slots, m->n_slots, m->now->number);
	crash_limit_tell(&m->now->crash_limit, m->slots, m->n_slots, m->now->number);
	master_reload_tick(m, now_ms);
	master_stop_tick(m, now_ms);
	tick_hub(m, now_ms);
	master_ctl_tick(m, now_ms);
	job_keeper_tick(&m->jobs, now_ms);
	service_keeper_tick(&m->service, now_ms, m->slots, m->n_slots, &m->lags);
	for (unsigned i = 0; i < m->n_slots; i++) {
		struct worker_slot *slot = &m->slots[i];

		if (slot->state == WORKER_BACKING_OFF && slot->retry_ms <= now_ms)
			master_workers_start(m, slot);
		if (worker_slot_is_ending(slot) && slot->kill_ms <= now_ms)
			master_workers_end(m, slot);
	}
	if (m->phase != MASTER_STOPPING || m->kill_ms > now_ms)
		return;
	for (unsigned i = 0; i < m->n_slots; i++) {
		if (worker_slot_has_process(&m->slots[i]))
			master_workers_say_late(m, &m->slots[i]);
	}
	master_stop_kill_all(m);
}

/* For poll(): until the next thing is due; -1 when nothing is. */
static int wait_ms(const struct master *m)
{
	int64_t next_ms = m->phase == MASTER_STOPPING ? m->kill_ms : INT64_MAX;
	int64_t now_ms = clock_monotonic_ms();
	int64_t jobs_ms = job_keeper_next_ms(&m->jobs);

	if (jobs_ms < next_ms)
		next_ms = jobs_ms;
	if (tls_keeper_next_ms(m->now->tls) < next_ms)
		next_ms = tls_keeper_next_ms(m->now->tls);
	if (master_reload_next_ms(m) < next_ms)
		next_ms = master_reload_next_ms(m);
	if (ctl_keeper_next_ms(&m->ctl) < next_ms)
		next_ms = ctl_keeper_next_ms(&m->ctl);
	if (m->leave_ms < next_ms)
		next_ms = m->leave_ms;
	if (service_keeper_next_ms(&m->service) < next_ms)
		next_ms = service_keeper_next_ms(&m->service);
	if (m->n_strangers > 0 && now_ms + INTRODUCE_AGAIN_MS < next_ms)
		next_ms = now_ms + INTRODUCE_AGAIN_MS;
	if (m->hub.slot.state == WORKER_BACKING_OFF && m->hub.slot.retry_ms < next_ms)
		next_ms = m->hub.slot.retry_ms;
	if (m->hub.slot.state == WORKER_DRAINING && m->hub.slot.kill_ms < next_ms)
		next_ms = m->hub.slot.kill_ms;
	for (unsigned i = 0; i < m->n_slots; i++) {
		const struct worker_slot *slot = &m->slots[i];

		if (slot->state == WORKER_BACKING_OFF && slot->retry_ms < next_ms)
			next_ms = slot->retry_ms;
		if (worker_slot_is_ending(slot) && slot->kill_ms < next_ms)
			next_ms = slot->kill_ms;
	}
	if (next_ms == INT64_MAX)
		return -1;
	if (next_ms <= now_ms)
		return 0;
	return next_ms - now_ms < INT32_MAX ? (int)(next_ms - now_ms) : INT32_MAX;
}

static void listen_to_hub(struct master *m)
{
	struct ipc_message message;

	while (hub_keeper_listen(&m->hub, &message))
		job_keeper_obey(&m->jobs, &message);
}

/* poll(2) allows no more entries than descriptors, and counts those without one, of which there are many. */
static int poll_open(struct master *m, size_t n, int timeout_ms)
{
	size_t n_open = 0;
	int r;

	for (size_t i = 0; i < n; i++) {
		if (m->polled[i].fd >= 0)
			m->open[n_open++] = m->polled[i];
	}
	r = poll(m->open, n_open, timeout_ms);
	for (size_t i = n; i-- > 0;) {
		m->polled[i].revents = 0;
		if (r > 0 && m->polled[i].fd >= 0)
			m->polled[i].revents = m->open[--n_open].revents;
	}
	return r;
}

static void wait_and_handle(struct master *m)
{
	unsigned n = m->n_slots;
	int r;

	m->polled[0] = (struct pollfd){ .fd = m->signals_fd, .events = POLLIN };
	m->polled[1] = (struct pollfd){ .fd = m->hub.slot.control_fd, .events = POLLIN };
	for (unsigned i = 0; i < n; i++)
		m->polled[2 + i] = (struct pollfd){ .fd = m->slots[i].control_fd,
						    .events = POLLIN };
	job_keeper_poll(&m->jobs, &m->polled[2 + n]);
	master_ctl_poll(m, &m->polled[2 + n + m->jobs.n_slots]);
	r = poll_open(m, n + 3 + m->jobs.n_slots, wait_ms(m));
	if (r < 0) {
		assert(errno == EINTR || errno == EAGAIN || errno == ENOMEM);
		return;
	}
	/* Words before deaths: so a READY is not overtaken by a later signal. */
	for (unsigned i = 0; i < n; i++) {
		if (m->polled[2 + i].revents)
			master_workers_listen(m, &m->slots[i]);
	}
	if (!job_keeper_listen(&m->jobs, &m->polled[2 + n]) && m->phase == MASTER_STARTING)
		master_stop_failed(m, EXIT_CODE_START);
	master_workers_become_ready(m);
	if (m->polled[1].revents)
		listen_to_hub(m);
	master_ctl_listen(m, &m->polled[2 + n + m->jobs.n_slots]);
	if (m->polled[0].revents)
		on_signals(m);
}

static bool has_ended(const struct master *m)
{
	return m->phase == MASTER_STOPPING && !master_workers_are_left(m) &&
	       job_keeper_is_empty(&m->jobs) && m->hub.slot.state == WORKER_EMPTY &&
	       m->ctl.slot.state == WORKER_EMPTY && !crash_keeper_is_busy(&m->crashes);
}

unsigned master_n_slots(unsigned n_workers)
{
	return n_workers * GENERATIONS > MIN_SLOTS ? n_workers * GENERATIONS : MIN_SLOTS;
}

static int make(struct master *m)
{
	const struct generation *first = m->now;
	int r;

	r = signals_open(&m->signals_fd);
	if (r < 0)
		return r;
	m->n_slots = master_n_slots(first->n_workers);
	r = worker_notes_init(&m->notes, m->n_slots);
	if (r >= 0)
		r = job_keeper_init(&m->jobs, m->log, first->jobs, first->has_jobs);
	if (r >= 0)
		r = crash_keeper_init(&m->crashes, m->log, m->n_slots + m->jobs.n_slots);
	if (r >= 0)
		r = worker_lags_init(&m->lags, m->n_slots);
	if (r >= 0)
		r = worker_board_new(m->n_slots, clock_monotonic_ms(), &m->board);
	if (r >= 0)
		r = adoption_grow(&m->adoption, listeners_n_lanes(first->listeners));
	if (r < 0)
		return r;
	m->told_level = m->log->level;
	m->slots = calloc(m->n_slots, sizeof(*m->slots));
	m->polled = calloc(m->n_slots + 3 + m->jobs.n_slots, sizeof(*m->polled));
	m->open = calloc(m->n_slots + 3 + m->jobs.n_slots, sizeof(*m->open));
	if (!m->slots || !m->polled || !m->open)
		return -ENOMEM;
	for (unsigned i = 0; i < m->n_slots; i++)
		worker_slot_init(&m->slots[i], i);
	service_keeper_init(&m->service, m->log, clock_monotonic_ms());
	hub_keeper_init(&m->hub, m->log);
	ctl_keeper_init(&m->ctl, m->log, m->setup->ctl_doors);
	return 0;
}

static void unmake(struct master *m)
{
	close_fdp(&m->signals_fd);
	job_keeper_done(&m->jobs);
	crash_keeper_done(&m->crashes);
	worker_lags_done(&m->lags);
	m->board = worker_board_free(m->board);
	worker_notes_done(&m->notes);
	adoption_done(&m->adoption);
	free(m->slots);
	free(m->polled);
	free(m->open);
	generation_free(m->now);
}

static void start_all(struct master *m)
{
	master_upgrade_take(m);
	master_fork_hub(m);
	for (unsigned i = 0; i < m->n_slots; i++) {
		/* Those that were taken stay with the hub that they have. */
		if (worker_slot_has_process(&m->slots[i]))
			m->slots[i].hub = m->hub.slot.pid;
	}
	master_ctl_tick(m, clock_monotonic_ms());
	master_fork_job_processes(m);
	for (unsigned i = 0; i < m->now->n_workers && m->phase == MASTER_STARTING; i++)
		master_workers_start(m, master_workers_place(m, m->now, i));
}

int master_run(const struct master_setup *setup)
{
	struct master m = {
		.setup = setup,
		.log = setup->log,
		.now = setup->first,
		.signals_fd = -1,
		.leave_ms = INT64_MAX,
	};
	int r;

	m.now->number = ++m.last_generation;
	r = make(&m);
	if (r < 0) {
		log_write(m.log, LOG_AT_ERROR, "cannot start: %s", strerror(-r));
		unmake(&m);
		return EXIT_CODE_SYSTEM;
	}
	start_all(&m);
	while (!has_ended(&m)) {
		wait_and_handle(&m);
		tick(&m);
	}
	unmake(&m);
	if (m.exit_code == EXIT_CODE_OK)
		log_write(m.log, LOG_AT_NOTICE, "stopped");
	return m.exit_code;
}
