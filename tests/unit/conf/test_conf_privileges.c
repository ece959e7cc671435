/* test_conf_privileges.c - what a configuration says about users is looked up when it is read. */
#include "conf/conf_privileges.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "conf_fixture.h"

#define NOBODY 65534

static void check_said(const char *text, const char *words)
{
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, text);
	cr_assert_eq(f.r, -EINVAL);
	cr_assert_not_null(strstr(f.said, words), "%s", f.said);
	fixture_done(&f);
}

Test(conf_privileges, a_user_that_is_not_there_is_said_with_its_line)
{
	check_said("access_log: off\nuser: nosuch\n",
		   "test.yaml:2:7: user: there is no user \"nosuch\"");
}

Test(conf_privileges, a_number_without_a_user_needs_a_group)
{
	check_said("user: 54321\n", "then \"group\" must be said, too");
}

Test(conf_privileges, a_group_without_a_user_means_nothing)
{
	check_said("group: nogroup\n", "group: it is the group of \"user\"");
}

Test(conf_privileges, a_group_that_is_not_there_is_said)
{
	check_said("user: nobody\ngroup: nosuch\n",
		   "test.yaml:2:8: group: there is no group \"nosuch\"");
}

Test(conf_privileges, a_chroot_needs_a_user_who_is_not_root)
{
	check_said("chroot: /\n", "root gets out of one");
	check_said("chroot: /\nuser: root\n", "root gets out of one");
}

Test(conf_privileges, a_chroot_is_a_directory_and_only_roots)
{
	check_said("user: nobody\nchroot: /etc/passwd\n", "/etc/passwd is no directory");
	check_said("user: nobody\nchroot: /tmp\n", "/tmp can be written by others");
	check_said("user: nobody\nchroot: /nosuch\n", "chroot: /nosuch: No such file");
}

Test(conf_privileges, names_and_numbers_are_found)
{
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, "user: nobody\ngroup: 7\n");
	cr_assert_eq(f.r, 0, "%s", f.said);
	cr_assert(f.conf->privileges.has_user);
	cr_assert_eq(f.conf->privileges.uid, NOBODY);
	cr_assert_eq(f.conf->privileges.gid, 7);
	cr_assert_eq(f.conf->listen[0].has_owner, geteuid() == 0);
	cr_assert_eq(f.conf->listen[0].uid, NOBODY);
	fixture_done(&f);
}
