/* test_notify.c - a datagram socket in the role of the service manager. */
#include "daemon/notify.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int listen_on(const struct sockaddr_un *sun, size_t path_len)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	cr_assert_geq(fd, 0);
	cr_assert_eq(bind(fd, (const struct sockaddr *)sun,
			  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_len)),
		     0);
	return fd;
}

static void check_received(int fd)
{
	char text[32] = "";

	cr_assert_eq(recv(fd, text, sizeof(text) - 1, 0), 7);
	cr_assert_str_eq(text, "READY=1");
}

Test(notify, does_nothing_when_nobody_asked)
{
	unsetenv("NOTIFY_SOCKET");
	cr_assert_eq(notify_send("READY=1"), 0);
}

Test(notify, sends_to_a_path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/weir-notify-XXXXXX";
	int fd;

	cr_assert_not_null(mkdtemp(dir));
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/socket", dir);
	fd = listen_on(&sun, strlen(sun.sun_path));
	setenv("NOTIFY_SOCKET", sun.sun_path, 1);
	cr_assert_eq(notify_send("READY=1"), 1);
	check_received(fd);
	unlink(sun.sun_path);
	rmdir(dir);
}

Test(notify, sends_to_an_abstract_name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char name[64];
	int fd;

	(void)snprintf(name, sizeof(name), "@weir-notify-test-%d", (int)getpid());
	memcpy(sun.sun_path + 1, name + 1, strlen(name) - 1);
	fd = listen_on(&sun, strlen(name));
	setenv("NOTIFY_SOCKET", name, 1);
	cr_assert_eq(notify_send("READY=1"), 1);
	check_received(fd);
}

Test(notify, refuses_what_is_no_address)
{
	setenv("NOTIFY_SOCKET", "relative/path", 1);
	cr_assert_eq(notify_send("READY=1"), -EINVAL);
}

Test(notify, says_when_nobody_listens)
{
	setenv("NOTIFY_SOCKET", "/tmp/weir-no-such-directory/socket", 1);
	cr_assert_eq(notify_send("READY=1"), -ENOENT);
}
