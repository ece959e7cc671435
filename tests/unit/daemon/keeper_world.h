#ifndef WEIR_TESTS_KEEPER_WORLD_H
#define WEIR_TESTS_KEEPER_WORLD_H
/* keeper_world.h - job processes that are not real: they say READY and wait, or die. The test is the hub. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/conf.h"
#include "daemon/control.h"
#include "daemon/job_keeper.h"

#define PATIENCE_MS 10000
#define HUB 4711 /* its pid, as far as the keeper knows */

struct world {
	struct log log;
	int log_fd;
	char said[4096];
	struct job_keeper keeper;
	int hub[2]; /* the keeper's end of the hub's control socket, and the hub's */
	struct ipc_message message;
	int pids[8];
	struct control_job_process met[8]; /* as the hub was told */
	unsigned numbers[8], n_met;
};

static const struct conf_job_pool pools[] = {
	{ .name = "default", .processes = 1, .grace_ms = 100 },
	{ .name = "slow", .processes = 2, .grace_ms = 200 },
};
static const struct conf_jobs conf = { .pools = pools, .n_pools = 2 };

/* What each process does with its life. */
typedef void life_fn(int control_fd);

static inline void be_good(int control_fd)
{
	struct pollfd polled = { .fd = control_fd, .events = POLLIN };
	struct ipc_message message;

	cr_assert_eq(control_send_ready(control_fd), 0);
	while (poll(&polled, 1, PATIENCE_MS) == 1) {
		int r = control_receive(control_fd, &message);

		if (r <= 0 || message.type == CONTROL_DRAIN)
			_exit(0);
		for (size_t i = 0; i < message.n_fds; i++)
			(void)close(message.fds[i]);
	}
	_exit(9);
}

static inline void fail(int control_fd)
{
	cr_assert_eq(control_send_failed(control_fd, "no modules today"), 0);
	_exit(3);
}

static inline void exit_at_once(int control_fd)
{
	_exit(5);
}

/* The processes that are due. */
static inline unsigned start(struct world *w, life_fn *life)
{
	struct job_slot *slot;
	unsigned n = 0;

	while ((slot = job_keeper_due(&w->keeper, clock_monotonic_ms()))) {
		int control_fd = -1;
		pid_t pid = job_keeper_fork(&w->keeper, slot, &control_fd);

		cr_assert_geq(pid, 0);
		if (pid == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			life(control_fd);
		}
		n++;
	}
	return n;
}

static inline void begin(struct world *w)
{
	int fds[2];

	memset(w, 0, sizeof(*w));
	(void)signal(SIGPIPE, SIG_IGN);
	cr_assert_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	w->log_fd = fds[0];
	log_init(&w->log, fds[1], LOG_AT_INFO);
	w->log.has_time = false;
	cr_assert_eq(ipc_pair(w->hub), 0);
	cr_assert_eq(job_keeper_init(&w->keeper, &w->log, &conf, true), 0);
}

/* True: nothing has failed. */
static inline bool listen_once(struct world *w)
{
	struct pollfd polled[64];

	job_keeper_poll(&w->keeper, polled);
	cr_assert_gt(poll(polled, w->keeper.n_slots, PATIENCE_MS), 0);
	return job_keeper_listen(&w->keeper, polled);
}

static inline void begin_ready(struct world *w)
{
	begin(w);
	cr_assert_eq(start(w, be_good), 5u); /* one more than each pool may use */
	while (!job_keeper_is_ready(&w->keeper))
		cr_assert(listen_once(w));
}

/* What the hub has heard by now of whom there is. */
static inline void meet_all(struct world *w)
{
	int r;

	w->n_met = 0;
	while ((r = control_receive(w->hub[1], &w->message)) == 1) {
		cr_assert_eq(control_read_job_process(&w->message, &w->met[w->n_met]), 0);
		w->numbers[w->n_met++] = w->message.number;
		cr_assert_eq(w->message.n_fds, 1u);
		(void)close(w->message.fds[0]);
	}
	cr_assert_eq(r, -EAGAIN);
}

static inline void begin_met(struct world *w)
{
	begin_ready(w);
	cr_assert_eq(job_keeper_introduce_all(&w->keeper, w->hub[0], HUB), 0u);
	meet_all(w);
	cr_assert_eq(w->n_met, 5u);
}

/* Some process, and how it ended. */
static inline pid_t reap(struct world *w, bool *ret_failed)
{
	siginfo_t info = { 0 };
	int status;
	pid_t pid;

	do {
		cr_assert_eq(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
		job_keeper_end_group(&w->keeper, info.si_pid);
		pid = waitpid(info.si_pid, &status, 0);
	} while (!job_keeper_died(&w->keeper, pid, status, ret_failed));
	return pid;
}

static inline const char *said(struct world *w)
{
	ssize_t n = read(w->log_fd, w->said, sizeof(w->said) - 1);

	w->said[n > 0 ? n : 0] = '\0';
	return w->said;
}

static inline void hub_says(struct world *w, int (*send)(int fd, unsigned child), unsigned number)
{
	cr_assert_eq(send(w->hub[1], number), 0);
	cr_assert_eq(control_receive(w->hub[0], &w->message), 1);
	job_keeper_obey(&w->keeper, &w->message);
}

static inline void end(struct world *w)
{
	bool has_failed;

	job_keeper_stop(&w->keeper);
	while (!job_keeper_is_empty(&w->keeper))
		(void)reap(w, &has_failed);
	job_keeper_done(&w->keeper);
}

#endif
