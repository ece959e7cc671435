/*
 * log.c - a line is put together on the stack and leaves in one write(2), so
 * that lines of several processes on one pipe do not mix (PIPE_BUF is 4096).
 */
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define LOG_LINE 2048

struct level_name {
	int level;
	const char *name;
	const char *colour;
};

static const struct level_name levels[] = {
	{ LOG_AT_ERROR, "error", "\033[1;31m" }, { LOG_AT_WARN, "warn", "\033[33m" },
	{ LOG_AT_NOTICE, "notice", "\033[1m" },	 { LOG_AT_INFO, "info", "" },
	{ LOG_AT_DEBUG, "debug", "\033[2m" },
};

static const struct level_name *level_find(int level)
{
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		if (levels[i].level >= level)
			return &levels[i];
	}
	return &levels[ARRAY_LEN(levels) - 1];
}

int log_level_parse(const char *name, int *ret_level)
{
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		if (!strcmp(levels[i].name, name)) {
			*ret_level = levels[i].level;
			return 0;
		}
	}
	return -EINVAL;
}

/*
 * Children inherit JOURNAL_STREAM whatever their own standard error is: only
 * a descriptor of that device and inode goes to the journal (systemd.exec(5)).
 */
static bool is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;
	char rest;

	return stream && sscanf(stream, "%llu:%llu%c", &device, &inode, &rest) == 2 &&
	       fstat(fd, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void log_init(struct log *log, int fd, int level)
{
	const char *no_colour = getenv("NO_COLOR");

	*log = (struct log){ .fd = fd, .level = level };
	log->has_colour = isatty(fd) && !(no_colour && *no_colour);
	log->has_time = !is_journal(fd);
}

void log_set_who(struct log *log, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(log->who, sizeof(log->who), fmt, ap);
	va_end(ap);
}

/* C0 and DEL; and C1, whose UTF-8 is C2 80 to C2 9F: U+009B begins a control sequence like ESC [. */
static bool is_control(unsigned char before, unsigned char c, unsigned char after)
{
	bool is_c1_lead = c == 0xc2 && after >= 0x80 && after <= 0x9f;
	bool is_c1_tail = before == 0xc2 && c >= 0x80 && c <= 0x9f;

	return c < 0x20 || c == 0x7f || is_c1_lead || is_c1_tail;
}

/* The message as one line: what would move the terminal or end the line is written as \xNN. */
static size_t escape(char *out, size_t room, const char *text)
{
	unsigned char before = '\0', c;
	size_t n = 0;

	for (; *text && n + 5 < room; text++) {
		c = (unsigned char)*text;
		if (is_control(before, c, (unsigned char)text[1]))
			n += (size_t)snprintf(out + n, room - n, "\\x%02x", c);
		else
			out[n++] = (char)c;
		before = c;
	}
	return n;
}

void log_vwrite(const struct log *log, int level, const char *fmt, va_list ap)
{
	const struct level_name *name = level_find(level);
	char text[LOG_LINE], line[LOG_LINE + 128], date[CLOCK_ISO_DATE] = "";
	ssize_t sent;
	size_t n;
	int head;

	if (level > log->level)
		return;
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	if (log->has_time)
		clock_iso_date(clock_real_s(), date);
	head = snprintf(line, sizeof(line), "%s%s%s%s%s%s%s%s", date, log->has_time ? " " : "",
			log->has_colour ? name->colour : "", name->name,
			log->has_colour && *name->colour ? "\033[0m" : "", log->who[0] ? " " : "",
			log->who, ": ");
	n = (size_t)head;
	n += escape(line + n, sizeof(line) - n - 1, text);
	line[n++] = '\n';
	do
		sent = write(log->fd, line, n);
	while (sent < 0 && errno == EINTR);
	(void)sent; /* nobody is left to tell */
}

void log_write(const struct log *log, int level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vwrite(log, level, fmt, ap);
	va_end(ap);
}
