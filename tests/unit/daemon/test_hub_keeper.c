/* test_hub_keeper.c - hubs that are not real: they wait, or die. */
#include "daemon/hub_keeper.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/control.h"

#define N_SLOTS 3

struct world {
	struct log log;
	int log_fd;
	char said[2048];
	struct hub_keeper keeper;
	struct worker_slot slots[N_SLOTS];
	int workers[N_SLOTS]; /* the workers' ends of their control sockets */
};

static void begin(struct world *w)
{
	int fds[2];

	memset(w, 0, sizeof(*w));
	(void)signal(SIGPIPE, SIG_IGN);
	cr_assert_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	w->log_fd = fds[0];
	log_init(&w->log, fds[1], LOG_AT_INFO);
	w->log.has_time = false;
	hub_keeper_init(&w->keeper, &w->log);
	for (unsigned i = 0; i < N_SLOTS; i++) {
		cr_assert_eq(ipc_pair(fds), 0);
		worker_slot_init(&w->slots[i], i);
		worker_slot_forked(&w->slots[i], (pid_t)(1000 + i), fds[0], 0);
		w->workers[i] = fds[1];
	}
}

/* A hub that does what the master says: nothing, until it is to end. */
static void fork_good(struct world *w)
{
	struct ipc_message message;
	struct pollfd polled = { .fd = -1, .events = POLLIN };
	pid_t pid = hub_keeper_fork(&w->keeper, &polled.fd);

	cr_assert_geq(pid, 0);
	if (pid > 0)
		return;
	while (poll(&polled, 1, 20000) == 1) {
		int r = control_receive(polled.fd, &message);

		if (r <= 0 || message.type == CONTROL_DRAIN)
			_exit(0);
	}
	_exit(9);
}

static void reap(struct world *w, bool is_last)
{
	int status;

	cr_assert_eq(waitpid(w->keeper.slot.pid, &status, 0), w->keeper.slot.pid);
	hub_keeper_died(&w->keeper, status, is_last);
}

static const char *said(struct world *w)
{
	ssize_t n = read(w->log_fd, w->said, sizeof(w->said) - 1);

	w->said[n > 0 ? n : 0] = '\0';
	return w->said;
}

Test(hub_keeper, says_how_the_hub_ended_and_starts_another_at_once)
{
	struct world w;

	begin(&w);
	fork_good(&w);
	cr_assert(!hub_keeper_is_due(&w.keeper, INT64_MAX));
	cr_assert_eq(kill(w.keeper.slot.pid, SIGKILL), 0);
	reap(&w, false);
	cr_assert_not_null(
		strstr(said(&w), "ended: killed by signal 9 (SIGKILL); starting another\n"), "%s",
		w.said);
	cr_assert(hub_keeper_is_due(&w.keeper, w.keeper.slot.retry_ms));
	cr_assert_lt(w.keeper.slot.control_fd, 0);
}

Test(hub_keeper, a_hub_that_keeps_dying_has_to_wait)
{
	struct world w;

	begin(&w);
	for (unsigned i = 0; i < 3; i++) {
		fork_good(&w);
		cr_assert_eq(kill(w.keeper.slot.pid, SIGABRT), 0);
		reap(&w, false);
	}
	cr_assert_not_null(strstr(said(&w), "starting another in 200 ms: it keeps dying\n"), "%s",
			   w.said);
	cr_assert(!hub_keeper_is_due(&w.keeper, w.keeper.slot.retry_ms - 1));
	hub_keeper_give_up(&w.keeper);
	cr_assert(!hub_keeper_is_due(&w.keeper, INT64_MAX));
}

/* Jobs wait two seconds for a hub: it is light, and its absence is felt by all. */
Test(hub_keeper, nobody_waits_longer_than_a_second_for_the_next)
{
	struct world w;
	int64_t died_ms = 0;

	begin(&w);
	for (unsigned i = 0; i < 9; i++) {
		fork_good(&w);
		cr_assert_eq(kill(w.keeper.slot.pid, SIGKILL), 0);
		died_ms = clock_monotonic_ms();
		reap(&w, false);
	}
	cr_assert_not_null(strstr(said(&w), "starting another in 1000 ms: it keeps dying\n"), "%s",
			   w.said);
	cr_assert_leq(w.keeper.slot.retry_ms, clock_monotonic_ms() + 1000);
	cr_assert_geq(w.keeper.slot.retry_ms, died_ms + 1000);
}

Test(hub_keeper, stops_it_when_it_is_told_to)
{
	struct world w;

	begin(&w);
	fork_good(&w);
	hub_keeper_stop(&w.keeper, 1000);
	hub_keeper_stop(&w.keeper, 1000);
	reap(&w, true);
	cr_assert_str_eq(said(&w), "");
	cr_assert_eq(w.keeper.slot.state, WORKER_EMPTY);
}

Test(hub_keeper, stops_one_that_does_not_listen_by_signal)
{
	struct world w;

	begin(&w);
	fork_good(&w);
	(void)close(w.keeper.slot.control_fd);
	w.keeper.slot.control_fd = -1;
	hub_keeper_stop(&w.keeper, 1000);
	reap(&w, true);
	cr_assert_eq(w.keeper.slot.state, WORKER_EMPTY);
}

