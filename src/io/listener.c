/*
 * listener.c - the hard thing is running out of descriptors: accept() fails,
 * the socket stays readable, and a level-triggered loop would spin. Then the
 * listener looks away for a moment: the clients wait in the kernel's queue,
 * which is what it is for, and one line in the log says so. If there is still
 * no descriptor after that, those who wait are told: each is accepted on the
 * descriptor that was kept spare for this, and closed.
 */
#include "io/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Connections taken in one turn; others of the loop want to be served as well. */
#define BATCH 32
#define RETRY_MS 200
/* Told in one turn that there is no descriptor; it takes a few system calls each. */
#define REFUSE_BATCH 256
/* Descriptors that come and go must not fill the log. */
#define SAY_AGAIN_MS 10000
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

/* Without one, those who wait when descriptors are short wait longer. */
static void keep_spare(struct listener *listener)
{
	if (listener->spare_fd < 0)
		listener->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void give_up_spare(struct listener *listener)
{
	if (listener->spare_fd >= 0)
		(void)close(listener->spare_fd);
	listener->spare_fd = -1;
}

static void look_away(struct listener *listener, int error)
{
	int64_t now_ms = loop_now_ms(listener->loop);

	ev_io_stop(loop_ev(listener->loop), &listener->watcher);
	loop_timer_start(listener->loop, &listener->retry, now_ms + RETRY_MS);
	if (listener->last_error == error)
		return;
	listener->last_error = error;
	listener->is_silent = now_ms - listener->said_ms < SAY_AGAIN_MS;
	if (listener->is_silent)
		return;
	listener->said_ms = now_ms;
	log_write(listener->log, LOG_AT_ERROR, "cannot accept connections: %s; they wait%s",
		  strerror(-error),
		  error == -EMFILE ? " (see: ulimit -n, LimitNOFILE= of systemd)" : "");
}

static void look_again(struct listener *listener)
{
	listener->last_error = 0;
	if (!listener->is_silent)
		log_write(listener->log, LOG_AT_NOTICE,
			  "connections are accepted again; %u were refused meanwhile",
			  listener->n_refused);
	listener->n_refused = 0;
	keep_spare(listener);
}

static int accept_fd(const struct listener *listener, struct sock_addr *ret_peer)
{
	int fd;

	*ret_peer = (struct sock_addr){ .len = sizeof(ret_peer->ss) };
	fd = accept4(listener->watcher.fd, (struct sockaddr *)&ret_peer->ss, &ret_peer->len,
		     SOCK_NONBLOCK | SOCK_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int accept_one(struct listener *listener)
{
	struct sock_addr peer;
	int fd;

	fd = accept_fd(listener, &peer);
	if (fd < 0)
		return fd;
	if (listener->last_error)
		look_again(listener);
	listener->ops->accepted(listener->arg, fd, &peer);
	return 0;
}

/* Those who wait, on the descriptor kept for this, one after the other. */
static void refuse_waiting(struct listener *listener)
{
	for (int i = 0; i < REFUSE_BATCH && listener->spare_fd >= 0; i++) {
		struct sock_addr peer;
		int fd;

		give_up_spare(listener);
		fd = accept_fd(listener, &peer);
		if (fd >= 0) {
			listener->n_refused++;
			listener->ops->refused(listener->arg, fd, &peer);
		}
		keep_spare(listener);
		if (fd < 0 && !is_only_this_one(fd))
			return;
	}
}

static bool is_short_of_descriptors(int error)
{
	return error == -EMFILE || error == -ENFILE;
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
			/* It has looked away before, and nothing has come back since. */
			if (is_short_of_descriptors(r) && r == listener->last_error)
				refuse_waiting(listener);
			look_away(listener, r);
			return;
		}
		/* The callee may have paused or closed us. */
		if (!ev_is_active(watcher))
			return;
	}
}

void listener_open(struct listener *listener, struct loop *loop, const struct log *log, int fd,
		   const struct listener_ops *ops, void *arg)
{
	*listener = (struct listener){ .loop = loop,
				       .log = log,
				       .ops = ops,
				       .arg = arg,
				       .spare_fd = -1,
				       .said_ms = -SAY_AGAIN_MS };
	keep_spare(listener);
	timer_init(&listener->retry, on_retry);
	ev_io_init(&listener->watcher, on_readable, fd, EV_READ);
	watch(listener);
}

void listener_close(struct listener *listener)
{
	listener_pause(listener);
	loop_timer_stop(listener->loop, &listener->retry);
	give_up_spare(listener);
}

void listener_finish(struct listener *listener)
{
	for (int i = 0; i < FINISH_MAX; i++) {
		int r;

		r = accept_one(listener);
		if (is_short_of_descriptors(r))
			refuse_waiting(listener);
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
