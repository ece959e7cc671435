/* test_stream.c - a socket on a loop. */
#include "io/stream.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct talk {
	struct loop *loop;
	struct block_pool pool;
	struct stream stream;
	int far; /* the other end; -1 once closed */
	unsigned n_readable, n_writable, n_broken;
	int error;
};

static struct talk *talk_of(struct stream *s)
{
	return container_of(s, struct talk, stream);
}

static void on_readable(struct stream *s)
{
	talk_of(s)->n_readable++;
}

static void on_writable(struct stream *s)
{
	talk_of(s)->n_writable++;
}

static void on_broken(struct stream *s, int error)
{
	talk_of(s)->n_broken++;
	talk_of(s)->error = error;
	stream_close(s);
}

static const struct stream_ops ops = { on_readable, on_writable, on_broken };

static void tcp_pair(int fds[2])
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(in);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(bind(listening, (struct sockaddr *)&in, sizeof(in)), 0);
	cr_assert_eq(listen(listening, 1), 0);
	cr_assert_eq(getsockname(listening, (struct sockaddr *)&in, &len), 0);
	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(connect(fds[0], (struct sockaddr *)&in, sizeof(in)), 0);
	fds[1] = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	cr_assert_geq(fds[1], 0);
	(void)close(listening);
}

static void talk_init(struct talk *t, bool is_tcp)
{
	int fds[2];

	(void)signal(SIGPIPE, SIG_IGN);
	*t = (struct talk){ 0 };
	if (is_tcp)
		tcp_pair(fds);
	else
		cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	cr_assert_eq(loop_new_virtual(&t->loop), 0);
	block_pool_init(&t->pool, 4);
	t->far = fds[0];
	stream_open(&t->stream, t->loop, &t->pool, fds[1], &ops);
}

static void far_close(struct talk *t)
{
	(void)close(t->far);
	t->far = -1;
}

static void far_reset(struct talk *t)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(t->far, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	far_close(t);
}

static void talk_done(struct talk *t)
{
	stream_close(&t->stream);
	stream_close(&t->stream);
	if (t->far >= 0)
		far_close(t);
	cr_assert_eq(t->pool.n_taken, 0);
	block_pool_done(&t->pool);
	loop_free(t->loop);
}

/* Queues and sends until the socket is full. */
static void fill_up(struct talk *t)
{
	char bytes[8192] = { 0 };
	int r = 0;

	for (int i = 0; i < 4000 && r == 0; i++) {
		cr_assert_eq(outq_append(&t->stream.out, bytes, sizeof(bytes)), 0);
		r = stream_flush(&t->stream);
	}
	cr_assert_eq(r, -EAGAIN);
}

static void drink(struct talk *t)
{
	char bytes[65536];

	for (int i = 0; i < 4000; i++) {
		if (recv(t->far, bytes, sizeof(bytes), MSG_DONTWAIT) <= 0)
			loop_turn(t->loop, false);
		if (outq_is_empty(&t->stream.out))
			return;
	}
	cr_assert_fail("it never left");
}

Test(stream, reads_into_a_block)
{
	struct block *b;
	struct talk t;

	talk_init(&t, false);
	b = block_take(&t.pool, 0);
	cr_assert_eq(stream_recv(&t.stream, b), -EAGAIN);
	cr_assert_eq(write(t.far, "hello", 5), 5);
	loop_turn(t.loop, false);
	cr_assert_eq(t.n_readable, 1);
	cr_assert_eq(stream_recv(&t.stream, b), 5);
	cr_assert_eq(block_len(b), 5);
	cr_assert_eq(memcmp(b->data, "hello", 5), 0);
	far_close(&t);
	loop_turn(t.loop, false);
	cr_assert_eq(t.n_readable, 2);
	cr_assert_eq(stream_recv(&t.stream, b), 0);
	(void)block_give(&t.pool, b);
	talk_done(&t);
}

