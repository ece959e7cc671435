/* notify.c - see notify.h. Never blocks: a service manager that does not listen is not waited for. */
#include "daemon/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/macro.h"

/* NULL: nobody asked. */
static const char *wanted_path(void)
{
	const char *path = getenv("NOTIFY_SOCKET");

	return path && *path ? path : NULL;
}

bool notify_is_wanted(void)
{
	return wanted_path() != NULL;
}

int notify_send(const char *state)
{
	const char *path = wanted_path();
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	_cleanup_(close_fdp) int fd = -1;
	socklen_t len;

	if (!path)
		return 0;
	if ((path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(to.sun_path))
		return -EINVAL;
	memcpy(to.sun_path, path, strlen(path));
	/* An abstract name has no NUL at its end. */
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (path[0] == '@')
		to.sun_path[0] = '\0';

	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to, len) < 0)
		return -errno;
	return 1;
}
