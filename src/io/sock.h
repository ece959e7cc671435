#ifndef WEIR_IO_SOCK_H
#define WEIR_IO_SOCK_H
/*
 * sock.h - opening listening sockets, and names of peers. Everything made here
 * is non-blocking and close-on-exec.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/macro.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SOCK_LIBC
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
	__has_feature(memory_sanitizer)
#define SOCK_LIBC
#endif
#endif

/* A system call about bytes, whose last two arguments are zero; a result as of the C library's. */
static inline ssize_t sock_call(long number, int fd, const void *buf, size_t len, int flags)
{
#if defined(__x86_64__)
	register long r10 __asm__("r10") = flags;
	register long r8 __asm__("r8") = 0;
	register long r9 __asm__("r9") = 0;
	ssize_t r = number;

	__asm__ volatile("syscall"
			 : "+a"(r)
			 : "D"((long)fd), "S"(buf), "d"(len), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	if (r >= 0)
		return r;
	errno = (int)-r;
	return -1;
#else
	return syscall(number, fd, buf, len, flags, NULL, 0L);
#endif
}

/* Room for what sock_name() writes, NUL included: "[" IPv6 "%" scope "]:" port. */
#define SOCK_NAME_MAX 72

/* Bytes that wait in the kernel and are not on their way: enough for it never to run dry. */
#define SOCK_UNSENT (256 * 1024)
/*
 * Of a file, whose bytes are pages of the page cache and no copies: as much as the kernel's own limit lets
 * (tcp_wmem), for the sake of fewer turns. What a reader who stops costs then is these pages'
 * place in tcp_mem, and that they cannot leave the cache.
 */
#define SOCK_UNSENT_WIDE (4 * 1024 * 1024)

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

/*
 * Makes one that somebody else has opened like ours. -ENOTSOCK, -EBADF; -EPROTOTYPE if it is no
 * stream socket, -ENOTCONN if it does not listen.
 */
MUST_USE int sock_inherit(int fd);
/* -EBADF. */
int sock_set_cloexec(int fd);

/*
 * How much of what was sent may wait in the kernel: SOCK_UNSENT_WIDE, or SOCK_UNSENT again, which
 * connections begin with. -EOPNOTSUPP: it is no TCP socket.
 */
int sock_set_wide(int fd, bool is_wide);

/* Which file a unix socket is, so that only our own is ever removed. */
struct sock_file {
	dev_t dev;
	ino_t ino;
};

/* Whose file it becomes. */
struct sock_owner {
	uid_t uid;
	gid_t gid;
};

/*
 * A listening unix socket; its file has exactly this mode from its first
 * moment. A file that a dead process left is replaced; -EADDRINUSE when one
 * listens there, -ENOTSOCK when the file is something else. owner NULL: of who makes it.
 */
MUST_USE int sock_listen_unix(const struct sock_addr *address, mode_t mode,
			      const struct sock_owner *owner, int backlog,
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

/*
 * recv(2), send(2) and sendmsg(2), but no points at which a thread can be cancelled. As soon as
 * a process has a second thread, and every worker has one, the C library prepares for that each
 * time: 100 of 1 700 instructions of a request. Sanitizers want to see the C library's.
 */
static inline ssize_t sock_recv(int fd, void *buf, size_t len, int flags)
{
#if defined(SOCK_LIBC)
	return recv(fd, buf, len, flags);
#else
	return sock_call(SYS_recvfrom, fd, buf, len, flags);
#endif
}

static inline ssize_t sock_send(int fd, const void *buf, size_t len, int flags)
{
#if defined(SOCK_LIBC)
	return send(fd, buf, len, flags);
#else
	return sock_call(SYS_sendto, fd, buf, len, flags);
#endif
}

static inline ssize_t sock_sendmsg(int fd, const struct msghdr *msg, int flags)
{
#if defined(SOCK_LIBC)
	return sendmsg(fd, msg, flags);
#else
	return syscall(SYS_sendmsg, fd, msg, flags);
#endif
}

#endif
