#ifndef WEIR_FILE_H
#define WEIR_FILE_H
/*
 * weir/file.h - files, and standard input, without holding up anybody else.
 *
 *	static int count_lines(void *arg)
 *	{
 *		weir_file *in;
 *		weir_str line;
 *		int r, n = 0;
 *
 *		r = weir_file_attach(0, &in);
 *		if (r < 0)
 *			return r;
 *		while ((r = weir_file_line(in, 64 * 1024, &line)) != 0) {
 *			if (r < 0 && r != -EMSGSIZE)
 *				break;	<- one that is too long is counted, too
 *			n++;
 *		}
 *		weir_file_close(in);
 *		return r < 0 ? r : n;
 *	}
 *
 *	int main(void)
 *	{
 *		return weir_run(count_lines, NULL) < 0;
 *	}
 *
 * A weir_file is a descriptor, of whatever kind. Pipes, terminals and sockets
 * are waited for like a weir_sleep. Regular files, directories and block devices
 * cannot be waited for: calls on them run on one of the worker's threads, as with
 * weir_offload, and that says what holds when a task is cancelled: what has begun
 * is waited for. So each call costs some ten microseconds; read and write
 * in pieces of some size, or by line, which reads ahead.
 *
 * To send a file as an answer needs none of its bytes: weir_sendfile(req,
 * weir_file_fd(f), ...).
 *
 * Functions return as all of weir does: negative errno values, those of the
 * system calls of the same names too. All that suspend return -EDEADLK outside
 * of tasks, and may return -EAGAIN where no thread can be started. One task at a
 * time may read from where a file is (-EBUSY), several may write: each
 * one's bytes stay together, in the order of the calls. What has a place of its own
 * (pread, pwrite) may be called by any number at once. Only tasks of one worker.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <weir/base.h>
WEIR_BEGIN

typedef struct weir_file weir_file;

/*
 * As open(2); the descriptor is closed on exec, and one that is waited for does
 * not block. Yours to close. mode, less the umask, is what a new file gets
 * with O_CREAT. Opening a FIFO waits, uninterruptibly, for its other end, unless
 * flags have O_NONBLOCK. -ENOMEM, and what open(2) says: -ENOENT, -EACCES ...
 */
WEIR_API WEIR_SUSPENDS int weir_file_open(const char *path, int flags, unsigned mode,
					  weir_file **ret_file);
/*
 * A descriptor that you have: 0 for standard input. It stays yours, must
 * stay open until weir_file_close, and is left as it is: others who share it,
 * as a shell does, do not find it non-blocking afterwards. (A pipe or a terminal is
 * opened once more; where the system refuses that, nobody else should read
 * it.) Does not suspend. -EBADF, -ENOMEM.
 */
WEIR_API WEIR_MUST_USE int weir_file_attach(int fd, weir_file **ret_file);
/*
 * NULL is fine, and so is a cancelled task; no other task may be in a call of
 * f. Does not suspend: a regular file is closed on a thread, a little later.
 * An error in writing that only close(2) would tell, as over a network, is lost:
 * who must know calls weir_file_sync.
 */
WEIR_API void weir_file_close(weir_file *f);
/* For other calls, weir_sendfile say; f's, and not to be closed. May differ from the one attached. */
WEIR_API int weir_file_fd(const weir_file *f);

/*
 * Up to size bytes (at most INT_MAX, else -EINVAL) from where the file is:
 * their number, as soon as there are some; 0 at the end. -EBUSY; -EISDIR,
 * -EIO. Nothing is lost when it is cancelled or times out: call again.
 */
WEIR_API WEIR_SUSPENDS int weir_file_read(weir_file *f, void *buf, size_t size);
/*
 * 1 and the next line without its "\n" (a "\r" before that stays), valid until f
 * is next read from; 0 at the end. What follows the last "\n", if anything, is
 * a line. -EMSGSIZE for one longer than max: nothing of it is
 * given, and the next call returns the line after it. -ENOMEM, and as
 * weir_file_read, with which it may be mixed. Reads ahead, so that f's place in a
 * regular file is not where the line ends. Memory: up to max, or 64 KiB, for as long as f is open.
 */
WEIR_API WEIR_SUSPENDS int weir_file_line(weir_file *f, size_t max, weir_str *ret_line);
/*
 * All of it (at most INT_MAX bytes, else -EINVAL), where the file is, or at its
 * end with O_APPEND: 0. After an error, -ECANCELED and -ETIMEDOUT as well, part of it may
 * have been written. -ENOSPC, -EDQUOT, -EIO; -EPIPE: nobody reads (a program
 * that has not ignored SIGPIPE is ended by it, as usual).
 */
WEIR_API WEIR_SUSPENDS int weir_file_write(weir_file *f, weir_str bytes);

/*
 * At a place of a regular file, whatever else reads and writes there. The
 * number of bytes read, which is less than size only at the file's end; 0 when all was
 * written. -EINVAL for more than INT_MAX, or a place that no file has; -ESPIPE.
 * Cancelled in the middle: -ECANCELED, and buf, or the file, has some of it.
 */
WEIR_API WEIR_SUSPENDS int weir_file_pread(weir_file *f, void *buf, size_t size, uint64_t offset);
WEIR_API WEIR_SUSPENDS int weir_file_pwrite(weir_file *f, weir_str bytes, uint64_t offset);

/* fsync(2): what was written is on the disk, or this says why not. */
WEIR_API WEIR_SUSPENDS int weir_file_sync(weir_file *f);
/* stat(2) and fstat(2). */
WEIR_API WEIR_SUSPENDS int weir_file_stat(const char *path, struct stat *ret_stat);
WEIR_API WEIR_SUSPENDS int weir_file_fstat(weir_file *f, struct stat *ret_stat);

/*
 * All of a regular file. *ret_bytes is yours to free(); behind the *ret_len
 * bytes there is a NUL, which does not count. -EMSGSIZE: it has more than max bytes.
 * -EISDIR; -EINVAL for what is no file; -ENOMEM. Nothing is set after an error.
 */
WEIR_API WEIR_SUSPENDS int weir_file_load(const char *path, size_t max, char **ret_bytes,
					  size_t *ret_len);

WEIR_END
#endif
