/* job_keeper.c - see job_keeper.h. */
#include "daemon/job_keeper.h"

#include <assert.h>
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
#include "conf/conf_jobs.h"
#include "daemon/control.h"
#include "daemon/control_fork.h"
#include "daemon/worker_death.h"
#include "io/proc.h"

/* The hub asks for jobs to end within the grace itself; this is for the process's own end. */
#define KILL_SLACK_MS 500

/* For configurations to come: so many times what the first one wants, and so many at least. */
#define GENERATIONS 4
#define MIN_SLOTS 64

static const struct job_plan_pool *pool_of(const struct job_keeper *k, const struct job_slot *s)
{
	return &k->plan->pools[s->place];
}

static bool is_free(const struct job_slot *s)
{
	return s->place == JOB_KEEPER_FREE;
}

static bool is_replaced(const struct job_keeper *k, const struct job_slot *s)
{
	return pool_of(k, s)->state == JOB_PLAN_SERVES;
}

/* It has no process, and nobody has to hear of the one that it had. */
static bool is_empty(const struct job_slot *s)
{
	return !worker_slot_has_process(&s->slot) && !s->has_news;
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

/* ---- slots */

/* A warm one more than may work at once. */
static unsigned n_wanted(const struct job_plan_pool *pool)
{
	return pool->state == JOB_PLAN_SERVES ? pool->processes + 1 : 0;
}

static unsigned n_wanted_by(const struct conf_jobs *conf)
{
	unsigned n = 0;

	for (size_t i = 0; conf && i < conf->n_pools; i++)
		n += conf->pools[i].processes + 1;
	return n;
}

static void count_slots(const struct job_keeper *k, unsigned ret_n[JOB_PLAN_MAX])
{
	memset(ret_n, 0, JOB_PLAN_MAX * sizeof(*ret_n));
	for (unsigned i = 0; i < k->n_slots; i++) {
		if (!is_free(&k->slots[i]))
			ret_n[k->slots[i].place]++;
	}
}

static void free_slot(struct job_slot *s)
{
	if (s->slot.state == WORKER_BACKING_OFF)
		worker_slot_move(&s->slot, WORKER_EMPTY);
	s->slot.n_quick = 0;
	s->slot.retry_ms = 0;
	s->place = JOB_KEEPER_FREE;
}

/* Those that nobody uses, of pools that have more than they want. */
static void free_surplus(struct job_keeper *k, unsigned n[JOB_PLAN_MAX])
{
	for (unsigned i = 0; i < k->n_slots; i++) {
		struct job_slot *s = &k->slots[i];

		if (is_free(s) || !is_empty(s) || n[s->place] <= n_wanted(pool_of(k, s)))
			continue;
		n[s->place]--;
		free_slot(s);
	}
}

/* To those who have less than they want, in turn: so that each has some, should there be too few for the moment. */
static void share_free(struct job_keeper *k, unsigned n[JOB_PLAN_MAX])
{
	bool is_short = true;
	unsigned i = 0;

	while (is_short) {
		is_short = false;
		for (unsigned place = 0; place < JOB_PLAN_MAX; place++) {
			if (n[place] >= n_wanted(&k->plan->pools[place]))
				continue;
			while (i < k->n_slots && !is_free(&k->slots[i]))
				i++;
			if (i == k->n_slots)
				return;
			k->slots[i].place = place;
			n[place]++;
			is_short = true;
		}
	}
}

static void forget_pools(struct job_keeper *k, const unsigned n[JOB_PLAN_MAX])
{
	for (unsigned i = 0; i < JOB_PLAN_MAX; i++) {
		const struct job_plan_pool *pool = &k->plan->pools[i];

		if (n[i] > 0 || !job_plan_is_there(pool) || pool->state == JOB_PLAN_SERVES)
			continue;
		job_plan_forget(k->plan, i);
		k->is_untold[i] = true;
	}
}

/* Who has which slot, and which pools are over, as it follows from the plan and from what has ended. */
static void settle(struct job_keeper *k)
{
	unsigned n[JOB_PLAN_MAX];

	count_slots(k, n);
	free_surplus(k, n);
	share_free(k, n);
	forget_pools(k, n);
}

/* ---- life */

int job_keeper_init(struct job_keeper *k, const struct log *log, const struct conf_jobs *conf,
		    bool has_jobs)
{
	unsigned n = n_wanted_by(conf) * GENERATIONS;
	int r;

	*k = (struct job_keeper){ .log = log, .plan = calloc(1, sizeof(*k->plan)) };
	if (!k->plan)
		return -ENOMEM;
	if (!conf)
		return 0;
	n = n > MIN_SLOTS ? n : MIN_SLOTS;
	k->slots = calloc(n, sizeof(*k->slots));
	r = k->slots ? worker_notes_init(&k->notes, n) : -ENOMEM;
	if (r >= 0)
		r = job_plan_change(k->plan, has_jobs ? conf : NULL);
	if (r < 0) {
		job_keeper_done(k);
		return r;
	}
	k->n_slots = n;
	for (unsigned i = 0; i < n; i++) {
		worker_slot_init(&k->slots[i].slot, i);
		k->slots[i].place = JOB_KEEPER_FREE;
	}
	settle(k);
	return 0;
}

void job_keeper_done(struct job_keeper *k)
{
	free(k->plan);
	free(k->slots);
	k->plan = NULL;
	k->slots = NULL;
	k->n_slots = 0;
	worker_notes_done(&k->notes);
}

/* ---- starting */

/* At its retry_ms. */
static bool is_due_sometime(const struct job_keeper *k, const struct job_slot *s)
{
	return !is_free(s) && is_empty(s) && is_replaced(k, s);
}

struct job_slot *job_keeper_due(struct job_keeper *k, int64_t now_ms)
{
	for (unsigned i = 0; i < k->n_slots && !k->is_stopping; i++) {
		struct job_slot *s = &k->slots[i];

		if (is_due_sometime(k, s) && s->slot.retry_ms <= now_ms)
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

struct worker_note *job_keeper_keep_note(const struct job_keeper *k, const struct job_slot *s)
{
	worker_notes_keep(&k->notes, s->slot.index);
	return job_keeper_note(k, s);
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
	for (unsigned i = 0; i < k->n_slots; i++) {
		if (!is_free(&k->slots[i]) && k->slots[i].slot.state != WORKER_READY)
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
	const char *next = k->is_stopping      ? ""
			   : is_replaced(k, s) ? "; starting another"
					       : "; no other is needed";
	char how[PROC_END_MAX], when[64] = "";

	proc_describe(status, how);
	if (pause_ms > 0 && is_replaced(k, s) && !k->is_stopping)
		(void)snprintf(when, sizeof(when), " in %lld ms: it keeps dying", pause_ms);
	log_write(k->log, level, "a job process of pool %s (pid %d) ended: %s%s%s%s%s%s",
		  pool_of(k, s)->name, (int)pid,
		  s->is_killed ? "killed, as the hub has asked for" : how, cause,
		  job[0] ? "; it ran " : "", job, next, when);
}

static void say_drained(const struct job_keeper *k, const struct job_slot *s, pid_t pid, int status)
{
	char how[PROC_END_MAX];

	if (proc_ended_well(status)) {
		if (!k->is_stopping)
			log_write(k->log, LOG_AT_INFO, "a job process of pool %s (pid %d) %s",
				  pool_of(k, s)->name, (int)pid,
				  is_replaced(k, s) ? "was recycled"
						    : "has ended, and no other is needed");
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
	const struct job_slot *s = &k->slots[slot];

	return is_free(s) ? "" : pool_of(k, s)->name;
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
	const struct control_job_process what = { .pool = s->place,
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

/* What has changed, as long as the hub takes it; how many changes are left. A new hub has begun with the plan. */
static unsigned tell_plan(struct job_keeper *k, int hub_fd)
{
	unsigned n_left = 0;

	for (unsigned i = 0; i < JOB_PLAN_MAX; i++) {
		if (k->is_untold[i] && n_left == 0 && hub_fd >= 0 &&
		    control_send_job_pool(hub_fd, i, &k->plan->pools[i]) == 0)
			k->is_untold[i] = false;
		n_left += k->is_untold[i];
	}
	return n_left;
}

static unsigned introduce_processes(struct job_keeper *k, int hub_fd, pid_t hub)
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

unsigned job_keeper_introduce_all(struct job_keeper *k, int hub_fd, pid_t hub)
{
	unsigned n_left = 0;

	/* Nobody of a pool that it has not heard of. */
	if (hub_fd >= 0)
		n_left = tell_plan(k, hub_fd);
	if (n_left == 0)
		n_left = introduce_processes(k, hub_fd, hub);
	settle(k);
	return n_left + (hub_fd >= 0 ? tell_plan(k, hub_fd) : 0);
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

int job_keeper_can_change(const struct job_keeper *k, const struct conf_jobs *conf, bool has_jobs)
{
	unsigned n = has_jobs ? n_wanted_by(conf) : 0, n_others = 0;

	if (n == 0)
		return 0;
	if (n > k->n_slots) {
		log_write(k->log, LOG_AT_ERROR,
			  "%u job processes are too many without a restart: there is room for %u",
			  n, k->n_slots);
		return -ENOSPC;
	}
	for (unsigned i = 0; i < k->n_slots; i++)
		n_others += !is_free(&k->slots[i]) && !conf_jobs_find(conf, job_keeper_pool(k, i));
	if (n + n_others <= k->n_slots && job_plan_can_change(k->plan, conf) == 0)
		return 0;
	log_write(k->log, LOG_AT_ERROR,
		  "too many job processes of former configurations have not ended yet");
	return -ENOSPC;
}

/* In the plan, and all of it the hub is to hear. */
static void change_plan(struct job_keeper *k, const struct conf_jobs *conf)
{
	int r = job_plan_change(k->plan, conf);

	assert(r == 0);
	for (unsigned i = 0; i < JOB_PLAN_MAX; i++)
		k->is_untold[i] = k->is_untold[i] || job_plan_is_there(&k->plan->pools[i]);
}

void job_keeper_change(struct job_keeper *k, const struct conf_jobs *conf, bool has_jobs,
		       int hub_fd)
{
	bool is_told;

	change_plan(k, has_jobs ? conf : NULL);
	k->has_said_why = false;
	/* The hub knows who is idle: nobody is told to run a job, and to end before it. */
	is_told = hub_fd >= 0 && tell_plan(k, hub_fd) == 0 && control_send_job_renew(hub_fd) == 0;
	for (unsigned i = 0; i < k->n_slots; i++) {
		struct job_slot *s = &k->slots[i];

		if (is_free(s) || !is_replaced(k, s))
			continue;
		s->slot.n_quick = 0;
		if (!worker_slot_has_process(&s->slot))
			s->slot.retry_ms = 0;
		else if (!is_told || s->slot.hub == 0)
			drain(k, s);
	}
	settle(k);
}

void job_keeper_end_leaving(struct job_keeper *k)
{
	if (!job_plan_end_leaving(k->plan))
		return;
	for (unsigned i = 0; i < JOB_PLAN_MAX; i++)
		k->is_untold[i] = k->is_untold[i] || k->plan->pools[i].state == JOB_PLAN_ENDS;
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
		else if (is_due_sometime(k, s) && !k->is_stopping)
			due_ms = s->slot.retry_ms;
		if (due_ms < next_ms)
			next_ms = due_ms;
	}
	return next_ms;
}
