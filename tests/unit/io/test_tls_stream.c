/* test_tls_stream.c - TLS on a stream: handshake, bytes in any pieces, ends. The client is OpenSSL's own. */
#include "io/tls_stream.h"

#include <assert.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
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
	unsigned n_readable, n_writable;
	int end; /* 1: none so far */
	bool is_open, is_lazy, is_broken;
	char secret[EVP_MAX_MD_SIZE]; /* of what the client sends, if keep_secret() is listening */
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
	container_of(s, struct talk, stream)->n_writable++;
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

static int count_session(SSL *ssl, SSL_SESSION *session)
{
	++*(int *)SSL_get_app_data(ssl);
	return 0;
}

Test(tls_stream, a_connection_brings_one_ticket_for_the_next)
{
	int n_tickets = 0;
	char room[100];
	struct talk t;

	talk_init(&t);
	SSL_set_app_data(t.peer.ssl, &n_tickets);
	SSL_CTX_set_session_cache_mode(t.peer.ctx, SSL_SESS_CACHE_CLIENT);
	SSL_CTX_sess_set_new_cb(t.peer.ctx, count_session);
	talk_open(&t, TLS1_3_VERSION);
	cr_expect_eq(peer_read(&t.peer, room, sizeof(room)), -1);
	cr_expect_eq(n_tickets, 1);
	talk_done(&t);
}

/* ---- what only a client writes that means harm */

/* How many events of reading and writing there are, however often the loop turns. */
static unsigned count_events(struct talk *t, unsigned turns)
{
	unsigned before = t->n_readable + t->n_writable;

	for (unsigned i = 0; i < turns; i++)
		loop_turn(t->loop, false);
	return t->n_readable + t->n_writable - before;
}

/* The client's records, which are not sent one by one but gathered, as many as the socket takes at once. */
static void gather(struct talk *t)
{
	SSL_set0_wbio(t->peer.ssl, BIO_new(BIO_s_mem()));
}

static void send_gathered(struct talk *t)
{
	int size = 1 << 20;
	char *bytes;
	long len = BIO_get_mem_data(SSL_get_wbio(t->peer.ssl), &bytes);

	(void)setsockopt(t->peer.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	cr_assert_eq(send(t->peer.fd, bytes, (size_t)len, MSG_DONTWAIT), len);
	(void)BIO_reset(SSL_get_wbio(t->peer.ssl));
}

static void keep_secret(const SSL *ssl, const char *line)
{
	struct talk *t = SSL_get_app_data(ssl);
	const char *text = strrchr(line, ' ') + 1;
	long len = 0;
	unsigned char *secret;

	if (strncmp(line, "CLIENT_TRAFFIC_SECRET_0 ", 24) != 0)
		return;
	secret = OPENSSL_hexstr2buf(text, &len);
	cr_assert_eq(len, 32);
	memcpy(t->secret, secret, 32);
	OPENSSL_free(secret);
}

/* RFC 8446, section 7.1: HKDF-Expand-Label. */
static void derive(struct talk *t, const char *label, unsigned char *ret, size_t len)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, t->secret, 32),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, (char *)"tls13 ", 6),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, (char *)(uintptr_t)label,
						  strlen(label)),
		OSSL_PARAM_construct_end(),
	};

	cr_assert_eq(EVP_KDF_derive(ctx, ret, len, params), 1);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

/* The client's first record after its handshake, of a kind that its OpenSSL would not send. */
static void write_first_record(struct talk *t, char type, const char *bytes, size_t len)
{
	unsigned char key[16], iv[12], plain[64], record[5 + 64 + 16] = { 0x17, 3, 3, 0 };
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0;

	assert(len < sizeof(plain));
	memcpy(plain, bytes, len);
	plain[len++] = (unsigned char)type;
	record[4] = (unsigned char)(len + 16);
	derive(t, "key", key, sizeof(key));
	derive(t, "iv", iv, sizeof(iv));
	cr_assert_eq(EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, key, iv), 1);
	cr_assert_eq(EVP_EncryptUpdate(ctx, NULL, &n, record, 5), 1);
	cr_assert_eq(EVP_EncryptUpdate(ctx, record + 5, &n, plain, (int)len), 1);
	cr_assert_eq(EVP_EncryptFinal_ex(ctx, record + 5 + n, &n), 1);
	cr_assert_eq(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, record + 5 + len), 1);
	EVP_CIPHER_CTX_free(ctx);
	cr_assert_eq(send(t->peer.fd, record, 5 + len + 16, 0), (ssize_t)(5 + len + 16));
}