Test(hub_keeper, kills_one_that_does_not_end)
{
	struct world w;

	begin(&w);
	fork_good(&w);
	cr_assert_eq(kill(w.keeper.slot.pid, SIGSTOP), 0);
	hub_keeper_stop(&w.keeper, 1000);
	hub_keeper_kill(&w.keeper);
	cr_assert_eq(w.keeper.slot.kill_ms, INT64_MAX);
	reap(&w, true);
	cr_assert_not_null(strstr(said(&w), "did not end in time"), "%s", w.said);
	cr_assert_not_null(strstr(w.said, "did not stop cleanly: killed by signal 9 (SIGKILL)"));
}

Test(hub_keeper, one_that_dies_while_the_daemon_stops_is_the_last)
{
	struct world w;

	begin(&w);
	fork_good(&w);
	cr_assert_eq(kill(w.keeper.slot.pid, SIGKILL), 0);
	reap(&w, true);
	cr_assert_eq(w.keeper.slot.state, WORKER_EMPTY);
	cr_assert_null(strstr(said(&w), "starting another"));
}

/* A keeper whose hub's control socket is in the test's hand. */
static int pretend(struct world *w)
{
	int fds[2];

	cr_assert_eq(ipc_pair(fds), 0);
	worker_slot_forked(&w->keeper.slot, 4711, fds[0], 0);
	return fds[1];
}

static int take_pipes(int control_fd, unsigned slot, int *ret_jobs)
{
	struct ipc_message message;

	cr_assert_eq(control_receive(control_fd, &message), 1);
	cr_assert_eq(message.type, (uint32_t)CONTROL_HUB);
	cr_assert_eq(message.number, slot);
	cr_assert_eq(message.n_fds, 2u);
	*ret_jobs = message.fds[1];
	return message.fds[0];
}

Test(hub_keeper, introduces_each_worker_once)
{
	struct ipc_message message;
	struct world w;
	char got[4] = "";
	int hub;

	begin(&w);
	hub = pretend(&w);
	cr_assert_eq(hub_keeper_introduce_all(&w.keeper, w.slots, N_SLOTS), 0u);
	for (unsigned i = 0; i < N_SLOTS; i++) {
		int our_jobs = -1, their_jobs = -1;
		int ours = take_pipes(hub, i, &our_jobs);
		int theirs = take_pipes(w.workers[i], i, &their_jobs);

		cr_assert_eq(send(ours, "abc", 3, 0), 3);
		cr_assert_eq(recv(theirs, got, 4, 0), 3);
		cr_assert_eq(fcntl(theirs, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
		cr_assert_eq(fcntl(ours, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
		/* That of jobs keeps packets apart. */
		cr_assert_eq(send(our_jobs, "ab", 2, 0), 2);
		cr_assert_eq(send(our_jobs, "c", 1, 0), 1);
		cr_assert_eq(recv(their_jobs, got, 4, 0), 2);
		cr_assert_eq(fcntl(their_jobs, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
		/* The master has kept none of the ends. */
		(void)close(ours);
		(void)close(our_jobs);
		cr_assert_eq(recv(theirs, got, 4, 0), 0);
		cr_assert_eq(recv(their_jobs, got, 4, 0), 1);
		cr_assert_eq(recv(their_jobs, got, 4, 0), 0);
		(void)close(theirs);
		(void)close(their_jobs);
	}
	cr_assert_eq(hub_keeper_introduce_all(&w.keeper, w.slots, N_SLOTS), 0u);
	cr_assert_eq(control_receive(hub, &message), -EAGAIN);
}

Test(hub_keeper, who_could_not_be_introduced_is_tried_again)
{
	struct ipc_message message;
	struct world w;
	int hub, jobs = -1;

	begin(&w);
	hub = pretend(&w);
	while (control_send_drain(w.slots[1].control_fd) == 0)
		;
	cr_assert_eq(hub_keeper_introduce_all(&w.keeper, w.slots, N_SLOTS), 1u);
	cr_assert_eq(hub_keeper_introduce_all(&w.keeper, w.slots, N_SLOTS), 1u);
	while (control_receive(w.workers[1], &message) == 1)
		cr_assert_eq(message.type, (uint32_t)CONTROL_DRAIN);
	cr_assert_eq(hub_keeper_introduce_all(&w.keeper, w.slots, N_SLOTS), 0u);
	(void)close(take_pipes(w.workers[1], 1, &jobs));
	(void)close(jobs);
	(void)close(hub);
}

Test(hub_keeper, a_hub_may_speak_of_job_processes_only)
{
	struct ipc_message message;
	struct world w;
	int hub;

	begin(&w);
	hub = pretend(&w);
	cr_assert_not(hub_keeper_listen(&w.keeper, &message));
	cr_assert_geq(w.keeper.slot.control_fd, 0);
	cr_assert_eq(control_send_job_kill(hub, 7), 0);
	cr_assert(hub_keeper_listen(&w.keeper, &message));
	cr_assert_eq(message.type, (uint32_t)CONTROL_JOB_KILL);
	cr_assert_eq(message.number, 7u);
	cr_assert_eq(control_send_ready(hub), 0);
	cr_assert_not(hub_keeper_listen(&w.keeper, &message));
	cr_assert_lt(w.keeper.slot.control_fd, 0);
	cr_assert_eq(hub_keeper_introduce_all(&w.keeper, w.slots, N_SLOTS), 0u);
	(void)close(hub);
}
