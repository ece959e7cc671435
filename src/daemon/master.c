/*
 * master.c - one poll() over the signals and the children's control sockets. The
 * hard thing is that a worker's end is told in two ways which race: its last
 * words on the control socket and SIGCHLD. So a child that was reaped has its
 * socket read to the end before anything is concluded.
 */
#include "daemon/master.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/adoption.h"
#include "daemon/conf.h"
#include "daemon/control.h"
#include "daemon/crash_keeper.h"
#include "daemon/crash_note.h"
#include "daemon/crash_report.h"
#include "daemon/exit_code.h"
#include "daemon/hub_keeper.h"
#include "daemon/job_keeper.h"
#include "daemon/listeners.h"
#include "daemon/notify.h"
#include "daemon/signals.h"
#include "daemon/tls_keeper.h"
#include "daemon/worker_death.h"
#include "daemon/worker_lags.h"
#include "daemon/worker_notes.h"
#include "daemon/worker_slot.h"
#include "io/proc.h"

/* A worker cuts its requests off at the end of the grace itself; this is for telling them so. */
#define KILL_SLACK_MS 500
/* When the daemon cannot start, nobody is being served yet. */
#define FAILED_GRACE_MS 2000
/* The hub ends at once, when the last worker has; unless it is stuck. */
#define HUB_GRACE_MS 2000
/* Until who could not be introduced is tried again: its socket was full, or there was no descriptor. */
#define INTRODUCE_AGAIN_MS 1000

enum master_phase {
	MASTER_STARTING, /* not every worker has been ready yet; a death now is final */
	MASTER_RUNNING,
	MASTER_STOPPING, /* no more forks; ends when the last worker has */
};

struct master {
	const struct master_setup *setup;
	const struct log *log;
	struct worker_slot *slots; /* owned, n_workers of them */
	struct pollfd *polled; /* owned: the signals, control sockets: the hub's, workers', jobs' */
	struct hub_keeper hub;
	struct job_keeper jobs;
	unsigned n_strangers;	   /* who could not be introduced to the hub */
	struct worker_notes notes; /* what a slot's worker wants known when it dies */
	struct crash_keeper crashes;
	struct worker_lags lags;
	int signals_fd;
	enum master_phase phase;
	int64_t kill_ms; /* while stopping: when patience ends */
	int n_stops;
	int exit_code;
};

static void send_signal(const struct worker_slot *slot, int sig)
{
	if (worker_slot_has_process(slot))
		(void)kill(slot->pid, sig); /* gone already: then it is about to be reaped */
}

static void kill_all(struct master *m)
{
	for (unsigned i = 0; i < m->setup->n_workers; i++)
		send_signal(&m->slots[i], SIGKILL);
	job_keeper_kill_all(&m->jobs);
	crash_keeper_kill(&m->crashes);
	m->kill_ms = INT64_MAX;
}

static void drain_slot(struct worker_slot *slot)
{
	int r;

	if (slot->state == WORKER_BACKING_OFF)
		worker_slot_move(slot, WORKER_EMPTY);
	if (!worker_slot_has_process(slot))
		return;
	worker_slot_move(slot, WORKER_DRAINING);
	r = slot->control_fd < 0 ? -EPIPE : control_send_drain(slot->control_fd);
	if (r < 0)
		send_signal(slot, SIGTERM);
}

static void begin_stop(struct master *m, int exit_code, int64_t grace_ms)
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
		drain_slot(&m->slots[i]);
	/* The workers do the same; then clients are refused at once, not left in a queue to die. */
	listeners_stop(m->setup->listeners);
}

static void fail_start(struct master *m, int exit_code)
{
	begin_stop(m, exit_code, FAILED_GRACE_MS);
}

