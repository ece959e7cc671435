/*
 * binding_check.c - a binding made and thrown away in a child process. Its
 * messages come back through a pipe; a module that hangs or crashes while it is
 * loaded takes the child with it, and nobody else.
 */
#include "daemon/binding_check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/module.h"
#include "base/buf.h"
#include "conf/messages.h"
#include "daemon/binding.h"
#include "daemon/privileges.h"
#include "io/proc.h"

/* A child that loads modules for a check gets this long. */
#define CHECK_MS 30000

/* The first byte of what the child says; messages follow. */
enum { HAS_NO_JOBS = '-', HAS_JOBS = 'j' };

static bool has_jobs(const struct binding *b)
{
	for (size_t i = 0; b && i < b->n_apps; i++) {
		if (b->apps[i]->n_jobs > 0)
			return true;
	}
	return false;
}

/* Opens everything, and writes what there is to say to fd. */
static int check_in_child(const struct conf *conf, const struct log *log, int fd)
{
	_cleanup_(binding_freep) struct binding *b = NULL;
	_cleanup_(buf_done) struct buf packed = { 0 };
	struct messages messages;
	int r;

	/* Whoever checks as root must not run what the modules do at once, before anybody asks. */
	r = privileges_drop(&conf->privileges);
	if (r < 0)
		return 1;
	messages_init(&messages);
	r = binding_new(conf, log, &messages, &b);
	if (r >= 0 || r == -EINVAL)
		r = buf_append(&packed, &(char){ has_jobs(b) ? HAS_JOBS : HAS_NO_JOBS }, 1);
	if (r >= 0)
		r = messages_pack(&messages, &packed);
	messages_done(&messages);
	for (size_t sent = 0; r >= 0 && sent < packed.len;) {
		ssize_t n = write(fd, packed.data + sent, packed.len - sent);

		if (n < 0)
			return 1;
		sent += (size_t)n;
	}
	return r < 0;
}

/* Until the end, or until time is up: then -ETIMEDOUT. */
static int read_all(int fd, struct buf *out)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char some[4096];
	ssize_t n;
	int r;

	for (;;) {
		r = poll(&pfd, 1, CHECK_MS);
		if (r == 0)
			return -ETIMEDOUT;
		if (r < 0 && errno == EINTR)
			continue;
		n = read(fd, some, sizeof(some));
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		r = buf_append(out, some, (size_t)n);
		if (r < 0)
			return r;
	}
}

/* What check_in_child() has written. */
static int unpack(struct messages *messages, weir_str packed, bool *ret_has_jobs)
{
	if (packed.len == 0)
		return -EBADMSG;
	*ret_has_jobs = packed.ptr[0] == HAS_JOBS;
	return messages_unpack(messages, (weir_str){ packed.ptr + 1, packed.len - 1 });
}

int binding_check(const struct conf *conf, const struct log *log, struct messages *messages,
		  bool *ret_has_jobs)
{
	_cleanup_(buf_done) struct buf packed = { 0 };
	char how[PROC_END_MAX];
	int fds[2], status, r;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = proc_fork("weir check");
	if (pid == 0) {
		(void)close(fds[0]);
		_exit(check_in_child(conf, log, fds[1]));
	}
	(void)close(fds[1]);
	if (pid < 0) {
		(void)close(fds[0]);
		return (int)pid;
	}
	r = read_all(fds[0], &packed);
	(void)close(fds[0]);
	if (r < 0)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	proc_describe(status, how);
	if (r == -ETIMEDOUT)
		messages_add(messages, NULL, "loading the modules took longer than %d seconds",
			     CHECK_MS / 1000);
	else if (!proc_ended_well(status))
		messages_add(messages, NULL,
			     "the process that loaded the modules for a check "
			     "ended with %s",
			     how);
	else if (r >= 0)
		r = unpack(messages, buf_str(&packed), ret_has_jobs);
	if (r < 0 && r != -ETIMEDOUT)
		return r;
	return messages->n_errors ? -EINVAL : 0;
}
