/* ctl_backtrace.c - see ctl_backtrace.h. The child writes a log, of which only the frames are wanted. */
#include "daemon/ctl_backtrace.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/crash_note.h"
#include "daemon/crash_report.h"
#include "io/loop.h"
#include "io/proc.h"

/* The child ends by itself then. */
#define PATIENCE_S 10
#define MAX_LINES ((size_t)256 * 1024)
#define PIECE 4096

static void leave(struct ctl_backtrace *b)
{
	if (b->fd < 0)
		return;
	ev_io_stop(loop_ev(b->loop), &b->watcher);
	(void)close(b->fd);
	b->fd = -1;
}

/* From each line, what begins with "#". */
static void keep_frames(struct buf *lines)
{
	size_t kept = 0, at = 0;

	while (at < lines->len) {
		char *line = lines->data + at;
		char *end = memchr(line, '\n', lines->len - at);
		size_t len = end ? (size_t)(end - line) + 1 : lines->len - at;
		char *frame = memchr(line, '#', len);

		if (frame && end) {
			size_t n = (size_t)(end - frame) + 1;

			memmove(lines->data + kept, frame, n);
			kept += n;
		}
		at += len;
	}
	lines->len = kept;
}

static void on_readable(struct ev_loop *ev, ev_io *watcher, int events)
{
	struct ctl_backtrace *b = container_of(watcher, struct ctl_backtrace, watcher);
	ssize_t n = -1;

	if (buf_reserve(&b->lines, PIECE) >= 0)
		n = read(b->fd, b->lines.data + b->lines.len, PIECE);
	else
		errno = ENOMEM;
	if (n > 0)
		b->lines.len += (size_t)n;
	if (n > 0 || (n < 0 && errno == EAGAIN))
		return;
	leave(b);
	keep_frames(&b->lines);
	b->done(b);
}

__attribute__((noreturn)) static void report(const struct crash_note *note, int fd)
{
	struct log log;

	(void)alarm(PATIENCE_S);
	log_init(&log, fd, LOG_AT_DEBUG);
	crash_report_write(&log, note, CRASH_REPORT_STALL);
	_exit(0);
}

void ctl_backtrace_init(struct ctl_backtrace *b, struct loop *loop,
			void (*done)(struct ctl_backtrace *backtrace))
{
	*b = (struct ctl_backtrace){ .loop = loop, .done = done, .fd = -1 };
	buf_init(&b->lines, MAX_LINES);
}

int ctl_backtrace_begin(struct ctl_backtrace *b, weir_str note)
{
	int fds[2];

	if (note.len != sizeof(struct crash_note))
		return -EBADMSG;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	(void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
	b->pid = proc_fork("weir:backtrace");
	if (b->pid == 0)
		report((const struct crash_note *)(const void *)note.ptr, fds[1]);
	(void)close(fds[1]);
	if (b->pid < 0) {
		(void)close(fds[0]);
		return (int)b->pid;
	}
	b->fd = fds[0];
	ev_io_init(&b->watcher, on_readable, b->fd, EV_READ);
	ev_io_start(loop_ev(b->loop), &b->watcher);
	return 0;
}

void ctl_backtrace_done(struct ctl_backtrace *b)
{
	if (b->fd >= 0)
		(void)kill(b->pid, SIGKILL);
	leave(b);
	buf_done(&b->lines);
}