/* In every child: what is the master's own. */
static void forget_master(const struct master *m)
{
	/* A terminal sends these to all of its processes; only the master acts on them. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)close(m->signals_fd);
	close_fdp(&m->hub.slot.control_fd);
	job_keeper_forget(&m->jobs);
	for (unsigned i = 0; i < m->setup->n_workers; i++)
		close_fdp(&m->slots[i].control_fd);
}

/* In the child. Everything of the master's but this slot's sockets is closed. */
__attribute__((noreturn)) static void run_worker(struct master *m, unsigned index, int control_fd)
{
	const struct master_setup *setup = m->setup;
	struct log log = *setup->log;
	struct worker_args args = { .slot = index,
				    .control_fd = control_fd,
				    .listeners = setup->listeners,
				    .note = worker_notes_at(&m->notes, index),
				    .crash = m->crashes.notes[index],
				    .lag = worker_lags_at(&m->lags, index),
				    .log = &log,
				    .arg = setup->worker_arg };

	log_set_who(&log, "worker %u", index);
	forget_master(m);
	listeners_keep(setup->listeners, index);
	worker_notes_clear(args.note);
	exit(setup->worker_main(&args));
}

static int fork_worker(struct master *m, struct worker_slot *slot)
{
	char name[16];
	int ends[2], r;
	bool has_hub;
	pid_t pid;

	r = ipc_pair(ends);
	if (r < 0)
		return r;
	/* Before it is born: so the hub is there before its modules start. */
	has_hub = hub_keeper_introduce(&m->hub, slot->index, ends[0]);
	(void)crash_keeper_renew(&m->crashes, slot->index);
	(void)snprintf(name, sizeof(name), "weir:worker %u", slot->index);
	pid = proc_fork(name);
	if (pid == 0) {
		(void)close(ends[0]);
		run_worker(m, slot->index, ends[1]);
	}
	(void)close(ends[1]);
	if (pid < 0) {
		(void)close(ends[0]);
		return (int)pid;
	}
	worker_slot_forked(slot, pid, ends[0], clock_monotonic_ms());
	slot->certificates = tls_keeper_generation(m->setup->tls);
	if (has_hub)
		slot->hub = m->hub.slot.pid;
	return 0;
}

static void start_worker(struct master *m, struct worker_slot *slot)
{
	int64_t now_ms = clock_monotonic_ms();
	int r;

	r = fork_worker(m, slot);
	if (r == 0)
		return;
	log_write(m->log, LOG_AT_ERROR, "cannot start worker %u: %s", slot->index, strerror(-r));
	if (m->phase == MASTER_STARTING) {
		fail_start(m, EXIT_CODE_SYSTEM);
		return;
	}
	slot->started_ms = now_ms;
	worker_slot_died(slot, now_ms);
}

/* In the child. */
__attribute__((noreturn)) static void run_hub(struct master *m, int control_fd)
{
	const struct master_setup *setup = m->setup;
	struct log log = *setup->log;
	struct hub_args args = { .control_fd = control_fd,
				 .n_slots = setup->n_workers,
				 .log = &log,
				 .arg = setup->hub_arg };

	log_set_who(&log, "hub");
	forget_master(m);
	listeners_stop(setup->listeners);
	exit(setup->hub_main(&args));
}

static void start_hub(struct master *m)
{
	int control_fd = -1;
	pid_t pid = hub_keeper_fork(&m->hub, &control_fd);

	if (pid == 0)
		run_hub(m, control_fd);
}

/* Job processes have their crash notes behind the workers'. */
static unsigned crash_index(const struct master *m, const struct job_slot *slot)
{
	return m->setup->n_workers + slot->slot.index;
}

/* In the child. */
__attribute__((noreturn)) static void run_job_process(struct master *m, const struct job_slot *slot,
						      int control_fd)
{
	const struct master_setup *setup = m->setup;
	struct log log = *setup->log;
	struct job_args args = { .pool = slot->pool,
				 .control_fd = control_fd,
				 .note = job_keeper_note(&m->jobs, slot),
				 .crash = m->crashes.notes[crash_index(m, slot)],
				 .log = &log,
				 .arg = setup->job_arg };

	log_set_who(&log, "job %s", setup->jobs->pools[slot->pool].name);
	forget_master(m);
	listeners_stop(setup->listeners);
	worker_notes_clear(args.note);
	exit(setup->job_main(&args));
}

/* Those that are due. */
static void start_job_processes(struct master *m)
{
	struct job_slot *slot;
	pid_t pid = 1;

	while (pid > 0 && (slot = job_keeper_due(&m->jobs, clock_monotonic_ms()))) {
		int control_fd = -1;

		(void)crash_keeper_renew(&m->crashes, crash_index(m, slot));
		pid = job_keeper_fork(&m->jobs, slot, &control_fd);
		if (pid == 0)
			run_job_process(m, slot, control_fd);
	}
	if (pid < 0 && m->phase == MASTER_STARTING)
		fail_start(m, EXIT_CODE_SYSTEM);
}

static void say_ready(struct master *m)
{
	unsigned n = m->setup->n_workers;
	char where[LISTENERS_WORDS_MAX];

	listeners_describe(m->setup->listeners, where);
	log_write(m->log, LOG_AT_NOTICE, "ready: listening on %s, %u worker%s, pid %d", where, n,
		  n == 1 ? "" : "s", (int)getpid());
	if (notify_send("READY=1") < 0)
		log_write(m->log, LOG_AT_WARN, "cannot tell the service manager that we are ready");
}

/* When all are. */
static void become_ready(struct master *m)
{
	for (unsigned i = 0; i < m->setup->n_workers; i++) {
		if (m->slots[i].state != WORKER_READY)
			return;
	}
	if (m->phase != MASTER_STARTING || !job_keeper_is_ready(&m->jobs))
		return;
	m->phase = MASTER_RUNNING;
	say_ready(m);
}

static void on_ready(struct master *m, struct worker_slot *slot)
{
	if (slot->state != WORKER_STARTING)
		return;
	worker_slot_move(slot, WORKER_READY);
	adoption_ready(m->slots, m->setup->n_workers, slot, m->setup->listeners);
	if (m->phase == MASTER_RUNNING) {
		log_write(m->log, LOG_AT_NOTICE, "worker %u is ready again, pid %d", slot->index,
			  (int)slot->pid);
		return;
	}
	become_ready(m);
}

static void on_failed(struct master *m, struct worker_slot *slot, const char *why)
{
	/* The others fail for the same reason; once is enough. */
	if (m->phase == MASTER_STOPPING)
		return;
	log_write(m->log, LOG_AT_ERROR, "worker %u cannot start: %s", slot->index, why);
	if (m->phase == MASTER_STARTING)
		fail_start(m, EXIT_CODE_START);
}

static void on_leaving(struct master *m, struct worker_slot *slot)
{
	if (slot->state != WORKER_READY)
		return;
	worker_slot_move(slot, WORKER_LEAVING);
	slot->kill_ms = clock_monotonic_ms() + m->setup->graceful_ms + KILL_SLACK_MS;
	adoption_lost(m->slots, m->setup->n_workers, slot, m->setup->listeners);
}

/* A short-lived child finds the names; then the log is told. */
static void report(struct master *m, unsigned child, enum crash_report_what what)
{
	const struct crash_note *note = m->crashes.notes[child];
	struct log log = *m->log;

	if (!crash_report_is_due(note, what) || crash_keeper_fork(&m->crashes) != 0)
		return;
	forget_master(m);
	listeners_stop(m->setup->listeners);
	if (child < m->setup->n_workers)
		log_set_who(&log, "worker %u", child);
	else
		log_set_who(&log, "job %s", job_keeper_pool(&m->jobs, child - m->setup->n_workers));
	crash_report_write(&log, note, what);
	_exit(0);
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
		report(m, slot->index, CRASH_REPORT_STALL);
}

/* All that a worker has said so far. */
static void listen_to(struct master *m, struct worker_slot *slot)
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
	if (m->exit_code == EXIT_CODE_OK)
		m->exit_code = EXIT_CODE_UNCLEAN;
}