/* One whose secret is known. */
static void talk_open_known(struct talk *t)
{
	talk_init(t);
	SSL_set_app_data(t->peer.ssl, t);
	SSL_CTX_set_keylog_callback(t->peer.ctx, keep_secret);
	cr_assert_eq(SSL_set_ciphersuites(t->peer.ssl, "TLS_AES_128_GCM_SHA256"), 1);
	talk_open(t, TLS1_3_VERSION);
}

/* OpenSSL writes nothing before it has the rest; the socket has room all the while. */
Test(tls_stream, half_a_message_stops_our_bytes_but_not_the_loop)
{
	char room[100];
	struct talk t;

	talk_open_known(&t);
	write_first_record(&t, SSL3_RT_HANDSHAKE, "\x18\0\0\x01", 4);
	turn(&t);
	cr_assert_eq(outq_append(&t.stream.out, "answer", 6), 0);
	cr_assert_eq(stream_flush(&t.stream), -EAGAIN);
	cr_expect_lt(count_events(&t, 100), 10);
	cr_expect_eq(peer_read(&t.peer, room, sizeof(room)), -1);
	cr_expect_eq(t.end, 1);
	talk_done(&t);
}

Test(tls_stream, a_key_update_that_has_no_room_does_not_keep_the_loop_busy)
{
	static char bytes[4096];
	struct talk t;

	talk_init(&t);
	talk_open(&t, TLS1_3_VERSION);
	while (send(t.stream.fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	cr_assert_eq(SSL_key_update(t.peer.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
	peer_write(&t.peer, "hello", 5);
	turn(&t);
	cr_expect_eq(t.n_in, 5);
	cr_assert_eq(outq_append(&t.stream.out, "answer", 6), 0);
	cr_assert_eq(stream_flush(&t.stream), -EAGAIN);
	peer_write(&t.peer, "hello", 5);
	cr_expect_lt(count_events(&t, 100), 10);
	cr_expect_not(stream_is_paused(&t.stream));
	while (recv(t.peer.fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	turn(&t);
	cr_expect_eq(t.n_in, 10);
	cr_expect(outq_is_empty(&t.stream.out));
	talk_done(&t);
}

static void write_key_updates(struct talk *t, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		cr_assert_eq(SSL_key_update(t->peer.ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
		cr_assert_eq(SSL_do_handshake(t->peer.ssl), 1);
	}
}

Test(tls_stream, a_few_key_updates_are_fine)
{
	struct talk t;

	talk_init(&t);
	talk_open(&t, TLS1_3_VERSION);
	for (int i = 0; i < 10; i++) {
		write_key_updates(&t, 10);
		peer_write(&t.peer, "hello", 5);
		turn(&t);
	}
	cr_expect_eq(t.n_in, 50);
	cr_expect_eq(t.end, 1);
	talk_done(&t);
}

/* They cost us far more than who sends them. */
Test(tls_stream, a_flood_of_key_updates_ends_the_connection)
{
	struct talk t;

	talk_init(&t);
	talk_open(&t, TLS1_3_VERSION);
	gather(&t);
	write_key_updates(&t, 2000);
	send_gathered(&t);
	turn(&t);
	cr_expect_eq(t.end, -EPROTO);
	cr_expect_str_eq(stream_tls_why(&t.stream), "too many messages of handshakes");
	talk_done(&t);
}

Test(tls_stream, who_sends_tiny_records_does_not_keep_the_loop_from_others)
{
	enum { N = 8000 };
	struct talk t;

	talk_init(&t);
	talk_open(&t, TLS1_3_VERSION);
	gather(&t);
	for (int i = 0; i < N; i++)
		peer_write(&t.peer, "x", 1);
	send_gathered(&t);
	loop_turn(t.loop, false);
	cr_expect_lt(t.n_in, N / 2);
	for (int i = 0; i < 20; i++)
		turn(&t);
	cr_expect_eq(t.n_in, N);
	talk_done(&t);
}
