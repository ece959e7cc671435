/* test_outq.c - bytes that wait for a socket, and leave in order. */
#include "io/outq.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/sock.h"
#include "oom.h"

struct pipe_world {
	struct block_pool pool;
	struct outq q;
	int near, far;
	char got[300000];
	size_t n_got;
};

static void world_init(struct pipe_world *w, int type)
{
	int fds[2];

	(void)signal(SIGPIPE, SIG_IGN);
	block_pool_init(&w->pool, 4);
	outq_init(&w->q, &w->pool);
	cr_assert_eq(socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	w->near = fds[0];
	w->far = fds[1];
	w->n_got = 0;
}

static void world_done(struct pipe_world *w)
{
	outq_done(&w->q);
	cr_assert_eq(w->pool.n_taken, 0);
	block_pool_done(&w->pool);
	(void)close(w->near);
	if (w->far >= 0)
		(void)close(w->far);
}

/* One recv. */
static ssize_t take(struct pipe_world *w)
{
	ssize_t n = recv(w->far, w->got + w->n_got, sizeof(w->got) - w->n_got, MSG_DONTWAIT);

	if (n > 0)
		w->n_got += (size_t)n;
	return n;
}

static void fill(char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)('a' + i % 23);
}

Test(outq, sends_small_pieces_together)
{
	struct pipe_world w;

	world_init(&w, SOCK_SEQPACKET);
	cr_assert(outq_is_empty(&w.q));
	cr_assert_eq(outq_append(&w.q, "ab", 2), 0);
	cr_assert_eq(outq_append(&w.q, "", 0), 0);
	cr_assert_eq(outq_append(&w.q, "cde", 3), 0);
	cr_assert_eq(w.q.queued, 5);
	cr_assert_eq(outq_flush(&w.q, w.near), 0);
	cr_assert_eq(take(&w), 5);
	cr_assert_eq(memcmp(w.got, "abcde", 5), 0);
	cr_assert(outq_is_empty(&w.q));
	cr_assert_eq(w.pool.n_taken, 0);
	world_done(&w);
}

Test(outq, sends_several_blocks_together)
{
	struct pipe_world w;
	char bytes[40000];

	world_init(&w, SOCK_SEQPACKET);
	fill(bytes, sizeof(bytes));
	cr_assert_eq(outq_append(&w.q, "x", 1), 0);
	cr_assert_eq(outq_append(&w.q, bytes, sizeof(bytes)), 0);
	cr_assert_eq(w.pool.n_taken, 3);
	cr_assert_eq(outq_flush(&w.q, w.near), 0);
	cr_assert_eq(take(&w), 40001);
	cr_assert_eq(memcmp(w.got + 1, bytes, sizeof(bytes)), 0);
	world_done(&w);
}

Test(outq, fills_what_was_reserved)
{
	struct pipe_world w;
	char *out;

	world_init(&w, SOCK_STREAM);
	out = outq_reserve(&w.q, 100);
	memcpy(out, "head", 4);
	outq_commit(&w.q, 4);
	cr_assert_eq(outq_append(&w.q, "body", 4), 0);
	/* Larger than any usual block, and with one in front that was not used up. */
	out = outq_reserve(&w.q, 50000);
	fill(out, 50000);
	outq_commit(&w.q, 50000);
	cr_assert_eq(outq_flush(&w.q, w.near), 0);
	while (take(&w) > 0)
		continue;
	cr_assert_eq(w.n_got, 50008);
	cr_assert_eq(memcmp(w.got, "headbodyabc", 11), 0);
	world_done(&w);
}

Test(outq, may_reserve_and_then_use_nothing)
{
	struct pipe_world w;

	world_init(&w, SOCK_STREAM);
	cr_assert_not_null(outq_reserve(&w.q, 10));
	cr_assert(outq_is_empty(&w.q));
	cr_assert_not_null(outq_reserve(&w.q, 50000));
	outq_commit(&w.q, 0);
	cr_assert_eq(outq_append(&w.q, "x", 1), 0);
	cr_assert_eq(outq_flush(&w.q, w.near), 0);
	cr_assert_eq(take(&w), 1);
	world_done(&w);
}

