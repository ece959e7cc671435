/* ctl_keeper.c - see ctl_keeper.h. */
#include "daemon/ctl_keeper.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/control.h"
#include "daemon/control_fork.h"
#include "daemon/ctl_doors.h"
#include "io/proc.h"

/* Not longer, however often it has died: whoever supervises us asks every few seconds. */
#define PAUSE_MAX_MS 1000
/* It ends at once; unless it is stuck. */
#define GRACE_MS 2000

static int64_t pause_ms(const struct ctl_keeper *k)
{
	int64_t ms = worker_slot_pause_ms(k->slot.n_quick);

	return ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS;
}

static void slot_died(struct ctl_keeper *k)
{
	int64_t now_ms = clock_monotonic_ms();

	worker_slot_died(&k->slot, now_ms);
	k->slot.retry_ms = now_ms + pause_ms(k);
}

void ctl_keeper_init(struct ctl_keeper *k, const struct log *log, const struct ctl_doors *doors)
{
	*k = (struct ctl_keeper){ .log = log };
	worker_slot_init(&k->slot, 0);
	if (doors && ctl_doors_are_open(doors))
		k->doors = doors;
}

int64_t ctl_keeper_next_ms(const struct ctl_keeper *k)
{
	if (k->slot.state == WORKER_BACKING_OFF)
		return k->slot.retry_ms;
	return k->slot.state == WORKER_DRAINING ? k->slot.kill_ms : INT64_MAX;
}

pid_t ctl_keeper_fork(struct ctl_keeper *k, int *ret_control_fd)
{
	pid_t pid = control_fork(&k->slot, "weir:ctl", ret_control_fd);

	if (pid >= 0)
		return pid;
	k->slot.started_ms = clock_monotonic_ms();
	slot_died(k);
	log_write(k->log, LOG_AT_ERROR,
		  "cannot start the ctl process: %s: until it is there, health checks and weirctl "
		  "have to wait",
		  strerror((int)-pid));
	return pid;
}

void ctl_keeper_forget(const struct ctl_keeper *k)
{
	if (k->slot.control_fd >= 0)
		(void)close(k->slot.control_fd);
	if (k->doors)
		ctl_doors_forget(k->doors);
}

void ctl_keeper_died(struct ctl_keeper *k, int status, bool is_last)
{
	pid_t pid = k->slot.pid;
	char how[PROC_END_MAX];

	slot_died(k);
	proc_describe(status, how);
	if (is_last) {
		ctl_keeper_give_up(k);
		if (!proc_ended_well(status))
			log_write(k->log, LOG_AT_WARN,
				  "the ctl process (pid %d) did not stop cleanly: %s", (int)pid,
				  how);
		return;
	}
	log_write(k->log, proc_ended_well(status) ? LOG_AT_NOTICE : LOG_AT_ERROR,
		  "the ctl process (pid %d) ended: %s; starting another", (int)pid, how);
}

bool ctl_keeper_listen(struct ctl_keeper *k, struct ipc_message *ret_message)
{
	int r;

	if (k->slot.control_fd < 0)
		return false;
	r = control_receive(k->slot.control_fd, ret_message);
	if (r == -EAGAIN)
		return false;
	for (size_t i = 0; r == 1 && i < ret_message->n_fds; i++)
		close_fdp(&ret_message->fds[i]);
	if (r == 1 && ret_message->type >= CONTROL_ASK_RELOAD)
		return true;
	/* It is ending, or has lost its mind; SIGCHLD will tell. */
	(void)close(k->slot.control_fd);
	k->slot.control_fd = -1;
	return false;
}

bool ctl_keeper_introduce(struct ctl_keeper *k, unsigned slot, int control_fd)
{
	int ends[2];
	int r;

	if (k->slot.control_fd < 0 || control_fd < 0)
		return false;
	r = ipc_pair(ends);
	if (r < 0)
		return false;
	r = control_send_ctl(k->slot.control_fd, slot, ends[0]);
	/* If only one of them hears of it, it sees the end of the other's at once. */
	if (r == 0)
		r = control_send_ctl(control_fd, slot, ends[1]);
	(void)close(ends[0]);
	(void)close(ends[1]);
	return r == 0;
}

unsigned ctl_keeper_introduce_all(struct ctl_keeper *k, struct worker_slot *slots, unsigned n)
{
	unsigned n_left = 0;

	if (k->slot.control_fd < 0)
		return 0;
	for (unsigned i = 0; i < n; i++) {
		struct worker_slot *slot = &slots[i];

		/* Who has closed its control socket is about to end. */
		if (slot->ctl == k->slot.pid || slot->control_fd < 0)
			continue;
		if (ctl_keeper_introduce(k, slot->index, slot->control_fd))
			slot->ctl = k->slot.pid;
		else
			n_left++;
	}
	return n_left;
}

void ctl_keeper_give_up(struct ctl_keeper *k)
{
	if (k->slot.state == WORKER_BACKING_OFF)
		worker_slot_move(&k->slot, WORKER_EMPTY);
}

void ctl_keeper_stop(struct ctl_keeper *k, int64_t now_ms)
{
	int r;

	ctl_keeper_give_up(k);
	if (!worker_slot_has_process(&k->slot))
		return;
	if (k->slot.state == WORKER_DRAINING) {
		if (k->slot.kill_ms <= now_ms)
			ctl_keeper_kill(k);
		return;
	}
	worker_slot_move(&k->slot, WORKER_DRAINING);
	k->slot.kill_ms = now_ms + GRACE_MS;
	r = k->slot.control_fd < 0 ? -EPIPE : control_send_drain(k->slot.control_fd);
	if (r < 0)
		(void)kill(k->slot.pid, SIGTERM);
}

void ctl_keeper_kill(struct ctl_keeper *k)
{
	if (worker_slot_has_process(&k->slot))
		(void)kill(k->slot.pid, SIGKILL);
	k->slot.kill_ms = INT64_MAX;
}

void ctl_keeper_step_aside(struct ctl_keeper *k)
{
	if (!worker_slot_has_process(&k->slot))
		return;
	(void)kill(k->slot.pid, SIGKILL);
	(void)waitpid(k->slot.pid, NULL, 0);
	slot_died(k);
}
