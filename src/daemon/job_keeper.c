/* job_keeper.c - see job_keeper.h. */
#include "daemon/job_keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/conf.h"
#include "daemon/control.h"
#include "daemon/control_fork.h"
#include "daemon/worker_death.h"
#include "io/proc.h"

/* The hub asks for jobs to end within the grace itself; this is for the process's own end. */
#define KILL_SLACK_MS 500

static const struct conf_job_pool *pool_of(const struct job_keeper *k, const struct job_slot *s)
{
	return &k->conf->pools[s->pool];
}

/* What it runs too: see job_process.c. */
static void kill_process(struct job_slot *s)
{
	if (!worker_slot_has_process(&s->slot))
		return;
	(void)kill(-s->slot.pid, SIGKILL);
	(void)kill(s->slot.pid, SIGKILL);
	s->slot.kill_ms = INT64_MAX;
}

int job_keeper_init(struct job_keeper *k, const struct log *log, const struct conf_jobs *conf)
{
	unsigned n = 0;
	int r;

	*k = (struct job_keeper){ .log = log, .conf = conf, .is_wanted = true };
	for (size_t i = 0; conf && i < conf->n_pools; i++)
		n += conf->pools[i].processes + 1;
	if (n == 0)
		return 0;
	k->slots = calloc(n, sizeof(*k->slots));
	r = k->slots ? worker_notes_init(&k->notes, n) : -ENOMEM;
	if (r < 0) {
		job_keeper_done(k);
		return r;
	}
	for (unsigned i = 0; i < conf->n_pools; i++) {
		for (unsigned j = 0; j <= conf->pools[i].processes; j++) {
			struct job_slot *s = &k->slots[k->n_slots];

			worker_slot_init(&s->slot, k->n_slots++);
			s->pool = i;
		}
	}
	return 0;
}

void job_keeper_done(struct job_keeper *k)
{
	free(k->slots);
	k->slots = NULL;
	k->n_slots = 0;
	worker_notes_done(&k->notes);
}

/* ---- starting */

struct job_slot *job_keeper_due(struct job_keeper *k, int64_t now_ms)
{
	for (unsigned i = 0; i < k->n_slots && k->is_wanted && !k->is_stopping; i++) {
		struct job_slot *s = &k->slots[i];

		if (!worker_slot_has_process(&s->slot) && s->slot.retry_ms <= now_ms &&
		    !s->has_news)
			return s;
	}
	return NULL;
}

static pid_t fork_process(struct job_keeper *k, struct job_slot *s, int *ret_control_fd)
{
	char name[16];
	pid_t pid;

	(void)snprintf(name, sizeof(name), "weir:job %s", pool_of(k, s)->name);
	pid = control_fork(&s->slot, name, ret_control_fd);
	if (pid <= 0)
		return pid;
	/* It does the same; but it may be killed before it has. */
	(void)setpgid(pid, pid);
	s->number = ++k->last_number;
	s->is_old = false;
	s->is_killed = false;
	s->has_failed = false;
	return pid;
}

pid_t job_keeper_fork(struct job_keeper *k, struct job_slot *s, int *ret_control_fd)
{
	pid_t pid = fork_process(k, s, ret_control_fd);

	if (pid >= 0)
		return pid;
	s->slot.started_ms = clock_monotonic_ms();
	worker_slot_died(&s->slot, s->slot.started_ms);
	log_write(k->log, LOG_AT_ERROR, "cannot start a job process of pool %s: %s",
		  pool_of(k, s)->name, strerror((int)-pid));
	return pid;
}

void job_keeper_forget(const struct job_keeper *k)
{
	for (unsigned i = 0; i < k->n_slots; i++)
		close_fdp(&k->slots[i].slot.control_fd);
}

struct worker_note *job_keeper_note(const struct job_keeper *k, const struct job_slot *s)
{
	return worker_notes_at(&k->notes, s->slot.index);
}

/* ---- what they say */

