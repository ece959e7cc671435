/*
 * hub_pipe.c - see hub_pipe.h. What is easy to get wrong is the other's death:
 * sending fails at once, while the last it has said still waits to be read. So
 * only reading ends a pipe.
 */
#include "daemon/hub_pipe.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* So many times a block is filled before others have their turn. */
#define READS_AT_ONCE 16

static void fail(struct hub_pipe *p, int error)
{
	/* It died with something unread: the last that was sent at least. */
	if (error == -ECONNRESET && p->n_in_queue == 0 && p->has_published_last)
		p->n_in_queue = 1;
	hub_pipe_close(p);
	p->ops->closed(p, error == -ECONNRESET || error == -EPIPE ? 0 : error);
}

/* ---- in */

static weir_str unread(const struct hub_pipe *p)
{
	return (weir_str){ p->in->data + p->in->start, block_len(p->in) };
}

/* All whole messages. False when the pipe was closed meanwhile. */
static bool take_messages(struct hub_pipe *p)
{
	struct hub_message message;
	ssize_t len;

	while ((len = hub_wire_get(unread(p), p->max_bytes, &message)) > 0) {
		p->ops->message(p, &message);
		if (!hub_pipe_is_open(p))
			return false;
		p->in->start += (size_t)len;
	}
	if (len < 0)
		fail(p, (int)len);
	return len == 0;
}

/* A block with room for the rest of the message that has begun in it. */
static int make_room(struct hub_pipe *p)
{
	struct block *in = p->in, *larger;
	size_t len, need;

	if (!in) {
		p->in = block_take(p->pool, 0);
		return p->in ? 0 : -ENOMEM;
	}
	need = hub_wire_need(unread(p));
	len = block_len(in);
	if (in->start + need <= in->cap)
		return 0;
	if (need <= in->cap) {
		memmove(in->data, in->data + in->start, len);
		in->start = 0;
		in->end = len;
		return 0;
	}
	larger = block_take(p->pool, need);
	if (!larger)
		return -ENOMEM;
	memcpy(larger->data, in->data + in->start, len);
	larger->end = len;
	(void)block_give(p->pool, in);
	p->in = larger;
	return 0;
}

/* Between messages there is no block. */
static void give_empty_block(struct hub_pipe *p)
{
	if (p->in && block_len(p->in) == 0)
		p->in = block_give(p->pool, p->in);
}

static void on_readable(struct stream *s)
{
	struct hub_pipe *p = container_of(s, struct hub_pipe, stream);

	for (unsigned i = 0; i < READS_AT_ONCE; i++) {
		ssize_t n = make_room(p);
		bool is_full;

		if (n == 0)
			n = stream_recv(s, p->in);
		if (n == -EAGAIN)
			break;
		if (n <= 0) {
			fail(p, (int)n);
			return;
		}
		is_full = block_room(p->in) == 0;
		if (!take_messages(p))
			return;
		give_empty_block(p);
		if (!is_full)
			break;
	}
	give_empty_block(p);
}

/* ---- out */

static void become_deaf(struct hub_pipe *p)
{
	p->is_deaf = true;
	outq_done(&p->stream.out);
}

static void look_at_queue(struct hub_pipe *p)
{
	uint64_t n_dropped = p->n_dropped;

	if (p->stream.out.queued == 0)
		p->n_in_queue = 0;
	if (p->stream.out.queued > HUB_PIPE_QUEUE_MAX / 2)
		return;
	p->is_dropping = false;
	p->n_dropped = 0;
	if (n_dropped > 0)
		p->ops->caught_up(p, n_dropped);
}

static void on_writable(struct stream *s)
{
	look_at_queue(container_of(s, struct hub_pipe, stream));
}

static void on_broken(struct stream *s, int error)
{
	become_deaf(container_of(s, struct hub_pipe, stream));
}

static const struct stream_ops stream_ops = { on_readable, on_writable, on_broken };

void hub_pipe_flush(struct hub_pipe *p)
{
	int r;

	if (!hub_pipe_is_open(p) || p->is_deaf)
		return;
	r = stream_flush(&p->stream);
	if (r < 0 && r != -EAGAIN)
		become_deaf(p);
	else
		look_at_queue(p);
}

static void on_flush(struct loop_defer *defer)
{
	hub_pipe_flush(container_of(defer, struct hub_pipe, flush));
}

int hub_pipe_put(struct hub_pipe *p, const struct hub_message *message)
{
	if (p->is_deaf)
		return 0;
	p->has_published_last = false;
	loop_defer(p->loop, &p->flush);
	return hub_wire_put(&p->stream.out, message);
}

bool hub_pipe_publish(struct hub_pipe *p, const struct hub_message *message)
{
	if (!p->is_dropping && p->stream.out.queued + hub_wire_len(message) > HUB_PIPE_QUEUE_MAX)
		p->is_dropping = true;
	if (p->is_deaf || p->is_dropping || hub_pipe_put(p, message) < 0) {
		p->n_dropped++;
		loop_defer(p->loop, &p->flush); /* which looks whether the queue has left */
		return false;
	}
	p->n_in_queue++;
	p->has_published_last = true;
	return true;
}

/* ---- life */

void hub_pipe_init(struct hub_pipe *p, struct loop *loop, struct block_pool *pool, size_t max_bytes,
		   const struct hub_pipe_ops *ops)
{
	*p = (struct hub_pipe){ .loop = loop, .pool = pool, .max_bytes = max_bytes, .ops = ops };
	p->stream.fd = -1;
	loop_defer_init(&p->flush, on_flush);
}

void hub_pipe_open(struct hub_pipe *p, int take_fd)
{
	assert(!hub_pipe_is_open(p));
	p->is_deaf = false;
	p->is_dropping = false;
	p->n_dropped = 0;
	p->n_in_queue = 0;
	p->has_published_last = false;
	stream_open(&p->stream, p->loop, p->pool, take_fd, &stream_ops);
}

void hub_pipe_close(struct hub_pipe *p)
{
	if (!hub_pipe_is_open(p))
		return;
	loop_defer_cancel(&p->flush);
	stream_close(&p->stream);
	p->in = block_give(p->pool, p->in);
}
