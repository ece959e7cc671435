/* test_tls_stream.c - TLS on a stream: handshake, bytes in any pieces, ends. The client is OpenSSL's own. */
#include "io/tls_stream.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "io/stream.h"
#include "io/tls_ctx.h"
#include "tls_made.h"

struct talk {
	struct loop *loop;
	struct block_pool pool;
	struct stream stream;
	struct tls_ctx *ctx;
	struct made made;
	struct peer peer;
	struct block *in; /* what readable() has received */
	size_t n_in;	  /* bytes in all */
	unsigned n_readable;
	int end; /* 1: none so far */
	bool is_open, is_lazy, is_broken;
};

static void on_readable(struct stream *s)
{
	struct talk *t = container_of(s, struct talk, stream);
	ssize_t n;

	t->n_readable++;
	if (!t->is_open) {
		t->is_open = stream_handshake(s) == 0;
		return;
	}
	if (t->is_lazy) {
		stream_pause(s);
		return;
	}
	t->in->start = t->in->end = 0;
	n = stream_recv(s, t->in);
	if (n > 0)
		t->n_in += (size_t)n;
	else if (n != -EAGAIN) {
		t->end = (int)n;
		stream_pause(s);
	}
}

static void on_writable(struct stream *s)
{
}

static void on_broken(struct stream *s, int error)
{
	container_of(s, struct talk, stream)->is_broken = true;
}

static const struct stream_ops ops = { on_readable, on_writable, on_broken };

static void hear(void *arg, const struct tls_problem *problem)
{
	cr_assert_fail("%s", problem->words);
}

static void turn(struct talk *t)
{
	for (int i = 0; i < 8; i++)
		loop_turn(t->loop, false);
}

/* Until the handshake is over on both sides. */
static void talk_open(struct talk *t, int version)
{
	bool is_over = false;

	if (version)
		SSL_set_max_proto_version(t->peer.ssl, version);
	for (int i = 0; i < 20 && !(is_over && t->is_open); i++) {
		is_over = peer_shake(&t->peer);
		turn(t);
	}
	cr_assert(is_over && t->is_open, "%s", stream_tls_why(&t->stream));
}

static void talk_init(struct talk *t)
{
	struct tls_ctx_spec spec = { .n_pairs = 1, .has_tickets = true, .now_s = time(NULL) };
	struct tls_ctx_pair pair;
	int fds[2];

	(void)signal(SIGPIPE, SIG_IGN);
	*t = (struct talk){ .end = 1 };
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	cr_assert_eq(loop_new_virtual(&t->loop), 0);
	block_pool_init(&t->pool, 4);
	t->in = block_take(&t->pool, 0);
	made_new(&t->made, &(struct made_spec){ .name = "a.test" });
	pair = (struct tls_ctx_pair){ weir_strz(t->made.pem), weir_strz(t->made.key_pem) };
	spec.pairs = &pair;
	cr_assert_eq(tls_ctx_new(&spec, hear, NULL, &t->ctx), 0);
	peer_init(&t->peer, fds[0], "a.test", &t->made);
	stream_open(&t->stream, t->loop, &t->pool, fds[1], &ops);
	cr_assert_eq(stream_secure(&t->stream, t->ctx), 0);
}

static void talk_done(struct talk *t)
{
	stream_close(&t->stream);
	peer_done(&t->peer);
	tls_ctx_unref(t->ctx);
	made_done(&t->made);
	t->in = block_give(&t->pool, t->in);
	cr_assert_eq(t->pool.n_taken, 0);
	block_pool_done(&t->pool);
	loop_free(t->loop);
}

Test(tls_stream, bytes_pass_both_ways_in_both_versions)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		struct talk t;
		char room[100];

		talk_init(&t);
		talk_open(&t, versions[i]);
		peer_write(&t.peer, "hello", 5);
		turn(&t);
		cr_expect_eq(t.n_in, 5);
		cr_expect_eq(memcmp(t.in->data, "hello", 5), 0);
		cr_assert_eq(outq_append(&t.stream.out, "world", 5), 0);
		cr_assert_eq(stream_flush(&t.stream), 0);
		cr_expect_eq(peer_read(&t.peer, room, sizeof(room)), 5);
		cr_expect_str_eq(room, "world");
		talk_done(&t);
	}
}

