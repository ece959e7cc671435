/*
 * sock.c - listening sockets. The hard thing is to be alone on an address and
 * yet to have several sockets on it: SO_REUSEPORT lets any process of the same
 * user join, so a second daemon would start in silence and take half of the
 * connections. Hence the first socket of an address binds and listens without
 * it, which the kernel grants to one process only, and is opened to the others
 * of this process afterwards (sock_share). A probe that is closed again would
 * leave a moment in which two daemons both believe to be first.
 */
#include "io/sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/str.h"

static int set_flag(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

/*
 * Inherited by what is accepted: one system call less for each connection.
 * No TCP_DEFER_ACCEPT: it would hide silent clients from the limits and
 * start their header deadline late.
 */
static void set_accepted_flags(int fd)
{
	(void)set_flag(fd, IPPROTO_TCP, TCP_NODELAY, 1); /* slower, not wrong */
	/*
	 * Else the kernel takes up to 4 MiB (tcp_wmem) for each client that reads
	 * nothing, and keeps us copying for seconds if there are many.
	 */
	(void)set_flag(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, SOCK_UNSENT);
}

int sock_set_wide(int fd, bool is_wide)
{
	return set_flag(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT,
			is_wide ? SOCK_UNSENT_WIDE : SOCK_UNSENT);
}

static int bind_tcp(const struct sock_addr *address, bool is_dual, bool is_shared, int *ret_fd)
{
	int family = address->ss.ss_family;
	_cleanup_(close_fdp) int fd = -1;
	int r;

	fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* Connections of a former daemon in TIME_WAIT must not keep a new one from starting. */
	r = set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (r < 0)
		return r;
	if (is_shared)
		r = set_flag(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (r < 0)
		return r;
	if (family == AF_INET6)
		r = set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, !is_dual);
	if (r < 0)
		return r;
	set_accepted_flags(fd);
	if (bind(fd, (const struct sockaddr *)&address->ss, address->len) < 0)
		return -errno;
	*ret_fd = steal_fd(fd);
	return 0;
}

int sock_bind_tcp(const struct sock_addr *address, bool is_dual, int *ret_fd)
{
	return bind_tcp(address, is_dual, false, ret_fd);
}

int sock_bind_tcp_shared(const struct sock_addr *address, bool is_dual, int *ret_fd)
{
	return bind_tcp(address, is_dual, true, ret_fd);
}

int sock_share(int fd)
{
	return set_flag(fd, SOL_SOCKET, SO_REUSEPORT, 1);
}

int sock_listen(int fd, int backlog)
{
	return listen(fd, backlog) < 0 ? -errno : 0;
}

int sock_set_cloexec(int fd)
{
	return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
}

static int get_flag(int fd, int name, int *ret_value)
{
	socklen_t len = sizeof(*ret_value);

	return getsockopt(fd, SOL_SOCKET, name, ret_value, &len) < 0 ? -errno : 0;
}

int sock_inherit(int fd)
{
	int type = 0, listens = 0, family = 0, flags, r;

	r = sock_set_cloexec(fd);
	if (r == 0)
		r = get_flag(fd, SO_TYPE, &type);
	if (r == 0)
		r = get_flag(fd, SO_DOMAIN, &family);
	if (r == 0)
		r = get_flag(fd, SO_ACCEPTCONN, &listens);
	if (r < 0)
		return r;
	if (type != SOCK_STREAM)
		return -EPROTOTYPE;
	if (!listens)
		return -ENOTCONN;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	if (family != AF_UNIX)
		set_accepted_flags(fd);
	return 0;
}

static const char *unix_path(const struct sock_addr *address)
{
	return ((const struct sockaddr_un *)&address->ss)->sun_path;
}

/* Does anybody listen there? 0: nobody, the file is stale. */
static int unix_probe(const struct sock_addr *address)
{
	_cleanup_(close_fdp) int fd = -1;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address->ss, address->len) == 0)
		return -EADDRINUSE;
	/* EAGAIN is a live one with a full backlog; EPROTOTYPE one of another type. */
	if (errno == ECONNREFUSED)
		return 0;
	return errno == EACCES ? -EACCES : -EADDRINUSE;
}

