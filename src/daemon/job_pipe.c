/*
 * job_pipe.c - see job_pipe.h. As with hub_pipe only reading ends a pipe: when
 * sending fails, what the other has said last still waits to be read.
 */
#include "daemon/job_pipe.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "io/loop.h"

/* So many packets are read before others have their turn. */
#define READS_AT_ONCE 16
/* More than a socket holds. Who has died says no more, but may have left a child that does. */
#define LAST_WORDS 1024

struct unsent {
	struct list link;
	enum job_word word;
	uint64_t id;
	int fd; /* owned; -1: none */
	size_t len;
	char bytes[];
};

static struct unsent *unsent_free(struct job_pipe *p, struct unsent *u)
{
	list_del(&u->link);
	p->n_unsent -= u->len;
	close_fdp(&u->fd);
	free(u);
	return NULL;
}

static void drop_unsent(struct job_pipe *p)
{
	list_for_each_safe (link, &p->unsent)
		(void)unsent_free(p, list_entry(link, struct unsent, link));
	ev_io_stop(loop_ev(p->loop), &p->writing);
}

static void fail(struct job_pipe *p, int error)
{
	job_pipe_close(p);
	p->ops->closed(p, error);
}

/* Reading goes on and stops with what is unsent, with a gap between, so that it is not at every packet. */
static void look_at_unsent(struct job_pipe *p)
{
	if (p->n_unsent > p->max_unsent)
		ev_io_stop(loop_ev(p->loop), &p->reading);
	else if (p->n_unsent <= p->max_unsent / 2)
		ev_io_start(loop_ev(p->loop), &p->reading);
}

static void become_deaf(struct job_pipe *p)
{
	p->is_deaf = true;
	drop_unsent(p);
	look_at_unsent(p);
}

/* ---- in */

static void on_readable(struct ev_loop *ev, ev_io *w, int events)
{
	struct job_pipe *p = container_of(w, struct job_pipe, reading);

	for (unsigned i = 0; i < READS_AT_ONCE && ev_is_active(&p->reading); i++) {
		struct job_packet packet;
		int r = job_wire_receive(p->fd, p->buf, &packet);

		if (r == -EAGAIN)
			return;
		if (r <= 0) {
			fail(p, r);
			return;
		}
		p->ops->message(p, &packet);
	}
}

void job_pipe_finish(struct job_pipe *p)
{
	struct job_packet packet;

	for (unsigned i = 0; i < LAST_WORDS && job_pipe_is_open(p); i++) {
		if (job_wire_receive(p->fd, p->buf, &packet) != 1)
			break;
		p->ops->message(p, &packet);
	}
	job_pipe_close(p);
}

/* ---- out */

/* Too many descriptors are on their way: the other gets it torn, which costs one job. */
static int send_encoded(struct job_pipe *p, weir_str bytes, int payload_fd)
{
	int r = job_wire_send_encoded(p->fd, bytes, payload_fd);

	return r == -ETOOMANYREFS ? job_wire_send_encoded(p->fd, bytes, -1) : r;
}

static int send_unsent(struct job_pipe *p)
{
	while (!list_is_empty(&p->unsent)) {
		struct unsent *u = list_entry(p->unsent.next, struct unsent, link);
		int r = send_encoded(p, (weir_str){ u->bytes, u->len }, u->fd);

		if (r < 0)
			return r;
		(void)unsent_free(p, u);
	}
	return 0;
}

static void on_writable(struct ev_loop *ev, ev_io *w, int events)
{
	struct job_pipe *p = container_of(w, struct job_pipe, writing);
	int r = send_unsent(p);

	if (r == -EPIPE) {
		become_deaf(p);
		return;
	}
	if (r < 0 && r != -EAGAIN) {
		fail(p, r);
		return;
	}
	look_at_unsent(p);
	if (r == -EAGAIN)
		return;
	ev_io_stop(ev, &p->writing);
	if (p->ops->drained)
		p->ops->drained(p);
}

static struct unsent *find_progress(struct job_pipe *p, const struct job_packet *packet)
{
	if (packet->word != JOB_PROGRESS)
		return NULL;
	list_for_each (link, &p->unsent) {
		struct unsent *u = list_entry(link, struct unsent, link);

		if (u->word == JOB_PROGRESS && u->id == packet->id)
			return u;
	}
	return NULL;
}

/* A copy, with a descriptor of its own. */
static int copy(const struct job_packet *packet, struct unsent **ret_unsent)
{
	size_t cap = JOB_PACKET_MAX - JOB_INLINE_MAX + packet->bytes.len;
	_cleanup_(freep) struct unsent *u = malloc(sizeof(*u) + cap);
	ssize_t len;

	if (!u)
		return -ENOMEM;
	*u = (struct unsent){ .word = packet->word, .id = packet->id, .fd = -1 };
	len = job_wire_encode(packet, u->bytes, cap);
	if (len < 0)
		return (int)len;
	u->len = (size_t)len;
	if (packet->fd_len > 0 && packet->fd >= 0) {
		u->fd = fcntl(packet->fd, F_DUPFD_CLOEXEC, 3);
		if (u->fd < 0)
			return -errno;
	}
	list_init(&u->link);
	*ret_unsent = steal_ptr(u);
	return 0;
}

static int send_later(struct job_pipe *p, const struct job_packet *packet)
{
	struct unsent *older = find_progress(p, packet), *u = NULL;
	int r = copy(packet, &u);

	if (r < 0)
		return r;
	p->n_unsent += u->len;
	list_add_tail(older ? &older->link : &p->unsent, &u->link);
	if (older)
		(void)unsent_free(p, older);
	ev_io_start(loop_ev(p->loop), &p->writing);
	look_at_unsent(p);
	return 0;
}

static int send_now(struct job_pipe *p, const struct job_packet *packet)
{
	struct job_packet torn = *packet;
	int r = job_wire_send(p->fd, packet);

	if (r != -ETOOMANYREFS)
		return r;
	torn.fd = -1;
	return job_wire_send(p->fd, &torn);
}

int job_pipe_send(struct job_pipe *p, const struct job_packet *packet)
{
	int r = -EAGAIN;

	assert(job_pipe_is_open(p));
	if (p->is_deaf)
		return 0;
	if (list_is_empty(&p->unsent))
		r = send_now(p, packet);
	if (r == -EAGAIN)
		return send_later(p, packet);
	if (r == -EPIPE) {
		become_deaf(p);
		return 0;
	}
	return r;
}

/* ---- life */

void job_pipe_init(struct job_pipe *p, struct loop *loop, void *buf, size_t max_unsent,
		   const struct job_pipe_ops *ops)
{
	*p = (struct job_pipe){
		.loop = loop, .buf = buf, .max_unsent = max_unsent, .ops = ops, .fd = -1
	};
	list_init(&p->unsent);
	ev_init(&p->reading, on_readable);
	ev_init(&p->writing, on_writable);
}

void job_pipe_open(struct job_pipe *p, int take_fd)
{
	assert(!job_pipe_is_open(p));
	p->fd = take_fd;
	p->is_deaf = false;
	ev_io_set(&p->reading, take_fd, EV_READ);
	ev_io_set(&p->writing, take_fd, EV_WRITE);
	ev_io_start(loop_ev(p->loop), &p->reading);
}

void job_pipe_close(struct job_pipe *p)
{
	if (!job_pipe_is_open(p))
		return;
	drop_unsent(p);
	ev_io_stop(loop_ev(p->loop), &p->reading);
	(void)close(steal_fd(p->fd));
}
