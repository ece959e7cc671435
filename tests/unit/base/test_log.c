/* test_log.c - see base/log.h. The log writes into a pipe; the test reads what came. */
#include "base/log.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct pipe_log {
	struct log log;
	int fds[2];
	char text[8192];
};

static void pipe_log_init(struct pipe_log *p, int level)
{
	cr_assert_eq(pipe(p->fds), 0);
	log_init(&p->log, p->fds[1], level);
	p->log.has_time = false;
}

static void pipe_log_done(struct pipe_log *p)
{
	close(p->fds[0]);
	close(p->fds[1]);
}

/* All that was written so far; at least one line must have been. */
static const char *pipe_log_text(struct pipe_log *p)
{
	ssize_t n = read(p->fds[0], p->text, sizeof(p->text) - 1);

	cr_assert_gt(n, 0);
	p->text[n] = '\0';
	return p->text;
}

Test(log, writes_a_line_with_its_level)
{
	struct pipe_log p;

	pipe_log_init(&p, LOG_AT_INFO);
	log_write(&p.log, LOG_AT_WARN, "%d of %s", 3, "four");
	cr_assert_str_eq(pipe_log_text(&p), "warn: 3 of four\n");
	pipe_log_done(&p);
}

Test(log, says_who_speaks)
{
	struct pipe_log p;

	pipe_log_init(&p, LOG_AT_INFO);
	log_set_who(&p.log, "worker %d", 7);
	log_write(&p.log, LOG_AT_ERROR, "no");
	cr_assert_str_eq(pipe_log_text(&p), "error worker 7: no\n");
	pipe_log_done(&p);
}

Test(log, cuts_a_name_that_is_too_long)
{
	struct pipe_log p;

	pipe_log_init(&p, LOG_AT_INFO);
	log_set_who(&p.log, "%s", "abcdefghijklmnopqrstuvwxyz");
	cr_assert_str_eq(p.log.who, "abcdefghijklmnopqrstuvw");
	pipe_log_done(&p);
}

Test(log, drops_what_is_less_grave_than_its_level)
{
	struct pipe_log p;

	pipe_log_init(&p, LOG_AT_WARN);
	log_write(&p.log, LOG_AT_NOTICE, "dropped");
	log_write(&p.log, LOG_AT_DEBUG, "dropped");
	log_write(&p.log, LOG_AT_WARN, "kept");
	cr_assert_str_eq(pipe_log_text(&p), "warn: kept\n");
	pipe_log_done(&p);
}

Test(log, puts_the_date_in_front_if_it_has_one)
{
	struct pipe_log p;
	const char *text;

	pipe_log_init(&p, LOG_AT_INFO);
	p.log.has_time = true;
	log_write(&p.log, LOG_AT_INFO, "now");
	text = pipe_log_text(&p);
	cr_assert_eq(strspn(text, "0123456789-T:Z"), 20, "%s", text);
	cr_assert_str_eq(text + 20, " info: now\n");
	pipe_log_done(&p);
}

Test(log, uses_colour_for_the_level_only)
{
	struct pipe_log p;

	pipe_log_init(&p, LOG_AT_INFO);
	p.log.has_colour = true;
	log_write(&p.log, LOG_AT_ERROR, "red");
	cr_assert_str_eq(pipe_log_text(&p), "\033[1;31merror\033[0m: red\n");
	log_write(&p.log, LOG_AT_INFO, "plain");
	cr_assert_str_eq(pipe_log_text(&p), "info: plain\n");
	pipe_log_done(&p);
}

Test(log, has_no_colour_in_a_pipe)
{
	struct pipe_log p;

	pipe_log_init(&p, LOG_AT_INFO);
	cr_assert_not(p.log.has_colour);
	pipe_log_done(&p);
}

