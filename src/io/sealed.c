/*
 * sealed.c - see sealed.h. What takes the kernel milliseconds is done in parts, and
 * whoever waits goes in between: whose CPU this is may be a loop's. Left to itself the
 * kernel may see only at its next tick, milliseconds later, that somebody else is due.
 */
#include "io/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/slice.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3; without it newer kernels complain in their log */
#endif

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

/* Of one call: some ten microseconds. Who unmaps interrupts all other CPUs each time. */
#define COPY_PART ((size_t)64 * 1024)
#define UNMAP_PART ((size_t)256 * 1024)

/* What is smaller is sealed, and freed, in less than the kernel needs to let others go. */
#define LARGE ((size_t)1024 * 1024)

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static int create(void)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create("weir", flags | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("weir", flags);
	return fd < 0 ? -errno : fd;
}

static int write_all(int fd, weir_str bytes)
{
	while (bytes.len > 0) {
		ssize_t n = write(fd, bytes.ptr, least(bytes.len, COPY_PART));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes.ptr += n;
		bytes.len -= (size_t)n;
		slice_yield();
	}
	return 0;
}

/* The kernel looks at each page. */
static int add_seals(int fd, size_t len)
{
	int r;

	if (len >= LARGE)
		slice_stand_back();
	r = fcntl(fd, F_ADD_SEALS, SEALS) < 0 ? -errno : 0;
	slice_come_forward();
	return r;
}

int sealed_new(weir_str bytes, int *ret_fd)
{
	_cleanup_(close_fdp) int fd = create();
	int r;

	if (fd < 0)
		return fd;
	r = write_all(fd, bytes);
	if (r < 0)
		return r;
	r = add_seals(fd, bytes.len);
	if (r < 0)
		return r;
	*ret_fd = steal_fd(fd);
	return 0;
}

int sealed_map(int fd, uint64_t len, weir_str *ret_bytes)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	void *at;

	/* Only what can be sealed has seals: no file, no device. */
	if (seals < 0 || (seals & SEALS) != SEALS)
		return -EPROTO;
	if (len == 0 || fstat(fd, &st) < 0 || st.st_size < 0 || (uint64_t)st.st_size != len)
		return -EPROTO;
	at = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		return -ENOMEM;
	*ret_bytes = (weir_str){ at, len };
	return 0;
}

void sealed_populate(weir_str bytes)
{
	for (size_t len; bytes.len > 0; bytes.ptr += len, bytes.len -= len) {
		len = least(bytes.len, COPY_PART);
		(void)madvise((void *)(uintptr_t)bytes.ptr, len, MADV_POPULATE_READ);
		slice_yield();
	}
}

void sealed_unmap(weir_str bytes)
{
	bool is_large = bytes.len >= LARGE;

	for (size_t len; bytes.len > 0; bytes.ptr += len, bytes.len -= len) {
		len = least(bytes.len, UNMAP_PART);
		/* With the last part all pages may be freed at once. */
		if (is_large && len == bytes.len)
			slice_stand_back();
		(void)munmap((void *)(uintptr_t)bytes.ptr, len);
		slice_yield();
	}
	slice_come_forward();
}

void sealed_close(int fd)
{
	slice_stand_back();
	(void)close(fd);
	slice_come_forward();
}
