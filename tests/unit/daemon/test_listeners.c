/* test_listeners.c - real sockets on the loopback, on ports of the kernel's choice. */
#include "daemon/listeners.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "conf/conf.h"
#include "conf/exit_code.h"
#include "io/sock.h"

#define N_SLOTS 3

static struct conf_listen tcp(const char *host, unsigned port)
{
	struct conf_listen listen = { .address = { .type = CONF_ADDRESS_TCP,
						   .len = sizeof(struct sockaddr_in),
						   .text = "127.0.0.1:0" } };
	struct sockaddr_in *in = (struct sockaddr_in *)&listen.address.sockaddr;

	in->sin_family = AF_INET;
	in->sin_port = htons((uint16_t)port);
	cr_assert_eq(inet_pton(AF_INET, host, &in->sin_addr), 1);
	return listen;
}

/* text must live on: "unix:" and the path. */
static struct conf_listen unix_at(const char *text)
{
	struct conf_listen listen = { .address = { .type = CONF_ADDRESS_UNIX,
						   .len = sizeof(struct sockaddr_un),
						   .text = text },
				      .mode = 0660 };
	struct sockaddr_un *sun = (struct sockaddr_un *)&listen.address.sockaddr;

	sun->sun_family = AF_UNIX;
	(void)snprintf(sun->sun_path, sizeof(sun->sun_path), "%s", text + 5);
	return listen;
}

static struct listeners *open_all(const struct conf_listen *listen, size_t n)
{
	char words[LISTENERS_WORDS_MAX] = "";
	struct listeners *listeners = NULL;

	cr_assert_eq(listeners_open(listen, n, N_SLOTS, 64, &listeners, words), 0, "%s", words);
	return listeners;
}

static unsigned port_of(const struct listeners *listeners, size_t address)
{
	struct sock_addr local;

	cr_assert_eq(sock_local(listeners_fd(listeners, 0, address), &local), 0);
	return ntohs(((struct sockaddr_in *)&local.ss)->sin_port);
}

static bool is_open(int fd)
{
	struct sock_addr local;

	return fd >= 0 && sock_local(fd, &local) == 0;
}

Test(listeners, every_slot_has_a_socket_of_its_own_on_the_same_port)
{
	struct conf_listen listen = tcp("127.0.0.1", 0);
	struct listeners *listeners = open_all(&listen, 1);
	struct sock_addr local[N_SLOTS];

	for (unsigned i = 0; i < N_SLOTS; i++)
		cr_assert_eq(sock_local(listeners_fd(listeners, i, 0), &local[i]), 0);
	cr_assert_neq(listeners_fd(listeners, 0, 0), listeners_fd(listeners, 1, 0));
	cr_assert_neq(listeners_fd(listeners, 1, 0), listeners_fd(listeners, 2, 0));
	cr_assert_eq(memcmp(&local[0].ss, &local[1].ss, sizeof(struct sockaddr_in)), 0);
	cr_assert_eq(memcmp(&local[0].ss, &local[2].ss, sizeof(struct sockaddr_in)), 0);
	cr_assert(!listeners_is_shared(listeners, 0));
	listeners_close(listeners);
}

Test(listeners, are_described_with_the_ports_they_got)
{
	struct conf_listen listen[2] = { tcp("127.0.0.1", 0), tcp("127.0.0.2", 0) };
	struct listeners *listeners = open_all(listen, 2);
	char words[LISTENERS_WORDS_MAX], expected[128];

	listeners_describe(listeners, words);
	(void)snprintf(expected, sizeof(expected), "127.0.0.1:%u, 127.0.0.2:%u",
		       port_of(listeners, 0), port_of(listeners, 1));
	cr_assert_str_eq(words, expected);
	listeners_close(listeners);
}

Test(listeners, a_description_that_is_too_long_is_cut)
{
	struct conf_listen listen[60];
	char words[LISTENERS_WORDS_MAX];
	struct listeners *listeners;

	for (size_t i = 0; i < 60; i++)
		listen[i] = tcp("127.0.0.1", 0);
	listeners = open_all(listen, 60);
	cr_assert_eq(listeners_count(listeners), 60u);
	listeners_describe(listeners, words);
	cr_assert_eq(strlen(words), LISTENERS_WORDS_MAX - 1u);
	listeners_close(listeners);
}

