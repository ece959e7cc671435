/* static_root.c - see static_root.h. */
#include "app/static_root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/str.h"

/* O_NONBLOCK: a FIFO without a writer opens at once; with a file it means nothing. */
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
/* Is it a "..", and anything was renamed meanwhile, wherever, the kernel wants to be asked again. */
#define MAX_TRIES 100

static uint64_t resolve_flags(enum static_symlinks symlinks)
{
	switch (symlinks) {
	case STATIC_SYMLINKS_NO:
		return RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
	case STATIC_SYMLINKS_BENEATH:
		return RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
	case STATIC_SYMLINKS_YES:
		break;
	}
	return RESOLVE_NO_MAGICLINKS;
}

/*
 * Where there is no openat2(2), as under valgrind and in old sandboxes: segment by segment, and
 * no link is followed, wherever it leads.
 */
static COLD int walk(const struct static_root *root, const char *name, int flags)
{
	int fd = root->fd, next, r;

	if (root->symlinks == STATIC_SYMLINKS_YES)
		return (fd = openat(fd, name[0] ? name : ".", flags)) < 0 ? -errno : fd;
	if (name[0] == '/')
		return -EXDEV;
	for (;;) {
		size_t len = strcspn(name, "/");
		bool is_last = name[len] == '\0' || name[len + 1] == '\0';
		char segment[NAME_MAX + 1];

		next = -1;
		errno = ENOENT;
		if (len <= NAME_MAX && strncmp(name, "../", 3) != 0 && strcmp(name, "..") != 0) {
			*str_put(segment, (weir_str){ name, len }) = '\0';
			next = openat(fd, len ? segment : ".",
				      is_last ? flags | O_NOFOLLOW
					      : O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		}
		r = next < 0 ? -errno : next;
		if (fd != root->fd)
			(void)close(fd);
		if (r < 0 || is_last)
			return r;
		fd = next;
		name += len + 1;
	}
}

static int do_open(const struct static_root *root, const char *name, int flags, bool may_block)
{
	struct open_how how = { .flags = (uint64_t)flags,
				.resolve = resolve_flags(root->symlinks) };
	unsigned n_tries = may_block ? MAX_TRIES : 1;
	long fd;

	if (!may_block)
		how.resolve |= RESOLVE_CACHED;
	do
		fd = syscall(SYS_openat2, root->fd, name[0] ? name : ".", &how, sizeof(how));
	while (fd < 0 && errno == EAGAIN && --n_tries > 0);
	if (fd < 0 && errno == ENOSYS)
		return may_block ? walk(root, name, flags) : -EAGAIN;
	return fd < 0 ? -errno : (int)fd;
}

/* What it comes to for who asks: which link leads where is nobody's business. */
static int judge(int error, bool may_block)
{
	switch (error) {
	/* A kernel before 5.12 does not know RESOLVE_CACHED. */
	case -EINVAL:
	/* It is not in memory; or, though it may block, something is renamed all the time. */
	case -EAGAIN:
		return may_block ? -ENOENT : -EAGAIN;
	case -ENOTDIR:
	case -ENAMETOOLONG:
	case -ELOOP:
	case -EXDEV:
	case -ENXIO:
	case -ENODEV:
	case -EOPNOTSUPP:
		return -ENOENT;
	case -EPERM:
		return -EACCES;
	default:
		return error;
	}
}

int static_root_open(struct static_root *root, const char *path, enum static_symlinks symlinks,
		     bool shows_dot_files)
{
	int fd;

	*root = (struct static_root){ .fd = -1,
				      .symlinks = symlinks,
				      .shows_dot_files = shows_dot_files };
	root->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root->fd < 0)
		return -errno;
	fd = do_open(root, "", OPEN_FLAGS | O_DIRECTORY, true);
	if (fd < 0) {
		static_root_close(root);
		return fd;
	}
	(void)close(fd);
	return 0;
}

void static_root_close(struct static_root *root)
{
	if (root->fd >= 0)
		(void)close(root->fd);
	root->fd = -1;
}

bool static_root_has_name(const struct static_root *root, weir_str name)
{
	bool is_first = true;
	weir_str rest = name;

	if (name.len == 0)
		return true;
	while (rest.ptr) {
		weir_str segment = str_split(&rest, '/');

		if (segment.len == 0)
			return !rest.ptr && !is_first; /* the slash at its end */
		if (weir_str_eq(segment, WEIR_STR(".")) || weir_str_eq(segment, WEIR_STR("..")))
			return false;
		if (segment.ptr[0] == '.' && !root->shows_dot_files &&
		    !(is_first && weir_str_eq(segment, WEIR_STR(".well-known"))))
			return false;
		is_first = false;
	}
	return true;
}

int static_root_open_file(const struct static_root *root, const char *name, bool may_block,
			  int *ret_fd, struct stat *ret_stat)
{
	int fd = do_open(root, name, OPEN_FLAGS, may_block), r = 0;

	if (fd < 0)
		return judge(fd, may_block);
	if (fstat(fd, ret_stat) < 0)
		r = -errno;
	else if (S_ISDIR(ret_stat->st_mode))
		r = -EISDIR;
	else if (!S_ISREG(ret_stat->st_mode))
		r = -ENOENT;
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int static_root_open_directory(const struct static_root *root, const char *name, bool may_block,
			       int *ret_fd)
{
	int fd = do_open(root, name, OPEN_FLAGS | O_DIRECTORY, may_block);

	if (fd < 0)
		return judge(fd, may_block);
	*ret_fd = fd;
	return 0;
}

int static_root_stat(const struct static_root *root, const char *name, struct stat *ret_stat)
{
	int fd = do_open(root, name, O_PATH | O_CLOEXEC, true), r;

	if (fd < 0)
		return judge(fd, true);
	r = fstat(fd, ret_stat) < 0 ? -errno : 0;
	(void)close(fd);
	return r;
}
