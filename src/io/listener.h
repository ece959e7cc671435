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

struct listener {
	struct loop *loop;     /* borrowed */
	const struct log *log; /* borrowed */
	ev_io watcher;	       /* on the socket; borrowed: whoever opened it closes it */
	struct timer retry;    /* runs while descriptors are short */
	listener_accept_fn *accepted;
	void *arg;
	int last_error; /* negative errno said in the log; 0: all is well */
	bool is_paused;
};

void listener_open(struct listener *listener, struct loop *loop, const struct log *log, int fd,
		   listener_accept_fn *accepted, void *arg);
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
