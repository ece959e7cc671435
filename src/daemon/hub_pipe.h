#ifndef WEIR_DAEMON_HUB_PIPE_H
#define WEIR_DAEMON_HUB_PIPE_H
/*
 * hub_pipe.h - one end of the connection between the hub and a worker:
 * messages both ways, many to one recv and all of a turn in one send. It never
 * blocks, and its queue has an end: beyond it publications are dropped and
 * counted until half of the queue has left.
 *
 * The hub has one for each worker, a worker has one in its hub_link.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"
#include "daemon/hub_wire.h"
#include "io/loop.h"
#include "io/stream.h"

/* Beyond so many bytes in its queue publications are dropped. */
#define HUB_PIPE_QUEUE_MAX ((size_t)8 * 1024 * 1024)

struct hub_pipe;

struct hub_pipe_ops {
	/* Its views are good until it returns. The pipe may be closed in here. */
	void (*message)(struct hub_pipe *pipe, const struct hub_message *message);
	/* So many were dropped; from now on publications are queued again. */
	void (*caught_up)(struct hub_pipe *pipe, uint64_t n_dropped);
	/*
	 * It is closed, not by its owner: 0, the other process is gone; -EPROTO, it has sent
	 * what makes no sense; -ENOMEM and others.
	 */
	void (*closed)(struct hub_pipe *pipe, int error);
};

struct hub_pipe {
	struct loop *loop;	 /* borrowed */
	struct block_pool *pool; /* borrowed */
	const struct hub_pipe_ops *ops;
	size_t max_bytes; /* of a publication */
	struct stream stream;
	struct block *in; /* owned: the beginning of a message; NULL when there is none */
	struct loop_defer flush;
	bool is_deaf;	  /* the other process takes nothing more; its last words may still come */
	bool is_dropping; /* until half of the queue has left */
	bool has_published_last; /* what was put last is a publication */
	uint64_t n_dropped;	 /* publications, since caught_up() was called last */
	/*
	 * Publications since the queue was empty last: so many have not left, or fewer. When the pipe
	 * is closed, 1 stands for those that had left and were not read.
	 */
	uint64_t n_in_queue;
};

/* A closed one. */
void hub_pipe_init(struct hub_pipe *pipe, struct loop *loop, struct block_pool *pool,
		   size_t max_bytes, const struct hub_pipe_ops *ops);
/* Takes fd, a stream socket that does not block; it must be closed before. */
void hub_pipe_open(struct hub_pipe *pipe, int take_fd);
/* Closes at once; what is still queued is lost. Twice is once. */
void hub_pipe_close(struct hub_pipe *pipe);
static inline bool hub_pipe_is_open(const struct hub_pipe *pipe)
{
	return pipe->stream.fd >= 0;
}

/*
 * Both are for an open one; what is put leaves at the end of the turn. A
 * publication may be dropped: false, and it is counted. Other messages never
 * are; -ENOMEM, -EMSGSIZE.
 */
bool hub_pipe_publish(struct hub_pipe *pipe, const struct hub_message *message);
MUST_USE int hub_pipe_put(struct hub_pipe *pipe, const struct hub_message *message);
/* Sends what the socket takes now, instead of at the end of the turn. */
void hub_pipe_flush(struct hub_pipe *pipe);

#endif
