/*
 * test_privileges.c - what a child may as the user of the configuration, where the tests run as root.
 */
#include "daemon/privileges.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/log.h"
#include "conf_fixture.h"

#define NOBODY 65534

/* Runs act in a child as the user of that configuration; its exit code. */
static int in_child(const char *text, int (*act)(const struct conf *conf))
{
	int status = 0;
	struct fixture f;
	pid_t pid;

	fixture_init(&f);
	fixture_load(&f, text);
	cr_assert_eq(f.r, 0, "%s", f.said);
	pid = fork();
	if (pid == 0)
		_exit(act(f.conf));
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status));
	fixture_done(&f);
	return WEXITSTATUS(status);
}

/* A line of /proc/self/status, as a hexadecimal number; -1 without it. */
static long long status_of(const char *name)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	long long value = -1;

	while (file && fgets(line, sizeof(line), file)) {
		if (!strncmp(line, name, strlen(name)))
			value = strtoll(line + strlen(name) + 1, NULL, 16);
	}
	if (file)
		(void)fclose(file);
	return value;
}

static int as_nobody(const struct conf *conf)
{
	int signal_of_death = 0;

	if (privileges_drop(&conf->privileges) < 0)
		return 1;
	if (getuid() != NOBODY || geteuid() != NOBODY || getegid() != conf->privileges.gid)
		return 2;
	if (status_of("CapPrm") != 0 || status_of("CapEff") != 0 || status_of("NoNewPrivs") != 1)
		return 3;
	if (setuid(0) == 0)
		return 4;
	(void)prctl(PR_GET_PDEATHSIG, &signal_of_death);
	if (signal_of_death != SIGTERM)
		return 5;
	return prctl(PR_GET_DUMPABLE) == 1 ? 0 : 6;
}

Test(privileges, root_becomes_the_user_and_cannot_go_back)
{
	if (geteuid() != 0)
		cr_skip_test("only root can change its user");
	cr_assert_eq(in_child("user: nobody\n", as_nobody), 0);
}

static int in_chroot(const struct conf *conf)
{
	if (privileges_drop(&conf->privileges) < 0)
		return 1;
	if (access("/proc/self/status", R_OK) < 0)
		return 2;
	if (privileges_enter(&conf->privileges) < 0)
		return 3;
	if (access("/passwd", R_OK) < 0 || access("/etc/passwd", R_OK) == 0)
		return 4;
	return chroot("/") < 0 && errno == EPERM ? 0 : 5;
}

Test(privileges, the_chroot_is_entered_later_and_not_left)
{
	if (geteuid() != 0)
		cr_skip_test("only root can change its user");
	cr_assert_eq(in_child("user: nobody\nchroot: /etc\n", in_chroot), 0);
}

static int trimmed(const struct conf *conf)
{
	struct log log;

	log_init(&log, STDERR_FILENO, LOG_AT_ERROR);
	privileges_trim(&conf->privileges, &log);
	/* CAP_SYS_ADMIN and CAP_SYS_PTRACE are gone for good, CAP_SETUID is not. */
	if (status_of("CapEff") & (1LL << 21 | 1LL << 19) || status_of("CapBnd") & 1LL << 21)
		return 1;
	if (!(status_of("CapEff") & 1LL << 7) || status_of("NoNewPrivs") != 1)
		return 2;
	return as_nobody(conf);
}

Test(privileges, the_master_keeps_what_it_needs_to_start_others)
{
	if (geteuid() != 0)
		cr_skip_test("only root can change its user");
	cr_assert_eq(in_child("user: nobody\n", trimmed), 0);
}

static int starts_as_nobody(const struct conf *conf)
{
	struct messages messages;

	messages_init(&messages);
	if (setresuid(NOBODY, NOBODY, NOBODY) < 0)
		return 1;
	if (privileges_check_start(conf, &messages) != -EPERM || messages.n_errors != 1)
		return 2;
	return strstr(messages.items[0].text, "only root can start processes of \"root\"") ? 0 : 3;
}

Test(privileges, who_is_not_root_cannot_start_for_others)
{
	if (geteuid() != 0)
		cr_skip_test("only root can change its user");
	cr_assert_eq(in_child("user: root\n", starts_as_nobody), 0);
}

static int without_user(const struct conf *conf)
{
	uid_t uid = geteuid();

	if (privileges_check_start(conf, NULL) < 0 || privileges_drop(&conf->privileges) < 0)
		return 1;
	return geteuid() == uid && status_of("NoNewPrivs") == 1 ? 0 : 2;
}

Test(privileges, without_a_user_nobody_changes_but_nobody_gains_any)
{
	cr_assert_eq(in_child("access_log: off\n", without_user), 0);
}
