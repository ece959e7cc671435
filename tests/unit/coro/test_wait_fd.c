#include "coro/wait_fd.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include "coro/deadline.h"
#include "coro_world.h"

static struct world w;
static int pair[2];

static void setup(void)
{
	world_open(&w);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
}

static void teardown(void)
{
	(void)close(pair[0]);
	(void)close(pair[1]);
	world_close(&w);
}

TestSuite(wait_fd, .init = setup, .fini = teardown);

struct want {
	int fd, events;
};

static int wait_for(void *arg)
{
	const struct want *want = arg;

	return wait_fd(want->fd, want->events);
}

Test(wait_fd, goes_on_when_there_is_something_to_read)
{
	struct want want = { pair[0], POLLIN };
	struct root root;

	root_start(&w, &root, "reader", wait_for, &want);
	loop_turn(w.loop, false);
	cr_assert_not(root.is_done);
	cr_assert_eq(write(pair[1], "x", 1), 1);
	loop_run(w.loop);
	cr_assert_eq(root.result, POLLIN);
}

Test(wait_fd, sees_what_was_there_before)
{
	struct want want = { pair[0], POLLIN };

	cr_assert_eq(write(pair[1], "x", 1), 1);
	cr_assert_eq(world_run(&w, wait_for, &want), POLLIN);
}

Test(wait_fd, answers_both_when_both_hold)
{
	struct want want = { pair[0], POLLIN | POLLOUT };

	cr_assert_eq(write(pair[1], "x", 1), 1);
	cr_assert_eq(world_run(&w, wait_for, &want), POLLIN | POLLOUT);
}

Test(wait_fd, answers_only_what_was_asked)
{
	struct want want = { pair[0], POLLOUT };

	cr_assert_eq(write(pair[1], "x", 1), 1);
	cr_assert_eq(world_run(&w, wait_for, &want), POLLOUT);
}

Test(wait_fd, wakes_every_task_that_waits_for_the_same_one)
{
	struct want in = { pair[0], POLLIN };
	struct root first, second;

	root_start(&w, &first, "first", wait_for, &in);
	root_start(&w, &second, "second", wait_for, &in);
	loop_turn(w.loop, false);
	cr_assert_eq(write(pair[1], "x", 1), 1);
	loop_run(w.loop);
	cr_assert_eq(first.result, POLLIN);
	cr_assert_eq(second.result, POLLIN);
}

Test(wait_fd, one_reads_while_another_writes)
{
	struct want in = { pair[0], POLLIN }, out = { pair[0], POLLOUT };
	struct root reader, writer;

	root_start(&w, &reader, "reader", wait_for, &in);
	root_start(&w, &writer, "writer", wait_for, &out);
	while (!writer.is_done)
		loop_turn(w.loop, false);
	cr_assert_eq(writer.result, POLLOUT);
	cr_assert_not(reader.is_done);
	cr_assert_eq(write(pair[1], "x", 1), 1);
	loop_run(w.loop);
	cr_assert_eq(reader.result, POLLIN);
}

Test(wait_fd, a_closed_peer_is_readable)
{
	struct want want = { pair[0], POLLIN };

	cr_assert_eq(shutdown(pair[1], SHUT_RDWR), 0);
	cr_assert_eq(world_run(&w, wait_for, &want), POLLIN);
}

static int wait_within(void *arg)
{
	deadline_push(50);
	return deadline_pop(wait_for(arg));
}

Test(wait_fd, ends_with_the_deadline)
{
	struct want want = { pair[0], POLLIN };

	cr_assert_eq(world_run(&w, wait_within, &want), -ETIMEDOUT);
	cr_assert_eq(world_now(&w), 50);
}

Test(wait_fd, ends_when_cancelled)
{
	struct want want = { pair[0], POLLIN };
	struct root root;

	root_start(&w, &root, "reader", wait_for, &want);
	task_cancel(root.task, REASON_DISCONNECT);
	loop_run(w.loop);
	cr_assert_eq(root.result, -ECANCELED);
}

Test(wait_fd, works_for_a_number_that_was_closed_and_opened_again)
{
	struct want want = { pair[0], POLLIN };
	int fresh[2];

	cr_assert_eq(write(pair[1], "x", 1), 1);
	cr_assert_eq(world_run(&w, wait_for, &want), POLLIN);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fresh), 0);
	cr_assert_eq(dup2(fresh[0], pair[0]), pair[0]);
	cr_assert_eq(write(fresh[1], "x", 1), 1);
	cr_assert_eq(world_run(&w, wait_for, &want), POLLIN);
	(void)close(fresh[0]);
	(void)close(fresh[1]);
}

Test(wait_fd, a_regular_file_is_always_ready)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct want want = { fd, POLLIN };

	cr_assert_eq(world_run(&w, wait_for, &want), POLLIN);
	(void)close(fd);
}

Test(wait_fd, refuses_what_is_no_descriptor)
{
	struct want closed = { 999, POLLIN }, negative = { -1, POLLIN };

	cr_assert_eq(world_run(&w, wait_for, &closed), -EBADF);
	cr_assert_eq(world_run(&w, wait_for, &negative), -EBADF);
}

Test(wait_fd, refuses_other_events)
{
	struct want none = { pair[0], 0 }, odd = { pair[0], POLLPRI };

	cr_assert_eq(world_run(&w, wait_for, &none), -EINVAL);
	cr_assert_eq(world_run(&w, wait_for, &odd), -EINVAL);
}