Test(listeners, a_taken_address_is_named_with_a_hint)
{
	struct conf_listen listen = tcp("127.0.0.1", 0);
	struct listeners *first = open_all(&listen, 1), *second = NULL;
	char words[LISTENERS_WORDS_MAX], text[32], expected[200];
	unsigned port = port_of(first, 0);
	int r;

	(void)snprintf(text, sizeof(text), "127.0.0.1:%u", port);
	listen = tcp("127.0.0.1", port);
	listen.address.text = text;
	r = listeners_open(&listen, 1, N_SLOTS, 64, &second, words);
	cr_assert_eq(r, -EADDRINUSE);
	cr_assert_eq(listeners_exit_code(r), EXIT_CODE_ADDRESS_IN_USE);
	(void)snprintf(expected, sizeof(expected),
		       "cannot listen on 127.0.0.1:%u: another process already does "
		       "(see: ss -ltnp 'sport = :%u')",
		       port, port);
	cr_assert_str_eq(words, expected);
	cr_assert_null(second);
	listeners_close(first);
}

Test(listeners, after_a_stop_the_address_is_free)
{
	struct conf_listen listen = tcp("127.0.0.1", 0);
	struct listeners *first = open_all(&listen, 1), *second;

	listen = tcp("127.0.0.1", port_of(first, 0));
	listeners_stop(first);
	second = open_all(&listen, 1);
	listeners_close(first);
	listeners_close(second);
}

/* The taken one is found before the good one listens: nobody's connection is reset. */
Test(listeners, all_are_opened_or_none)
{
	struct conf_listen taken = tcp("127.0.0.1", 0), listen[2];
	struct listeners *first = open_all(&taken, 1), *second = NULL;
	char words[LISTENERS_WORDS_MAX];

	listen[0] = tcp("127.0.0.2", port_of(first, 0));
	listen[1] = tcp("127.0.0.1", port_of(first, 0));
	cr_assert_eq(listeners_open(listen, 2, 1, 64, &second, words), -EADDRINUSE);
	second = open_all(listen, 1);
	listeners_close(second);
	listeners_close(first);
}

Test(listeners, an_address_of_another_machine_is_said_to_be_so)
{
	struct conf_listen listen = tcp("192.0.2.1", 8000);
	struct listeners *listeners = NULL;
	char words[LISTENERS_WORDS_MAX];
	int r;

	listen.address.text = "192.0.2.1:8000";
	r = listeners_open(&listen, 1, 1, 64, &listeners, words);
	cr_assert_eq(r, -EADDRNOTAVAIL);
	cr_assert_eq(listeners_exit_code(r), EXIT_CODE_START);
	cr_assert_str_eq(words, "cannot listen on 192.0.2.1:8000: this machine does not have that "
				"address");
}

Test(listeners, a_low_port_without_the_right_to_it_is_explained)
{
	struct conf_listen listen = tcp("127.0.0.1", 81);
	struct listeners *listeners = NULL;
	char words[LISTENERS_WORDS_MAX];
	int r;

	if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
		cr_skip_test("cannot become somebody else");
	listen.address.text = "127.0.0.1:81";
	r = listeners_open(&listen, 1, 1, 64, &listeners, words);
	if (r == 0)
		cr_skip_test("this system lets everybody use low ports");
	cr_assert_eq(r, -EACCES);
	cr_assert_eq(listeners_exit_code(r), EXIT_CODE_PERMISSION);
	cr_assert_str_eq(words,
			 "cannot listen on 127.0.0.1:81: Permission denied (ports below 1024 "
			 "need CAP_NET_BIND_SERVICE)");
}

Test(listeners, a_wildcard_listens_with_or_without_ipv6)
{
	struct conf_listen listen = { .address = { .type = CONF_ADDRESS_TCP,
						   .is_any = true,
						   .len = sizeof(struct sockaddr_in6),
						   .text = "*:0" } };
	struct listeners *listeners;

	listen.address.sockaddr.ss_family = AF_INET6;
	listeners = open_all(&listen, 1);
	cr_assert(is_open(listeners_fd(listeners, 2, 0)));
	listeners_close(listeners);
}

Test(listeners, a_worker_keeps_its_own_slot_and_what_is_shared)
{
	char dir[] = "/tmp/weir-listeners-XXXXXX", text[64];
	struct conf_listen listen[2];
	struct listeners *listeners;
	int other, own;

	cr_assert_not_null(mkdtemp(dir));
	(void)snprintf(text, sizeof(text), "unix:%s/http.sock", dir);
	listen[0] = tcp("127.0.0.1", 0);
	listen[1] = unix_at(text);
	listeners = open_all(listen, 2);
	other = listeners_fd(listeners, 0, 0);
	own = listeners_fd(listeners, 1, 0);

	listeners_keep(listeners, 1);
	cr_assert(!is_open(other));
	cr_assert(is_open(own));
	cr_assert(is_open(listeners_fd(listeners, 1, 1)));
	cr_assert(listeners_is_shared(listeners, 1));
	listeners_close(listeners);
	cr_assert_eq(rmdir(dir), 0);
}