Test(tls_stream, what_has_no_room_comes_with_the_next_call_though_the_socket_is_silent)
{
	static const size_t sizes[] = { 100, 16000, 16344, 16384, 20000, 50000 };
	static char bytes[50000];

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct talk t;

		talk_init(&t);
		talk_open(&t, 0);
		peer_write(&t.peer, bytes, sizes[i]);
		for (int n = 0; n < 20; n++)
			turn(&t);
		cr_expect_eq(t.n_in, sizes[i], "%zu of %zu", t.n_in, sizes[i]);
		talk_done(&t);
	}
}

Test(tls_stream, who_pauses_and_resumes_misses_nothing)
{
	static char bytes[40000];
	struct talk t;

	talk_init(&t);
	talk_open(&t, 0);
	peer_write(&t.peer, bytes, sizeof(bytes));
	loop_turn(t.loop, false);
	t.is_lazy = true;
	turn(&t);
	cr_expect_lt(t.n_in, sizeof(bytes));
	cr_expect(stream_is_paused(&t.stream));
	t.is_lazy = false;
	stream_resume(&t.stream);
	for (int n = 0; n < 20; n++)
		turn(&t);
	cr_expect_eq(t.n_in, sizeof(bytes));
	talk_done(&t);
}

Test(tls_stream, a_stream_that_moves_takes_along_what_it_has)
{
	static char bytes[20000];
	struct stream other;
	struct talk t;

	talk_init(&t);
	talk_open(&t, 0);
	t.is_lazy = true;
	peer_write(&t.peer, bytes, sizeof(bytes));
	turn(&t);
	t.is_lazy = false;
	stream_move(&other, &t.stream, &ops);
	stream_move(&t.stream, &other, &ops);
	for (int n = 0; n < 20; n++)
		turn(&t);
	cr_expect_eq(t.n_in, sizeof(bytes));
	stream_close(&other);
	talk_done(&t);
}

Test(tls_stream, close_notify_is_an_end_and_we_may_go_on)
{
	char room[100];
	struct talk t;

	talk_init(&t);
	talk_open(&t, 0);
	peer_write(&t.peer, "last", 4);
	(void)SSL_shutdown(t.peer.ssl);
	turn(&t);
	cr_expect_eq(t.n_in, 4);
	cr_expect_eq(t.end, 0);
	cr_assert_eq(outq_append(&t.stream.out, "answer", 6), 0);
	cr_assert_eq(stream_flush(&t.stream), 0);
	cr_expect_eq(peer_read(&t.peer, room, sizeof(room)), 6);
	stream_shutdown(&t.stream);
	cr_expect_eq(peer_read(&t.peer, room, sizeof(room)), 0);
	talk_done(&t);
}

Test(tls_stream, an_end_without_it_is_a_loss)
{
	struct talk t;

	talk_init(&t);
	talk_open(&t, 0);
	peer_write(&t.peer, "last", 4);
	cr_assert_eq(shutdown(t.peer.fd, SHUT_WR), 0);
	turn(&t);
	cr_expect_eq(t.n_in, 4);
	cr_expect_eq(t.end, -ECONNRESET);
	talk_done(&t);
}

Test(tls_stream, bytes_that_were_changed_on_the_way_are_an_error)
{
	struct talk t;

	talk_init(&t);
	talk_open(&t, 0);
	cr_assert_eq(send(t.peer.fd, "\x17\x03\x03\x00\x20", 5, 0), 5);
	cr_assert_eq(send(t.peer.fd, "0123456789abcdef0123456789abcdef", 32, 0), 32);
	turn(&t);
	cr_expect_eq(t.end, -EPROTO);
	cr_expect_str_neq(stream_tls_why(&t.stream), "");
	talk_done(&t);
}

