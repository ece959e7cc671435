#include "daemon/ctl_doors.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "conf/conf.h"

static char path[108], words[LISTENERS_WORDS_MAX];

static void set_unix(struct conf_address *address)
{
	struct sockaddr_un *sun = (struct sockaddr_un *)&address->sockaddr;

	sun->sun_family = AF_UNIX;
	memcpy(sun->sun_path, path, sizeof(path));
	*address = (struct conf_address){ .type = CONF_ADDRESS_UNIX,
					  .sockaddr = address->sockaddr,
					  .len = sizeof(*sun),
					  .text = path };
}

static void set_control(struct conf *conf)
{
	char dir[] = "/tmp/weir-doors-XXXXXX";

	cr_assert_not_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/c.sock", dir);
	set_unix(&conf->control.address);
	conf->control.socket.text = path;
	conf->control.mode = 0660;
}

static void remove_dir(void)
{
	*strrchr(path, '/') = '\0';
	cr_assert_eq(rmdir(path), 0);
}

Test(ctl_doors, are_not_opened_unless_somebody_wants_them)
{
	struct ctl_doors doors = { 0 };
	struct conf conf = { 0 };

	cr_assert_eq(ctl_doors_open(&conf, &doors, words), 0);
	cr_assert_not(ctl_doors_are_open(&doors));
	ctl_doors_forget(&doors);
	ctl_doors_close(&doors);
}

Test(ctl_doors, a_socket_has_its_mode_and_goes_with_who_made_it)
{
	struct ctl_doors doors = { 0 };
	struct conf conf = { 0 };
	struct stat st;

	set_control(&conf);
	conf.control.group.text = "root";
	cr_assert_eq(ctl_doors_open(&conf, &doors, words), 0, "%s", words);
	cr_assert(ctl_doors_are_open(&doors));
	cr_assert_eq(stat(path, &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0660);
	cr_expect_eq(st.st_gid, 0);
	ctl_doors_close(&doors);
	cr_assert_eq(stat(path, &st), -1);
	remove_dir();
}

Test(ctl_doors, a_file_that_a_dead_daemon_has_left_is_replaced)
{
	struct ctl_doors doors = { 0 };
	struct conf conf = { 0 };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	set_control(&conf);
	cr_assert_eq(bind(fd, (struct sockaddr *)&conf.control.address.sockaddr,
			  conf.control.address.len),
		     0);
	(void)close(fd);
	cr_assert_eq(ctl_doors_open(&conf, &doors, words), 0, "%s", words);
	ctl_doors_close(&doors);
	remove_dir();
}

/* Whoever may write to its directory may put a link in the socket's place, and it is root who gives it away. */
Test(ctl_doors, what_a_link_leads_to_is_not_given_away)
{
	char link[200], target[200];
	struct ctl_doors doors = { 0 };
	struct conf conf = { 0 };
	struct stat st;

	set_control(&conf);
	(void)snprintf(link, sizeof(link), "%s.link", path);
	(void)snprintf(target, sizeof(target), "%s.target", path);
	(void)close(open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0640));
	if (chown(target, (uid_t)-1, 1) < 0)
		cr_skip_test("only root can give files away");
	cr_assert_eq(symlink(target, link), 0);
	conf.control.socket.text = link;
	conf.control.group.text = "root";
	cr_assert_eq(ctl_doors_open(&conf, &doors, words), 0, "%s", words);
	cr_assert_eq(stat(target, &st), 0);
	cr_expect_eq(st.st_gid, 1);
	ctl_doors_close(&doors);
	(void)unlink(link);
	(void)unlink(target);
	remove_dir();
}

Test(ctl_doors, a_group_that_is_not_there_is_said)
{
	struct ctl_doors doors = { 0 };
	struct conf conf = { 0 };

	set_control(&conf);
	conf.control.group.text = "no-such-group";
	cr_assert_eq(ctl_doors_open(&conf, &doors, words), -ENOENT);
	cr_assert_not_null(strstr(words, "to the group no-such-group"), "%s", words);
	cr_assert_not(ctl_doors_are_open(&doors));
	remove_dir();
}
