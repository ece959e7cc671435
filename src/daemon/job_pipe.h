#ifndef WEIR_DAEMON_JOB_PIPE_H
#define WEIR_DAEMON_JOB_PIPE_H
/*
 * job_pipe.h - one end of a connection for jobs, on a loop: packets both ways,
 * none of them ever dropped. What the socket does not take waits here; whoever
 * must not be made to remember too much for somebody who does not read, stops
 * listening to him meanwhile (max_unsent).
 *
 * The hub has one for each worker and each job process, a worker has one.
 */
#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/macro.h"
#include "daemon/job_wire.h"

struct loop;

struct job_pipe;

struct job_pipe_ops {
	/*
	 * Its views are good until this returns; its descriptor is the callee's, to keep or to
	 * close. The pipe may be closed in here, not freed.
	 */
	void (*message)(struct job_pipe *pipe, const struct job_packet *packet);
	/* All that waited has left. NULL: who cares. */
	void (*drained)(struct job_pipe *pipe);
	/*
	 * It is closed, not by its owner, and may be freed: 0, the other process is gone; -EPROTO,
	 * it has sent what makes no sense; -ENOMEM and others.
	 */
	void (*closed)(struct job_pipe *pipe, int error);
};

struct job_pipe {
	struct loop *loop; /* borrowed */
	const struct job_pipe_ops *ops;
	void *buf;	   /* borrowed: what is received */
	size_t max_unsent; /* bytes; beyond it nothing is read. SIZE_MAX: all is */
	int fd;		   /* -1: closed */
	bool is_deaf;	   /* the other takes nothing more; its last words may still come */
	struct ev_io reading;
	struct ev_io writing;
	struct list unsent; /* of packets, owned */
	size_t n_unsent;    /* bytes of them */
};

/*
 * A closed one. buf has room for JOB_PACKET_MAX bytes, and may be that of all pipes of one loop.
 * At most one end of a pipe may have a max_unsent: two that both do not listen wait for ever.
 */
void job_pipe_init(struct job_pipe *pipe, struct loop *loop, void *buf, size_t max_unsent,
		   const struct job_pipe_ops *ops);
/* Takes fd, a SOCK_SEQPACKET socket that does not block; it must be closed before. */
void job_pipe_open(struct job_pipe *pipe, int take_fd);
/* Closes at once; what is still unsent is lost. Twice is once. */
void job_pipe_close(struct job_pipe *pipe);
static inline bool job_pipe_is_open(const struct job_pipe *pipe)
{
	return pipe->fd >= 0;
}
/* What is sent now, waits. */
static inline bool job_pipe_is_full(const struct job_pipe *pipe)
{
	return !list_is_empty(&pipe->unsent);
}

/* The other process is known to have ended: hears its last words, all of them, and closes. Not from message(). */
void job_pipe_finish(struct job_pipe *pipe);

/*
 * For an open one: sends it now, or a copy as soon as the socket takes it; the packet's descriptor
 * is borrowed. An unsent PROGRESS is replaced by a newer one of the same job. 0, even if nobody is
 * there to take it, which closed() will say; -ENOMEM, -EMFILE: it does not leave; -EMSGSIZE, -EINVAL.
 */
MUST_USE int job_pipe_send(struct job_pipe *pipe, const struct job_packet *packet);

#endif