Test(tls_stream, closing_says_so_unless_something_was_cut_short)
{
	static char bytes[8192];
	char room[100];
	struct talk t;
	int r = 0, n;

	talk_init(&t);
	talk_open(&t, 0);
	stream_close(&t.stream);
	cr_expect_eq(peer_read(&t.peer, room, sizeof(room)), 0);
	talk_done(&t);

	talk_init(&t);
	talk_open(&t, 0);
	while (r == 0) {
		cr_assert_eq(outq_append(&t.stream.out, bytes, sizeof(bytes)), 0);
		r = stream_flush(&t.stream);
	}
	cr_assert_eq(r, -EAGAIN);
	stream_close(&t.stream);
	do
		n = peer_read(&t.peer, room, sizeof(room));
	while (n > 0);
	cr_expect_eq(n, -2);
	talk_done(&t);
}

Test(tls_stream, a_slow_reader_gets_all_and_is_seen_to_take_it)
{
	static char bytes[8192];
	size_t sent = 0, got = 0;
	struct talk t;
	char room[5000];
	int64_t taken;
	int r = 0, n;

	talk_init(&t);
	talk_open(&t, 0);
	taken = stream_taken(&t.stream);
	while (r == 0) {
		cr_assert_eq(outq_append(&t.stream.out, bytes, sizeof(bytes)), 0);
		sent += sizeof(bytes);
		r = stream_flush(&t.stream);
	}
	for (int i = 0; i < 2000 && got < sent; i++) {
		n = peer_read(&t.peer, room, sizeof(room));
		got += n > 0 ? (size_t)n : 0;
		loop_turn(t.loop, false);
	}
	cr_expect_eq(got, sent);
	cr_expect_gt(stream_taken(&t.stream), taken + (int64_t)sent);
	talk_done(&t);
}

Test(tls_stream, a_file_passes_encrypted_as_well)
{
	int fd = memfd_create("file", MFD_CLOEXEC);
	struct talk t;
	char room[5000];
	size_t got = 0;
	int n;

	cr_assert_eq(ftruncate(fd, 100000), 0);
	talk_init(&t);
	talk_open(&t, 0);
	cr_assert_eq(outq_append(&t.stream.out, "head", 4), 0);
	outq_append_file(&t.stream.out, fd, 0, 100000);
	(void)!stream_flush(&t.stream);
	for (int i = 0; i < 200 && got < 100004; i++) {
		n = peer_read(&t.peer, room, sizeof(room));
		got += n > 0 ? (size_t)n : 0;
		loop_turn(t.loop, false);
	}
	cr_expect_eq(got, 100004);
	outq_append_file(&t.stream.out, fd, 99990, 100);
	cr_expect_eq(stream_flush(&t.stream), -EIO);
	(void)close(fd);
	talk_done(&t);
}

Test(tls_stream, notes_that_others_left_with_openssl_do_no_harm)
{
	struct talk t;

	talk_init(&t);
	talk_open(&t, 0);
	turn(&t);
	cr_assert_null(SSL_CTX_new(NULL)); /* leaves one */
	peer_write(&t.peer, "hello", 5);
	cr_assert_null(SSL_CTX_new(NULL));
	turn(&t);
	cr_expect_eq(t.n_in, 5);
	cr_expect_eq(t.end, 1);
	talk_done(&t);
}

Test(tls_stream, a_handshake_that_fails_says_why)
{
	struct talk t;

	talk_init(&t);
	SSL_set_min_proto_version(t.peer.ssl, TLS1_1_VERSION);
	SSL_set_max_proto_version(t.peer.ssl, TLS1_1_VERSION);
	SSL_set_security_level(t.peer.ssl, 0);
	SSL_set_cipher_list(t.peer.ssl, "ALL:@SECLEVEL=0");
	(void)peer_shake(&t.peer);
	turn(&t);
	cr_expect_not(t.is_open);
	cr_expect_str_eq(stream_tls_why(&t.stream), "unsupported protocol");
	talk_done(&t);
}