void job_keeper_poll(const struct job_keeper *k, struct pollfd *ret_polled)
{
	for (unsigned i = 0; i < k->n_slots; i++)
		ret_polled[i] = (struct pollfd){ .fd = k->slots[i].slot.control_fd,
						 .events = POLLIN };
}

/* All of them fail for the same reason; once is enough. */
static void on_failed(struct job_keeper *k, struct job_slot *s, const char *why)
{
	s->has_failed = true;
	if (k->has_said_why || k->is_stopping)
		return;
	k->has_said_why = true;
	log_write(k->log, LOG_AT_ERROR, "a job process of pool %s cannot start: %s",
		  pool_of(k, s)->name, why);
}

/* False: it cannot start. */
static bool on_message(struct job_keeper *k, struct job_slot *s, struct ipc_message *message)
{
	for (size_t i = 0; i < message->n_fds; i++)
		close_fdp(&message->fds[i]);
	if (message->type == CONTROL_READY && s->slot.state == WORKER_STARTING) {
		worker_slot_move(&s->slot, WORKER_READY);
		k->has_said_why = false;
	}
	if (message->type == CONTROL_FAILED)
		on_failed(k, s, message->text);
	return message->type != CONTROL_FAILED;
}

static bool listen_to(struct job_keeper *k, struct job_slot *s)
{
	struct ipc_message message;
	bool is_fine = true;

	while (s->slot.control_fd >= 0) {
		int r = control_receive(s->slot.control_fd, &message);

		if (r == -EAGAIN)
			break;
		if (r == 1) {
			is_fine = on_message(k, s, &message) && is_fine;
			continue;
		}
		/* It is ending, or a job has closed it: SIGCHLD will tell. */
		(void)close(s->slot.control_fd);
		s->slot.control_fd = -1;
	}
	return is_fine;
}

bool job_keeper_listen(struct job_keeper *k, const struct pollfd *polled)
{
	bool is_fine = true;

	for (unsigned i = 0; i < k->n_slots; i++) {
		if (polled[i].revents)
			is_fine = listen_to(k, &k->slots[i]) && is_fine;
	}
	return is_fine;
}

bool job_keeper_is_ready(const struct job_keeper *k)
{
	for (unsigned i = 0; i < k->n_slots && k->is_wanted; i++) {
		if (k->slots[i].slot.state != WORKER_READY)
			return false;
	}
	return true;
}

bool job_keeper_is_empty(const struct job_keeper *k)
{
	for (unsigned i = 0; i < k->n_slots; i++) {
		if (worker_slot_has_process(&k->slots[i].slot))
			return false;
	}
	return true;
}

/* ---- how they end */

struct job_slot *job_keeper_find(const struct job_keeper *k, pid_t pid)
{
	for (unsigned i = 0; i < k->n_slots; i++) {
		if (worker_slot_has_process(&k->slots[i].slot) && k->slots[i].slot.pid == pid)
			return &k->slots[i];
	}
	return NULL;
}

void job_keeper_end_group(const struct job_keeper *k, pid_t pid)
{
	/* Until it is reaped its number cannot be another's. */
	if (job_keeper_find(k, pid))
		(void)kill(-pid, SIGKILL);
}

/* One line for each that has ended without being told to. job: what it ran, or "". */
static void say_death(const struct job_keeper *k, const struct job_slot *s, pid_t pid, int status,
		      const char *job)
{
	long long pause_ms = (long long)(s->slot.retry_ms - clock_monotonic_ms());
	int level = s->is_killed	      ? LOG_AT_INFO
		    : proc_ended_well(status) ? LOG_AT_NOTICE
					      : LOG_AT_ERROR;
	const char *cause = worker_death_cause(&s->slot, status, SIGXCPU, ": its cpu_time is over");
	char how[PROC_END_MAX], when[64] = "";

	proc_describe(status, how);
	if (pause_ms > 0)
		(void)snprintf(when, sizeof(when), " in %lld ms: it keeps dying", pause_ms);
	log_write(k->log, level,
		  "a job process of pool %s (pid %d) ended: %s%s%s%s; starting another%s",
		  pool_of(k, s)->name, (int)pid,
		  s->is_killed ? "killed, as the hub has asked for" : how, cause,
		  job[0] ? "; it ran " : "", job, when);
}