Test(outq, keeps_what_the_socket_does_not_take)
{
	struct pipe_world w;
	char bytes[250000];
	int r = -EAGAIN;

	world_init(&w, SOCK_STREAM);
	fill(bytes, sizeof(bytes));
	(void)setsockopt(w.near, SOL_SOCKET, SO_SNDBUF, &(int){ 4096 }, sizeof(int));
	for (size_t i = 0; i < sizeof(bytes); i += 2500)
		cr_assert_eq(outq_append(&w.q, bytes + i, 2500), 0);
	for (int i = 0; i < 1000 && r == -EAGAIN; i++) {
		r = outq_flush(&w.q, w.near);
		cr_assert_eq(w.q.queued > 0, r == -EAGAIN);
		(void)take(&w);
	}
	cr_assert_eq(r, 0);
	while (take(&w) > 0)
		continue;
	cr_assert_eq(w.n_got, sizeof(bytes));
	cr_assert_eq(memcmp(w.got, bytes, sizeof(bytes)), 0);
	cr_assert_eq(w.pool.n_taken, 0);
	world_done(&w);
}

static int file_of(const char *text)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	return fd;
}

Test(outq, sends_part_of_a_file_behind_its_blocks)
{
	struct pipe_world w;
	int fd = file_of("0123456789");

	world_init(&w, SOCK_STREAM);
	cr_assert_eq(outq_append(&w.q, "<", 1), 0);
	outq_append_file(&w.q, fd, 3, 4);
	cr_assert_not(outq_is_empty(&w.q));
	cr_assert_eq(outq_flush(&w.q, w.near), 0);
	cr_assert(outq_is_empty(&w.q));
	cr_assert_eq(outq_append(&w.q, ">", 1), 0);
	cr_assert_eq(outq_flush(&w.q, w.near), 0);
	while (take(&w) > 0)
		continue;
	cr_assert_eq(w.n_got, 6);
	cr_assert_eq(memcmp(w.got, "<3456>", 6), 0);
	cr_assert_eq(lseek(fd, 0, SEEK_CUR), 10);
	(void)close(fd);
	world_done(&w);
}

Test(outq, says_when_a_file_is_too_short)
{
	struct pipe_world w;
	int fd = file_of("0123");

	world_init(&w, SOCK_STREAM);
	outq_append_file(&w.q, fd, 2, 4);
	cr_assert_eq(outq_flush(&w.q, w.near), -EIO);
	(void)close(fd);
	world_done(&w);
}

Test(outq, forgets_a_file_that_is_dropped)
{
	struct pipe_world w;
	int fd = file_of("0123");

	world_init(&w, SOCK_STREAM);
	cr_assert_eq(outq_append(&w.q, "x", 1), 0);
	outq_append_file(&w.q, fd, 0, 4);
	outq_drop_file(&w.q);
	(void)close(fd);
	cr_assert_eq(outq_flush(&w.q, w.near), 0);
	cr_assert_eq(take(&w), 1);
	world_done(&w);
}

/* With a reader as fast as this one a file would never let go of the loop. */
Test(outq, sends_a_megabyte_of_a_file_at_most)
{
	struct pipe_world w;
	int fd = file_of(""), null = open("/dev/null", O_WRONLY | O_CLOEXEC), r, n = 0;

	cr_assert_eq(ftruncate(fd, 5000000), 0);
	world_init(&w, SOCK_STREAM);
	outq_append_file(&w.q, fd, 0, 5000000);
	while ((r = outq_flush(&w.q, null)) == -EAGAIN)
		n++;
	cr_assert_eq(r, 0);
	cr_assert_eq(n, 4);
	(void)close(fd);
	(void)close(null);
	world_done(&w);
}

/* ---- how much may wait in the kernel */

#define LARGE ((uint64_t)3 << 20)
#define CHUNK ((uint64_t)1 << 20)

