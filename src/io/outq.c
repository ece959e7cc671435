/*
 * outq.c - a chain of blocks and at most one file behind it. The usual answer
 * fits in one block and leaves in one send(2).
 */
#include "io/outq.h"

#include <errno.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "io/sock.h"

#define OUTQ_IOV 16
/* A reader as fast as the page cache must not keep the loop from everybody else. */
#define OUTQ_FILE_FLUSH ((size_t)1024 * 1024)
/*
 * So much of one file must have left before more of it than usual may wait in the kernel: that
 * takes a reader who reads. Who reads nothing costs 256 KiB, as with any other answer.
 */
#define OUTQ_LARGE_FILE ((uint64_t)1024 * 1024)

void outq_init(struct outq *q, struct block_pool *pool)
{
	*q = (struct outq){ .pool = pool, .file_fd = -1 };
	list_init(&q->blocks);
}

void outq_done(struct outq *q)
{
	struct list *link;

	while ((link = list_pop(&q->blocks)))
		(void)block_give(q->pool, list_entry(link, struct block, link));
	q->queued = 0;
	outq_drop_file(q);
}

void outq_move(struct outq *to, struct outq *from)
{
	assert(to->queued == 0 && from->file_left == 0);
	list_splice_tail(&to->blocks, &from->blocks);
	to->queued = from->queued;
	to->n_sent = from->n_sent;
	to->window = from->window;
	from->queued = 0;
	from->window = OUTQ_USUAL;
}

/* Blocks for len more bytes behind what the last one has room for, or none at all. */
static int make_room(struct outq *q, size_t len)
{
	size_t room = list_is_empty(&q->blocks) ? 0 : block_room(outq_last(q));
	struct list added;
	struct list *link;
	struct block *b;

	list_init(&added);
	while (room < len) {
		b = block_take(q->pool, 0);
		if (!b)
			break;
		list_add_tail(&added, &b->link);
		room += block_room(b);
	}
	if (room >= len) {
		list_splice_tail(&q->blocks, &added);
		return 0;
	}
	while ((link = list_pop(&added)))
		(void)block_give(q->pool, list_entry(link, struct block, link));
	return -ENOMEM;
}

int outq_append(struct outq *q, const void *bytes, size_t len)
{
	struct list *link = q->blocks.prev;
	const char *from = bytes;
	struct block *b;
	int r;

	assert(q->file_left == 0);
	if (!list_is_empty(&q->blocks) && block_room(outq_last(q)) >= len) {
		memcpy(outq_last(q)->data + outq_last(q)->end, from, len);
		outq_commit(q, len);
		return 0;
	}
	r = make_room(q, len);
	if (r < 0)
		return r;
	if (link == &q->blocks)
		link = link->next;
	q->queued += len;
	for (; len > 0; link = link->next) {
		size_t n;

		b = list_entry(link, struct block, link);
		n = block_room(b) < len ? block_room(b) : len;
		memcpy(b->data + b->end, from, n);
		b->end += n;
		from += n;
		len -= n;
	}
	return 0;
}

void outq_append_file(struct outq *q, int fd, uint64_t offset, uint64_t len)
{
	assert(q->file_left == 0);
	q->file_fd = fd;
	q->file_offset = offset;
	q->file_left = len;
}

void outq_forget(struct outq *q, size_t sent)
{
	q->queued -= sent;
	q->n_sent += sent;
	while (!list_is_empty(&q->blocks)) {
		struct block *b = list_entry(q->blocks.next, struct block, link);
		size_t len = block_len(b);

		if (sent < len) {
			b->start += sent;
			return;
		}
		sent -= len;
		list_del(&b->link);
		(void)block_give(q->pool, b);
	}
}

static COLD ssize_t send_many(const struct outq *q, int fd, int flags)
{
	struct iovec iov[OUTQ_IOV];
	struct msghdr msg = { .msg_iov = iov };

	list_for_each (link, &q->blocks) {
		struct block *b = list_entry(link, struct block, link);

		if (msg.msg_iovlen == OUTQ_IOV)
			break;
		iov[msg.msg_iovlen++] = (struct iovec){ .iov_base = b->data + b->start,
							.iov_len = block_len(b) };
	}
	return sock_sendmsg(fd, &msg, flags);
}

static ssize_t send_blocks(const struct outq *q, int fd)
{
	struct block *first = list_entry(q->blocks.next, struct block, link);
	int flags = MSG_NOSIGNAL | MSG_DONTWAIT | (q->file_left > 0 ? MSG_MORE : 0);

	if (first->link.next != &q->blocks)
		return send_many(q, fd, flags);
	return sock_send(fd, first->data + first->start, block_len(first), flags);
}

static COLD void widen(struct outq *q, int fd)
{
	q->window = sock_set_wide(fd, true) < 0 ? OUTQ_FIXED : OUTQ_WIDE;
}

static COLD void narrow(struct outq *q, int fd)
{
	(void)sock_set_wide(fd, false); /* it could be made wide */
	q->window = OUTQ_USUAL;
}

static int flush_blocks(struct outq *q, int fd)
{
	/* Copies, and no file behind them: what waits in the kernel is memory again. */
	if (q->window == OUTQ_WIDE && q->queued > 0 && q->file_left == 0)
		narrow(q, fd);
	while (q->queued > 0) {
		ssize_t n = send_blocks(q, fd);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		outq_forget(q, (size_t)n);
		q->file_sent = 0;
	}
	return 0;
}

void outq_drop_file(struct outq *q)
{
	q->file_left = 0;
	q->file_fd = -1;
}

static COLD int flush_file(struct outq *q, int fd)
{
	size_t may_send = OUTQ_FILE_FLUSH;

	if (q->window == OUTQ_USUAL && q->file_sent >= OUTQ_LARGE_FILE &&
	    q->file_left > SOCK_UNSENT)
		widen(q, fd);
	while (q->file_left > 0) {
		size_t want = q->file_left < may_send ? (size_t)q->file_left : may_send;
		off_t offset = (off_t)q->file_offset;
		ssize_t n;

		if (may_send == 0)
			return -EAGAIN;
		n = sendfile(fd, q->file_fd, &offset, want);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		q->file_offset += (uint64_t)n;
		q->file_left -= (uint64_t)n;
		q->file_sent += (uint64_t)n;
		may_send -= (size_t)n;
		q->n_sent += (uint64_t)n;
	}
	q->file_fd = -1;
	return 0;
}

COLD int outq_load_file(struct outq *q, size_t *may_load)
{
	struct block *b = block_take(q->pool, 0);
	size_t want;
	ssize_t n;

	assert(q->queued == 0 && q->file_left > 0 && *may_load > 0);
	if (!b)
		return -ENOMEM;
	want = q->file_left < block_room(b) ? (size_t)q->file_left : block_room(b);
	want = want < *may_load ? want : *may_load;
	do
		n = pread(q->file_fd, b->data, want, (off_t)q->file_offset);
	while (n < 0 && errno == EINTR);
	if (n <= 0) {
		(void)block_give(q->pool, b);
		return n < 0 ? -errno : -EIO;
	}
	b->end = (size_t)n;
	list_add_tail(&q->blocks, &b->link);
	q->queued = (size_t)n;
	q->file_offset += (uint64_t)n;
	q->file_left -= (uint64_t)n;
	*may_load -= (size_t)n;
	if (q->file_left == 0)
		q->file_fd = -1;
	return 0;
}

int outq_flush(struct outq *q, int fd)
{
	int r;

	r = flush_blocks(q, fd);
	if (r < 0 || q->file_left == 0)
		return r;
	return flush_file(q, fd);
}
