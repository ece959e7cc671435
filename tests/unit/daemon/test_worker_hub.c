/* test_worker_hub.c - what a worker does with the master's introduction. */
#include "daemon/worker_hub.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

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
