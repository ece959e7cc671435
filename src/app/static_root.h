#ifndef WEIR_APP_STATIC_ROOT_H
#define WEIR_APP_STATIC_ROOT_H
/*
 * static_root.h - a directory of which files are served, and nothing outside of
 * it: the kernel resolves each name beneath it (openat2(2)), with links as far as the
 * policy lets it.
 *
 * Opening may wait for a disk. So each call can be told not to: then it works only
 * with what the kernel has in memory, and -EAGAIN means that a thread has to do it.
 */
#include <stdbool.h>
#include <sys/stat.h>
#include <weir/base.h>

#include "base/macro.h"

enum static_symlinks {
	STATIC_SYMLINKS_NO,	 /* none is followed */
	STATIC_SYMLINKS_BENEATH, /* those that lead to something beneath the root */
	STATIC_SYMLINKS_YES,	 /* all */
};

struct static_root {
	int fd; /* owned */
	enum static_symlinks symlinks;
	bool shows_dot_files; /* also those that begin with a dot */
};

/* Negative errno. Without openat2(2) (Linux 5.6), STATIC_SYMLINKS_BENEATH follows none. */
MUST_USE int static_root_open(struct static_root *root, const char *path,
			      enum static_symlinks symlinks, bool shows_dot_files);
void static_root_close(struct static_root *root);

/*
 * Can it be the name of something beneath the root? No segment is empty, "." or "..", and
 * none begins with a dot unless those are shown, but for ".well-known" (RFC 8615). What ends
 * with a slash is a directory; so is an empty name.
 */
bool static_root_has_name(const struct static_root *root, weir_str name);

/*
 * For reading. -ENOENT for what is not there, or not for this policy; -EISDIR; -EACCES; -EAGAIN
 * unless may_block; other errors are the system's. What is neither file nor directory is not there.
 */
MUST_USE int static_root_open_file(const struct static_root *root, const char *name, bool may_block,
				   int *ret_fd, struct stat *ret_stat);
/* The same for a directory; -ENOENT for a file. "" is the root. */
MUST_USE int static_root_open_directory(const struct static_root *root, const char *name,
					bool may_block, int *ret_fd);
/*
 * What is there by that name, and where a link leads, as far as the policy lets one know. It
 * may block.
 */
MUST_USE int static_root_stat(const struct static_root *root, const char *name,
			      struct stat *ret_stat);

#endif
