/* hub_keeper.c - see hub_keeper.h. */
#include "daemon/hub_keeper.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/control.h"
#include "daemon/control_fork.h"
#include "io/proc.h"

/* Not longer, however often it has died: what waits for the next hub does not wait for long. */
#define PAUSE_MAX_MS 1000

static int64_t pause_ms(const struct hub_keeper *k)
{
	int64_t ms = worker_slot_pause_ms(k->slot.n_quick);

	return ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS;
}

static void slot_died(struct hub_keeper *k)
{
	int64_t now_ms = clock_monotonic_ms();

	worker_slot_died(&k->slot, now_ms);
	k->slot.retry_ms = now_ms + pause_ms(k);
}

void hub_keeper_init(struct hub_keeper *k, const struct log *log)
{
	*k = (struct hub_keeper){ .log = log };
	worker_slot_init(&k->slot, 0);
}

pid_t hub_keeper_fork(struct hub_keeper *k, int *ret_control_fd)
{
	pid_t pid = control_fork(&k->slot, "weir:hub", ret_control_fd);

	if (pid >= 0)
		return pid;
	k->slot.started_ms = clock_monotonic_ms();
	slot_died(k);
	log_write(k->log, LOG_AT_ERROR,
		  "cannot start the hub: %s: until it is there, workers do not hear of each other",
		  strerror((int)-pid));
	return pid;
}

/* The slot is backing off. */
static void say_death(const struct hub_keeper *k, pid_t pid, int status)
{
	char how[PROC_END_MAX], when[64] = "";

	proc_describe(status, how);
	if (pause_ms(k) > 0)
		(void)snprintf(when, sizeof(when), " in %lld ms: it keeps dying",
			       (long long)pause_ms(k));
	log_write(k->log, proc_ended_well(status) ? LOG_AT_NOTICE : LOG_AT_ERROR,
		  "the hub (pid %d) ended: %s; starting another%s", (int)pid, how, when);
}

void hub_keeper_died(struct hub_keeper *k, int status, bool is_last)
{
	pid_t pid = k->slot.pid;
	char how[PROC_END_MAX];

	slot_died(k);
	if (!is_last) {
		say_death(k, pid, status);
		return;
	}
	hub_keeper_give_up(k);
	if (proc_ended_well(status))
		return;
	proc_describe(status, how);
	log_write(k->log, LOG_AT_WARN, "the hub (pid %d) did not stop cleanly: %s", (int)pid, how);
}

bool hub_keeper_listen(struct hub_keeper *k, struct ipc_message *ret_message)
{
	int r;

	if (k->slot.control_fd < 0)
		return false;
	r = control_receive(k->slot.control_fd, ret_message);
	if (r == -EAGAIN)
		return false;
	for (size_t i = 0; r == 1 && i < ret_message->n_fds; i++)
		close_fdp(&ret_message->fds[i]);
	if (r == 1 &&
	    (ret_message->type == CONTROL_JOB_KILL || ret_message->type == CONTROL_JOB_RETIRE))
		return true;
	(void)close(k->slot.control_fd);
	k->slot.control_fd = -1;
	return false;
}

/* ---- introductions */

static void close_pairs(int pairs[2][2])
{
	for (int i = 0; i < 2; i++) {
		close_fdp(&pairs[i][0]);
		close_fdp(&pairs[i][1]);
	}
}

bool hub_keeper_introduce(struct hub_keeper *k, unsigned slot, int control_fd)
{
	int pairs[2][2] = { { -1, -1 }, { -1, -1 } };
	int r = -EMFILE;

	if (k->slot.control_fd < 0 || control_fd < 0)
		return false;
	/* Publications are many to a send, jobs one packet a message. */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pairs[0]) == 0)
		r = ipc_pair(pairs[1]);
	if (r == 0)
		r = control_send_hub(k->slot.control_fd, slot, (int[]){ pairs[0][0], pairs[1][0] },
				     2);
	/* If only the hub hears of it, it sees the end of the other ends at once. */
	if (r == 0)
		r = control_send_hub(control_fd, slot, (int[]){ pairs[0][1], pairs[1][1] }, 2);
	close_pairs(pairs);
	return r == 0;
}

unsigned hub_keeper_introduce_all(struct hub_keeper *k, struct worker_slot *slots, unsigned n)
{
	unsigned n_left = 0;

	if (k->slot.control_fd < 0)
		return 0;
	for (unsigned i = 0; i < n; i++) {
		struct worker_slot *slot = &slots[i];

		/* Who has closed its control socket is about to end. */
		if (slot->hub == k->slot.pid || slot->control_fd < 0)
			continue;
		if (hub_keeper_introduce(k, i, slot->control_fd))
			slot->hub = k->slot.pid;
		else
			n_left++;
	}
	return n_left;
}

/* ---- stopping */

void hub_keeper_give_up(struct hub_keeper *k)
{
	if (k->slot.state == WORKER_BACKING_OFF)
		worker_slot_move(&k->slot, WORKER_EMPTY);
}

void hub_keeper_stop(struct hub_keeper *k, int64_t patience_ms)
{
	int r;

	if (!worker_slot_has_process(&k->slot) || k->slot.state == WORKER_DRAINING)
		return;
	worker_slot_move(&k->slot, WORKER_DRAINING);
	k->slot.kill_ms = clock_monotonic_ms() + patience_ms;
	r = k->slot.control_fd < 0 ? -EPIPE : control_send_drain(k->slot.control_fd);
	if (r < 0)
		(void)kill(k->slot.pid, SIGTERM);
}

void hub_keeper_kill(struct hub_keeper *k)
{
	log_write(k->log, LOG_AT_WARN, "the hub (pid %d) did not end in time", (int)k->slot.pid);
	(void)kill(k->slot.pid, SIGKILL);
	k->slot.kill_ms = INT64_MAX;
}
