/*
 * test_tls_stream_memory.c - TLS without memory: every allocation fails once, OpenSSL's
 * own too, of which there are so many that later ones are taken by samples. The client is
 * a thread of its own, whose allocations do not count.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "io/outq.h"
#include "io/tls_ctx.h"
#include "io/tls_info.h"
#include "io/tls_stream.h"
#include "io/tls_tickets.h"
#include "oom.h"
#include "tls_made.h"

/* ---- OpenSSL's allocations are seen as ours are */

static void *take(size_t size, const char *file, int line)
{
	return malloc(size);
}

static void *retake(void *old, size_t size, const char *file, int line)
{
	return realloc(old, size);
}

static void give(void *old, const char *file, int line)
{
	free(old);
}

static int is_seen;

/* Before anybody has allocated by it. */
__attribute__((constructor)) static void use_ours(void)
{
	is_seen = CRYPTO_set_mem_functions(take, retake, give);
}

/* ---- */

static struct made made;
static struct tls_tickets *tickets;

static void begin(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	cr_assert_eq(is_seen, 1);
	made_new(&made, &(struct made_spec){ .name = "a.test", .is_ca = true });
	cr_assert_eq(tls_tickets_new(&tickets), 0);
}

static void end(void)
{
	made_done(&made);
	tls_tickets_free(tickets);
}

TestSuite(tls_stream_memory, .init = begin, .fini = end, .timeout = 110);

static void hear(void *arg, const struct tls_problem *problem)
{
}

static int make_ctx(struct tls_ctx **ret_ctx)
{
	struct tls_ctx_pair pair = { weir_strz(made.pem), weir_strz(made.key_pem) };
	struct tls_ctx_spec spec = { .pairs = &pair,
				     .n_pairs = 1,
				     .has_tickets = true,
				     .tickets = tickets,
				     .verify = TLS_VERIFY_OPTIONAL,
				     .client_ca = weir_strz(made.pem),
				     .now_s = time(NULL) };

	return tls_ctx_new(&spec, hear, NULL, ret_ctx);
}

static unsigned next_sample(unsigned n)
{
	return n + 1 + n / 24;
}

Test(tls_stream_memory, a_context_is_whole_or_none)
{
	struct tls_ctx *ctx;

	for (unsigned n = 1;; n = next_sample(n)) {
		int r;

		oom_fail_at(n);
		r = make_ctx(&ctx);
		if (!oom_has_failed()) {
			cr_assert_eq(r, 0);
			break;
		}
		if (r == 0)
			(void)tls_ctx_unref(ctx); /* OpenSSL could do without */
	}
	(void)tls_ctx_unref(ctx);
}

/* Says hello, and hears until the end. */
static void *be_client(void *arg)
{
	struct peer *p = arg;
	char bytes[64];

	if (SSL_connect(p->ssl) == 1 && SSL_write(p->ssl, "hello", 5) == 5)
		while (SSL_read(p->ssl, bytes, sizeof(bytes)) > 0)
			continue;
	peer_done(p);
	OPENSSL_thread_stop();
	return NULL;
}

static void wait_for(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	(void)poll(&pfd, 1, -1);
}

/* All that a connection does; where it fails, it ends. */
static int serve(struct tls_stream *tls, int fd, struct block_pool *pool)
{
	struct tls_info *info = NULL;
	struct outq out;
	char bytes[64];
	ssize_t n;
	int r;

	while ((r = tls_stream_handshake(tls)) == -EAGAIN)
		wait_for(fd);
	if (r == 0)
		r = tls_stream_info(tls, &info);
	if (r < 0)
		return r;
	(void)tls_info_unref(info);
	while ((n = tls_stream_recv(tls, bytes, sizeof(bytes), true)) == -EAGAIN)
		wait_for(fd);
	if (n <= 0)
		return n < 0 ? (int)n : -EPIPE;
	outq_init(&out, pool);
	r = outq_append(&out, bytes, (size_t)n);
	if (r >= 0)
		r = tls_stream_flush(tls, &out);
	outq_done(&out);
	tls_stream_end(tls);
	return r;
}

/* With the n-th allocation failing: false if there were not so many. */
static bool connect_once(struct tls_ctx *ctx, struct block_pool *pool, unsigned n)
{
	struct tls_stream *tls = NULL;
	struct peer peer;
	pthread_t client;
	bool has_failed;
	int fds[2], r;

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	peer_init(&peer, fds[1], "a.test", &made);
	cr_assert_eq(fcntl(fds[1], F_SETFL, 0), 0); /* its thread may wait */
	cr_assert_eq(pthread_create(&client, NULL, be_client, &peer), 0);
	oom_fail_at(n);
	r = tls_stream_new(ctx, fds[0], &tls);
	if (r == 0)
		r = serve(tls, fds[0], pool);
	(void)tls_stream_free(tls);
	has_failed = oom_has_failed();
	(void)close(fds[0]);
	cr_assert_eq(pthread_join(client, NULL), 0);
	cr_assert(has_failed || r == 0, "%d", r);
	return has_failed;
}

Test(tls_stream_memory, a_connection_fails_by_itself)
{
	struct block_pool pool;
	struct tls_ctx *ctx;

	block_pool_init(&pool, 4);
	cr_assert_eq(make_ctx(&ctx), 0);
	for (unsigned n = 1; connect_once(ctx, &pool, n); n = next_sample(n))
		continue;
	/* And the next one finds nothing amiss. */
	cr_assert_not(connect_once(ctx, &pool, 0));
	(void)tls_ctx_unref(ctx);
	block_pool_done(&pool);
}
