/* test_control_fork.c - children that say one word, or hear one. */
#include "daemon/control_fork.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/control.h"
#include "daemon/worker_slot.h"

#define PATIENCE_MS 20000

/* The next message, or 0 at the end of file. */
static int await(int fd, struct ipc_message *ret_message)
{
	struct pollfd polled = { .fd = fd, .events = POLLIN };

	return poll(&polled, 1, PATIENCE_MS) == 1 ? control_receive(fd, ret_message) : -ETIMEDOUT;
}

/* Says READY, and waits for the end of file or for DRAIN, which its exit code tells. */
__attribute__((noreturn)) static void be_child(int control_fd)
{
	struct ipc_message message;
	int r;

	r = control_send_ready(control_fd);
	if (r == 0)
		r = await(control_fd, &message);
	if (r == 0)
		_exit(7);
	_exit(r == 1 && message.type == CONTROL_DRAIN ? 0 : 9);
}

static void begin(struct worker_slot *slot)
{
	(void)signal(SIGPIPE, SIG_IGN);
	worker_slot_init(slot, 5);
}

static void fork_child(struct worker_slot *slot)
{
	int control_fd = -1;
	pid_t pid;

	begin(slot);
	pid = control_fork(slot, "weir:test", &control_fd);
	if (pid == 0)
		be_child(control_fd);
	cr_assert_gt(pid, 0);
	cr_assert_eq(slot->pid, pid);
	cr_assert_eq(control_fd, -1);
}

static int exit_code_of(pid_t pid)
{
	int status;

	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* The slot and the child that it has talk to each other. */
static void check_talk(const struct worker_slot *slot)
{
	struct ipc_message message;

	cr_assert_eq(slot->state, WORKER_STARTING);
	cr_assert_eq(await(slot->control_fd, &message), 1);
	cr_assert_eq(message.type, CONTROL_READY);
	cr_assert_eq(control_send_drain(slot->control_fd), 0);
	cr_assert_eq(exit_code_of(slot->pid), 0);
	/* Nobody else has kept the child's end. */
	cr_assert_eq(await(slot->control_fd, &message), 0);
}

Test(control_fork, a_child_and_its_slot_talk_to_each_other)
{
	struct worker_slot slot;

	fork_child(&slot);
	check_talk(&slot);
	(void)close(slot.control_fd);
}

Test(control_fork, a_child_sees_the_end_of_the_master)
{
	struct worker_slot slot;
	struct ipc_message message;

	fork_child(&slot);
	cr_assert_eq(await(slot.control_fd, &message), 1);
	(void)close(slot.control_fd);
	/* It has not kept the master's end itself. */
	cr_assert_eq(exit_code_of(slot.pid), 7);
}

Test(control_fork, a_pair_may_have_been_used_before)
{
	struct worker_slot slot;
	struct ipc_message message;
	int ends[2], control_fd = -1;
	pid_t pid;

	begin(&slot);
	cr_assert_eq(ipc_pair(ends), 0);
	cr_assert_eq(control_send_serve(ends[0]), 0);
	pid = control_fork_over(ends, &slot, "weir:test", &control_fd);
	if (pid == 0) {
		if (await(control_fd, &message) != 1 || message.type != CONTROL_SERVE)
			_exit(8);
		be_child(control_fd);
	}
	cr_assert_eq(slot.pid, pid);
	check_talk(&slot);
	(void)close(slot.control_fd);
}

Test(control_fork, without_a_socket_nothing_has_changed)
{
	struct rlimit before;
	struct worker_slot slot;
	int control_fd = -1;
	pid_t pid;

	begin(&slot);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 0, before.rlim_max }), 0);
	pid = control_fork(&slot, "weir:test", &control_fd);
	if (pid == 0)
		_exit(0);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	cr_assert_eq(pid, -EMFILE);
	cr_assert_eq(slot.state, WORKER_EMPTY);
	cr_assert_eq(slot.control_fd, -1);
	cr_assert_eq(control_fd, -1);
}