static void on_death(struct master *m, struct worker_slot *slot, int status)
{
	pid_t pid = slot->pid;
	char how[PROC_END_MAX];

	listen_to(m, slot);
	report(m, slot->index, CRASH_REPORT_CRASH);
	if (slot->state == WORKER_STARTING && m->phase == MASTER_STARTING) {
		proc_describe(status, how);
		log_write(m->log, LOG_AT_ERROR, "worker %u (pid %d) ended while it started: %s",
			  slot->index, (int)pid, how);
		fail_start(m, EXIT_CODE_START);
	}
	if (slot->state == WORKER_DRAINING) {
		worker_slot_died(slot, clock_monotonic_ms());
		on_drained(m, slot, pid, status);
		return;
	}
	worker_slot_died(slot, clock_monotonic_ms());
	say_death(m, slot, pid, status);
	adoption_lost(m->slots, m->setup->n_workers, slot, m->setup->listeners);
}

static void on_hub_death(struct master *m, int status)
{
	hub_keeper_died(&m->hub, status, m->phase == MASTER_STOPPING);
}

static void on_job_process_death(struct master *m, pid_t pid, int status)
{
	const struct job_slot *slot = job_keeper_find(&m->jobs, pid);
	bool has_failed;

	if (slot)
		report(m, crash_index(m, slot), CRASH_REPORT_CRASH);
	if (job_keeper_died(&m->jobs, pid, status, &has_failed) && has_failed &&
	    m->phase == MASTER_STARTING)
		fail_start(m, EXIT_CODE_START);
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
		(void)crash_keeper_reaped(&m->crashes, pid); /* whatever it came to */
		for (unsigned i = 0; i < m->setup->n_workers; i++) {
			if (m->slots[i].pid == pid)
				on_death(m, &m->slots[i], status);
		}
	}
}

