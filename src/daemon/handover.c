/* handover.c - see handover.h. Both programs are of one machine: numbers are as they lie in memory. */
#include "daemon/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/str.h"
#include "daemon/listeners.h"

static const char magic[16] = "weir-handover-" HANDOVER_VERSION;

static int write_all(int fd, weir_str bytes)
{
	while (bytes.len > 0) {
		ssize_t n = write(fd, bytes.ptr, bytes.len);

		if (n < 0)
			return -errno;
		bytes.ptr += n;
		bytes.len -= (size_t)n;
	}
	return 0;
}

static int pack(const struct handover *h, struct buf *out)
{
	int r;

	r = buf_append(out, magic, sizeof(magic));
	if (r >= 0)
		r = buf_append(out, (const char *)&h->n_workers, sizeof(h->n_workers));
	if (r >= 0)
		r = buf_append(out, (const char *)h->workers, h->n_workers * sizeof(*h->workers));
	if (r >= 0)
		r = listeners_pack(h->listeners, out);
	return r;
}

int handover_leave(const struct handover *h, int *ret_fd)
{
	_cleanup_(buf_done) struct buf packed = { 0 };
	_cleanup_(close_fdp) int fd = -1;
	char number[16];
	int r;

	r = pack(h, &packed);
	if (r < 0)
		return r;
	fd = memfd_create("weir-handover", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = write_all(fd, buf_str(&packed));
	if (r < 0)
		return r;
	(void)snprintf(number, sizeof(number), "%d", fd);
	if (setenv(HANDOVER_FD_NAME, number, 1) < 0)
		return -ENOMEM;
	*ret_fd = steal_fd(fd);
	return 0;
}

static void keep(int fd, bool is_kept)
{
	(void)fcntl(fd, F_SETFD, is_kept ? 0 : FD_CLOEXEC);
}

void handover_keep(const struct handover *h, int fd, bool is_kept)
{
	keep(fd, is_kept);
	for (uint32_t i = 0; i < h->n_workers; i++)
		keep(h->workers[i].control_fd, is_kept);
	for (size_t i = 0; i < listeners_count(h->listeners); i++) {
		unsigned n = listeners_is_shared(h->listeners, i) ? 1
								  : listeners_n_lanes(h->listeners);

		for (unsigned lane = 0; lane < n; lane++)
			keep(listeners_fd(h->listeners, lane, i), is_kept);
	}
}

/* ---- taking */

static int read_all(int fd, struct buf *out)
{
	char some[4096];
	ssize_t n;
	int r = 0;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	while (r >= 0 && (n = read(fd, some, sizeof(some))) != 0) {
		if (n < 0)
			return -errno;
		r = buf_append(out, some, (size_t)n);
	}
	return r;
}

static int unpack(weir_str bytes, struct handover *h)
{
	char begin[sizeof(magic)];
	int r;

	r = str_cut(&bytes, begin, sizeof(begin));
	if (r < 0 || memcmp(begin, magic, sizeof(magic)) != 0)
		return -EPROTO;
	r = str_cut(&bytes, &h->n_workers, sizeof(h->n_workers));
	if (r < 0 || h->n_workers > bytes.len / sizeof(*h->workers)) {
		h->n_workers = 0;
		return -EPROTO;
	}
	h->workers = calloc(h->n_workers + 1, sizeof(*h->workers));
	if (!h->workers) {
		h->n_workers = 0;
		return -ENOMEM;
	}
	r = str_cut(&bytes, h->workers, h->n_workers * sizeof(*h->workers));
	return r < 0 ? r : listeners_unpack(bytes, &h->listeners);
}

int handover_take(struct handover *ret_handover)
{
	const char *number = getenv(HANDOVER_FD_NAME);
	_cleanup_(buf_done) struct buf packed = { 0 };
	_cleanup_(close_fdp) int fd = number ? atoi(number) : -1;
	int r;

	*ret_handover = (struct handover){ 0 };
	if (!number)
		return 0;
	(void)unsetenv(HANDOVER_FD_NAME);
	r = read_all(fd, &packed);
	if (r >= 0)
		r = unpack(buf_str(&packed), ret_handover);
	if (r < 0) {
		handover_done(ret_handover);
		return r;
	}
	handover_keep(ret_handover, fd, false);
	return 1;
}

void handover_done(struct handover *h)
{
	for (uint32_t i = 0; i < h->n_workers; i++)
		close_fdp(&h->workers[i].control_fd);
	free(h->workers);
	(void)listeners_close(h->listeners);
	*h = (struct handover){ 0 };
}

bool handover_is_possible(void)
{
	const char *version = getenv(HANDOVER_VERSION_NAME);

	return !version || strcmp(version, HANDOVER_VERSION) == 0;
}