/* The same world on TCP. */
static void world_init_tcp(struct pipe_world *w)
{
	struct sock_addr address = { .len = sizeof(struct sockaddr_in) };
	int listening;

	world_init(w, SOCK_STREAM);
	(void)close(w->near);
	(void)close(w->far);
	((struct sockaddr_in *)&address.ss)->sin_family = AF_INET;
	((struct sockaddr_in *)&address.ss)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(sock_bind_tcp(&address, false, &listening), 0);
	cr_assert_eq(sock_listen(listening, 1), 0);
	cr_assert_eq(sock_local(listening, &address), 0);
	w->far = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(connect(w->far, (struct sockaddr *)&address.ss, address.len), 0);
	w->near = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	cr_assert_geq(w->near, 0);
	(void)close(listening);
}

static int unsent(const struct pipe_world *w)
{
	socklen_t len = sizeof(int);
	int value = 0;

	cr_assert_eq(getsockopt(w->near, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &value, &len), 0);
	return value;
}

static int file_of_size(uint64_t size)
{
	int fd = file_of("");

	cr_assert_eq(ftruncate(fd, (off_t)size), 0);
	return fd;
}

/* All that is in the queue, to a reader who reads. */
static void flush_all(struct pipe_world *w)
{
	while (outq_flush(&w->q, w->near) == -EAGAIN)
		(void)recv(w->far, w->got, sizeof(w->got), MSG_DONTWAIT);
	cr_assert(outq_is_empty(&w->q));
}

static void send_file(struct pipe_world *w, int fd, uint64_t size)
{
	cr_assert_eq(outq_append(&w->q, "head", 4), 0);
	for (uint64_t at = 0; at < size; at += CHUNK) {
		outq_append_file(&w->q, fd, at, size - at < CHUNK ? size - at : CHUNK);
		flush_all(w);
	}
}

Test(outq, more_of_a_large_file_waits_until_something_else_follows)
{
	static struct pipe_world w;
	int fd = file_of_size(LARGE);

	world_init_tcp(&w);
	cr_expect_eq(unsent(&w), SOCK_UNSENT);
	send_file(&w, fd, LARGE);
	cr_expect_eq(unsent(&w), SOCK_UNSENT_WIDE);
	/* The head of the next one is not worth a system call. */
	send_file(&w, fd, CHUNK);
	cr_expect_eq(unsent(&w), SOCK_UNSENT_WIDE);
	cr_assert_eq(outq_append(&w.q, "x", 1), 0);
	flush_all(&w);
	cr_expect_eq(unsent(&w), SOCK_UNSENT);
	send_file(&w, fd, LARGE);
	cr_expect_eq(unsent(&w), SOCK_UNSENT_WIDE, "as often as there is one");
	(void)close(fd);
	world_done(&w);
}

Test(outq, small_files_wait_as_everything_does)
{
	static struct pipe_world w;
	int fd = file_of_size(LARGE);

	world_init_tcp(&w);
	for (int i = 0; i < 4; i++)
		send_file(&w, fd, CHUNK);
	cr_expect_eq(unsent(&w), SOCK_UNSENT);
	/* Nor is what is left of one, if all of it may wait. */
	send_file(&w, fd, CHUNK + SOCK_UNSENT);
	cr_expect_eq(unsent(&w), SOCK_UNSENT);
	(void)close(fd);
	world_done(&w);
}

Test(outq, who_reads_nothing_of_a_large_file_has_no_more_of_it_waiting)
{
	static struct pipe_world w;
	int fd = file_of_size(LARGE);

	world_init_tcp(&w);
	(void)setsockopt(w.far, SOL_SOCKET, SO_RCVBUF, &(int){ 4096 }, sizeof(int));
	outq_append_file(&w.q, fd, 0, LARGE);
	for (int i = 0; i < 100; i++)
		cr_assert_eq(outq_flush(&w.q, w.near), -EAGAIN);
	cr_expect_eq(unsent(&w), SOCK_UNSENT);
	cr_expect_lt(w.q.n_sent, CHUNK);
	(void)close(fd);
	world_done(&w);
}

