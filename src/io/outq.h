#ifndef WEIR_IO_OUTQ_H
#define WEIR_IO_OUTQ_H
/*
 * outq.h - bytes on their way to a socket. What is put in is copied, so the
 * sender's memory is its own again at once; how much may wait here is for the
 * sender to decide (queued). Many small writes leave in one send.
 *
 * Files leave by sendfile(2), which knows no MSG_NOSIGNAL: the process has to
 * ignore SIGPIPE.
 */
#include <assert.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/list.h"
#include "base/macro.h"
#include "io/block.h"

/* How much the kernel takes that is not on its way yet (sock_set_wide()). */
enum outq_window {
	OUTQ_USUAL,
	OUTQ_WIDE,  /* a large file is leaving, or was the last that left */
	OUTQ_FIXED, /* as usual, for ever: the socket knows no such thing */
};

struct outq {
	struct block_pool *pool; /* borrowed */
	struct list blocks;	 /* owned; the oldest first */
	size_t queued;		 /* bytes in blocks */
	uint64_t n_sent;	 /* all bytes that the kernel has taken, since ever */

	/* after the blocks, part of a file; nothing may be appended while it waits */
	int file_fd; /* borrowed; -1 when there is none */
	uint64_t file_offset;
	uint64_t file_left;
	uint64_t file_sent; /* bytes of files since the last block */
	enum outq_window window;
};

void outq_init(struct outq *q, struct block_pool *pool);
/* All that waits in from, behind nothing: to is as it was initialised, and from is then. */
void outq_move(struct outq *to, struct outq *from);
/* Gives back all blocks, sent or not. */
void outq_done(struct outq *q);

static inline bool outq_is_empty(const struct outq *q)
{
	return q->queued == 0 && q->file_left == 0;
}

/* Room for len contiguous bytes at the end, to be filled and committed at once; NULL: no memory. */
static inline char *outq_reserve(struct outq *q, size_t len);
static inline void outq_commit(struct outq *q, size_t len);
/* All or nothing; -ENOMEM. */
MUST_USE int outq_append(struct outq *q, const void *bytes, size_t len);
void outq_append_file(struct outq *q, int fd, uint64_t offset, uint64_t len);
/* Nothing more of the file will be sent; its descriptor is the owner's again. */
void outq_drop_file(struct outq *q);

/*
 * Sends what the socket takes, though not more of a file than is fair to
 * others. 0: all is gone; -EAGAIN: the rest when the socket is writable;
 * -EPIPE, -ECONNRESET and others: the connection is dead; -EIO: the file is
 * shorter than was promised.
 */
MUST_USE int outq_flush(struct outq *q, int fd);

/* For who sends by itself: so many bytes off the front of the blocks have left. */
void outq_forget(struct outq *q, size_t sent);
/*
 * And must see what it sends: some of the file, *may_load bytes of it at the most,
 * as a block of the empty queue; *may_load is what is left of that. -EIO: the file
 * is shorter than was promised.
 */
MUST_USE int outq_load_file(struct outq *q, size_t *may_load);

/* The block that is being filled; only if there is one. */
static inline struct block *outq_last(const struct outq *q)
{
	return list_entry(q->blocks.prev, struct block, link);
}

static inline char *outq_reserve(struct outq *q, size_t len)
{
	struct block *b;

	assert(q->file_left == 0);
	if (list_is_empty(&q->blocks) || block_room(outq_last(q)) < len) {
		b = block_take(q->pool, len);
		if (!b)
			return NULL;
		list_add_tail(&q->blocks, &b->link);
	}
	b = outq_last(q);
	return b->data + b->end;
}

static inline void outq_commit(struct outq *q, size_t len)
{
	struct block *b = outq_last(q);

	assert(len <= block_room(b));
	b->end += len;
	q->queued += len;
}

#endif