Test(listeners, a_unix_socket_is_removed_by_its_opener_alone)
{
	char dir[] = "/tmp/weir-listeners-XXXXXX", text[64];
	struct conf_listen listen;
	struct listeners *listeners;
	struct stat st;
	pid_t pid;

	cr_assert_not_null(mkdtemp(dir));
	(void)snprintf(text, sizeof(text), "unix:%s/http.sock", dir);
	listen = unix_at(text);
	listeners = open_all(&listen, 1);
	cr_assert_eq(lstat(text + 5, &st), 0);
	cr_assert_eq(st.st_mode & 0777, 0660u);

	pid = fork();
	if (pid == 0) {
		listeners_close(listeners);
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
	cr_assert_eq(lstat(text + 5, &st), 0);
	listeners_close(listeners);
	cr_assert_lt(lstat(text + 5, &st), 0);
	cr_assert_eq(rmdir(dir), 0);
}

Test(listeners, a_live_unix_socket_and_a_plain_file_are_named)
{
	char dir[] = "/tmp/weir-listeners-XXXXXX", text[64], words[LISTENERS_WORDS_MAX];
	struct listeners *first, *second = NULL;
	struct conf_listen listen;
	int r;

	cr_assert_not_null(mkdtemp(dir));
	(void)snprintf(text, sizeof(text), "unix:%s/http.sock", dir);
	listen = unix_at(text);
	first = open_all(&listen, 1);
	r = listeners_open(&listen, 1, 1, 64, &second, words);
	cr_assert_eq(listeners_exit_code(r), EXIT_CODE_ADDRESS_IN_USE);
	cr_assert_not_null(strstr(words, "http.sock: another process already does"), "%s", words);
	listeners_close(first);

	fclose(fopen(text + 5, "w"));
	r = listeners_open(&listen, 1, 1, 64, &second, words);
	cr_assert_eq(listeners_exit_code(r), EXIT_CODE_ADDRESS_IN_USE);
	cr_assert_not_null(strstr(words, "a file in its place that is no socket"), "%s", words);
	unlink(text + 5);
	cr_assert_eq(rmdir(dir), 0);
}

static struct listeners *renew(struct listeners *former, const struct conf_listen *listen, size_t n,
			       unsigned n_lanes)
{
	char words[LISTENERS_WORDS_MAX] = "";
	struct listeners *ls = NULL;

	cr_assert_eq(listeners_renew(former, listen, n, n_lanes, 64, &ls, words), 0, "%s", words);
	return ls;
}

static int connect_to(unsigned port)
{
	struct conf_listen at = tcp("127.0.0.1", port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&at.address.sockaddr, at.address.len) == 0)
		return fd;
	close(fd);
	return -errno;
}

/* All that wait in any lane of the first address. */
static unsigned accept_all(const struct listeners *ls)
{
	unsigned n = 0;

	for (unsigned lane = 0; lane < listeners_n_lanes(ls); lane++) {
		int fd;

		while ((fd = accept4(listeners_fd(ls, lane, 0), NULL, NULL, SOCK_CLOEXEC)) >= 0) {
			close(fd);
			n++;
		}
	}
	return n;
}

Test(listeners, who_waits_on_an_address_that_stays_waits_on)
{
	struct conf_listen listen = tcp("127.0.0.1", 0);
	struct listeners *former = open_all(&listen, 1), *ls;
	unsigned port = port_of(former, 0);
	int fds[20];

	for (int i = 0; i < 20; i++)
		fds[i] = connect_to(port);
	ls = renew(former, &listen, 1, N_SLOTS);
	listeners_succeed(ls);
	former = listeners_close(former);
	cr_assert_eq(port_of(ls, 0), port);
	cr_assert_eq(listeners_begin(ls), 0);
	cr_assert_eq(accept_all(ls), 20);
	for (int i = 0; i < 20; i++)
		close(fds[i]);
	listeners_close(ls);
}

Test(listeners, a_renewal_that_is_given_up_changes_nothing)
{
	char path[] = "/tmp/weir_listeners_XXXXXX", text[64];
	struct conf_listen listen[2] = { tcp("127.0.0.1", 0) };
	struct listeners *former, *ls;
	struct stat st;

	cr_assert_not_null(mkdtemp(path));
	(void)snprintf(text, sizeof(text), "unix:%s/s", path);
	listen[1] = unix_at(text);
	former = open_all(listen, 2);
	ls = renew(former, listen, 2, N_SLOTS + 2);
	ls = listeners_close(ls);
	cr_assert_eq(stat(text + 5, &st), 0);
	cr_assert_eq(connect_to(port_of(former, 0)) < 0, false);
	cr_assert_eq(listeners_n_lanes(former), N_SLOTS);
	listeners_close(former);
	cr_assert_eq(stat(text + 5, &st), -1);
	rmdir(path);
}

