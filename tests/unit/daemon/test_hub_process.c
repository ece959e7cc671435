/* test_hub_process.c - real hubs, each a child of the test, which plays master and workers. */
#include "daemon/hub_process.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "conf/conf.h"
#include "conf/exit_code.h"
#include "daemon/control.h"
#include "daemon/hub_wire.h"
#include "daemon/job_plan.h"
#include "daemon/job_wire.h"
#include "io/outq.h"

#define PATIENCE_MS 20000

struct world {
	pid_t pid;
	int control;	/* the master's end */
	int access_log; /* the reading end */
	int workers[2];
};

static _Noreturn void be_hub(int control_fd, int access_log_fd)
{
	static const struct job_plan jobs = { .pools = { { .name = "default",
							   .state = JOB_PLAN_SERVES,
							   .processes = 1,
							   .queue = 10,
							   .grace_ms = 100 } } };
	struct hub_setup setup = { .access_log_fd = access_log_fd, .max_publication = 1000 };
	struct log log;
	struct hub_args args = {
		.control_fd = control_fd, .n_slots = 2, .jobs = &jobs, .log = &log, .arg = &setup
	};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGPIPE, SIG_IGN);
	log_init(&log, STDERR_FILENO, LOG_AT_INFO);
	_exit(hub_process_main(&args));
}

static void begin(struct world *w)
{
	int ends[2], access_log[2];

	cr_assert_eq(ipc_pair(ends), 0);
	cr_assert_eq(pipe(access_log), 0);
	w->pid = fork();
	cr_assert_geq(w->pid, 0);
	if (w->pid == 0) {
		(void)close(ends[0]);
		(void)close(access_log[0]);
		be_hub(ends[1], access_log[1]);
	}
	(void)close(ends[1]);
	(void)close(access_log[1]);
	w->control = ends[0];
	w->access_log = access_log[0];
	for (unsigned i = 0; i < 2; i++) {
		cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
		cr_assert_eq(control_send_hub(w->control, i, ends, 1), 0);
		(void)close(ends[0]);
		w->workers[i] = ends[1];
	}
}

static void put(int fd, enum hub_type type, const char *bytes)
{
	struct hub_message m = { .type = type, .name = { "n", 1 }, .bytes = weir_strz(bytes) };
	struct block_pool pool;
	struct outq q;

	block_pool_init(&pool, 0);
	outq_init(&q, &pool);
	cr_assert_eq(hub_wire_put(&q, &m), 0);
	cr_assert_eq(outq_flush(&q, fd), 0);
	block_pool_done(&pool);
}

/* How many bytes come next; 0 at the end. */
static ssize_t wait_for(int fd)
{
	struct pollfd polled = { .fd = fd, .events = POLLIN };
	char some[100];

	cr_assert_eq(poll(&polled, 1, PATIENCE_MS), 1, "nothing comes");
	return recv(fd, some, sizeof(some), 0);
}

/* When it returns the hub has heard all there was before. */
static void expect_carried(struct world *w)
{
	struct pollfd polled = { .fd = w->workers[0], .events = POLLIN };
	size_t len = 0;

	put(w->workers[0], HUB_WANT, "");
	/* Whose words the hub reads first is for it to choose. */
	do
		put(w->workers[1], HUB_PUBLISH, "abc");
	while (poll(&polled, 1, 10) == 0);
	put(w->workers[1], HUB_WANT, "");
	put(w->workers[1], HUB_PUBLISH, "last");
	while (len % (HUB_WIRE_HEAD + 4) == 0)
		len += (size_t)wait_for(w->workers[0]);
	put(w->workers[0], HUB_PUBLISH, "ab");
	cr_assert_eq(wait_for(w->workers[1]), HUB_WIRE_HEAD + 3);
}

static int exit_code(struct world *w)
{
	int status = 0;

	/* Its end of the socket is closed when it ends. */
	while (w->control >= 0 && wait_for(w->control) > 0)
		;
	cr_assert_eq(waitpid(w->pid, &status, 0), w->pid);
	cr_assert(WIFEXITED(status), "status %d", status);
	return WEXITSTATUS(status);
}

Test(hub_process, carries_until_it_is_told_to_end)
{
	struct world w;

	begin(&w);
	expect_carried(&w);
	cr_assert_eq(control_send_drain(w.control), 0);
	cr_assert_eq(exit_code(&w), EXIT_CODE_OK);
	cr_assert_eq(wait_for(w.workers[0]), 0);
}

/* The next packet of this word. */
static struct job_packet wait_for_packet(int fd, enum job_word word)
{
	struct pollfd polled = { .fd = fd, .events = POLLIN };
	static char buf[JOB_PACKET_MAX];
	struct job_packet packet = { 0 };

	while (packet.word != word) {
		cr_assert_eq(poll(&polled, 1, PATIENCE_MS), 1, "nothing comes");
		cr_assert_eq(job_wire_receive(fd, buf, &packet), 1);
		cr_assert_neq(packet.word, JOB_REFUSED);
	}
	return packet;
}