static void say_drained(const struct job_keeper *k, const struct job_slot *s, pid_t pid, int status)
{
	char how[PROC_END_MAX];

	if (proc_ended_well(status)) {
		if (!k->is_stopping)
			log_write(k->log, LOG_AT_INFO,
				  "a job process of pool %s (pid %d) was recycled",
				  pool_of(k, s)->name, (int)pid);
		return;
	}
	proc_describe(status, how);
	log_write(k->log, LOG_AT_WARN, "a job process of pool %s (pid %d) did not stop cleanly: %s",
		  pool_of(k, s)->name, (int)pid, how);
}

/* What a job has done to its process, and what was asked for, needs no pause. */
static void slot_died(struct job_slot *s, bool is_expected)
{
	int64_t now_ms = clock_monotonic_ms();

	worker_slot_died(&s->slot, now_ms);
	if (!is_expected && s->slot.state == WORKER_BACKING_OFF)
		return;
	s->slot.n_quick = 0;
	s->slot.retry_ms = now_ms;
}

bool job_keeper_died(struct job_keeper *k, pid_t pid, int status, bool *ret_failed)
{
	struct job_slot *s = job_keeper_find(k, pid);
	char job[WORKER_NOTES_NAME] = "";
	bool is_drained;

	if (!s)
		return false;
	(void)listen_to(k, s);
	worker_notes_read(&k->notes, s->slot.index, job);
	is_drained = s->slot.state == WORKER_DRAINING;
	*ret_failed = s->slot.state == WORKER_STARTING;
	s->has_news = s->slot.hub != 0;
	s->told_hub = s->slot.hub;
	s->status = status;
	slot_died(s, s->is_killed || job[0]);
	if (is_drained)
		say_drained(k, s, pid, status);
	else if (!k->is_stopping || !s->has_failed)
		say_death(k, s, pid, status, job);
	if (k->is_stopping && s->slot.state == WORKER_BACKING_OFF)
		worker_slot_move(&s->slot, WORKER_EMPTY);
	return true;
}

const char *job_keeper_pool(const struct job_keeper *k, unsigned slot)
{
	return pool_of(k, &k->slots[slot])->name;
}

/* ---- the hub */

static struct job_slot *find_number(const struct job_keeper *k, unsigned number)
{
	for (unsigned i = 0; i < k->n_slots; i++) {
		if (worker_slot_has_process(&k->slots[i].slot) && k->slots[i].number == number)
			return &k->slots[i];
	}
	return NULL;
}

/* It is to end by itself; until then it may run what it runs. */
static void drain(const struct job_keeper *k, struct job_slot *s)
{
	if (!worker_slot_has_process(&s->slot) || s->slot.state == WORKER_DRAINING)
		return;
	worker_slot_move(&s->slot, WORKER_DRAINING);
	if (s->slot.kill_ms != INT64_MAX)
		s->slot.kill_ms = clock_monotonic_ms() + pool_of(k, s)->grace_ms + KILL_SLACK_MS;
	if (s->slot.control_fd < 0 || control_send_drain(s->slot.control_fd) < 0)
		(void)kill(s->slot.pid, SIGTERM);
}

void job_keeper_obey(struct job_keeper *k, const struct ipc_message *message)
{
	struct job_slot *s = find_number(k, message->number);

	/* It has died meanwhile, and JOB_ENDED is on its way. */
	if (!s)
		return;
	if (message->type == CONTROL_JOB_RETIRE) {
		drain(k, s);
		return;
	}
	s->is_killed = true;
	kill_process(s);
}

static bool introduce(const struct job_slot *s, int hub_fd)
{
	const struct control_job_process what = { .pool = s->pool,
						  .is_old = s->is_old,
						  .pid = s->slot.pid };
	int ends[2];
	int r;

	r = ipc_pair(ends);
	if (r < 0)
		return false;
	/* If only the process hears of it, it sees the end of the other end, and waits for the next. */
	r = control_send_hub(s->slot.control_fd, 0, &ends[1], 1);
	if (r == 0)
		r = control_send_job_process(hub_fd, s->number, &what, ends[0]);
	(void)close(ends[0]);
	(void)close(ends[1]);
	return r == 0;
}

