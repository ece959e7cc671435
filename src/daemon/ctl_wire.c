/* ctl_wire.c - see ctl_wire.h. The ctl process reads a descriptor, and never maps it: who sent it may cut it. */
#include "daemon/ctl_wire.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "io/sealed.h"

#define PIECE ((size_t)64 * 1024)

int ctl_wire_ask(int fd, enum ctl_word word, uint32_t number, uint32_t value)
{
	struct ipc_message message = { .type = word, .number = number, .text_len = sizeof(value) };

	memcpy(message.text, &value, sizeof(value));
	return ipc_send(fd, &message);
}

int ctl_wire_answer(int fd, uint32_t number, weir_str bytes)
{
	struct ipc_message message = { .type = CTL_ANSWER, .number = number };
	_cleanup_(close_fdp) int sealed_fd = -1;
	int r;

	if (bytes.len <= sizeof(message.text)) {
		message.text_len = bytes.len;
		if (bytes.len > 0)
			memcpy(message.text, bytes.ptr, bytes.len);
		return ipc_send(fd, &message);
	}
	r = sealed_new(bytes, &sealed_fd);
	if (r < 0)
		return r;
	message.fds[0] = sealed_fd;
	message.n_fds = 1;
	return ipc_send(fd, &message);
}

static bool is_good(const struct ipc_message *message)
{
	if (message->type == CTL_ANSWER)
		return message->n_fds == 0 || (message->n_fds == 1 && message->text_len == 0);
	return message->type >= CTL_ASK_COUNTS && message->type < CTL_ANSWER &&
	       message->text_len == sizeof(uint32_t) && message->n_fds == 0;
}

int ctl_wire_receive(int fd, struct ipc_message *ret_message)
{
	int r;

	r = ipc_receive(fd, ret_message);
	if (r <= 0 || is_good(ret_message))
		return r;
	for (size_t i = 0; i < ret_message->n_fds; i++)
		close_fdp(&ret_message->fds[i]);
	return -EBADMSG;
}

uint32_t ctl_wire_value(const struct ipc_message *message)
{
	uint32_t value;

	memcpy(&value, message->text, sizeof(value));
	return value;
}

static int read_all(int fd, struct buf *out)
{
	off_t at = 0;

	for (;;) {
		ssize_t n;
		int r;

		if ((size_t)at > CTL_WIRE_MAX)
			return -EMSGSIZE;
		r = buf_reserve(out, PIECE);
		if (r < 0)
			return r;
		n = pread(fd, out->data + out->len, PIECE, at);
		if (n < 0)
			return -EBADMSG;
		if (n == 0)
			return 0;
		out->len += (size_t)n;
		at += n;
	}
}

int ctl_wire_bytes(struct ipc_message *message, struct buf *out)
{
	int r;

	if (message->n_fds == 0)
		return buf_append(out, message->text, message->text_len);
	r = read_all(message->fds[0], out);
	close_fdp(&message->fds[0]);
	message->n_fds = 0;
	return r;
}
