/* test_sock.c - real sockets on the loopback and in a directory of our own. */
#include "io/sock.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static struct sock_addr ipv4(const char *host, unsigned port)
{
	struct sock_addr address = { .len = sizeof(struct sockaddr_in) };
	struct sockaddr_in *in = (struct sockaddr_in *)&address.ss;

	in->sin_family = AF_INET;
	in->sin_port = htons((uint16_t)port);
	cr_assert_eq(inet_pton(AF_INET, host, &in->sin_addr), 1);
	return address;
}

static struct sock_addr ipv6(const char *host, unsigned port)
{
	struct sock_addr address = { .len = sizeof(struct sockaddr_in6) };
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address.ss;

	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons((uint16_t)port);
	cr_assert_eq(inet_pton(AF_INET6, host, &in6->sin6_addr), 1);
	return address;
}

static struct sock_addr unix_at(const char *path)
{
	struct sock_addr address = { .len = sizeof(struct sockaddr_un) };
	struct sockaddr_un *un = (struct sockaddr_un *)&address.ss;

	un->sun_family = AF_UNIX;
	(void)snprintf(un->sun_path, sizeof(un->sun_path), "%s", path);
	return address;
}

/* A listening first socket on a port of the kernel's choice, and its address. */
static int listen_first(struct sock_addr *ret_address)
{
	struct sock_addr any = ipv4("127.0.0.1", 0);
	int fd = -1;

	cr_assert_eq(sock_bind_tcp(&any, false, &fd), 0);
	cr_assert_eq(sock_listen(fd, 64), 0);
	cr_assert_eq(sock_local(fd, ret_address), 0);
	return fd;
}

