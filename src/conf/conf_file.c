/*
 * conf_file.c - see conf_file.h. The YAML library passes NUL and bad UTF-8
 * through and reads from whatever it is given, a FIFO nobody writes to
 * included; so nothing gets to it that was not looked at here.
 */
#include "conf/conf_file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "conf/messages.h"

static const char *kind_of_file(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "a directory";
	case S_IFIFO:
		return "a pipe";
	case S_IFSOCK:
		return "a socket";
	case S_IFCHR:
	case S_IFBLK:
		return "a device";
	default:
		return "something else";
	}
}

static int check_kind(const char *path, int fd, struct messages *messages)
{
	struct conf_pos pos = { path, 0, 0 };
	struct stat st;

	if (fstat(fd, &st) < 0) {
		messages_add(messages, &pos, "cannot be read: %s", strerror(errno));
		return -EINVAL;
	}
	if (!S_ISREG(st.st_mode)) {
		messages_add(messages, &pos, "is %s, not a regular file", kind_of_file(st.st_mode));
		return -EINVAL;
	}
	if (st.st_size > CONF_FILE_MAX) {
		messages_add(messages, &pos, "is larger than 1 MiB: not a configuration file");
		return -EINVAL;
	}
	return 0;
}

/* The size is not believed: the file may be growing. */
static int read_all(const char *path, int fd, struct messages *messages, struct buf *out)
{
	struct conf_pos pos = { path, 0, 0 };
	ssize_t n;

	do {
		int r = buf_reserve(out, 16384);

		if (r < 0)
			return r;
		n = read(fd, out->data + out->len, 16384);
		if (n > 0)
			out->len += (size_t)n;
		if (out->len > CONF_FILE_MAX) {
			messages_add(messages, &pos,
				     "is larger than 1 MiB: not a configuration file");
			return -EINVAL;
		}
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0) {
		messages_add(messages, &pos, "cannot be read: %s", strerror(errno));
		return -EINVAL;
	}
	return 0;
}

/* Where the byte at that offset is; only for text that is good up to there. */
static struct conf_pos find_pos(const char *path, weir_str text, size_t offset)
{
	struct conf_pos pos = { path, 1, 1 };

	for (size_t i = 0; i < offset; i++) {
		if (text.ptr[i] == '\n') {
			pos.line++;
			pos.col = 1;
		} else if (((unsigned char)text.ptr[i] & 0xc0) != 0x80) {
			pos.col++;
		}
	}
	return pos;
}

/* Where a character starts, for skipping over good ones by halves. */
static size_t good_prefix(weir_str text)
{
	size_t good = 0;

	/* A line is good or holds the first bad byte: no sequence crosses a line feed. */
	while (good < text.len) {
		const char *end = memchr(text.ptr + good, '\n', text.len - good);
		size_t len = end ? (size_t)(end - text.ptr) + 1 - good : text.len - good;

		if (!str_is_utf8((weir_str){ text.ptr + good, len }))
			break;
		good += len;
	}
	/* In that line, character by character. */
	while (good < text.len) {
		size_t n = 1;

		while (n <= 4 && n <= text.len - good &&
		       !str_is_utf8((weir_str){ text.ptr + good, n }))
			n++;
		if (n > 4 || n > text.len - good)
			break;
		good += n;
	}
	return good;
}

static int check_text(const char *path, weir_str text, struct messages *messages)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		struct conf_pos pos;

		if ((c >= 0x20 && c != 0x7f) || c == '\n' || c == '\r' || c == '\t')
			continue;
		pos = find_pos(path, text, i);
		messages_add(messages, &pos, "a control byte (0x%02x): not a text file", c);
		return -EINVAL;
	}
	if (!str_is_utf8(text)) {
		size_t good = good_prefix(text);
		struct conf_pos pos = find_pos(path, text, good);

		messages_add(messages, &pos, "not UTF-8: byte 0x%02x",
			     (unsigned char)text.ptr[good]);
		return -EINVAL;
	}
	return 0;
}

int conf_file_read(const char *path, struct messages *messages, struct buf *out)
{
	_cleanup_(close_fdp) int fd = -1;
	struct conf_pos pos = { path, 0, 0 };
	int r;

	/* O_NONBLOCK: opening a FIFO would wait for a writer. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		messages_add(messages, &pos, "cannot be read: %s", strerror(errno));
		return -EINVAL;
	}
	r = check_kind(path, fd, messages);
	if (r < 0)
		return r;
	r = read_all(path, fd, messages, out);
	if (r < 0)
		return r;
	return check_text(path, buf_str(out), messages);
}
