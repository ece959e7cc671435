/*
 * access_log.c - the hard thing is never to wait for whoever reads the log. A
 * file takes what it gets. A pipe or a terminal is opened once more for
 * ourselves, to be non-blocking without making it so for all that share it
 * (O_NONBLOCK belongs to the open file, and standard error is often the same
 * one). When it is full the buffer waits; when the buffer is full too, lines
 * are dropped and counted.
 */
#include "serve/access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/loop.h"
#include "serve/access_format.h"

#define BUFFER_SIZE 65536
#define FLUSH_MS 1000

enum sink { SINK_FILE, SINK_PIPE, SINK_SOCKET };

struct access_log {
	struct loop *loop;		    /* borrowed */
	const struct log *log;		    /* borrowed */
	int fd;				    /* borrowed */
	const struct access_format *format; /* borrowed; NULL: combined */
	enum sink sink;
	bool is_stalled; /* the last write found no room; the timer tries again, not every line */
	bool is_failing; /* an error was said in the log, and no write has succeeded since */

	struct timer timer; /* active while there are lines */
	size_t start, end;  /* of what is not yet written */
	uint64_t n_dropped;
	uint64_t n_told; /* of n_dropped, those the error log knows about */

	time_t date_s; /* what date says */
	char date[CLOCK_LOG_DATE];
	char iso_date[CLOCK_ISO_DATE];
	char buffer[BUFFER_SIZE];
};

static int sink_of(int fd, enum sink *ret_sink)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	*ret_sink = S_ISREG(st.st_mode)	   ? SINK_FILE
		    : S_ISSOCK(st.st_mode) ? SINK_SOCKET
					   : SINK_PIPE;
	return 0;
}

static int open_stdout(int *ret_fd)
{
	enum sink sink = SINK_PIPE;
	int fd = -1, r;

	r = sink_of(STDOUT_FILENO, &sink);
	if (r < 0)
		return r;
	if (sink == SINK_PIPE)
		fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	/* Not ours to open (another user's pipe): then each write asks poll() first. */
	if (fd < 0)
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

int access_log_open(const char *path, int *ret_fd)
{
	int fd;

	if (!path)
		return open_stdout(ret_fd);
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

static size_t pending(const struct access_log *al)
{
	return al->end - al->start;
}

/* All of it to a file; to others whole lines that fit into PIPE_BUF, so that none is torn. */
static size_t next_piece(const struct access_log *al)
{
	const char *text = al->buffer + al->start, *last;

	if (al->sink == SINK_FILE || pending(al) <= ACCESS_LINE_MAX)
		return pending(al);
	last = memrchr(text, '\n', ACCESS_LINE_MAX);
	return last ? (size_t)(last - text) + 1 : ACCESS_LINE_MAX;
}

static ssize_t write_piece(const struct access_log *al, size_t len)
{
	const char *text = al->buffer + al->start;
	struct pollfd room = { .fd = al->fd, .events = POLLOUT };
	ssize_t n;

	do {
		if (al->sink == SINK_SOCKET)
			n = send(al->fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		else if (al->sink == SINK_PIPE && poll(&room, 1, 0) <= 0)
			return -EAGAIN; /* a signal that is pending is no room either: EINTR */
		else
			n = write(al->fd, text, len);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static void tell_dropped(struct access_log *al)
{
	if (al->n_dropped == al->n_told)
		return;
	log_write(al->log, LOG_AT_WARN, "access log: %llu lines were dropped",
		  (unsigned long long)(al->n_dropped - al->n_told));
	al->n_told = al->n_dropped;
}

static void drop(struct access_log *al)
{
	for (size_t i = al->start; i < al->end; i++)
		al->n_dropped += al->buffer[i] == '\n';
	al->start = al->end = 0;
	al->is_stalled = false;
}

static void fail(struct access_log *al, int error)
{
	if (!al->is_failing)
		log_write(al->log, LOG_AT_ERROR, "access log: cannot write: %s", strerror(-error));
	al->is_failing = true;
	drop(al);
}

void access_log_flush(struct access_log *al)
{
	ssize_t n = 1;

	while (pending(al) > 0 && n > 0) {
		n = write_piece(al, next_piece(al));
		if (n > 0)
			al->start += (size_t)n;
	}
	if (n <= 0 && n != -EAGAIN) {
		fail(al, n ? (int)n : -EIO);
		return;
	}
	al->is_stalled = pending(al) > 0;
	if (al->is_stalled) {
		loop_timer_start(al->loop, &al->timer, loop_now_ms(al->loop) + FLUSH_MS);
		return;
	}
	loop_timer_stop(al->loop, &al->timer);
	al->start = al->end = 0;
	al->is_failing = false;
	tell_dropped(al);
}

static void on_timer(struct timer *timer)
{
	access_log_flush(container_of(timer, struct access_log, timer));
}

/* Room for the longest line, if need be by writing, or by moving what is left to the front. */
static bool make_room(struct access_log *al)
{
	if (al->end + ACCESS_LINE_MAX <= BUFFER_SIZE)
		return true;
	if (!al->is_stalled)
		access_log_flush(al);
	if (al->start > 0) {
		memmove(al->buffer, al->buffer + al->start, pending(al));
		al->end -= al->start;
		al->start = 0;
	}
	return al->end + ACCESS_LINE_MAX <= BUFFER_SIZE;
}

void access_log_write(struct access_log *al, const struct access_log_line *line)
{
	time_t now_s = clock_real_s();

	if (!make_room(al)) {
		al->n_dropped++;
		return;
	}
	if (now_s != al->date_s) {
		al->date_s = now_s;
		clock_log_date(now_s, al->date);
		clock_iso_date(now_s, al->iso_date);
	}
	if (al->format)
		al->end += access_format_line(
			al->format, al->buffer + al->end, line,
			&(struct access_format_date){ al->date, al->iso_date });
	else
		al->end += access_line_format(al->buffer + al->end, line, al->date);
	if (!timer_is_active(&al->timer))
		loop_timer_start(al->loop, &al->timer, loop_now_ms(al->loop) + FLUSH_MS);
}

weir_str access_log_header(const struct access_log *al, size_t i)
{
	return al->format ? access_format_header(al->format, i) : (weir_str){ NULL, 0 };
}

uint64_t access_log_n_dropped(const struct access_log *al)
{
	return al->n_dropped;
}

int access_log_new(struct loop *loop, const struct log *log, int fd,
		   const struct access_format *format, struct access_log **ret_access_log)
{
	_cleanup_(freep) struct access_log *al = NULL;
	int r;

	al = calloc(1, sizeof(*al));
	if (!al)
		return -ENOMEM;
	al->loop = loop;
	al->log = log;
	al->fd = fd;
	al->format = format;
	timer_init(&al->timer, on_timer);
	r = sink_of(fd, &al->sink);
	if (r < 0)
		return r;
	*ret_access_log = steal_ptr(al);
	return 0;
}

struct access_log *access_log_free(struct access_log *al)
{
	if (!al)
		return NULL;
	access_log_flush(al);
	loop_timer_stop(al->loop, &al->timer);
	drop(al);
	if (!al->is_failing)
		tell_dropped(al);
	free(al);
	return NULL;
}
