#ifndef WEIR_CORO_FILE_H
#define WEIR_CORO_FILE_H
/*
 * file.h - files, and whatever else a descriptor may be, for tasks. What can
 * be waited for (pipes, terminals, sockets) is read and written on the loop's
 * thread; what cannot (regular files, directories, block devices) goes to
 * another by offload(). The public manual is weir/file.h: what is said there
 * is not said again here.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/base.h>

#include "base/macro.h"
#include "coro/mutex.h"

struct file;
struct stat;

MUST_USE int file_open(const char *path, int flags, unsigned mode, struct file **ret_file);
MUST_USE int file_attach(int fd, struct file **ret_file);
void file_close(struct file *f);
int file_descriptor(const struct file *f);

MUST_USE int file_read(struct file *f, void *buf, size_t size);
MUST_USE int file_write(struct file *f, weir_str bytes);
MUST_USE int file_read_at(struct file *f, void *buf, size_t size, uint64_t offset);
MUST_USE int file_write_at(struct file *f, weir_str bytes, uint64_t offset);
MUST_USE int file_sync(struct file *f);
MUST_USE int file_stat(struct file *f, struct stat *ret_stat);

/* From here on: for this folder. */

enum file_kind {
	FILE_PLAIN,  /* cannot be waited for, and every call may block */
	FILE_STREAM, /* does not block: nobody else's description, or made so by its owner */
	FILE_SOCKET, /* does not block where each call says so */
	FILE_SHARED, /* others have its description, and calls on it may block: waited for first */
};

struct file {
	int fd; /* to use */
	enum file_kind kind;
	bool is_owned; /* fd is closed with it */
	bool is_reading;
	unsigned n_calls; /* that are in it now */
	unsigned n_quick; /* in a row that have not suspended */
	struct mutex writing;

	/* Read ahead, for lines: see file_line.c. */
	char *data; /* owned; NULL: none yet */
	size_t start, end, cap;
	size_t n_scanned; /* from start: no line ends there */
	bool is_too_long; /* the line that is being read; it has been said, the rest is dropped */
};

/* What every call that reads on begins and ends with. -EBUSY, and as task_check(). */
MUST_USE int file_begin_reading(struct file *f);
void file_end_reading(struct file *f);
/* Straight from the descriptor, between those two. 0 at the end. */
MUST_USE int file_receive(struct file *f, void *buf, size_t size);

#endif