Test(stream, says_when_it_was_reset)
{
	struct block *b;
	struct talk t;

	talk_init(&t, true);
	b = block_take(&t.pool, 0);
	far_reset(&t);
	loop_turn(t.loop, false);
	cr_assert_eq(t.n_readable, 1);
	cr_assert_eq(stream_recv(&t.stream, b), -ECONNRESET);
	(void)block_give(&t.pool, b);
	talk_done(&t);
}

Test(stream, is_silent_while_it_is_paused)
{
	struct talk t;

	talk_init(&t, false);
	cr_assert_not(stream_is_paused(&t.stream));
	stream_pause(&t.stream);
	stream_pause(&t.stream);
	cr_assert(stream_is_paused(&t.stream));
	cr_assert_eq(write(t.far, "hello", 5), 5);
	loop_turn(t.loop, false);
	cr_assert_eq(t.n_readable, 0);
	stream_resume(&t.stream);
	loop_turn(t.loop, false);
	cr_assert_eq(t.n_readable, 1);
	talk_done(&t);
}

Test(stream, sends_at_once_what_the_socket_takes)
{
	char bytes[8];
	struct talk t;

	talk_init(&t, false);
	cr_assert_eq(outq_append(&t.stream.out, "hello", 5), 0);
	cr_assert_eq(stream_flush(&t.stream), 0);
	cr_assert_eq(recv(t.far, bytes, sizeof(bytes), MSG_DONTWAIT), 5);
	loop_turn(t.loop, false);
	cr_assert_eq(t.n_writable, 0);
	talk_done(&t);
}

Test(stream, says_when_what_had_to_wait_has_left)
{
	struct talk t;

	talk_init(&t, false);
	fill_up(&t);
	loop_turn(t.loop, false);
	cr_assert_eq(t.n_writable, 0);
	drink(&t);
	cr_assert_gt(t.n_writable, 0);
	t.n_writable = 0;
	loop_turn(t.loop, false);
	cr_assert_eq(t.n_writable, 0);
	talk_done(&t);
}

Test(stream, does_not_ask_the_kernel_while_it_waits)
{
	char bytes[65536];
	struct talk t;
	size_t queued;

	talk_init(&t, false);
	fill_up(&t);
	for (int i = 0; i < 100 && recv(t.far, bytes, sizeof(bytes), MSG_DONTWAIT) > 0; i++)
		continue;
	queued = t.stream.out.queued;
	cr_assert_eq(stream_flush(&t.stream), -EAGAIN);
	cr_assert_eq(t.stream.out.queued, queued);
	loop_turn(t.loop, false);
	cr_assert_lt(t.stream.out.queued, queued);
	talk_done(&t);
}

Test(stream, counts_what_its_peer_has_taken)
{
	char bytes[65536];
	struct talk t;
	int64_t before;

	talk_init(&t, false);
	cr_assert_eq(stream_taken(&t.stream), 0);
	fill_up(&t);
	before = stream_taken(&t.stream);
	cr_assert_lt(before, (int64_t)t.stream.out.n_sent);
	cr_assert_gt(recv(t.far, bytes, sizeof(bytes), 0), 0);
	cr_assert_gt(stream_taken(&t.stream), before);
	talk_done(&t);
}

Test(stream, breaks_when_the_peer_leaves_while_it_waits)
{
	struct talk t;

	talk_init(&t, true);
	stream_pause(&t.stream);
	fill_up(&t);
	far_reset(&t);
	loop_turn(t.loop, false);
	cr_assert_eq(t.n_broken, 1);
	cr_assert(t.error == -ECONNRESET || t.error == -EPIPE);
	talk_done(&t);
}

Test(stream, returns_the_error_of_a_flush_and_breaks_not)
{
	struct talk t;

	talk_init(&t, false);
	far_close(&t);
	cr_assert_eq(outq_append(&t.stream.out, "hello", 5), 0);
	cr_assert_eq(stream_flush(&t.stream), -EPIPE);
	cr_assert_eq(t.n_broken, 0);
	talk_done(&t);
}

