/*
 * file.c - one struct for all kinds of descriptors.
 *
 * The hard thing is a stream that is not ours alone: standard input belongs to
 * the shell, too, and O_NONBLOCK set on it would stay when we are gone, for the
 * flag is the open file description's. So it is opened once more, by way of
 * /proc/self/fd: that gives a description of our own on the same pipe or
 * terminal. Sockets cannot be opened again, but need not: each call can say
 * that it must not block. Where neither works each call waits until it will
 * probably not block.
 */
#include "coro/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "coro/offload.h"
#include "coro/task.h"
#include "coro/wait.h"
#include "coro/wait_fd.h"

/* A thread looks after each so many bytes whether anybody still wants them. */
#define PIECE ((size_t)1024 * 1024)
/* Calls in a row that find what they need at once; then others get their turn. */
#define MAX_QUICK 16

/* ---- opening and closing */

static enum file_kind kind_of(const struct stat *st)
{
	if (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode) || S_ISBLK(st->st_mode))
		return FILE_PLAIN;
	return S_ISSOCK(st->st_mode) ? FILE_SOCKET : FILE_STREAM;
}

static struct file *file_new(void)
{
	struct file *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->fd = -1;
	mutex_init(&f->writing);
	return f;
}

struct opening {
	const char *path;
	int flags;
	unsigned mode;
	struct file *file;
};