static int remove_stale(const struct sock_addr *address)
{
	struct stat st;
	int r;

	if (lstat(unix_path(address), &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -ENOTSOCK;
	r = unix_probe(address);
	if (r < 0)
		return r;
	sock_unlink_unix(address, &(struct sock_file){ st.st_dev, st.st_ino });
	return 0;
}

/* bind() makes the file, mode 0777 less the umask: a chmod afterwards would come too late. */
static int bind_with_mode(int fd, const struct sock_addr *address, mode_t mode)
{
	mode_t former = umask(~mode & 0777);
	int r = 0;

	if (bind(fd, (const struct sockaddr *)&address->ss, address->len) < 0)
		r = -errno;
	(void)umask(former);
	return r;
}

int sock_listen_unix(const struct sock_addr *address, mode_t mode, const struct sock_owner *owner,
		     int backlog, struct sock_file *ret_file, int *ret_fd)
{
	_cleanup_(close_fdp) int fd = -1;
	struct stat st;
	int r;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	r = remove_stale(address);
	if (r < 0)
		return r;
	r = bind_with_mode(fd, address, mode);
	if (r < 0)
		return r;
	/* Before it listens: nobody is there who could be let in or kept out by mistake. */
	if (owner && lchown(unix_path(address), owner->uid, owner->gid) < 0)
		return -errno;
	/* At once: until it listens, another daemon takes the file for a stale one. */
	r = sock_listen(fd, backlog);
	if (r < 0)
		return r;
	if (lstat(unix_path(address), &st) < 0)
		return -errno;
	*ret_file = (struct sock_file){ st.st_dev, st.st_ino };
	*ret_fd = steal_fd(fd);
	return 0;
}

void sock_unlink_unix(const struct sock_addr *address, const struct sock_file *file)
{
	struct stat st;

	if (lstat(unix_path(address), &st) < 0)
		return;
	if (st.st_dev == file->dev && st.st_ino == file->ino)
		(void)unlink(unix_path(address)); /* litter, not harm: the next start removes it */
}

/* Without snprintf: a name is made for each connection. */
static char *put_ipv4(char *out, const uint8_t bytes[4])
{
	for (int i = 0; i < 4; i++) {
		if (i > 0)
			*out++ = '.';
		out = str_put_u64(out, bytes[i]);
	}
	return out;
}

static char *put_ipv6(char *out, const struct sockaddr_in6 *in6)
{
	(void)inet_ntop(AF_INET6, &in6->sin6_addr, out, INET6_ADDRSTRLEN);
	out += strlen(out);
	if (in6->sin6_scope_id) {
		*out++ = '%';
		out = str_put_u64(out, in6->sin6_scope_id);
	}
	return out;
}

static char *put_unix(char *out, const struct sock_addr *address, bool has_path)
{
	const size_t room = SOCK_NAME_MAX - sizeof("unix:");
	size_t len = 0;

	memcpy(out, "unix:", 5);
	out += 5;
	/* A peer that did not bind has no path; an abstract one has no printable path. */
	if (has_path && address->len > offsetof(struct sockaddr_un, sun_path))
		len = strnlen(unix_path(address),
			      address->len - offsetof(struct sockaddr_un, sun_path));
	if (len > room)
		len = room;
	memcpy(out, unix_path(address), len);
	return out + len;
}

static size_t put_name(const struct sock_addr *address, bool has_port, char *name)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&address->ss;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address->ss;
	char *out = name;
	uint16_t port = 0;

	if (address->ss.ss_family == AF_INET) {
		out = put_ipv4(out, (const uint8_t *)&in->sin_addr);
		port = ntohs(in->sin_port);
	} else if (address->ss.ss_family == AF_INET6) {
		bool is_ipv4 = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);

		if (has_port && !is_ipv4)
			*out++ = '[';
		out = is_ipv4 ? put_ipv4(out, in6->sin6_addr.s6_addr + 12) : put_ipv6(out, in6);
		if (has_port && !is_ipv4)
			*out++ = ']';
		port = ntohs(in6->sin6_port);
	} else {
		out = put_unix(out, address, has_port);
		has_port = false;
	}
	if (has_port) {
		*out++ = ':';
		out = str_put_u64(out, port);
	}
	*out = '\0';
	return (size_t)(out - name);
}

size_t sock_name(const struct sock_addr *address, char ret_name[SOCK_NAME_MAX])
{
	return put_name(address, true, ret_name);
}

size_t sock_host(const struct sock_addr *address, char ret_host[SOCK_NAME_MAX])
{
	return put_name(address, false, ret_host);
}

int sock_local(int fd, struct sock_addr *ret_address)
{
	struct sock_addr address = { .len = sizeof(address.ss) };

	if (getsockname(fd, (struct sockaddr *)&address.ss, &address.len) < 0)
		return -errno;
	*ret_address = address;
	return 0;
}