Test(listeners, a_file_goes_with_the_last_who_listens_there)
{
	char path[] = "/tmp/weir_listeners_XXXXXX", text[64];
	struct conf_listen listen;
	struct listeners *former, *ls;
	struct stat st;

	cr_assert_not_null(mkdtemp(path));
	(void)snprintf(text, sizeof(text), "unix:%s/s", path);
	listen = unix_at(text);
	former = open_all(&listen, 1);
	listen.mode = 0600;
	ls = renew(former, &listen, 1, 1);
	listeners_succeed(ls);
	listeners_close(former);
	cr_assert_eq(stat(text + 5, &st), 0);
	cr_assert_eq(st.st_mode & 0777, 0600);
	listeners_close(ls);
	cr_assert_eq(stat(text + 5, &st), -1);
	rmdir(path);
}

Test(listeners, addresses_come_and_go)
{
	struct conf_listen first = tcp("127.0.0.1", 0), second = tcp("127.0.0.2", 0);
	struct listeners *former = open_all(&first, 1);
	struct listeners *ls = renew(former, &second, 1, 1);
	unsigned port = port_of(former, 0);

	cr_assert_eq(listeners_n_lanes(ls), N_SLOTS);
	listeners_succeed(ls);
	listeners_close(former);
	cr_assert_eq(connect_to(port), -ECONNREFUSED);
	listeners_close(ls);
}

Test(listeners, a_new_lane_gets_connections_only_when_it_listens)
{
	struct conf_listen listen = tcp("127.0.0.1", 0);
	struct listeners *ls = renew(NULL, &listen, 1, 1);
	unsigned port = port_of(ls, 0), n = 0;

	cr_assert_eq(listeners_widen(ls, 4), 0);
	cr_assert_eq(listeners_n_lanes(ls), 4);
	for (int i = 0; i < 20; i++)
		cr_assert_geq(connect_to(port), 0);
	while (accept(listeners_fd(ls, 0, 0), NULL, NULL) >= 0)
		n++;
	cr_assert_eq(n, 20);
	cr_assert_eq(listeners_begin(ls), 0);
	for (int i = 0; i < 64; i++)
		cr_assert_geq(connect_to(port), 0);
	for (n = 0; accept(listeners_fd(ls, 0, 0), NULL, NULL) >= 0;)
		n++;
	cr_assert_lt(n, 64);
	listeners_close(ls);
}

Test(listeners, another_program_knows_them_by_their_bytes)
{
	struct conf_listen listen = tcp("127.0.0.1", 0);
	struct listeners *former = open_all(&listen, 1), *again = NULL, *ls;
	struct buf bytes = { 0 };
	weir_str cut;

	cr_assert_eq(listeners_pack(former, &bytes), 0);
	cut = buf_str(&bytes);
	for (cut.len--; cut.len > 0; cut.len--)
		cr_assert_eq(listeners_unpack(cut, &again), -EPROTO);
	cr_assert_eq(listeners_unpack(buf_str(&bytes), &again), 0);
	cr_expect_eq(port_of(again, 0), port_of(former, 0));
	cr_expect_str_eq(listeners_text(again, 0), listeners_text(former, 0));
	cr_expect_eq(listeners_n_lanes(again), N_SLOTS);
	cr_expect_eq(listeners_fd(again, 2, 0), listeners_fd(former, 2, 0));
	ls = renew(again, &listen, 1, 1);
	cr_expect_eq(port_of(ls, 0), port_of(former, 0));
	listeners_close(ls);
	listeners_close(again);
	listeners_close(former); /* memory: the sockets were the same */
	buf_done(&bytes);
}

Test(listeners, an_inherited_socket_is_shared_and_stays_the_masters)
{
	struct conf_listen first = tcp("127.0.0.1", 0), listen = { 0 };
	struct listeners *theirs = open_all(&first, 1), *ours, *next;
	int fd = listeners_fd(theirs, 0, 0);

	listen.address = (struct conf_address){ .type = CONF_ADDRESS_INHERITED,
						.inherited = fd,
						.text = "systemd:http" };
	ours = open_all(&listen, 1);
	cr_assert(listeners_is_shared(ours, 0));
	cr_assert_eq(listeners_fd(ours, 0, 0), listeners_fd(ours, N_SLOTS - 1, 0));
	cr_assert_neq(listeners_fd(ours, 0, 0), fd);
	next = renew(ours, &listen, 1, N_SLOTS);
	listeners_succeed(next);
	listeners_close(ours);
	cr_assert_eq(listeners_widen(next, N_SLOTS + 1), 0);
	cr_assert_eq(port_of(next, 0), port_of(theirs, 0));
	listeners_close(next);
	cr_assert(is_open(fd));
	listeners_close(theirs);
}
