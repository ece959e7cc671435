#include "daemon/ctl_wire.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"

static int ends[2];
static struct ipc_message message;

static void begin(void)
{
	cr_assert_eq(ipc_pair(ends), 0);
}

static void expect_answer(size_t len)
{
	char *bytes = malloc(len + 1);
	struct buf got;

	memset(bytes, 'x', len);
	buf_init(&got, 0);
	cr_assert_eq(ctl_wire_answer(ends[0], 9, (weir_str){ bytes, len }), 0);
	cr_assert_eq(ctl_wire_receive(ends[1], &message), 1);
	cr_assert_eq(message.type, CTL_ANSWER);
	cr_assert_eq(message.number, 9);
	cr_assert_eq(ctl_wire_bytes(&message, &got), 0);
	cr_assert_eq(got.len, len);
	cr_assert(len == 0 || memcmp(got.data, bytes, len) == 0);
	buf_done(&got);
	free(bytes);
}

Test(ctl_wire, a_question_arrives, .init = begin)
{
	cr_assert_eq(ctl_wire_ask(ends[0], CTL_ASK_KILL, 7, 0x12345678), 0);
	cr_assert_eq(ctl_wire_receive(ends[1], &message), 1);
	cr_assert_eq(message.type, CTL_ASK_KILL);
	cr_assert_eq(message.number, 7);
	cr_assert_eq(ctl_wire_value(&message), 0x12345678);
	cr_assert_eq(ctl_wire_receive(ends[1], &message), -EAGAIN);
}

Test(ctl_wire, an_answer_may_have_any_length, .init = begin)
{
	expect_answer(0);
	expect_answer(1);
	expect_answer(IPC_TEXT_MAX);
	expect_answer(IPC_TEXT_MAX + 1);
	expect_answer(300000);
}

Test(ctl_wire, an_answer_that_is_too_long_is_not_read, .init = begin)
{
	struct ipc_message huge = { .type = CTL_ANSWER, .n_fds = 1 };
	struct buf got;

	buf_init(&got, 2 * CTL_WIRE_MAX);
	huge.fds[0] = memfd_create("huge", MFD_CLOEXEC);
	cr_assert_eq(ftruncate(huge.fds[0], (off_t)CTL_WIRE_MAX * 2), 0);
	cr_assert_eq(ipc_send(ends[0], &huge), 0);
	cr_assert_eq(ctl_wire_receive(ends[1], &message), 1);
	cr_assert_eq(ctl_wire_bytes(&message, &got), -EMSGSIZE);
	cr_assert_eq(message.n_fds, 0);
	buf_done(&got);
}

Test(ctl_wire, an_answer_that_is_no_file_is_not_read, .init = begin)
{
	struct ipc_message odd = { .type = CTL_ANSWER, .n_fds = 1, .fds = { ends[0] } };
	struct buf got;

	buf_init(&got, 0);
	cr_assert_eq(ipc_send(ends[0], &odd), 0);
	cr_assert_eq(ctl_wire_receive(ends[1], &message), 1);
	cr_assert_eq(ctl_wire_bytes(&message, &got), -EBADMSG);
	buf_done(&got);
}

Test(ctl_wire, refuses_what_neither_says, .init = begin)
{
	static const struct ipc_message odd[] = {
		{ .type = 0 },
		{ .type = CTL_ANSWER + 1 },
		{ .type = CTL_ASK_TASKS, .text_len = 3 },
		{ .type = CTL_ANSWER, .text_len = 1, .n_fds = 1 },
		{ .type = CTL_ASK_TASKS, .text_len = 4, .n_fds = 1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		cr_assert_eq(ipc_send(ends[0], &odd[i]), 0);
		cr_assert_eq(ctl_wire_receive(ends[1], &message), -EBADMSG, "%zu", i);
	}
	(void)close(ends[0]);
	cr_assert_eq(ctl_wire_receive(ends[1], &message), 0);
}
