#include "daemon/ctl_doors.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/conf.h"

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
