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
#include "io/tls_stream.h"

/* An event of ours: bytes that have been received already are to be looked at. */
#define STREAM_FED EV_CUSTOM

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

/* ---- with TLS */

/* What was received with other bytes brings no event of its own. */
static void feed(struct stream *s)
{
	ev_feed_event(loop_ev(s->loop), &s->reading, STREAM_FED);
	loop_hurry(s->loop);
}

static void on_tls_readable(struct ev_loop *ev, ev_io *w, int events)
{
	struct stream *s = container_of(w, struct stream, reading);

	s->is_fed = !(events & EV_READ);
	s->ops->readable(s);
}

/* Bytes that wait and cannot be taken would bring one event after the other. */
static void await_room(struct stream *s)
{
	ev_io_start(loop_ev(s->loop), &s->writing);
	s->awaits_room = ev_is_active(&s->reading);
	ev_io_stop(loop_ev(s->loop), &s->reading);
}

static void stop_awaiting_room(struct stream *s)
{
	if (!s->awaits_room)
		return;
	s->awaits_room = false;
	ev_io_start(loop_ev(s->loop), &s->reading);
	feed(s);
}

static APART ssize_t recv_tls(struct stream *s, struct block *block)
{
	bool may_recv = !s->is_fed;
	ssize_t n;

	s->is_fed = false;
	n = tls_stream_recv(s->tls, block->data + block->end, block_room(block), may_recv);
	if (s->awaits_bytes) {
		s->awaits_bytes = false;
		ev_io_start(loop_ev(s->loop), &s->writing);
	}
	if (n == -EAGAIN && tls_stream_wants_room(s->tls))
		await_room(s);
	if (n <= 0)
		return n;
	block->end += (size_t)n;
	if (tls_stream_has_more(s->tls))
		feed(s);
	return n;
}

static APART int flush_tls(struct stream *s)
{
	int r = tls_stream_flush(s->tls, &s->out);

	if (r != -EAGAIN)
		return r;
	/* Room may be there all the time. */
	if (tls_stream_wants_bytes(s->tls))
		s->awaits_bytes = true;
	else
		ev_io_start(loop_ev(s->loop), &s->writing);
	return r;
}

static void on_tls_writable(struct ev_loop *ev, ev_io *w, int events)
{
	struct stream *s = container_of(w, struct stream, writing);
	int r;

	ev_io_stop(ev, &s->writing);
	r = outq_is_empty(&s->out) ? 0 : flush_tls(s);
	if (r < 0 && r != -EAGAIN) {
		s->ops->broken(s, r);
		return;
	}
	stop_awaiting_room(s);
	s->ops->writable(s);
}

static void use_tls(struct stream *s)
{
	ev_set_cb(&s->reading, on_tls_readable);
	ev_set_cb(&s->writing, on_tls_writable);
}

int stream_secure(struct stream *s, struct tls_ctx *ctx)
{
	int r;

	r = tls_stream_new(ctx, s->fd, &s->tls);
	if (r >= 0)
		use_tls(s);
	return r;
}

int stream_handshake(struct stream *s)
{
	int r = tls_stream_handshake(s->tls);

	if (r == -EAGAIN && tls_stream_wants_room(s->tls))
		await_room(s);
	return r;
}

const char *stream_tls_why(const struct stream *s)
{
	return tls_stream_why(s->tls);
}

int stream_tls_info(const struct stream *s, struct tls_info **ret_info)
{
	return tls_stream_info(s->tls, ret_info);
}

ssize_t stream_peek(const struct stream *s, char *ret_bytes, size_t len)
{
	ssize_t n = recv(s->fd, ret_bytes, len, MSG_PEEK | MSG_DONTWAIT);

	return n < 0 ? -errno : n;
}

int stream_skip(const struct stream *s, char *bytes, size_t len)
{
	ssize_t n = recv(s->fd, bytes, len, MSG_DONTWAIT);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO; /* what has been there does not go away */
}

/* ---- */

void stream_open(struct stream *s, struct loop *loop, struct block_pool *pool, int take_fd,
		 const struct stream_ops *ops)
{
	s->loop = loop;
	s->ops = ops;
	s->fd = take_fd;
	s->label = 0;
	s->tls = NULL;
	s->is_fed = false;
	s->awaits_room = false;
	s->awaits_bytes = false;
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
	s->label = from->label;
	from->label = 0;
	s->tls = steal_ptr(from->tls);
	if (s->tls) {
		use_tls(s);
		feed(s);
	}
}

void stream_close(struct stream *s)
{
	if (s->fd < 0)
		return;
	ev_io_stop(loop_ev(s->loop), &s->reading);
	ev_io_stop(loop_ev(s->loop), &s->writing);
	if (s->tls && outq_is_empty(&s->out))
		tls_stream_end(s->tls); /* what was cut short must not look whole */
	s->tls = tls_stream_free(s->tls);
	outq_done(&s->out);
	(void)close(s->fd);
	s->fd = -1;
}

void stream_reset(struct stream *s)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	if (s->fd >= 0)
		(void)setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	s->tls = tls_stream_free(s->tls);
	stream_close(s);
}

ssize_t stream_recv(struct stream *s, struct block *block)
{
	ssize_t n;

	assert(block_room(block) > 0);
	if (s->tls)
		return recv_tls(s, block);
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
	s->awaits_room = false;
	ev_io_stop(loop_ev(s->loop), &s->reading);
}

void stream_resume(struct stream *s)
{
	if (s->fd < 0)
		return;
	ev_io_start(loop_ev(s->loop), &s->reading);
	if (s->tls)
		feed(s);
}

int stream_flush(struct stream *s)
{
	int r;

	if (ev_is_active(&s->writing))
		return -EAGAIN;
	if (s->tls)
		return flush_tls(s);
	r = outq_flush(&s->out, s->fd);
	if (r == -EAGAIN)
		ev_io_start(loop_ev(s->loop), &s->writing);
	return r;
}

int64_t stream_taken(const struct stream *s)
{
	int64_t sent = s->tls ? tls_stream_sent(s->tls) : (int64_t)s->out.n_sent;
	int untaken = 0;

	(void)ioctl(s->fd, SIOCOUTQ, &untaken); /* where it knows nothing, all is taken */
	return sent - untaken;
}

void stream_shutdown(struct stream *s)
{
	if (s->tls)
		tls_stream_end(s->tls);
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
