/* test_ipc.c - messages over a pair held by one process. */
#include "io/ipc.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

static struct ipc_message make(uint32_t type, const char *text)
{
	struct ipc_message message = { .type = type, .number = 7, .text_len = strlen(text) };

	memcpy(message.text, text, message.text_len);
	return message;
}

static int count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

Test(ipc, one_send_is_one_receive)
{
	struct ipc_message first = make(1, "reason"), second = make(2, ""), got;
	int ends[2];

	cr_assert_eq(ipc_pair(ends), 0);
	cr_assert_eq(ipc_send(ends[0], &first), 0);
	cr_assert_eq(ipc_send(ends[0], &second), 0);

	cr_assert_eq(ipc_receive(ends[1], &got), 1);
	cr_assert_eq(got.type, 1u);
	cr_assert_eq(got.number, 7u);
	cr_assert_eq(got.text_len, 6u);
	cr_assert_eq(memcmp(got.text, "reason", 6), 0);
	cr_assert_eq(ipc_receive(ends[1], &got), 1);
	cr_assert_eq(got.type, 2u);
	cr_assert_eq(got.text_len, 0u);
	cr_assert_eq(ipc_receive(ends[1], &got), -EAGAIN);
}

Test(ipc, descriptors_travel_and_are_close_on_exec)
{
	struct ipc_message message = make(3, ""), got;
	int ends[2], pipe_fds[2];
	char byte = 0;

	cr_assert_eq(ipc_pair(ends), 0);
	cr_assert_eq(pipe(pipe_fds), 0);
	message.n_fds = 2;
	message.fds[0] = pipe_fds[0];
	message.fds[1] = pipe_fds[1];
	cr_assert_eq(ipc_send(ends[0], &message), 0);

	cr_assert_eq(ipc_receive(ends[1], &got), 1);
	cr_assert_eq(got.n_fds, 2u);
	cr_assert_neq(got.fds[0], pipe_fds[0]);
	cr_assert_eq(write(got.fds[1], "x", 1), 1);
	cr_assert_eq(read(pipe_fds[0], &byte, 1), 1);
	cr_assert_eq(byte, 'x');
	cr_assert(fcntl(got.fds[0], F_GETFD) & FD_CLOEXEC);
}

Test(ipc, the_end_of_the_other_side_is_end_of_file)
{
	struct ipc_message last = make(4, "last words"), got;
	int ends[2];

	cr_assert_eq(ipc_pair(ends), 0);
	cr_assert_eq(ipc_send(ends[0], &last), 0);
	close(ends[0]);
	cr_assert_eq(ipc_receive(ends[1], &got), 1);
	cr_assert_eq(ipc_receive(ends[1], &got), 0);
	cr_assert_eq(ipc_send(ends[1], &last), -EPIPE);
}

Test(ipc, who_does_not_read_is_eagain_not_a_block)
{
	struct ipc_message message = make(5, "");
	int ends[2], r = 0;

	cr_assert_eq(ipc_pair(ends), 0);
	message.text_len = IPC_TEXT_MAX;
	for (int i = 0; i < 100000 && r == 0; i++)
		r = ipc_send(ends[0], &message);
	cr_assert_eq(r, -EAGAIN);
}

Test(ipc, refuses_to_send_more_than_fits)
{
	struct ipc_message message = make(6, "");
	int ends[2];

	cr_assert_eq(ipc_pair(ends), 0);
	message.text_len = IPC_TEXT_MAX + 1;
	cr_assert_eq(ipc_send(ends[0], &message), -EMSGSIZE);
	message.text_len = 0;
	message.n_fds = IPC_FDS_MAX + 1;
	cr_assert_eq(ipc_send(ends[0], &message), -EMSGSIZE);
}

Test(ipc, refuses_a_message_without_a_head)
{
	struct ipc_message got;
	int ends[2];

	cr_assert_eq(ipc_pair(ends), 0);
	cr_assert_eq(send(ends[0], "abc", 3, 0), 3);
	cr_assert_eq(ipc_receive(ends[1], &got), -EBADMSG);
}

Test(ipc, descriptors_of_a_refused_message_are_closed)
{
	char long_text[IPC_TEXT_MAX + 100] = "";
	struct iovec iov = { long_text, sizeof(long_text) };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = "" };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct ipc_message got;
	int ends[2], n_before;

	cr_assert_eq(ipc_pair(ends), 0);
	control.align.cmsg_level = SOL_SOCKET;
	control.align.cmsg_type = SCM_RIGHTS;
	control.align.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.align), &ends[0], sizeof(int));
	cr_assert_eq(sendmsg(ends[0], &msg, 0), (ssize_t)sizeof(long_text));

	n_before = count_fds();
	cr_assert_eq(ipc_receive(ends[1], &got), -EBADMSG);
	cr_assert_eq(got.n_fds, 0u);
	cr_assert_eq(count_fds(), n_before);
}

Test(ipc, the_last_words_of_who_has_not_listened_are_heard)
{
	struct ipc_message unread = make(1, ""), last = make(2, "no memory"), got;
	int ends[2];

	cr_assert_eq(ipc_pair(ends), 0);
	cr_assert_eq(ipc_send(ends[0], &unread), 0);
	cr_assert_eq(ipc_send(ends[1], &last), 0);
	(void)close(ends[1]);
	cr_assert_eq(ipc_receive(ends[0], &got), 1);
	cr_assert_eq(got.type, 2u);
	cr_assert_eq(ipc_receive(ends[0], &got), 0);
}
