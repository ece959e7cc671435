#ifndef WEIR_IO_SOCK_H
#define WEIR_IO_SOCK_H
/*
 * sock.h - opening listening sockets, and names of peers. Everything made here
 * is non-blocking and close-on-exec.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/macro.h"

/* Room for what sock_name() writes, NUL included: "[" IPv6 "%" scope "]:" port. */
#define SOCK_NAME_MAX 72

struct sock_addr {
	struct sockaddr_storage ss;
	socklen_t len;
};

/*
 * A TCP socket bound to address, not yet listening: nobody can be queued on it
 * while other addresses may still turn out to be taken. is_dual, on an IPv6
 * wildcard, takes IPv4 as well; otherwise [::] is IPv6 alone, so that 0.0.0.0
 * can stand beside it. -EADDRINUSE, -EACCES, -EADDRNOTAVAIL, -EAFNOSUPPORT.
 */
MUST_USE int sock_bind_tcp(const struct sock_addr *address, bool is_dual, int *ret_fd);
/* Another one on the same address, which the first must have been opened to by sock_share(). */
MUST_USE int sock_bind_tcp_shared(const struct sock_addr *address, bool is_dual, int *ret_fd);
/* From now on sockets of sock_bind_tcp_shared(), of the same user, may join this listening one. */
MUST_USE int sock_share(int fd);
/* -EADDRINUSE if another process was faster. */
MUST_USE int sock_listen(int fd, int backlog);

/* Which file a unix socket is, so that only our own is ever removed. */
struct sock_file {
	dev_t dev;
	ino_t ino;
};

/*
 * A listening unix socket; its file has exactly this mode from its first
 * moment. A file that a dead process left is replaced; -EADDRINUSE when one
 * listens there, -ENOTSOCK when the file is something else.
 */
MUST_USE int sock_listen_unix(const struct sock_addr *address, mode_t mode, int backlog,
			      struct sock_file *ret_file, int *ret_fd);
/* Removes the file if it is still the one that was made. */
void sock_unlink_unix(const struct sock_addr *address, const struct sock_file *file);

/*
 * "192.0.2.7:51234", "[2001:db8::1]:80", "unix:/path", "unix:" for a peer without
 * a name. IPv4 inside IPv6 is written as IPv4. Returns the length.
 */
size_t sock_name(const struct sock_addr *address, char ret_name[SOCK_NAME_MAX]);
/* The address alone, without port and brackets, for an access log; "unix:" for a unix socket. */
size_t sock_host(const struct sock_addr *address, char ret_host[SOCK_NAME_MAX]);

/* The address a socket is bound to: with its port, if 0 was asked for. */
MUST_USE int sock_local(int fd, struct sock_addr *ret_address);

#endif
