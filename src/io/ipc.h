#ifndef WEIR_IO_IPC_H
#define WEIR_IO_IPC_H
/*
 * ipc.h - small messages between our own processes, with descriptors along.
 * Each send is one receive: SOCK_SEQPACKET keeps the boundaries, and end of
 * file says that the other process is gone.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"

#define IPC_TEXT_MAX 2048
#define IPC_FDS_MAX 64

struct ipc_message {
	uint32_t type;	      /* the protocol's word */
	uint32_t number;      /* whatever the type says */
	size_t text_len;      /* bytes of text */
	size_t n_fds;	      /* entries of fds */
	int fds[IPC_FDS_MAX]; /* sent: borrowed; received: owned by the receiver, close-on-exec */
	char text[IPC_TEXT_MAX];
};

/* Two ends, non-blocking and close-on-exec. */
MUST_USE int ipc_pair(int ret_fds[2]);
/* -EAGAIN when the other side does not read, -EPIPE when it is gone. Never blocks, never SIGPIPE. */
MUST_USE int ipc_send(int fd, const struct ipc_message *message);
/* 1 and a message; 0 at the end of file; -EAGAIN; -EBADMSG for what ipc_send() does not send. */
MUST_USE int ipc_receive(int fd, struct ipc_message *ret_message);

#endif