static void on_stop(struct master *m, int n_more)
{
	m->n_stops += n_more;
	if (m->n_stops > 1) {
		log_write(m->log, LOG_AT_WARN, "told to stop a second time: ending at once");
		begin_stop(m, EXIT_CODE_OK, 0);
		kill_all(m);
		return;
	}
	log_write(m->log, LOG_AT_NOTICE, "stopping: requests in flight have %lld ms to finish",
		  (long long)m->setup->graceful_ms);
	begin_stop(m, EXIT_CODE_OK, m->setup->graceful_ms + KILL_SLACK_MS);
}

static void on_signals(struct master *m)
{
	struct signals signals = { 0 };

	signals_read(m->signals_fd, &signals);
	if (signals.has_children)
		reap(m);
	if (signals.has_hangup)
		tls_keeper_hangup(m->setup->tls, m->log);
	if (signals.n_stops > 0)
		on_stop(m, signals.n_stops);
}

static void say_late(const struct master *m, const struct worker_slot *slot)
{
	log_write(m->log, LOG_AT_WARN, "worker %u (pid %d) did not end in time", slot->index,
		  (int)slot->pid);
}

/* It was told to leave, but not by us: its death is for on_death() to see, as any other. */
static void end_leaving(const struct master *m, struct worker_slot *slot)
{
	say_late(m, slot);
	send_signal(slot, SIGKILL);
	slot->kill_ms = INT64_MAX;
}

static bool has_workers(const struct master *m)
{
	for (unsigned i = 0; i < m->setup->n_workers; i++) {
		if (m->slots[i].state != WORKER_EMPTY)
			return true;
	}
	return false;
}

static void tick_hub(struct master *m, int64_t now_ms)
{
	if (hub_keeper_is_due(&m->hub, now_ms))
		start_hub(m);
	m->n_strangers = hub_keeper_introduce_all(&m->hub, m->slots, m->setup->n_workers);
	m->n_strangers += job_keeper_introduce_all(&m->jobs, m->hub.slot.control_fd,
						   m->hub.slot.pid);
	/* Workers have jobs and publish as long as they live, so these go after them, the hub last. */
	if (m->phase == MASTER_STOPPING && !has_workers(m))
		job_keeper_stop(&m->jobs);
	if (m->phase == MASTER_STOPPING && !has_workers(m) && job_keeper_is_empty(&m->jobs))
		hub_keeper_stop(&m->hub, HUB_GRACE_MS);
	if (m->hub.slot.state == WORKER_DRAINING && m->hub.slot.kill_ms <= now_ms)
		hub_keeper_kill(&m->hub);
}

/* What is due by now. */
static void tick(struct master *m)
{
	int64_t now_ms = clock_monotonic_ms();

	start_job_processes(m);
	tls_keeper_tick(m->setup->tls, now_ms, m->log);
	tls_keeper_tell(m->setup->tls, m->slots, m->setup->n_workers);
	tick_hub(m, now_ms);
	job_keeper_tick(&m->jobs, now_ms);
	for (unsigned i = 0; i < m->setup->n_workers; i++) {
		struct worker_slot *slot = &m->slots[i];

		if (slot->state == WORKER_BACKING_OFF && slot->retry_ms <= now_ms)
			start_worker(m, slot);
		if (slot->state == WORKER_LEAVING && slot->kill_ms <= now_ms)
			end_leaving(m, slot);
	}
	if (m->phase != MASTER_STOPPING || m->kill_ms > now_ms)
		return;
	for (unsigned i = 0; i < m->setup->n_workers; i++) {
		if (worker_slot_has_process(&m->slots[i]))
			say_late(m, &m->slots[i]);
	}
	kill_all(m);
}

