/*
 * fuzz_hub_jobs.c - a hub whose workers and job processes send whatever they
 * like, and die when they like. The input is a list of events:
 *
 *	who, length, bytes	a packet of worker 0 or 1, of job process 2, 3 or 4
 *	5, n			n * 4 ms pass
 *	6, n			worker or process n % 5 dies, and the next takes its place
 *	7, n			a reload: the second pool serves, leaves, ends, or is no more (n % 4),
 *				with more or fewer processes and room for jobs
 *
 * Whatever comes, a worker that makes sense hears of each of its jobs first
 * that it was refused, or that it waits or was started; then, once, its end.
 */
#include <assert.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/control.h"
#include "daemon/hub_jobs.h"
#include "daemon/job_plan.h"
#include "daemon/job_wire.h"

#define N_WORKERS 2
#define N_PEERS 5
#define N_NUMBERS 256

enum heard { NOT_SUBMITTED, SUBMITTED, QUEUED, STARTED };

struct peer {
	int fd;
	unsigned child;		     /* of a job process */
	enum heard heard[N_NUMBERS]; /* by a worker, of its jobs */
};

struct world {
	struct loop *loop;
	struct log log;
	int control;
	struct job_plan plan;
	struct hub_jobs jobs;
	struct peer peers[N_PEERS];
	unsigned n_children;
	char buf[JOB_PACKET_MAX];
};

static void arrive(struct world *w, unsigned i)
{
	struct control_job_process what = { .pool = i & 1, .is_old = w->n_children & 1 };
	struct peer *peer = &w->peers[i];
	int fds[2];

	if (ipc_pair(fds) < 0)
		abort();
	*peer = (struct peer){ .fd = fds[0], .child = w->n_children };
	if (i < N_WORKERS)
		hub_jobs_connect(&w->jobs, i, fds[1]);
	else
		hub_jobs_meet(&w->jobs, w->n_children++, &what, fds[1]);
}

static void leave(struct world *w, unsigned i)
{
	(void)close(w->peers[i].fd);
	if (i >= N_WORKERS)
		hub_jobs_ended(&w->jobs, w->peers[i].child, SIGKILL);
}

static void hear(struct peer *worker, const struct job_packet *p)
{
	enum heard *heard = &worker->heard[p->id % N_NUMBERS];

	assert(p->fd < 0);
	switch (p->word) {
	case JOB_QUEUED:
		assert(*heard == SUBMITTED);
		*heard = QUEUED;
		return;
	case JOB_STARTED:
		assert(*heard == SUBMITTED || *heard == QUEUED);
		*heard = STARTED;
		return;
	case JOB_PROGRESS:
		assert(*heard == STARTED);
		return;
	case JOB_REFUSED:
		assert(*heard == SUBMITTED);
		*heard = NOT_SUBMITTED;
		return;
	case JOB_ENDED:
		assert(*heard == STARTED || *heard == QUEUED);
		*heard = NOT_SUBMITTED;
		return;
	default:
		abort();
	}
}

static void turns(struct world *w)
{
	struct ipc_message message;
	struct job_packet p;

	for (unsigned i = 0; i < 3; i++)
		loop_turn(w->loop, false);
	for (unsigned i = 0; i < N_WORKERS; i++)
		while (job_wire_receive(w->peers[i].fd, w->buf, &p) == 1)
			hear(&w->peers[i], &p);
	for (unsigned i = N_WORKERS; i < N_PEERS; i++)
		while (job_wire_receive(w->peers[i].fd, w->buf, &p) == 1)
			assert(p.word == JOB_RUN || p.word == JOB_CANCEL);
	while (control_receive(w->control, &message) == 1)
		assert(message.type == CONTROL_JOB_KILL || message.type == CONTROL_JOB_RETIRE);
}

static void say(struct world *w, unsigned who, weir_str bytes)
{
	struct peer *peer = &w->peers[who];
	struct job_packet p;

	/* A number is in use until its end: that one uses it twice is another matter. */
	if (who < N_WORKERS && job_wire_decode(bytes, &p) == 0 && p.word == JOB_SUBMIT) {
		enum heard *heard = &peer->heard[p.id % N_NUMBERS];

		if (p.id >= N_NUMBERS || *heard != NOT_SUBMITTED)
			return;
		*heard = SUBMITTED;
	}
	(void)send(peer->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void do_nothing(struct timer *timer)
{
}

static void pass(struct world *w, int64_t ms)
{
	int64_t until_ms = loop_now_ms(w->loop) + ms;
	struct timer end;

	timer_init(&end, do_nothing);
	while (loop_now_ms(w->loop) < until_ms) {
		loop_timer_start(w->loop, &end, until_ms);
		loop_turn(w->loop, true);
		loop_timer_stop(w->loop, &end);
	}
}

static void reload(struct world *w, unsigned n)
{
	struct job_plan_pool *pool = &w->plan.pools[1];

	pool->state = n & 3;
	pool->processes = 1 + (n >> 2 & 1);
	pool->queue = n >> 3 & 3;
	hub_jobs_set_pool(&w->jobs, 1, pool);
	if (pool->state == JOB_PLAN_SERVES && n >= 128)
		hub_jobs_renew(&w->jobs);
}

/* So many bytes of the input are one event. */
static size_t happen(struct world *w, weir_str in)
{
	unsigned who = (uint8_t)in.ptr[0] % 8, n = (uint8_t)in.ptr[1];

	if (who == 5) {
		pass(w, n * 4);
		return 2;
	}
	if (who == 6) {
		leave(w, n % N_PEERS);
		arrive(w, n % N_PEERS);
		return 2;
	}
	if (who == 7) {
		reload(w, n);
		return 2;
	}
	if (n > in.len - 2)
		n = (unsigned)in.len - 2;
	say(w, who, (weir_str){ in.ptr + 2, n });
	return 2 + n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	weir_str in = { (const char *)data, size };
	static struct world w;
	int control[2];

	memset(&w, 0, sizeof(w));
	w.plan.pools[0] = (struct job_plan_pool){ .name = "default",
						  .state = JOB_PLAN_SERVES,
						  .processes = 1,
						  .queue = 3,
						  .grace_ms = 20,
						  .recycle_jobs = 5 };
	w.plan.pools[1] = (struct job_plan_pool){ .name = "slow",
						  .state = JOB_PLAN_SERVES,
						  .processes = 1,
						  .queue = 0,
						  .grace_ms = 20,
						  .run_timeout_ms = 90 };
	log_init(&w.log, -1, LOG_AT_ERROR);
	w.log.level = 0;
	if (loop_new_virtual(&w.loop) < 0 || ipc_pair(control) < 0)
		abort();
	w.control = control[0];
	if (hub_jobs_init(&w.jobs, &(struct hub_jobs_setup){ .loop = w.loop,
							     .log = &w.log,
							     .plan = &w.plan,
							     .n_workers = N_WORKERS,
							     .control_fd = control[1] }) < 0)
		abort();
	for (unsigned i = 0; i < N_PEERS; i++)
		arrive(&w, i);
	while (in.len > 2) {
		size_t n = happen(&w, in);

		in.ptr += n;
		in.len -= n;
		turns(&w);
	}
	for (unsigned i = 0; i < N_PEERS; i++)
		(void)close(w.peers[i].fd);
	hub_jobs_done(&w.jobs);
	(void)close(control[0]);
	(void)close(control[1]);
	w.loop = loop_free(w.loop);
	return 0;
}
