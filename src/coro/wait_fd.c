/*
 * wait_fd.c - one ev_io a wait, on the task's stack. It is stopped when the
 * task runs again, and so may fire once more in between: it then only adds to
 * what is ready.
 */
#include "coro/wait_fd.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <poll.h>

#include "coro/sched.h"
#include "coro/task.h"
#include "coro/wait.h"
#include "io/loop.h"

struct fd_wait {
	struct wait wait;
	struct ev_io io;
	int ready; /* libev's bits */
};

static void on_io(struct ev_loop *ev, struct ev_io *io, int events)
{
	struct fd_wait *fw = container_of(io, struct fd_wait, io);

	fw->ready |= events;
	wait_wake(&fw->wait);
}

/* libev says EV_ERROR when the kernel would not watch it, and then has stopped it. */
static int poll_bits(int ready, int events)
{
	int bits = 0;

	if (ready & EV_ERROR)
		return -EBADF;
	if (ready & EV_READ)
		bits |= POLLIN;
	if (ready & EV_WRITE)
		bits |= POLLOUT;
	return bits & events;
}

int wait_fd(int fd, int events)
{
	struct fd_wait fw = { .ready = 0 };
	struct ev_loop *ev;
	int r;

	r = task_check();
	if (r < 0)
		return r;
	if (events == 0 || (events & ~(POLLIN | POLLOUT)))
		return -EINVAL;
	/* libev treats a descriptor that is not open as a mistake of its caller, and aborts. */
	if (fd < 0 || fcntl(fd, F_GETFD) < 0)
		return -EBADF;

	ev = loop_ev(task_current()->sched->loop);
	wait_init(&fw.wait);
	ev_io_init(&fw.io, on_io, fd,
		   (events & POLLIN ? EV_READ : 0) | (events & POLLOUT ? EV_WRITE : 0));
	ev_io_start(ev, &fw.io);
	r = wait_park_checked(&fw.wait);
	ev_io_stop(ev, &fw.io);
	return r < 0 ? r : poll_bits(fw.ready, events);
}
