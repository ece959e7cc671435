/* test_handover.c - left and taken by one process: no program is executed. */
#include "daemon/handover.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "conf/conf.h"
#include "daemon/listeners.h"
#include "io/ipc.h"

static struct listeners *open_one(void)
{
	struct conf_listen listen = { .address = { .type = CONF_ADDRESS_TCP,
						   .len = sizeof(struct sockaddr_in),
						   .text = "" } };
	struct sockaddr_in *in = (struct sockaddr_in *)&listen.address.sockaddr;
	char words[LISTENERS_WORDS_MAX];
	struct listeners *ls = NULL;

	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(listeners_open(&listen, 1, 2, 8, &ls, words), 0);
	return ls;
}

static bool is_kept(int fd)
{
	return !(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

Test(handover, what_is_left_is_taken)
{
	int ends[2], fd = -1;
	struct handed_worker worker = { .pid = 1234, .slot = 5, .is_draining = 1, .kill_ms = 99 };
	struct handover left = { .listeners = open_one(), .workers = &worker, .n_workers = 1 };
	struct handover taken;
	int listening = listeners_fd(left.listeners, 1, 0);

	cr_assert_eq(ipc_pair(ends), 0);
	worker.control_fd = ends[0];
	cr_assert_eq(handover_leave(&left, &fd), 0);
	cr_expect_not(is_kept(fd));
	handover_keep(&left, fd, true);
	cr_expect(is_kept(fd) && is_kept(ends[0]) && is_kept(listening));
	cr_assert_eq(handover_take(&taken), 1);
	cr_expect_not(is_kept(ends[0]) || is_kept(listening));
	cr_assert_eq(taken.n_workers, 1);
	cr_expect_eq(taken.workers[0].pid, 1234);
	cr_expect_eq(taken.workers[0].slot, 5);
	cr_expect_eq(taken.workers[0].kill_ms, 99);
	cr_expect_eq(taken.workers[0].control_fd, ends[0]);
	cr_expect_eq(listeners_fd(taken.listeners, 1, 0), listening);
	cr_expect_null(getenv(HANDOVER_FD_NAME));
	handover_done(&taken);
	listeners_close(left.listeners);
}

Test(handover, there_may_be_nothing)
{
	struct handover taken;

	cr_expect_eq(handover_take(&taken), 0);
	cr_expect_null(taken.listeners);
	handover_done(&taken);
}

Test(handover, what_makes_no_sense_is_not_taken)
{
	struct handover taken;
	char number[16];
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);

	(void)snprintf(number, sizeof(number), "%d", fd);
	setenv(HANDOVER_FD_NAME, number, 1);
	cr_expect_eq(handover_take(&taken), -EPROTO);
	setenv(HANDOVER_FD_NAME, "999", 1);
	cr_expect_eq(handover_take(&taken), -EBADF);
	cr_expect_null(taken.listeners);
}

Test(handover, another_version_cannot_take_over)
{
	cr_expect(handover_is_possible());
	setenv(HANDOVER_VERSION_NAME, HANDOVER_VERSION, 1);
	cr_expect(handover_is_possible());
	setenv(HANDOVER_VERSION_NAME, "0", 1);
	cr_expect_not(handover_is_possible());
}