unsigned job_keeper_introduce_all(struct job_keeper *k, int hub_fd, pid_t hub)
{
	unsigned n_left = 0;

	for (unsigned i = 0; i < k->n_slots; i++) {
		struct job_slot *s = &k->slots[i];

		/* A hub that has died itself need not hear of it. */
		if (s->has_news && (hub_fd < 0 || s->told_hub != hub ||
				    control_send_job_ended(hub_fd, s->number, s->status) == 0))
			s->has_news = false;
		n_left += s->has_news;
		if (hub_fd < 0 || s->slot.state != WORKER_READY || s->slot.hub == hub ||
		    s->slot.control_fd < 0 || s->is_killed)
			continue;
		if (!introduce(s, hub_fd)) {
			n_left++;
			continue;
		}
		s->slot.hub = hub;
		s->is_old = true;
	}
	return n_left;
}

/* ---- stopping */

void job_keeper_give_up(struct job_keeper *k)
{
	k->is_stopping = true;
	for (unsigned i = 0; i < k->n_slots; i++) {
		if (k->slots[i].slot.state == WORKER_BACKING_OFF)
			worker_slot_move(&k->slots[i].slot, WORKER_EMPTY);
	}
}

void job_keeper_stop(struct job_keeper *k)
{
	job_keeper_give_up(k);
	if (k->is_drained)
		return;
	k->is_drained = true;
	for (unsigned i = 0; i < k->n_slots; i++)
		drain(k, &k->slots[i]);
}

void job_keeper_kill_all(struct job_keeper *k)
{
	for (unsigned i = 0; i < k->n_slots; i++)
		kill_process(&k->slots[i]);
}

/* ---- reload */

void job_keeper_want(struct job_keeper *k, bool is_wanted)
{
	k->is_wanted = is_wanted;
}

void job_keeper_renew(struct job_keeper *k, const struct conf_jobs *conf, bool is_wanted,
		      int hub_fd)
{
	bool is_told;

	k->conf = conf;
	k->is_wanted = is_wanted;
	k->has_said_why = false;
	/* The hub knows who is idle: nobody is told to run a job, and to end before it. */
	is_told = is_wanted && hub_fd >= 0 && control_send_job_renew(hub_fd) == 0;
	for (unsigned i = 0; i < k->n_slots; i++) {
		struct job_slot *s = &k->slots[i];

		s->slot.n_quick = 0;
		if (!worker_slot_has_process(&s->slot))
			s->slot.retry_ms = 0;
		else if (!is_told || s->slot.hub == 0)
			drain(k, s);
	}
}

void job_keeper_tick(struct job_keeper *k, int64_t now_ms)
{
	for (unsigned i = 0; i < k->n_slots; i++) {
		struct job_slot *s = &k->slots[i];

		if (s->slot.state != WORKER_DRAINING || s->slot.kill_ms > now_ms)
			continue;
		log_write(k->log, LOG_AT_WARN,
			  "a job process of pool %s (pid %d) did not end in time",
			  pool_of(k, s)->name, (int)s->slot.pid);
		kill_process(s);
	}
}

int64_t job_keeper_next_ms(const struct job_keeper *k)
{
	int64_t next_ms = INT64_MAX;

	for (unsigned i = 0; i < k->n_slots; i++) {
		const struct job_slot *s = &k->slots[i];
		int64_t due_ms = INT64_MAX;

		if (s->slot.state == WORKER_DRAINING)
			due_ms = s->slot.kill_ms;
		else if (!worker_slot_has_process(&s->slot) && !s->has_news && k->is_wanted &&
			 !k->is_stopping)
			due_ms = s->slot.retry_ms;
		if (due_ms < next_ms)
			next_ms = due_ms;
	}
	return next_ms;
}