Test(stream, ends_its_side_and_reads_on)
{
	struct block *b;
	char bytes[8];
	struct talk t;

	talk_init(&t, true);
	stream_shutdown(&t.stream);
	cr_assert_eq(recv(t.far, bytes, sizeof(bytes), 0), 0);
	cr_assert_eq(write(t.far, "more", 4), 4);
	b = block_take(&t.pool, 0);
	cr_assert_eq(stream_recv(&t.stream, b), 4);
	(void)block_give(&t.pool, b);
	talk_done(&t);
}

Test(stream, closes_with_a_reset_when_it_is_told_to)
{
	char bytes[8];
	struct talk t;

	talk_init(&t, true);
	stream_reset(&t.stream);
	cr_assert_eq(recv(t.far, bytes, sizeof(bytes), 0), -1);
	cr_assert_eq(errno, ECONNRESET);
	talk_done(&t);
}

Test(stream, asks_the_kernel_about_its_peer)
{
	struct talk t;

	talk_init(&t, true);
	stream_pause(&t.stream);
	cr_assert_eq(write(t.far, "unread", 6), 6);
	cr_assert_eq(stream_peer(&t.stream), STREAM_PEER_THERE);
	cr_assert_eq(shutdown(t.far, SHUT_WR), 0);
	cr_assert_eq(stream_peer(&t.stream), STREAM_PEER_ENDED);
	far_reset(&t);
	cr_assert_eq(stream_peer(&t.stream), STREAM_PEER_GONE);
	talk_done(&t);
}

Test(stream, gives_its_blocks_back_when_it_is_closed)
{
	struct talk t;

	talk_init(&t, false);
	fill_up(&t);
	cr_assert_gt(t.pool.n_taken, 0);
	stream_close(&t.stream);
	cr_assert_eq(t.pool.n_taken, 0);
	stream_resume(&t.stream);
	cr_assert(stream_is_paused(&t.stream));
	talk_done(&t);
}

Test(stream, moves_with_its_socket_and_what_is_queued)
{
	struct talk t, other = { 0 };
	char got[8];

	talk_init(&t, false);
	cr_assert_eq(outq_append(&t.stream.out, "queued", 6), 0);
	t.stream.label = 7;
	stream_move(&other.stream, &t.stream, &ops);
	cr_assert_lt(t.stream.fd, 0);
	cr_assert_eq(t.stream.label, 0u);
	cr_assert_eq(other.stream.label, 7u);
	cr_assert_eq(stream_flush(&other.stream), 0);
	cr_assert_eq(recv(t.far, got, sizeof(got), 0), 6);
	cr_assert_eq(send(t.far, "x", 1, 0), 1);
	loop_turn(t.loop, false);
	cr_assert_eq(t.n_readable, 0u);
	cr_assert_eq(other.n_readable, 1u);
	stream_close(&other.stream);
	talk_done(&t);
}

Test(stream, can_be_looked_into_before_a_byte_is_taken)
{
	char bytes[16];
	struct talk t;

	talk_init(&t, false);
	cr_assert_eq(stream_peek(&t.stream, bytes, sizeof(bytes)), -EAGAIN);
	cr_assert_eq(send(t.far, "abcdef", 6, 0), 6);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(stream_peek(&t.stream, bytes, sizeof(bytes)), 6);
	cr_assert_eq(stream_skip(&t.stream, bytes, 4), 0);
	cr_assert_eq(stream_peek(&t.stream, bytes, sizeof(bytes)), 2);
	cr_assert_eq(bytes[0], 'e');
	cr_assert_eq(stream_skip(&t.stream, bytes, 3), -EIO);
	far_close(&t);
	cr_assert_eq(stream_peek(&t.stream, bytes, sizeof(bytes)), 0);
	talk_done(&t);
}
