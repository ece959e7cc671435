#ifndef WEIR_IO_LISTENER_H
#define WEIR_IO_LISTENER_H
/*
 * listener.h - accepts what is queued on a listening socket, and hands it on.
 */
#include <ev.h>
#include <stdbool.h>

#include "base/log.h"
#include "base/macro.h"
#include "io/loop.h"
#include "io/sock.h"

/* The descriptor is non-blocking and close-on-exec, and belongs to the callee. */
typedef void listener_accept_fn(void *arg, int take_fd, const struct sock_addr *peer);

struct listener_ops {
	listener_accept_fn *accepted;
	/* Descriptors are short: say so to the peer, and close it before this returns. */
	listener_accept_fn *refused;
};

struct listener {
	struct loop *loop;		/* borrowed */
	const struct log *log;		/* borrowed */
	ev_io watcher;			/* on the socket; borrowed: whoever opened it closes it */
	struct timer retry;		/* runs while descriptors are short */
	const struct listener_ops *ops; /* borrowed */
	void *arg;
	int spare_fd;	    /* owned; given up for a moment when there is no other; -1: gone, too */
	int last_error;	    /* why it looks away, a negative errno; 0: all is well */
	int64_t said_ms;    /* when the log was last told */
	bool is_silent;	    /* it was told a moment ago: not again */
	unsigned n_refused; /* while it looks away */
	bool is_paused;
};

void listener_open(struct listener *listener, struct loop *loop, const struct log *log, int fd,
		   const struct listener_ops *ops, void *arg);
/* Stops accepting; the socket stays open. Closing a closed one is fine. May be called in accepted. */
void listener_close(struct listener *listener);

/*
 * Closes it after it has handed on what waits in the kernel's queue, which
 * would otherwise be reset when the socket is closed.
 */
void listener_finish(struct listener *listener);

/* A paused listener leaves connections in the kernel's queue. Twice is once. */
void listener_pause(struct listener *listener);
void listener_resume(struct listener *listener);

#endif