/* On a thread. */
static int do_open(void *arg)
{
	const struct opening *o = arg;
	struct file *f = o->file;
	struct stat st;

	f->fd = open(o->path, o->flags | O_CLOEXEC, (mode_t)o->mode);
	if (f->fd < 0)
		return -errno;
	f->is_owned = true;
	if (fstat(f->fd, &st) < 0)
		return -errno;
	f->kind = kind_of(&st);
	if (f->kind == FILE_STREAM && fcntl(f->fd, F_SETFL, fcntl(f->fd, F_GETFL) | O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

int file_open(const char *path, int flags, unsigned mode, struct file **ret_file)
{
	struct opening o = { .path = path, .flags = flags, .mode = mode, .file = file_new() };
	int r;

	if (!o.file)
		return -ENOMEM;
	r = offload(do_open, &o);
	if (r < 0) {
		file_close(o.file);
		return r;
	}
	*ret_file = o.file;
	return 0;
}

/* A description of our own, that does not block; negative when there can be none. */
static int reopen(int fd, int flags)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, (flags & O_ACCMODE) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static void attach_stream(struct file *f)
{
	int flags = fcntl(f->fd, F_GETFL), own;

	if (flags & O_NONBLOCK)
		return; /* somebody wants it like this */
	own = reopen(f->fd, flags);
	if (own < 0) {
		f->kind = FILE_SHARED;
		return;
	}
	f->fd = own;
	f->is_owned = true;
}

int file_attach(int fd, struct file **ret_file)
{
	struct stat st;
	struct file *f;

	if (fstat(fd, &st) < 0)
		return -errno;
	f = file_new();
	if (!f)
		return -ENOMEM;
	f->fd = fd;
	f->kind = kind_of(&st);
	if (f->kind == FILE_STREAM)
		attach_stream(f);
	*ret_file = f;
	return 0;
}

static int do_close(void *arg)
{
	struct file *f = arg;

	(void)close(f->fd);
	free(f);
	return 0;
}

void file_close(struct file *f)
{
	if (!f)
		return;
	assert(f->n_calls == 0); /* another task is still at it */
	free(f->data);
	f->data = NULL;
	/* The last close of a file that was removed frees its blocks. */
	if (!f->is_owned)
		free(f);
	else if (f->kind == FILE_PLAIN)
		offload_forget(do_close, f);
	else
		(void)do_close(f);
}

int file_descriptor(const struct file *f)
{
	return f->fd;
}

/* ---- on a thread */

struct transfer {
	int fd;
	char *in;	 /* to read into, or */
	const char *out; /* to write from */
	size_t size;
	int64_t offset; /* -1: where the file is */
	bool is_once;	/* what there is will do */
};

static ssize_t transfer_piece(const struct transfer *t, size_t done)
{
	size_t size = t->size - done < PIECE ? t->size - done : PIECE;
	off_t offset = (off_t)(t->offset + (int64_t)done);

	if (t->in)
		return t->offset < 0 ? read(t->fd, t->in + done, size)
				     : pread(t->fd, t->in + done, size, offset);
	return t->offset < 0 ? write(t->fd, t->out + done, size)
			     : pwrite(t->fd, t->out + done, size, offset);
}

/* All of it, but less at a file's end; then how much. */
static int do_transfer(void *arg)
{
	const struct transfer *t = arg;
	size_t done = 0;

	while (done < t->size) {
		ssize_t n = transfer_piece(t, done);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		if (n > 0)
			done += (size_t)n;
		if (t->is_once && n > 0)
			break;
		if (done < t->size && offload_is_unwanted())
			return -ECANCELED;
	}
	return (int)done;
}

static int do_sync(void *arg)
{
	return fsync(*(const int *)arg) < 0 ? -errno : 0;
}

struct stat_call {
	int fd;
	struct stat *ret_stat;
};

static int do_stat(void *arg)
{
	const struct stat_call *call = arg;

	return fstat(call->fd, call->ret_stat) < 0 ? -errno : 0;
}

/* Nobody may close it meanwhile. */
static int file_offload(struct file *f, int (*fn)(void *arg), void *arg)
{
	int r;

	f->n_calls++;
	r = offload(fn, arg);
	f->n_calls--;
	return r;
}

/* ---- streams */

/* What is ready again and again must not keep others from their turn. */
static int take_turn(struct file *f)
{
	if (f->n_quick++ < MAX_QUICK)
		return 0;
	f->n_quick = 0;
	return wait_yield();
}

static int wait_for(struct file *f, int events)
{
	int r;

	f->n_quick = 0;
	r = wait_fd(f->fd, events);
	return r < 0 ? r : 0;
}

/* It said that it is ready; but then, somebody else may have read it. */
static ssize_t read_shared(int fd, void *buf, size_t size)
{
	struct iovec iov = { .iov_base = buf, .iov_len = size };
	ssize_t n = preadv2(fd, &iov, 1, -1, RWF_NOWAIT);

	/* Not every kernel can say it of every kind. */
	return n < 0 && (errno == EOPNOTSUPP || errno == ENOSYS) ? read(fd, buf, size) : n;
}

/* -EAGAIN: nothing yet. */
static ssize_t try_read(const struct file *f, void *buf, size_t size)
{
	ssize_t n;

	if (f->kind == FILE_SOCKET)
		n = recv(f->fd, buf, size, MSG_DONTWAIT);
	else if (f->kind == FILE_SHARED)
		n = read_shared(f->fd, buf, size);
	else
		n = read(f->fd, buf, size);
	return n < 0 ? -errno : n;
}

static ssize_t try_write(const struct file *f, weir_str bytes)
{
	ssize_t n;

	/* A pipe that is ready takes so much without blocking. */
	if (f->kind == FILE_SHARED && bytes.len > PIPE_BUF)
		bytes.len = PIPE_BUF;
	if (f->kind == FILE_SOCKET)
		n = send(f->fd, bytes.ptr, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	else
		n = write(f->fd, bytes.ptr, bytes.len);
	return n < 0 ? -errno : n;
}

static bool is_worth_waiting(ssize_t n)
{
	return n == -EAGAIN || n == -EINTR;
}

static int stream_read(struct file *f, void *buf, size_t size)
{
	/* What might block is not tried before it is said to be ready. */
	ssize_t n = -EAGAIN;
	int r;

	r = take_turn(f);
	if (r < 0)
		return r;
	if (f->kind != FILE_SHARED)
		n = try_read(f, buf, size);
	while (is_worth_waiting(n)) {
		r = wait_for(f, POLLIN);
		if (r < 0)
			return r;
		n = try_read(f, buf, size);
	}
	return (int)n;
}

static int stream_write(struct file *f, weir_str bytes)
{
	while (bytes.len > 0) {
		ssize_t n = -EAGAIN;
		int r;

		r = take_turn(f);
		if (r < 0)
			return r;
		if (f->kind != FILE_SHARED)
			n = try_write(f, bytes);
		while (is_worth_waiting(n)) {
			r = wait_for(f, POLLOUT);
			if (r < 0)
				return r;
			n = try_write(f, bytes);
		}
		if (n < 0)
			return (int)n;
		bytes.ptr += n;
		bytes.len -= (size_t)n;
	}
	return 0;
}

/* ---- reading and writing */

int file_begin_reading(struct file *f)
{
	int r;

	r = task_check();
	if (r < 0)
		return r;
	if (f->is_reading)
		return -EBUSY;
	f->is_reading = true;
	f->n_calls++;
	return 0;
}

void file_end_reading(struct file *f)
{
	f->is_reading = false;
	f->n_calls--;
}

int file_receive(struct file *f, void *buf, size_t size)
{
	struct transfer t = { .fd = f->fd, .in = buf, .size = size, .offset = -1, .is_once = true };

	if (f->kind != FILE_PLAIN)
		return stream_read(f, buf, size);
	return offload(do_transfer, &t);
}

static int read_buffered(struct file *f, void *buf, size_t size)
{
	size_t n = f->end - f->start;

	if (n > size)
		n = size;
	memcpy(buf, f->data + f->start, n);
	f->start += n;
	f->n_scanned = 0;
	return (int)n;
}

int file_read(struct file *f, void *buf, size_t size)
{
	int r;

	if (size > INT_MAX)
		return -EINVAL;
	r = file_begin_reading(f);
	if (r < 0)
		return r;
	if (f->start < f->end)
		r = read_buffered(f, buf, size);
	else
		r = file_receive(f, buf, size);
	/* What file_line() was to drop ends here. */
	if (f->is_too_long && r > 0 && memchr(buf, '\n', (size_t)r))
		f->is_too_long = false;
	file_end_reading(f);
	return r;
}

/* All of it was written, or it is an error: a disk that is full says so at the next piece. */
static int check_written(int r, size_t size)
{
	if (r < 0)
		return r;
	return (size_t)r == size ? 0 : -EIO;
}

int file_write(struct file *f, weir_str bytes)
{
	struct transfer t = { .fd = f->fd, .out = bytes.ptr, .size = bytes.len, .offset = -1 };
	int r;

	if (bytes.len > INT_MAX)
		return -EINVAL;
	f->n_calls++;
	r = mutex_lock(&f->writing);
	if (r == 0) {
		if (f->kind == FILE_PLAIN)
			r = check_written(offload(do_transfer, &t), bytes.len);
		else
			r = stream_write(f, bytes);
		mutex_unlock(&f->writing);
	}
	f->n_calls--;
	return r;
}

int file_read_at(struct file *f, void *buf, size_t size, uint64_t offset)
{
	struct transfer t = { .fd = f->fd, .in = buf, .size = size, .offset = (int64_t)offset };

	if (size > INT_MAX || offset > INT64_MAX - INT_MAX)
		return -EINVAL;
	return file_offload(f, do_transfer, &t);
}

int file_write_at(struct file *f, weir_str bytes, uint64_t offset)
{
	struct transfer t = {
		.fd = f->fd, .out = bytes.ptr, .size = bytes.len, .offset = (int64_t)offset
	};

	if (bytes.len > INT_MAX || offset > INT64_MAX - INT_MAX)
		return -EINVAL;
	return check_written(file_offload(f, do_transfer, &t), bytes.len);
}

int file_sync(struct file *f)
{
	return file_offload(f, do_sync, &f->fd);
}

int file_stat(struct file *f, struct stat *ret_stat)
{
	struct stat_call call = { .fd = f->fd, .ret_stat = ret_stat };

	return file_offload(f, do_stat, &call);
}