Test(hub_process, carries_jobs)
{
	const struct control_job_process what = { .pid = 4711 };
	struct job_packet submit = { .word = JOB_SUBMIT,
				     .id = 5,
				     .deadline_ms = INT64_MAX,
				     .module = WEIR_STR("m"),
				     .name = WEIR_STR("n") };
	int publications[2], jobs[2], process[2];
	struct job_packet packet;
	struct world w;

	begin(&w);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, publications), 0);
	cr_assert_eq(ipc_pair(jobs), 0);
	cr_assert_eq(ipc_pair(process), 0);
	cr_assert_eq(control_send_hub(w.control, 0, (int[]){ publications[0], jobs[0] }, 2), 0);
	cr_assert_eq(control_send_job_process(w.control, 7, &what, process[0]), 0);
	cr_assert_eq(job_wire_send(jobs[1], &submit), 0);
	cr_assert_eq(job_wire_send(process[1], &(struct job_packet){ .word = JOB_IDLE }), 0);
	(void)wait_for_packet(process[1], JOB_RUN);
	cr_assert_eq(control_send_job_ended(w.control, 7, SIGSEGV), 0);
	packet = wait_for_packet(jobs[1], JOB_ENDED);
	cr_assert_eq(packet.result, -ECHILD);
	cr_assert_eq(packet.status, SIGSEGV);
	cr_assert_eq(control_send_drain(w.control), 0);
	cr_assert_eq(exit_code(&w), EXIT_CODE_OK);
}

/* It has done all it had to, and sleeps. */
static void wait_until_idle(const struct world *w)
{
	char path[64], text[256] = "";

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)w->pid);
	while (!strstr(text, ") S ")) {
		FILE *file = fopen(path, "r");

		cr_assert_not_null(file);
		cr_assert_not_null(fgets(text, sizeof(text), file));
		(void)fclose(file);
		(void)sched_yield();
	}
}

/* The worker was told to serve after the hub was told of its pools: what it submits must not overtake that. */
Test(hub_process, hears_of_pools_before_what_workers_want_of_them)
{
	const struct job_plan_pool pool = { .name = "new", .state = JOB_PLAN_SERVES, .queue = 1 };
	struct job_packet submit = { .word = JOB_SUBMIT,
				     .id = 5,
				     .deadline_ms = INT64_MAX,
				     .module = WEIR_STR("m"),
				     .name = WEIR_STR("n") };
	int publications[2], jobs[2];
	struct world w;

	begin(&w);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, publications), 0);
	cr_assert_eq(ipc_pair(jobs), 0);
	cr_assert_eq(control_send_hub(w.control, 0, (int[]){ publications[0], jobs[0] }, 2), 0);
	cr_assert_eq(job_wire_send(jobs[1], &submit), 0);
	(void)wait_for_packet(jobs[1], JOB_QUEUED);
	wait_until_idle(&w);
	cr_assert_eq(kill(w.pid, SIGSTOP), 0);
	cr_assert_eq(waitpid(w.pid, NULL, WUNTRACED), w.pid);
	cr_assert_eq(control_send_job_pool(w.control, 1, &pool), 0);
	submit.id = 6;
	submit.pool = WEIR_STR("new");
	cr_assert_eq(job_wire_send(jobs[1], &submit), 0);
	cr_assert_eq(kill(w.pid, SIGCONT), 0);
	cr_assert_eq(wait_for_packet(jobs[1], JOB_QUEUED).id, 6u);
	cr_assert_eq(control_send_drain(w.control), 0);
	cr_assert_eq(exit_code(&w), EXIT_CODE_OK);
}

Test(hub_process, does_not_hold_the_access_log_open)
{
	struct pollfd polled;
	struct world w;

	begin(&w);
	expect_carried(&w);
	polled = (struct pollfd){ .fd = w.access_log, .events = POLLIN };
	cr_assert_eq(poll(&polled, 1, PATIENCE_MS), 1);
	cr_assert_eq(polled.revents, POLLHUP);
	cr_assert_eq(control_send_drain(w.control), 0);
	cr_assert_eq(exit_code(&w), EXIT_CODE_OK);
}

Test(hub_process, ignores_what_a_terminal_sends)
{
	struct world w;

	begin(&w);
	expect_carried(&w);
	cr_assert_eq(kill(w.pid, SIGINT), 0);
	cr_assert_eq(kill(w.pid, SIGHUP), 0);
	put(w.workers[0], HUB_PUBLISH, "ab");
	cr_assert_eq(wait_for(w.workers[1]), HUB_WIRE_HEAD + 3);
	cr_assert_eq(control_send_drain(w.control), 0);
	cr_assert_eq(exit_code(&w), EXIT_CODE_OK);
}

Test(hub_process, ends_at_sigterm)
{
	struct world w;

	begin(&w);
	expect_carried(&w);
	cr_assert_eq(kill(w.pid, SIGTERM), 0);
	cr_assert_eq(exit_code(&w), EXIT_CODE_OK);
}

Test(hub_process, without_a_master_it_stays_for_the_workers)
{
	struct world w;

	begin(&w);
	expect_carried(&w);
	(void)close(w.control);
	w.control = -1;
	/* As the kernel does. */
	cr_assert_eq(kill(w.pid, SIGTERM), 0);
	put(w.workers[0], HUB_PUBLISH, "ab");
	cr_assert_eq(wait_for(w.workers[1]), HUB_WIRE_HEAD + 3);
	(void)close(w.workers[0]);
	put(w.workers[1], HUB_PUBLISH, "ab");
	(void)close(w.workers[1]);
	cr_assert_eq(exit_code(&w), EXIT_CODE_OK);
}

Test(hub_process, without_master_and_workers_it_ends)
{
	struct world w;

	begin(&w);
	expect_carried(&w);
	(void)close(w.workers[0]);
	(void)close(w.workers[1]);
	(void)close(w.control);
	w.control = -1;
	cr_assert_eq(exit_code(&w), EXIT_CODE_OK);
}
