/* test_weirctl.c - what weirctl does without a daemon, and with one that is not real. */
#include "daemon/weirctl.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/macro.h"

static char path[64];

static int run(int n, const char *const *words)
{
	char *argv[10] = { (char *)(uintptr_t) "weirctl", (char *)(uintptr_t) "-s", path };

	for (int i = 0; i < n; i++)
		argv[3 + i] = (char *)(uintptr_t)words[i];
	optind = 0;
	return weir_ctl_main(3 + n, argv);
}

#define RUN(...) run(ARRAY_LEN(((const char *[]){ __VA_ARGS__ })), (const char *[]){ __VA_ARGS__ })

static void begin(void)
{
	(void)snprintf(path, sizeof(path), "/tmp/weirctl-test-%d.sock", (int)getpid());
	cr_redirect_stdout();
	cr_redirect_stderr();
}

static void end(void)
{
	(void)unlink(path);
}

/* A daemon that answers one line with these bytes. */
static pid_t answer(const char *bytes)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), client;
	char line[300];
	pid_t pid;

	memcpy(sun.sun_path, path, strlen(path));
	cr_assert_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	cr_assert_eq(listen(fd, 1), 0);
	pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		client = accept(fd, NULL, NULL);
		if (read(client, line, sizeof(line)) > 0)
			(void)!write(client, bytes, strlen(bytes));
		_exit(0);
	}
	(void)close(fd);
	return pid;
}

Test(weirctl, bad_usage_is_said_at_once, .init = begin, .fini = end)
{
	cr_expect_eq(run(0, NULL), WEIRCTL_USAGE);
	cr_expect_eq(RUN("foo"), WEIRCTL_USAGE);
	cr_expect_eq(RUN("bt"), WEIRCTL_USAGE);
	cr_expect_eq(RUN("status\n"), WEIRCTL_USAGE);
	cr_expect_eq(RUN("top", "-n", "x"), WEIRCTL_USAGE);
	cr_expect_eq(RUN("top", "-i", "0"), WEIRCTL_USAGE);
	cr_expect_eq(RUN("--bogus", "status"), WEIRCTL_USAGE);
}

/* drain "$SLOT", where SLOT is not set, must not become drain: that stops the daemon. */
Test(weirctl, an_empty_argument_is_not_none, .init = begin, .fini = end)
{
	cr_expect_eq(RUN("drain", ""), WEIRCTL_USAGE);
	cr_expect_eq(RUN("drain", " "), WEIRCTL_USAGE);
	cr_expect_eq(RUN("", "drain"), WEIRCTL_USAGE);
	cr_expect_eq(RUN("loglevel", ""), WEIRCTL_USAGE);
	cr_expect_eq(RUN("drain 0"), WEIRCTL_USAGE);
	cr_expect_eq(RUN("drain"), WEIRCTL_UNREACHABLE);
}

/* Nobody listens: who got as far as that has taken it. */
static void expect_number(const char *option, const char *number, int code)
{
	cr_expect_eq(RUN("top", option, number), code, "%s %s", option, number);
}

Test(weirctl, a_number_is_all_of_the_argument, .init = begin, .fini = end)
{
	static const char *const bad[] = { "5x",
					   "5 ",
					   " 5",
					   "",
					   "+5",
					   "-5",
					   "5.5",
					   "0x5",
					   "5,",
					   "0",
					   "1e+2",
					   "nan",
					   "99999999999999999999" };
	static const char *const bad_spans[] = { "1x", "1s",  "1 ",    " 1",  "",    "+1",
						 "-1", "1,5", "0x1p3", "1e1", "1..", "1.1.1",
						 ".",  "nan", "inf",   "3601" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		expect_number("-n", bad[i], WEIRCTL_USAGE);
	for (size_t i = 0; i < ARRAY_LEN(bad_spans); i++)
		expect_number("-i", bad_spans[i], WEIRCTL_USAGE);
	expect_number("-n", "5", WEIRCTL_UNREACHABLE);
	expect_number("-i", "0.01", WEIRCTL_UNREACHABLE);
	expect_number("-i", "3600", WEIRCTL_UNREACHABLE);
	expect_number("-i", ".5", WEIRCTL_UNREACHABLE);
}

Test(weirctl, help_needs_no_daemon, .init = begin, .fini = end)
{
	cr_expect_eq(RUN("--help"), WEIRCTL_OK);
	cr_expect_eq(RUN("--version"), WEIRCTL_OK);
}

Test(weirctl, says_that_nobody_is_there, .init = begin, .fini = end)
{
	cr_expect_eq(RUN("status"), WEIRCTL_UNREACHABLE);
}

Test(weirctl, prints_what_comes, .init = begin, .fini = end)
{
	pid_t pid = answer("T\tresult\tsaid:s\nR\tdone\n.\n");

	cr_expect_eq(RUN("reload"), WEIRCTL_OK);
	cr_expect_eq(waitpid(pid, NULL, 0), pid);
	(void)fflush(stdout);
	cr_expect_stdout_eq_str("done\n");
}

Test(weirctl, a_part_that_is_missing_is_in_the_exit_code, .init = begin, .fini = end)
{
	pid_t pid = answer("N\tworker 0 is missing\n.\n");

	cr_expect_eq(RUN("--json", "ps"), WEIRCTL_PART);
	cr_expect_eq(waitpid(pid, NULL, 0), pid);
}

Test(weirctl, half_an_answer_is_none, .init = begin, .fini = end)
{
	pid_t pid = answer("T\tresult\tsaid:s\n");

	cr_expect_eq(RUN("ps"), WEIRCTL_UNREACHABLE);
	cr_expect_eq(waitpid(pid, NULL, 0), pid);
}
