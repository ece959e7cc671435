/* test_worker_hub.c - what a worker does with the master's introduction. */
#include "daemon/worker_hub.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/site.h"
#include "base/log.h"
#include "daemon/control.h"
#include "io/loop.h"

Test(worker_hub, publishes_to_the_hub_it_was_introduced_to)
{
	struct worker_hub hub;
	struct ipc_message message;
	struct hub_message m;
	struct loop *loop;
	struct log log;
	int control[2], ends[2];
	char in[100];
	ssize_t n;

	(void)signal(SIGPIPE, SIG_IGN);
	log_init(&log, STDERR_FILENO, LOG_AT_INFO);
	cr_assert_eq(loop_new_virtual(&loop), 0);
	worker_hub_init(&hub, loop, &log, 1024);
	cr_assert_eq(ipc_pair(control), 0);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	cr_assert_eq(control_send_hub(control[0], 0, ends, 1), 0);
	(void)close(ends[0]);

	cr_assert_eq(control_receive(control[1], &message), 1);
	worker_hub_meet(&hub, &message);
	cr_assert_eq(hub_link_publish(&hub.link, WEIR_STR("shop"), WEIR_STR("news"), false,
				      WEIR_STR("hello")),
		     0);
	loop_turn(loop, false);
	n = recv(ends[1], in, sizeof(in), 0);
	cr_assert_eq(hub_wire_get((weir_str){ in, (size_t)n }, 100, &m), n);
	cr_assert(weir_str_eq(m.bytes, WEIR_STR("hello")));

	worker_hub_done(&hub);
	cr_assert_eq(recv(ends[1], in, sizeof(in), 0), 0);
	loop = loop_free(loop);
	(void)close(ends[1]);
	(void)close(control[0]);
	(void)close(control[1]);
}

static int heard;

static void on_ended(struct job_call *call, const struct job_end *how)
{
	heard = how->result;
}

Test(worker_hub, has_its_jobs_run_by_the_hub_it_was_introduced_to)
{
	static const struct job_call_ops ops = { .ended = on_ended };
	static char in[JOB_PACKET_MAX];
	struct job_call call = {
		.up = &ops, .module = WEIR_STR("shop"), .name = WEIR_STR("count"), .input_fd = -1
	};
	struct ipc_message message = { .n_fds = 2 };
	struct job_packet packet;
	struct worker_hub hub;
	struct site site;
	struct loop *loop;
	struct log log;
	int ends[2], other;

	log_init(&log, STDERR_FILENO, LOG_AT_INFO);
	cr_assert_eq(loop_new_virtual(&loop), 0);
	site_init(&site, loop, NULL, &log, NULL);
	worker_hub_init(&hub, loop, &log, 1024);
	worker_hub_serve(&hub, &site);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, message.fds), 0);
	other = message.fds[1];
	cr_assert_eq(ipc_pair(ends), 0);
	message.fds[1] = ends[0];
	worker_hub_meet(&hub, &message);

	list_init(&call.link);
	cr_assert_eq(site.jobs->ops->submit(site.jobs, &call), 0);
	cr_assert_eq(job_wire_receive(ends[1], in, &packet), 1);
	cr_assert(weir_str_eq(packet.name, WEIR_STR("count")));
	worker_hub_serve(&hub, NULL);
	cr_assert_eq(heard, -ECANCELED);

	worker_hub_done(&hub);
	loop = loop_free(loop);
	(void)close(ends[1]);
	(void)close(other);
}
