/* control.c - see control.h: words around io/ipc. */
#include "daemon/control.h"

#include <errno.h>
#include <string.h>

static int send_plain(int fd, enum control_type type, unsigned number)
{
	struct ipc_message message = { .type = type, .number = number };

	return ipc_send(fd, &message);
}

int control_send_ready(int fd)
{
	return send_plain(fd, CONTROL_READY, 0);
}

int control_send_leaving(int fd)
{
	return send_plain(fd, CONTROL_LEAVING, 0);
}

int control_send_failed(int fd, const char *why)
{
	struct ipc_message message = { .type = CONTROL_FAILED };

	/* One byte is left for the receiver's NUL. */
	message.text_len = strnlen(why, sizeof(message.text) - 1);
	memcpy(message.text, why, message.text_len);
	return ipc_send(fd, &message);
}

int control_send_drain(int fd)
{
	return send_plain(fd, CONTROL_DRAIN, 0);
}

int control_send_adopt(int fd, unsigned slot, const int *fds, size_t n_fds)
{
	struct ipc_message message = { .type = CONTROL_ADOPT, .number = slot, .n_fds = n_fds };

	if (n_fds > IPC_FDS_MAX)
		return -EMSGSIZE;
	memcpy(message.fds, fds, n_fds * sizeof(*fds));
	return ipc_send(fd, &message);
}

int control_send_return(int fd, unsigned slot)
{
	return send_plain(fd, CONTROL_RETURN, slot);
}

int control_send_hub(int fd, unsigned slot, int pipe_fd)
{
	struct ipc_message message = {
		.type = CONTROL_HUB, .number = slot, .n_fds = 1, .fds = { pipe_fd }
	};

	return ipc_send(fd, &message);
}

int control_receive(int fd, struct ipc_message *ret_message)
{
	int r;

	r = ipc_receive(fd, ret_message);
	if (r <= 0)
		return r;
	if (ret_message->type < CONTROL_READY || ret_message->type > CONTROL_HUB ||
	    ret_message->text_len >= sizeof(ret_message->text)) {
		for (size_t i = 0; i < ret_message->n_fds; i++)
			close_fdp(&ret_message->fds[i]);
		return -EBADMSG;
	}
	ret_message->text[ret_message->text_len] = '\0';
	return 1;
}
