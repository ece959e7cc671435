/* stream.c - see stream.h. Every error ends here or goes up as a negative errno. */
#include "io/stream.h"

#include <assert.h>
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/sock.h"

static void on_readable(struct ev_loop *ev, ev_io *w, int events)
{
	struct stream *s = container_of(w, struct stream, reading);

	s->ops->readable(s);
}

static void on_writable(struct ev_loop *ev, ev_io *w, int events)
{
	struct stream *s = container_of(w, struct stream, writing);
	int r;

	r = outq_flush(&s->out, s->fd);
	if (r != -EAGAIN)
		ev_io_stop(ev, &s->writing);
	if (r < 0 && r != -EAGAIN) {
		s->ops->broken(s, r);
		return;
	}
	s->ops->writable(s);
}

void stream_open(struct stream *s, struct loop *loop, struct block_pool *pool, int take_fd,
		 const struct stream_ops *ops)
{
	s->loop = loop;
	s->ops = ops;
	s->fd = take_fd;
	outq_init(&s->out, pool);
	ev_io_init(&s->reading, on_readable, take_fd, EV_READ);
	ev_io_init(&s->writing, on_writable, take_fd, EV_WRITE);
	ev_io_start(loop_ev(loop), &s->reading);
}

void stream_move(struct stream *s, struct stream *from, const struct stream_ops *ops)
{
	int fd = from->fd;

	ev_io_stop(loop_ev(from->loop), &from->reading);
	ev_io_stop(loop_ev(from->loop), &from->writing);
	from->fd = -1;
	stream_open(s, from->loop, from->out.pool, fd, ops);
	outq_move(&s->out, &from->out);
}

void stream_close(struct stream *s)
{
	if (s->fd < 0)
		return;
	ev_io_stop(loop_ev(s->loop), &s->reading);
	ev_io_stop(loop_ev(s->loop), &s->writing);
	outq_done(&s->out);
	(void)close(s->fd);
	s->fd = -1;
}

void stream_reset(struct stream *s)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	if (s->fd >= 0)
		(void)setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	stream_close(s);
}

ssize_t stream_recv(struct stream *s, struct block *block)
{
	ssize_t n;

	assert(block_room(block) > 0);
	do
		n = sock_recv(s->fd, block->data + block->end, block_room(block), MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	block->end += (size_t)n;
	return n;
}

void stream_pause(struct stream *s)
{
	ev_io_stop(loop_ev(s->loop), &s->reading);
}

void stream_resume(struct stream *s)
{
	if (s->fd >= 0)
		ev_io_start(loop_ev(s->loop), &s->reading);
}

int stream_flush(struct stream *s)
{
	int r;

	if (ev_is_active(&s->writing))
		return -EAGAIN;
	r = outq_flush(&s->out, s->fd);
	if (r == -EAGAIN)
		ev_io_start(loop_ev(s->loop), &s->writing);
	return r;
}

int64_t stream_taken(const struct stream *s)
{
	int untaken = 0;

	(void)ioctl(s->fd, SIOCOUTQ, &untaken); /* where it knows nothing, all is taken */
	return (int64_t)s->out.n_sent - untaken;
}

void stream_shutdown(struct stream *s)
{
	(void)shutdown(s->fd, SHUT_WR); /* the peer may be gone already */
}

enum stream_peer stream_peer(const struct stream *s)
{
	struct pollfd pfd = { .fd = s->fd, .events = POLLRDHUP };

	if (poll(&pfd, 1, 0) <= 0)
		return STREAM_PEER_THERE;
	if (pfd.revents & (POLLERR | POLLHUP | POLLNVAL))
		return STREAM_PEER_GONE;
	return STREAM_PEER_ENDED;
}
