/*
 * bench_jobs.c - empty jobs through a hub: how long one takes there and back,
 * and how many a second with several in flight.
 *
 *	bench_jobs 20000 64	so many, so many in flight; the first number with one in flight too
 *
 * A worker that does nothing else, a hub, and two processes that answer at
 * once. With a third number the jobs carry so many bytes both ways.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#include "base/log.h"
#include "daemon/control.h"
#include "daemon/hub_jobs.h"
#include "daemon/job_plan.h"
#include "daemon/job_wire.h"
#include "io/ipc.h"
#include "io/loop.h"

#define N_PROCESSES 2

static char payload[JOB_INLINE_MAX];
static char packet_buf[JOB_PACKET_MAX];

static void be_hub(int worker, const int *processes, int control)
{
	static const struct job_plan plan = { .pools = { { .name = "default",
							   .state = JOB_PLAN_SERVES,
							   .processes = N_PROCESSES,
							   .queue = 1000,
							   .grace_ms = 500 } } };
	struct hub_jobs jobs;
	struct loop *loop;
	struct log log;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	log_init(&log, 2, LOG_AT_INFO);
	if (loop_new(&loop) < 0)
		abort();
	if (hub_jobs_init(&jobs, &(struct hub_jobs_setup){ .loop = loop,
							   .log = &log,
							   .plan = &plan,
							   .n_workers = 1,
							   .control_fd = control }) < 0)
		abort();
	hub_jobs_connect(&jobs, 0, worker);
	for (unsigned i = 0; i < N_PROCESSES; i++)
		hub_jobs_meet(&jobs, i, &(struct control_job_process){ .pool = 0 }, processes[i]);
	loop_run(loop);
	abort();
}

static void be_process(int hub)
{
	struct job_packet p = { .word = JOB_IDLE };
	int flags = fcntl(hub, F_GETFL);

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)fcntl(hub, F_SETFL, flags & ~O_NONBLOCK);
	if (job_wire_send(hub, &p) < 0)
		abort();
	while (job_wire_receive(hub, packet_buf, &p) == 1) {
		if (p.word != JOB_RUN)
			continue;
		p.word = JOB_ENDED;
		if (job_wire_send(hub, &p) < 0)
			abort();
	}
	exit(0);
}

static int64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

struct bench {
	int hub;
	size_t len;
	uint64_t n_submitted, n_ended;
	int64_t *submitted_ns, *took_ns;
};

/* False: the socket takes no more. */
static bool submit(struct bench *b)
{
	struct job_packet p = { .word = JOB_SUBMIT,
				.id = b->n_submitted,
				.deadline_ms = INT64_MAX,
				.module = WEIR_STR("bench"),
				.name = WEIR_STR("empty"),
				.bytes = { payload, b->len } };

	int r;

	b->submitted_ns[b->n_submitted] = now_ns();
	r = job_wire_send(b->hub, &p);
	if (r < 0 && r != -EAGAIN)
		abort();
	b->n_submitted += r == 0;
	return r == 0;
}

/* Until one has ended. */
static void take_one(struct bench *b)
{
	struct pollfd polled = { .fd = b->hub, .events = POLLIN };
	struct job_packet p;
	int r;

	for (;;) {
		r = job_wire_receive(b->hub, packet_buf, &p);
		if (r == 1 && p.word == JOB_ENDED)
			break;
		if (r != 1 && poll(&polled, 1, 5000) != 1)
			abort();
	}
	b->took_ns[b->n_ended++] = now_ns() - b->submitted_ns[p.id];
}

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return left < right ? -1 : left > right;
}

static void measure(int hub, uint64_t n, unsigned n_in_flight, size_t len)
{
	struct bench b = { .hub = hub, .len = len };
	int64_t start_ns = now_ns(), ns;

	b.submitted_ns = calloc(n, sizeof(int64_t));
	b.took_ns = calloc(n, sizeof(int64_t));
	if (!b.submitted_ns || !b.took_ns)
		abort();
	while (b.n_ended < n) {
		while (b.n_submitted < n && b.n_submitted - b.n_ended < n_in_flight && submit(&b))
			;
		take_one(&b);
	}
	ns = now_ns() - start_ns;
	qsort(b.took_ns, n, sizeof(int64_t), compare);
	printf("%3u in flight, %zu bytes: %" PRIu64
	       " jobs, %.0f a second; there and back in %.1f us "
	       "(p50), %.1f us (p99)\n",
	       n_in_flight, len, n, (double)n * 1e9 / (double)ns, (double)b.took_ns[n / 2] / 1000.,
	       (double)b.took_ns[n - 1 - n / 100] / 1000.);
	free(b.submitted_ns);
	free(b.took_ns);
}

int main(int argc, char **argv)
{
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 20000;
	unsigned n_in_flight = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 64;
	size_t len = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
	int worker[2], control[2], processes[N_PROCESSES][2], ends[N_PROCESSES];

	(void)signal(SIGPIPE, SIG_IGN);
	if (n < 1 || len > sizeof(payload) || ipc_pair(worker) < 0 || ipc_pair(control) < 0)
		return 1;
	for (unsigned i = 0; i < N_PROCESSES; i++) {
		if (ipc_pair(processes[i]) < 0)
			return 1;
		ends[i] = processes[i][1];
		if (fork() == 0)
			be_process(processes[i][0]);
	}
	if (fork() == 0)
		be_hub(worker[1], ends, control[1]);
	measure(worker[0], n, 1, len);
	measure(worker[0], n, n_in_flight, len);
	return 0;
}
