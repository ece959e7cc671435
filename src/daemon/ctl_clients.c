/*
 * ctl_clients.c - see ctl_clients.h. While a command is being done nothing is
 * read: so a client has one line, one command and one answer at a time, however
 * much it sends.
 */
#include "daemon/ctl_clients.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "io/loop.h"
#include "io/stream.h"

struct ctl_client {
	struct ctl_clients *clients; /* borrowed */
	struct list link;
	struct stream stream;
	struct block *in; /* owned */
	struct ctl_call call;
	struct loop_defer reap;
	bool is_busy;	/* with a command, or until its answer has gone */
	bool has_ended; /* no more lines come */
	bool is_closed;
};

static void on_reap(struct loop_defer *defer)
{
	free(container_of(defer, struct ctl_client, reap));
}

static void client_close(struct ctl_client *c)
{
	struct ctl_clients *clients = c->clients;

	if (c->is_closed)
		return;
	c->is_closed = true;
	ctl_commands_end(&c->call);
	stream_close(&c->stream);
	c->in = block_give(&clients->blocks, c->in);
	list_del(&c->link);
	if (clients->n-- == CTL_CLIENTS_MAX)
		listener_resume(&clients->listener);
	loop_defer(clients->world->loop, &c->reap);
}

/* ---- too many */

/* It does not take what it has asked for. */
static bool is_stalled(const struct ctl_client *c)
{
	return c->is_busy && !outq_is_empty(&c->stream.out);
}

static struct ctl_client *find_oldest(struct ctl_clients *clients, const struct ctl_client *but,
				      bool wants_stalled)
{
	list_for_each (link, &clients->open) {
		struct ctl_client *c = list_entry(link, struct ctl_client, link);

		if (c != but && (wants_stalled ? is_stalled(c) : !c->is_busy))
			return c;
	}
	return NULL;
}

/*
 * If no more may come: the oldest that wants nothing goes, or else the oldest that does not
 * read its answer; if all are being served, those who come have to wait. Whoever is at it
 * now stays: it has had no time to say what it wants.
 */
static void make_way(struct ctl_client *c)
{
	struct ctl_clients *clients = c->clients;
	struct ctl_client *goes;

	if (clients->n < CTL_CLIENTS_MAX)
		return;
	goes = find_oldest(clients, c, false);
	if (!goes)
		goes = find_oldest(clients, c, true);
	if (goes)
		client_close(goes);
	else
		listener_pause(&clients->listener);
}

/* ---- lines */

/* A whole one, without its end; false: it is not here yet. */
static bool next_line(struct ctl_client *c, weir_str *ret_line)
{
	weir_str rest = { c->in->data + c->in->start, block_len(c->in) };

	if (!ctl_text_line(&rest, ret_line))
		return false;
	c->in->start = (size_t)(rest.ptr - c->in->data);
	if (ret_line->len > 0 && ret_line->ptr[ret_line->len - 1] == '\r')
		ret_line->len--;
	return true;
}

/* Room for the rest of a line that has begun. */
static void make_room(struct block *in)
{
	memmove(in->data, in->data + in->start, block_len(in));
	in->end -= in->start;
	in->start = 0;
}

static void answer(struct ctl_client *c);

/* The next command, if its line is here, and those after it. False: the client is gone. */
static void go_on(struct ctl_client *c)
{
	weir_str line;

	while (!c->is_closed && !c->is_busy && next_line(c, &line)) {
		if (line.len > CTL_REQUEST_MAX) {
			client_close(c);
			return;
		}
		c->is_busy = true;
		stream_pause(&c->stream);
		if (ctl_commands_begin(&c->call, line))
			answer(c);
	}
	if (c->is_closed || c->is_busy)
		return;
	if (c->has_ended || block_len(c->in) > CTL_REQUEST_MAX) {
		client_close(c);
		return;
	}
	make_room(c->in);
	stream_resume(&c->stream);
	make_way(c);
}

static void on_done(struct ctl_call *call)
{
	struct ctl_client *c = container_of(call, struct ctl_client, call);

	answer(c);
	go_on(c);
}

/* The answer has left. */
static void next_call(struct ctl_client *c)
{
	ctl_commands_end(&c->call);
	ctl_commands_init(&c->call, c->clients->world, on_done);
	c->is_busy = false;
}

static void answer(struct ctl_client *c)
{
	weir_str out = buf_str(&c->call.out);
	int r = outq_append(&c->stream.out, out.ptr, out.len);

	buf_done(&c->call.out);
	if (r >= 0)
		r = stream_flush(&c->stream);
	if (r == 0)
		next_call(c);
	else if (r == -EAGAIN)
		make_way(c);
	else
		client_close(c);
}

/* ---- the stream */

static void on_readable(struct stream *s)
{
	struct ctl_client *c = container_of(s, struct ctl_client, stream);
	ssize_t n = stream_recv(s, c->in);

	if (n == -EAGAIN)
		return;
	if (n < 0) {
		client_close(c);
		return;
	}
	c->has_ended = n == 0;
	go_on(c);
}

static void on_writable(struct stream *s)
{
	struct ctl_client *c = container_of(s, struct ctl_client, stream);

	if (!outq_is_empty(&s->out))
		return;
	next_call(c);
	go_on(c);
}

static void on_broken(struct stream *s, int error)
{
	client_close(container_of(s, struct ctl_client, stream));
}

static const struct stream_ops stream_ops = { on_readable, on_writable, on_broken };

/* ---- the socket */

static void on_accepted(void *arg, int take_fd, const struct sock_addr *peer)
{
	struct ctl_clients *clients = arg;
	struct ctl_client *c = calloc(1, sizeof(*c));

	if (c)
		c->in = block_take(&clients->blocks, 2 * CTL_REQUEST_MAX);
	if (!c || !c->in) {
		free(c);
		(void)close(take_fd);
		return;
	}
	c->clients = clients;
	list_init(&c->in->link);
	list_init(&c->link);
	list_add_tail(&clients->open, &c->link);
	loop_defer_init(&c->reap, on_reap);
	ctl_commands_init(&c->call, clients->world, on_done);
	stream_open(&c->stream, clients->world->loop, &clients->blocks, take_fd, &stream_ops);
	clients->n++;
	make_way(c);
}

static void on_refused(void *arg, int take_fd, const struct sock_addr *peer)
{
	(void)close(take_fd);
}

static const struct listener_ops listener_ops = { on_accepted, on_refused };

void ctl_clients_init(struct ctl_clients *clients, const struct ctl_world *world, int fd)
{
	*clients = (struct ctl_clients){ .world = world };
	list_init(&clients->open);
	block_pool_init(&clients->blocks, CTL_CLIENTS_MAX);
	listener_open(&clients->listener, world->loop, world->log, fd, &listener_ops, clients);
}

void ctl_clients_done(struct ctl_clients *clients)
{
	listener_close(&clients->listener);
	list_for_each_safe (link, &clients->open)
		client_close(list_entry(link, struct ctl_client, link));
	loop_turn(clients->world->loop, false); /* the reap step */
	block_pool_done(&clients->blocks);
}