static int connect_to(const struct sock_addr *address)
{
	int fd = socket(address->ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_geq(fd, 0);
	if (connect(fd, (const struct sockaddr *)&address->ss, address->len) < 0) {
		int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

static int count_accepted(int fd)
{
	int n = 0;

	while (accept4(fd, NULL, NULL, 0) >= 0)
		n++;
	return n;
}

static void check_name(const struct sock_addr *address, const char *name, const char *host)
{
	char got[SOCK_NAME_MAX];

	cr_assert_eq(sock_name(address, got), strlen(name));
	cr_assert_str_eq(got, name);
	cr_assert_eq(sock_host(address, got), strlen(host));
	cr_assert_str_eq(got, host);
}

static int unsent(int fd)
{
	socklen_t len = sizeof(int);
	int value = 0;

	cr_assert_eq(getsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &value, &len), 0);
	return value;
}

Test(sock, what_may_wait_in_the_kernel_is_little_or_much)
{
	struct sock_addr address, local = unix_at("/nowhere");
	int fd = listen_first(&address), client = connect_to(&address);
	int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

	cr_assert_geq(accepted, 0);
	cr_expect_eq(unsent(accepted), SOCK_UNSENT, "of the listening one");
	cr_expect_eq(sock_set_wide(accepted, true), 0);
	cr_expect_eq(unsent(accepted), SOCK_UNSENT_WIDE);
	cr_expect_eq(sock_set_wide(accepted, false), 0);
	cr_expect_eq(unsent(accepted), SOCK_UNSENT);
	(void)close(client);
	(void)close(accepted);
	(void)close(fd);
	fd = socket(local.ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_expect_eq(sock_set_wide(fd, true), -EOPNOTSUPP);
	(void)close(fd);
}

Test(sock, names_an_ipv4_peer)
{
	struct sock_addr address = ipv4("192.0.2.7", 51234);

	check_name(&address, "192.0.2.7:51234", "192.0.2.7");
}

Test(sock, names_an_ipv6_peer_in_brackets)
{
	struct sock_addr address = ipv6("2001:db8::1", 80);

	check_name(&address, "[2001:db8::1]:80", "2001:db8::1");
}

Test(sock, names_ipv4_inside_ipv6_as_ipv4)
{
	struct sock_addr address = ipv6("::ffff:192.0.2.7", 0);

	check_name(&address, "192.0.2.7:0", "192.0.2.7");
}

Test(sock, names_the_longest_ipv6_address_within_its_room)
{
	struct sock_addr address = ipv6("2001:db8:1111:2222:3333:4444:5555:6666", 65535);

	((struct sockaddr_in6 *)&address.ss)->sin6_scope_id = 4294967295u;
	check_name(&address, "[2001:db8:1111:2222:3333:4444:5555:6666%4294967295]:65535",
		   "2001:db8:1111:2222:3333:4444:5555:6666%4294967295");
}

Test(sock, names_a_unix_socket_by_its_path)
{
	struct sock_addr address = unix_at("/run/weir/http.sock");

	check_name(&address, "unix:/run/weir/http.sock", "unix:");
}

Test(sock, names_a_unix_peer_without_a_path)
{
	struct sock_addr address = { .ss.ss_family = AF_UNIX, .len = sizeof(sa_family_t) };

	check_name(&address, "unix:", "unix:");
}

Test(sock, cuts_a_long_unix_path)
{
	char path[107], name[SOCK_NAME_MAX];
	struct sock_addr address;

	memset(path, 'p', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	address = unix_at(path);
	cr_assert_eq(sock_name(&address, name), SOCK_NAME_MAX - 1u);
}

Test(sock, a_second_daemon_is_refused_although_the_first_is_shared)
{
	struct sock_addr address;
	int first = listen_first(&address), second = -1, other = -1;

	cr_assert_eq(sock_share(first), 0);
	cr_assert_eq(sock_bind_tcp_shared(&address, false, &second), 0);
	cr_assert_eq(sock_listen(second, 64), 0);
	cr_assert_eq(sock_bind_tcp(&address, false, &other), -EADDRINUSE);
}

Test(sock, of_two_that_bound_at_once_only_one_listens)
{
	struct sock_addr any = ipv4("127.0.0.1", 0), address;
	int first = -1, second = -1;

	cr_assert_eq(sock_bind_tcp(&any, false, &first), 0);
	cr_assert_eq(sock_local(first, &address), 0);
	cr_assert_eq(sock_bind_tcp(&address, false, &second), 0);
	cr_assert_eq(sock_listen(first, 64), 0);
	cr_assert_eq(sock_listen(second, 64), -EADDRINUSE);
	cr_assert_eq(sock_share(first), 0);
	cr_assert_eq(sock_listen(second, 64), -EADDRINUSE);
}

Test(sock, connections_are_spread_over_all_shared_sockets)
{
	struct sock_addr address;
	int fds[3] = { listen_first(&address), -1, -1 };

	cr_assert_eq(sock_share(fds[0]), 0);
	for (int i = 1; i < 3; i++) {
		cr_assert_eq(sock_bind_tcp_shared(&address, false, &fds[i]), 0);
		cr_assert_eq(sock_listen(fds[i], 64), 0);
	}
	for (int i = 0; i < 90; i++)
		cr_assert_geq(connect_to(&address), 0);
	/* A hash chooses: 30 are expected on each, with a deviation of less than 5. */
	for (int i = 0; i < 3; i++)
		cr_assert_gt(count_accepted(fds[i]), 5);
}

Test(sock, accepted_connections_inherit_nodelay)
{
	struct sock_addr address;
	int listening = listen_first(&address), value = 0, fd;
	socklen_t len = sizeof(value);

	cr_assert_geq(connect_to(&address), 0);
	fd = accept4(listening, NULL, NULL, 0);
	cr_assert_geq(fd, 0);
	cr_assert_eq(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &len), 0);
	cr_assert_neq(value, 0);
}

Test(sock, accepted_connections_let_little_wait_in_the_kernel)
{
	static const char bytes[65536];
	struct sock_addr address;
	int listening = listen_first(&address), fd;
	size_t queued = 0;
	ssize_t n;

	cr_assert_geq(connect_to(&address), 0);
	fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
	cr_assert_geq(fd, 0);
	while ((n = send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL)) > 0)
		queued += (size_t)n;
	cr_assert_eq(errno, EAGAIN);
	cr_assert_lt(queued, 1024 * 1024);
}

Test(sock, sockets_do_not_block_and_do_not_survive_exec)
{
	struct sock_addr address;
	int fd = listen_first(&address);

	cr_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

Test(sock, an_address_of_another_machine_cannot_be_bound)
{
	struct sock_addr address = ipv4("192.0.2.1", 0);
	int fd = -1;

	cr_assert_eq(sock_bind_tcp(&address, false, &fd), -EADDRNOTAVAIL);
	cr_assert_eq(fd, -1);
}

Test(sock, a_dual_wildcard_takes_ipv4_and_a_plain_one_does_not)
{
	struct sock_addr any = ipv6("::", 0), bound, v4 = ipv4("127.0.0.1", 0);
	int dual = -1, plain = -1, r;

	r = sock_bind_tcp(&any, true, &dual);
	if (r == -EAFNOSUPPORT)
		cr_skip_test("no IPv6 here");
	cr_assert_eq(r, 0);
	cr_assert_eq(sock_listen(dual, 8), 0);
	cr_assert_eq(sock_local(dual, &bound), 0);
	((struct sockaddr_in *)&v4.ss)->sin_port = ((struct sockaddr_in6 *)&bound.ss)->sin6_port;
	cr_assert_geq(connect_to(&v4), 0);
	close(dual);

	cr_assert_eq(sock_bind_tcp(&any, false, &plain), 0);
	cr_assert_eq(sock_listen(plain, 8), 0);
	cr_assert_eq(sock_local(plain, &bound), 0);
	((struct sockaddr_in *)&v4.ss)->sin_port = ((struct sockaddr_in6 *)&bound.ss)->sin6_port;
	cr_assert_eq(connect_to(&v4), -ECONNREFUSED);
}

/* A directory of its own for each test, and a path in it. */
struct place {
	char dir[32];
	char path[64];
	struct sock_addr address;
	struct sock_file file;
};

static void place_init(struct place *place)
{
	(void)snprintf(place->dir, sizeof(place->dir), "/tmp/weir-sock-XXXXXX");
	cr_assert_not_null(mkdtemp(place->dir));
	(void)snprintf(place->path, sizeof(place->path), "%s/http.sock", place->dir);
	place->address = unix_at(place->path);
}

static void place_done(struct place *place)
{
	(void)unlink(place->path);
	cr_assert_eq(rmdir(place->dir), 0);
}

static int listen_at(struct place *place, mode_t mode, int *ret_fd)
{
	return sock_listen_unix(&place->address, mode, NULL, 8, &place->file, ret_fd);
}

Test(sock, a_unix_socket_has_exactly_its_mode)
{
	struct place place;
	struct stat st;
	int fd = -1;

	place_init(&place);
	(void)umask(077);
	cr_assert_eq(listen_at(&place, 0662, &fd), 0);
	cr_assert_eq(lstat(place.path, &st), 0);
	cr_assert_eq(st.st_mode & 07777, 0662u);
	cr_assert_eq(umask(077), 077u);
	place_done(&place);
}

Test(sock, a_stale_unix_socket_is_replaced)
{
	struct place place;
	int fd = -1;

	place_init(&place);
	cr_assert_eq(listen_at(&place, 0600, &fd), 0);
	close(fd);
	cr_assert_eq(listen_at(&place, 0600, &fd), 0);
	cr_assert_geq(connect_to(&place.address), 0);
	place_done(&place);
}

Test(sock, a_live_unix_socket_is_respected)
{
	struct place place;
	int fd = -1, other = -1;

	place_init(&place);
	cr_assert_eq(listen_at(&place, 0600, &fd), 0);
	cr_assert_eq(listen_at(&place, 0600, &other), -EADDRINUSE);
	cr_assert_geq(connect_to(&place.address), 0);
	place_done(&place);
}

Test(sock, a_live_unix_socket_with_a_full_backlog_is_respected)
{
	struct place place;
	int fd = -1, other = -1;

	place_init(&place);
	cr_assert_eq(sock_listen_unix(&place.address, 0600, NULL, 0, &place.file, &fd), 0);
	cr_assert_geq(connect_to(&place.address), 0);
	cr_assert_eq(listen_at(&place, 0600, &other), -EADDRINUSE);
	place_done(&place);
}

Test(sock, a_file_that_is_no_socket_is_left_alone)
{
	struct place place;
	struct stat st;
	int fd = -1;

	place_init(&place);
	close(open(place.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	cr_assert_eq(listen_at(&place, 0600, &fd), -ENOTSOCK);
	cr_assert_eq(lstat(place.path, &st), 0);
	cr_assert(S_ISREG(st.st_mode));
	place_done(&place);
}

Test(sock, a_missing_directory_is_an_error)
{
	struct sock_addr address = unix_at("/tmp/weir-no-such-directory/http.sock");
	struct sock_file file;
	int fd = -1;

	cr_assert_eq(sock_listen_unix(&address, 0600, NULL, 8, &file, &fd), -ENOENT);
}

Test(sock, only_our_own_unix_socket_is_unlinked)
{
	struct place place;
	struct sock_file former;
	struct stat st;
	int fd = -1, second = -1;

	place_init(&place);
	cr_assert_eq(listen_at(&place, 0600, &fd), 0);
	former = place.file;
	/* Kept open under another name, so that its inode number is not used again. */
	cr_assert_eq(unlink(place.path), 0);
	cr_assert_eq(listen_at(&place, 0600, &second), 0);

	former.ino += former.ino == place.file.ino;
	sock_unlink_unix(&place.address, &former);
	cr_assert_eq(lstat(place.path, &st), 0);
	sock_unlink_unix(&place.address, &place.file);
	cr_assert_lt(lstat(place.path, &st), 0);
	place_done(&place);
}

/* ---- bytes */

Test(sock, sends_and_receives_as_the_c_library_does)
{
	char bytes[8] = "";
	int ends[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	cr_assert_eq(sock_recv(ends[1], bytes, sizeof(bytes), MSG_DONTWAIT), -1);
	cr_assert_eq(errno, EAGAIN);
	cr_assert_eq(sock_send(ends[0], "hello", 5, MSG_NOSIGNAL), 5);
	cr_assert_eq(sock_recv(ends[1], bytes, sizeof(bytes), MSG_DONTWAIT), 5);
	cr_assert_str_eq(bytes, "hello");
	close(ends[1]);
	cr_assert_eq(sock_send(ends[0], "hello", 5, MSG_NOSIGNAL), -1);
	cr_assert_eq(errno, EPIPE);
	cr_assert_eq(sock_recv(ends[0], bytes, sizeof(bytes), 0), 0);
}

Test(sock, sends_from_several_places_at_once)
{
	struct iovec iov[2] = { { (char[]){ "ab" }, 2 }, { (char[]){ "cde" }, 3 } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	char bytes[8] = "";
	int ends[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	cr_assert_eq(sock_sendmsg(ends[0], &msg, MSG_NOSIGNAL), 5);
	cr_assert_eq(sock_recv(ends[1], bytes, sizeof(bytes), 0), 5);
	cr_assert_str_eq(bytes, "abcde");
}

static int inherit_of(int type, bool listens)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, type, 0), r;

	cr_assert_eq(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	if (listens)
		cr_assert_eq(listen(fd, 8), 0);
	r = sock_inherit(fd);
	if (r == 0)
		cr_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	return r;
}

Test(sock, what_others_have_opened_must_be_a_listening_stream_socket)
{
	int ends[2];

	cr_assert_eq(inherit_of(SOCK_STREAM, true), 0);
	cr_assert_eq(inherit_of(SOCK_STREAM, false), -ENOTCONN);
	cr_assert_eq(inherit_of(SOCK_DGRAM, false), -EPROTOTYPE);
	cr_assert_eq(pipe2(ends, 0), 0);
	cr_assert_eq(sock_inherit(ends[0]), -ENOTSOCK);
	close(ends[0]);
	cr_assert_eq(sock_inherit(ends[0]), -EBADF);
}

Test(sock, a_unix_socket_can_be_somebody_elses)
{
	struct sock_owner owner = { 65534, 65534 };
	struct place place;
	struct stat st;
	int fd = -1;

	if (geteuid() != 0)
		cr_skip_test("only root can give files away");
	place_init(&place);
	cr_assert_eq(sock_listen_unix(&place.address, 0660, &owner, 8, &place.file, &fd), 0);
	cr_assert_eq(lstat(place.path, &st), 0);
	cr_assert_eq(st.st_uid, 65534);
	cr_assert_eq(st.st_mode & 0777, 0660u);
	close(fd);
	place_done(&place);
}