/* For poll(): until the next thing is due; -1 when nothing is. */
static int wait_ms(const struct master *m)
{
	int64_t next_ms = m->phase == MASTER_STOPPING ? m->kill_ms : INT64_MAX;
	int64_t now_ms = clock_monotonic_ms();
	int64_t jobs_ms = job_keeper_next_ms(&m->jobs);

	if (jobs_ms < next_ms)
		next_ms = jobs_ms;
	if (tls_keeper_next_ms(m->setup->tls) < next_ms)
		next_ms = tls_keeper_next_ms(m->setup->tls);
	if (m->n_strangers > 0 && now_ms + INTRODUCE_AGAIN_MS < next_ms)
		next_ms = now_ms + INTRODUCE_AGAIN_MS;
	if (m->hub.slot.state == WORKER_BACKING_OFF && m->hub.slot.retry_ms < next_ms)
		next_ms = m->hub.slot.retry_ms;
	if (m->hub.slot.state == WORKER_DRAINING && m->hub.slot.kill_ms < next_ms)
		next_ms = m->hub.slot.kill_ms;
	for (unsigned i = 0; i < m->setup->n_workers; i++) {
		const struct worker_slot *slot = &m->slots[i];

		if (slot->state == WORKER_BACKING_OFF && slot->retry_ms < next_ms)
			next_ms = slot->retry_ms;
		if (slot->state == WORKER_LEAVING && slot->kill_ms < next_ms)
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

static void wait_and_handle(struct master *m)
{
	unsigned n = m->setup->n_workers;
	int r;

	m->polled[0] = (struct pollfd){ .fd = m->signals_fd, .events = POLLIN };
	m->polled[1] = (struct pollfd){ .fd = m->hub.slot.control_fd, .events = POLLIN };
	for (unsigned i = 0; i < n; i++)
		m->polled[2 + i] = (struct pollfd){ .fd = m->slots[i].control_fd,
						    .events = POLLIN };
	job_keeper_poll(&m->jobs, &m->polled[2 + n]);
	r = poll(m->polled, n + 2 + m->jobs.n_slots, wait_ms(m));
	if (r < 0) {
		assert(errno == EINTR || errno == EAGAIN || errno == ENOMEM);
		return;
	}
	/* Words before deaths: so a READY is not overtaken by a later signal. */
	for (unsigned i = 0; i < n; i++) {
		if (m->polled[2 + i].revents)
			listen_to(m, &m->slots[i]);
	}
	if (!job_keeper_listen(&m->jobs, &m->polled[2 + n]) && m->phase == MASTER_STARTING)
		fail_start(m, EXIT_CODE_START);
	become_ready(m);
	if (m->polled[1].revents)
		listen_to_hub(m);
	if (m->polled[0].revents)
		on_signals(m);
}

static bool has_ended(const struct master *m)
{
	return m->phase == MASTER_STOPPING && !has_workers(m) && job_keeper_is_empty(&m->jobs) &&
	       m->hub.slot.state == WORKER_EMPTY && !crash_keeper_is_busy(&m->crashes);
}

int master_run(const struct master_setup *setup)
{
	_cleanup_(freep) struct worker_slot *slots = NULL;
	_cleanup_(freep) struct pollfd *polled = NULL;
	_cleanup_(worker_notes_done) struct worker_notes notes = { 0 };
	_cleanup_(close_fdp) int signals_fd = -1;
	struct master m = { .setup = setup, .log = setup->log };
	int r;

	r = signals_open(&signals_fd);
	if (r < 0) {
		log_write(m.log, LOG_AT_ERROR, "cannot watch for signals: %s", strerror(-r));
		return EXIT_CODE_SYSTEM;
	}
	slots = calloc(setup->n_workers, sizeof(*slots));
	r = worker_notes_init(&notes, setup->n_workers);
	if (r >= 0)
		r = job_keeper_init(&m.jobs, setup->log, setup->jobs);
	if (r >= 0)
		r = crash_keeper_init(&m.crashes, setup->log, setup->n_workers + m.jobs.n_slots);
	if (r >= 0)
		r = worker_lags_init(&m.lags, setup->n_workers);
	polled = calloc(setup->n_workers + 2 + m.jobs.n_slots, sizeof(*polled));
	if (!slots || !polled || r < 0) {
		log_write(m.log, LOG_AT_ERROR, "cannot start: %s", strerror(ENOMEM));
		return EXIT_CODE_SYSTEM;
	}
	m.slots = slots;
	m.notes = notes;
	m.polled = polled;
	m.signals_fd = signals_fd;

	for (unsigned i = 0; i < setup->n_workers; i++)
		worker_slot_init(&slots[i], i);
	hub_keeper_init(&m.hub, setup->log);
	start_hub(&m);
	start_job_processes(&m);
	for (unsigned i = 0; i < setup->n_workers && m.phase == MASTER_STARTING; i++)
		start_worker(&m, &slots[i]);
	while (!has_ended(&m)) {
		wait_and_handle(&m);
		tick(&m);
	}
	job_keeper_done(&m.jobs);
	crash_keeper_done(&m.crashes);
	worker_lags_done(&m.lags);
	if (m.exit_code == EXIT_CODE_OK)
		log_write(m.log, LOG_AT_NOTICE, "stopped");
	return m.exit_code;
}
