/*
 * file_path.c - one offloaded call each. A file's size is only where reading
 * it begins: those of /proc have none, and others grow meanwhile.
 */
#include "coro/file_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coro/offload.h"

#define FIRST_SIZE ((size_t)4096)
/* A thread looks after each so many bytes whether anybody still wants them. */
#define PIECE ((size_t)1024 * 1024)

struct stat_call {
	const char *path;
	struct stat *ret_stat;
};

static int do_stat(void *arg)
{
	const struct stat_call *call = arg;

	return stat(call->path, call->ret_stat) < 0 ? -errno : 0;
}

int file_path_stat(const char *path, struct stat *ret_stat)
{
	struct stat_call call = { .path = path, .ret_stat = ret_stat };

	return offload(do_stat, &call);
}

struct load {
	const char *path;
	size_t max;
	char *bytes; /* owned until it is given away */
	size_t len, cap;
};

/* Room for more, and the NUL. */
static int make_room(struct load *l, size_t cap)
{
	char *bytes;

	if (cap > l->max)
		cap = l->max + 1; /* one more shows that it is too long */
	bytes = realloc(l->bytes, cap + 1);
	if (!bytes)
		return -ENOMEM;
	l->bytes = bytes;
	l->cap = cap;
	return 0;
}

static int load_pieces(struct load *l, int fd)
{
	for (;;) {
		ssize_t n;
		int r;

		if (l->len == l->cap) {
			r = make_room(l, l->cap * 2);
			if (r < 0)
				return r;
		}
		n = read(fd, l->bytes + l->len, l->cap - l->len < PIECE ? l->cap - l->len : PIECE);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return 0;
		if (n > 0)
			l->len += (size_t)n;
		if (l->len > l->max)
			return -EMSGSIZE;
		if (offload_is_unwanted())
			return -ECANCELED;
	}
}

static int load_from(struct load *l, int fd)
{
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((uint64_t)st.st_size > l->max)
		return -EMSGSIZE;
	/* One byte more than it has: then its end is seen without growing. */
	r = make_room(l, st.st_size > 0 ? (size_t)st.st_size + 1 : FIRST_SIZE);
	if (r < 0)
		return r;
	r = load_pieces(l, fd);
	if (r == 0)
		l->bytes[l->len] = '\0';
	return r;
}

static int do_load(void *arg)
{
	struct load *l = arg;
	int fd, r;

	/* A FIFO that nobody writes to would keep the thread for ever. */
	fd = open(l->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	r = load_from(l, fd);
	(void)close(fd);
	return r;
}

int file_path_load(const char *path, size_t max, char **ret_bytes, size_t *ret_len)
{
	struct load l = { .path = path, .max = max < SIZE_MAX / 4 ? max : SIZE_MAX / 4 };
	int r;

	r = offload(do_load, &l);
	if (r < 0) {
		free(l.bytes);
		return r;
	}
	*ret_bytes = l.bytes;
	*ret_len = l.len;
	return 0;
}