Test(outq, a_stream_that_moves_takes_along_how_much_may_wait)
{
	static struct pipe_world w;
	int fd = file_of_size(LARGE);
	struct outq other;

	world_init_tcp(&w);
	send_file(&w, fd, LARGE);
	outq_init(&other, &w.pool);
	cr_expect_eq(w.q.window, OUTQ_WIDE);
	outq_move(&other, &w.q);
	cr_expect_eq(w.q.window, OUTQ_USUAL);
	cr_assert_eq(outq_append(&other, "x", 1), 0);
	cr_assert_eq(outq_flush(&other, w.near), 0);
	cr_expect_eq(unsent(&w), SOCK_UNSENT);
	(void)close(fd);
	outq_done(&other);
	world_done(&w);
}

Test(outq, a_socket_that_is_not_tcps_is_asked_once)
{
	static struct pipe_world w;
	int fd = file_of_size(LARGE);

	world_init(&w, SOCK_STREAM);
	send_file(&w, fd, LARGE);
	cr_expect_eq(w.q.window, OUTQ_FIXED);
	cr_assert_eq(outq_append(&w.q, "x", 1), 0);
	flush_all(&w);
	cr_expect_eq(w.q.window, OUTQ_FIXED);
	(void)close(fd);
	world_done(&w);
}

Test(outq, says_that_the_peer_is_gone)
{
	struct pipe_world w;
	int fd = file_of("0123");

	world_init(&w, SOCK_STREAM);
	(void)close(w.far);
	w.far = -1;
	cr_assert_eq(outq_append(&w.q, "x", 1), 0);
	cr_assert_eq(outq_flush(&w.q, w.near), -EPIPE);
	outq_done(&w.q);
	outq_append_file(&w.q, fd, 0, 4);
	cr_assert_eq(outq_flush(&w.q, w.near), -EPIPE);
	(void)close(fd);
	world_done(&w);
}

Test(outq, takes_all_or_nothing_when_memory_is_short)
{
	struct pipe_world w;
	char bytes[40000];

	world_init(&w, SOCK_STREAM);
	w.pool.max_unused = 0; /* each block is an allocation */
	fill(bytes, sizeof(bytes));
	cr_assert_eq(outq_append(&w.q, "x", 1), 0);
	for (unsigned n = 1; n <= 2; n++) {
		oom_fail_at(n);
		cr_assert_eq(outq_append(&w.q, bytes, sizeof(bytes)), -ENOMEM);
		cr_assert(oom_has_failed());
		cr_assert_eq(w.q.queued, 1);
		cr_assert_eq(w.pool.n_taken, 1);
	}
	oom_fail_at(1);
	cr_assert_null(outq_reserve(&w.q, 50000));
	cr_assert(oom_has_failed());
	cr_assert_eq(outq_flush(&w.q, w.near), 0);
	cr_assert_eq(take(&w), 1);
	world_done(&w);
}

Test(outq, moves_with_all_that_waits)
{
	static struct pipe_world w;
	static char bytes[40000];
	struct outq other;

	world_init(&w, SOCK_STREAM);
	fill(bytes, sizeof(bytes));
	cr_assert_eq(outq_append(&w.q, bytes, sizeof(bytes)), 0);
	outq_init(&other, &w.pool);
	outq_move(&other, &w.q);
	cr_assert(outq_is_empty(&w.q));
	cr_assert_eq(other.queued, sizeof(bytes));
	cr_assert_eq(outq_flush(&w.q, w.near), 0);
	cr_assert_eq(outq_flush(&other, w.near), 0);
	while (w.n_got < sizeof(bytes) && take(&w) > 0)
		continue;
	cr_assert_eq(w.n_got, sizeof(bytes));
	cr_assert_eq(memcmp(w.got, bytes, sizeof(bytes)), 0);
	outq_done(&other);
	world_done(&w);
}
