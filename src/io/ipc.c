/*
 * ipc.c - sendmsg() and recvmsg() with SCM_RIGHTS. The hard thing is that
 * descriptors arrive even with a message that is then refused: they are ours
 * by then, and must be closed.
 */
#include "io/ipc.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

struct head {
	uint32_t type;
	uint32_t number;
};

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int) * IPC_FDS_MAX)];
};

int ipc_pair(int ret_fds[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ret_fds) < 0)
		return -errno;
	return 0;
}

static void attach_fds(struct msghdr *msg, union control *control, const int *fds, size_t n_fds)
{
	struct cmsghdr *cmsg;

	memset(control, 0, sizeof(*control));
	msg->msg_control = control;
	msg->msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
	cmsg = CMSG_FIRSTHDR(msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
	memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * n_fds);
}

int ipc_send(int fd, const struct ipc_message *message)
{
	struct head head = { message->type, message->number };
	struct iovec iov[2] = { { &head, sizeof(head) },
				{ (void *)message->text, message->text_len } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	union control control;
	ssize_t n;

	if (message->text_len > IPC_TEXT_MAX || message->n_fds > IPC_FDS_MAX)
		return -EMSGSIZE;
	if (message->n_fds > 0)
		attach_fds(&msg, &control, message->fds, message->n_fds);
	do
		n = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	return 0;
}

static size_t detach_fds(struct msghdr *msg, int fds[IPC_FDS_MAX])
{
	size_t n_fds = 0;

	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		n_fds = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(cmsg), n_fds * sizeof(int));
	}
	return n_fds;
}

int ipc_receive(int fd, struct ipc_message *ret_message)
{
	struct head head;
	struct iovec iov[2] = { { &head, sizeof(head) },
				{ ret_message->text, sizeof(ret_message->text) } };
	union control control;
	struct msghdr msg = { .msg_iov = iov,
			      .msg_iovlen = 2,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t n;

	/*
	 * Who dies with our words unread resets the connection. That is said once, and before
	 * its own last words, which are behind it.
	 */
	do
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < 0)
		return -errno;
	if (n == 0)
		return 0;

	ret_message->n_fds = detach_fds(&msg, ret_message->fds);
	if ((size_t)n < sizeof(head) || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		for (size_t i = 0; i < ret_message->n_fds; i++)
			(void)close(ret_message->fds[i]);
		ret_message->n_fds = 0;
		return -EBADMSG;
	}
	ret_message->type = head.type;
	ret_message->number = head.number;
	ret_message->text_len = (size_t)n - sizeof(head);
	return 1;
}
