/*
 * listener.c - the hard thing is running out of descriptors: accept() fails,
 * the socket stays readable, and a level-triggered loop would spin. Then the
 * listener looks away for a moment: the clients wait in the kernel's queue,
 * which is what it is for, and one line in the log says so.
 */
#include "io/listener.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* Connections taken in one turn; others of the loop want to be served as well. */
#define BATCH 32
#define RETRY_MS 200
/* No queue is longer in practice; who connects faster than this is not waited for. */
#define FINISH_MAX 4096

static void watch(struct listener *listener)
{
	if (!listener->is_paused && !timer_is_active(&listener->retry))
		ev_io_start(loop_ev(listener->loop), &listener->watcher);
}

static void on_retry(struct timer *timer)
{
	watch(container_of(timer, struct listener, retry));
}

/* The network's misfortunes: accept() reports what happened to that one connection (accept(2)). */
static bool is_only_this_one(int error)
{
	switch (error) {
	case -EINTR:
	case -ECONNABORTED:
	case -EPROTO:
	case -EPERM:
	case -ENETDOWN:
	case -ENOPROTOOPT:
	case -EHOSTDOWN:
	case -ENONET:
	case -EHOSTUNREACH:
	case -EOPNOTSUPP:
	case -ENETUNREACH:
	case -ETIMEDOUT:
		return true;
	default:
		return false;
	}
}

static void look_away(struct listener *listener, int error)
{
	ev_io_stop(loop_ev(listener->loop), &listener->watcher);
	loop_timer_start(listener->loop, &listener->retry, loop_now_ms(listener->loop) + RETRY_MS);
	if (listener->last_error == error)
		return;
	listener->last_error = error;
	log_write(listener->log, LOG_AT_ERROR, "cannot accept connections: %s; they wait%s",
		  strerror(-error),
		  error == -EMFILE ? " (see: ulimit -n, LimitNOFILE= of systemd)" : "");
}

static int accept_one(struct listener *listener)
{
	struct sock_addr peer = { .len = sizeof(peer.ss) };
	int fd;

	fd = accept4(listener->watcher.fd, (struct sockaddr *)&peer.ss, &peer.len,
		     SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (listener->last_error) {
		listener->last_error = 0;
		log_write(listener->log, LOG_AT_NOTICE, "connections are accepted again");
	}
	listener->accepted(listener->arg, fd, &peer);
	return 0;
}

static void on_readable(struct ev_loop *ev, ev_io *watcher, int events)
{
	struct listener *listener = container_of(watcher, struct listener, watcher);

	for (int i = 0; i < BATCH; i++) {
		int r;

		r = accept_one(listener);
		if (r == -EAGAIN)
			return;
		if (r < 0 && !is_only_this_one(r)) {
			look_away(listener, r);
			return;
		}
		/* The callee may have paused or closed us. */
		if (!ev_is_active(watcher))
			return;
	}
}

void listener_open(struct listener *listener, struct loop *loop, const struct log *log, int fd,
		   listener_accept_fn *accepted, void *arg)
{
	*listener = (struct listener){ .loop = loop, .log = log, .accepted = accepted, .arg = arg };
	timer_init(&listener->retry, on_retry);
	ev_io_init(&listener->watcher, on_readable, fd, EV_READ);
	watch(listener);
}

void listener_close(struct listener *listener)
{
	listener_pause(listener);
	loop_timer_stop(listener->loop, &listener->retry);
}

void listener_finish(struct listener *listener)
{
	for (int i = 0; i < FINISH_MAX; i++) {
		int r;

		r = accept_one(listener);
		if (r < 0 && !is_only_this_one(r))
			break;
	}
	listener_close(listener);
}

void listener_pause(struct listener *listener)
{
	listener->is_paused = true;
	ev_io_stop(loop_ev(listener->loop), &listener->watcher);
}

void listener_resume(struct listener *listener)
{
	listener->is_paused = false;
	watch(listener);
}