Test(log, has_no_time_under_the_journal)
{
	char stream[64];
	struct stat st;
	struct log log;

	cr_assert_eq(fstat(2, &st), 0);
	(void)snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		       (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_init(&log, 2, LOG_AT_INFO);
	cr_assert_not(log.has_time);
	unsetenv("JOURNAL_STREAM");
	log_init(&log, 2, LOG_AT_INFO);
	cr_assert(log.has_time);
}

/* systemd sets it for a whole unit: a child may have turned its standard error elsewhere. */
Test(log, has_a_time_where_the_journal_is_not)
{
	static const char *const others[] = { "8:1", "", "8", "8:", "x:y", ":" };
	char stream[64];
	struct pipe_log p;
	struct log log;
	struct stat st;

	pipe_log_init(&p, LOG_AT_INFO);
	cr_assert_eq(fstat(p.fds[1], &st), 0);
	(void)snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		       (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_init(&log, p.fds[1], LOG_AT_INFO);
	cr_expect_not(log.has_time);
	log_init(&log, open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_AT_INFO);
	cr_expect(log.has_time);
	(void)close(log.fd);
	log_init(&log, -1, LOG_AT_INFO);
	cr_expect(log.has_time);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		setenv("JOURNAL_STREAM", others[i], 1);
		log_init(&log, p.fds[1], LOG_AT_INFO);
		cr_expect(log.has_time, "%s", others[i]);
	}
	unsetenv("JOURNAL_STREAM");
	pipe_log_done(&p);
}

Test(log, does_not_let_a_message_forge_a_line)
{
	struct pipe_log p;

	pipe_log_init(&p, LOG_AT_INFO);
	log_write(&p.log, LOG_AT_INFO, "path %s", "/a\r\nerror: all is lost");
	cr_assert_str_eq(pipe_log_text(&p), "info: path /a\\x0d\\x0aerror: all is lost\n");
	pipe_log_done(&p);
}

Test(log, does_not_let_a_message_move_the_terminal)
{
	struct pipe_log p;

	pipe_log_init(&p, LOG_AT_INFO);
	log_write(&p.log, LOG_AT_INFO, "%s",
		  "\033[2J\x7f\t\xc2\x9b"
		  "2J");
	cr_assert_str_eq(pipe_log_text(&p), "info: \\x1b[2J\\x7f\\x09\\xc2\\x9b2J\n");
	pipe_log_done(&p);
}

Test(log, leaves_other_languages_alone)
{
	struct pipe_log p;

	pipe_log_init(&p, LOG_AT_INFO);
	log_write(&p.log, LOG_AT_INFO, "%s", "Bächle, \xc2\xa0€, \xf0\x9f\x8c\x8a");
	cr_assert_str_eq(pipe_log_text(&p), "info: Bächle, \xc2\xa0€, \xf0\x9f\x8c\x8a\n");
	pipe_log_done(&p);
}

Test(log, cuts_a_long_message_and_still_ends_the_line)
{
	static char from[5000];
	struct pipe_log p;
	const char *text;

	memset(from, 'x', sizeof(from) - 1);
	pipe_log_init(&p, LOG_AT_INFO);
	log_write(&p.log, LOG_AT_INFO, "%s", from);
	text = pipe_log_text(&p);
	cr_assert_lt(strlen(text), 4096, "one write of up to PIPE_BUF does not mix with others");
	cr_assert_gt(strlen(text), 2000);
	cr_assert_eq(strchr(text, '\n'), text + strlen(text) - 1);
	pipe_log_done(&p);
}

Test(log, cuts_a_long_message_of_escapes_and_still_ends_the_line)
{
	static char from[5000];
	struct pipe_log p;
	const char *text;

	memset(from, '\n', sizeof(from) - 1);
	pipe_log_init(&p, LOG_AT_INFO);
	log_write(&p.log, LOG_AT_INFO, "%s", from);
	text = pipe_log_text(&p);
	cr_assert_lt(strlen(text), 4096);
	cr_assert_eq(strchr(text, '\n'), text + strlen(text) - 1);
	cr_assert_eq((strlen(text) - strlen("info: ") - 1) % 4, 0, "no escape is cut in two");
	pipe_log_done(&p);
}

Test(log, survives_a_reader_that_is_gone)
{
	struct pipe_log p;

	signal(SIGPIPE, SIG_IGN);
	pipe_log_init(&p, LOG_AT_INFO);
	close(p.fds[0]);
	log_write(&p.log, LOG_AT_INFO, "to nobody");
	close(p.fds[1]);
}

Test(log, knows_the_names_of_its_levels)
{
	int level = 0;

	cr_assert_eq(log_level_parse("error", &level), 0);
	cr_assert_eq(level, LOG_AT_ERROR);
	cr_assert_eq(log_level_parse("debug", &level), 0);
	cr_assert_eq(level, LOG_AT_DEBUG);
	cr_assert_eq(log_level_parse("notice", &level), 0);
	cr_assert_eq(level, LOG_AT_NOTICE);
}

Test(log, refuses_other_names_and_leaves_the_result_alone)
{
	int level = 42;

	cr_assert_eq(log_level_parse("", &level), -EINVAL);
	cr_assert_eq(log_level_parse("Error", &level), -EINVAL);
	cr_assert_eq(log_level_parse("warning", &level), -EINVAL);
	cr_assert_eq(level, 42);
}
