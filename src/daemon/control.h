#ifndef WEIR_DAEMON_CONTROL_H
#define WEIR_DAEMON_CONTROL_H
/*
 * control.h - what the master and its children, workers and the hub, say to
 * each other, over a socket pair made before the fork. End of file means that the other is dead.
 *
 *	worker to master	READY	it serves
 *				LEAVING	it stops by itself, and does not accept any more
 *				FAILED	it cannot start; the text says why, then it exits
 *	master to worker	DRAIN	finish what is in flight, then exit with 0
 *				ADOPT	accept for another slot as well, whose worker died:
 *					number is the slot, with the socket of each TCP
 *					address in the order of the configuration
 *				RETURN	that slot has a worker again
 */
#include <stddef.h>

#include "base/macro.h"
#include "io/ipc.h"

enum control_type {
	CONTROL_READY = 1,
	CONTROL_LEAVING,
	CONTROL_FAILED,
	CONTROL_DRAIN,
	CONTROL_ADOPT,
	CONTROL_RETURN,
	CONTROL_HUB,
};

/* All of them never block; -EAGAIN or -EPIPE when the other side is stuck or gone. */
MUST_USE int control_send_ready(int fd);
int control_send_leaving(int fd);
/* What is longer than a message is cut. */
MUST_USE int control_send_failed(int fd, const char *why);
MUST_USE int control_send_drain(int fd);
MUST_USE int control_send_adopt(int fd, unsigned slot, const int *fds, size_t n_fds);
int control_send_return(int fd, unsigned slot);
MUST_USE int control_send_hub(int fd, unsigned slot, int pipe_fd);

/*
 * 1: a message, with text NUL-terminated; its descriptors are the caller's. 0:
 * the other side is gone. -EAGAIN, or -EBADMSG for a message of no known type.
 */
MUST_USE int control_receive(int fd, struct ipc_message *ret_message);

#endif
