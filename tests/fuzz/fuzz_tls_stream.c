/*
 * fuzz_tls_stream.c - a client's first bytes, which end no handshake: whatever they are, the
 * stream asks for more, fails with words, or sees the end; and leaves nothing behind with OpenSSL.
 */
#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/tls_ctx.h"
#include "io/tls_stream.h"

/* What a socket takes at once. */
#define MAX_IN ((size_t)64 * 1024)

static void hear(void *arg, const struct tls_problem *problem)
{
}

static weir_str text_of(BIO *bio)
{
	char *text;
	long len = BIO_get_mem_data(bio, &text);

	return (weir_str){ text, (size_t)len };
}

/* For "a.test", and for ever. */
static struct tls_ctx *make_ctx(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	BIO *pem = BIO_new(BIO_s_mem()), *key_pem = BIO_new(BIO_s_mem());
	struct tls_ctx_pair pair;
	struct tls_ctx_spec spec = { .pairs = &pair, .n_pairs = 1, .has_tickets = true };
	X509 *x = X509_new();
	struct tls_ctx *ctx;

	assert(key && pem && key_pem && x);
	(void)X509_set_version(x, 2);
	(void)X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
					 (const unsigned char *)"a.test", -1, -1, 0);
	(void)X509_set_issuer_name(x, X509_get_subject_name(x));
	(void)X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	(void)X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	(void)X509_set_pubkey(x, key);
	assert(X509_sign(x, key, EVP_sha256()) > 0);
	assert(PEM_write_bio_X509(pem, x) == 1);
	assert(PEM_write_bio_PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL) == 1);
	pair = (struct tls_ctx_pair){ text_of(pem), text_of(key_pem) };
	assert(tls_ctx_new(&spec, hear, NULL, &ctx) == 0);
	X509_free(x);
	EVP_PKEY_free(key);
	BIO_free(pem);
	BIO_free(key_pem);
	return ctx;
}

static void try(struct tls_ctx *ctx, int fd)
{
	struct tls_stream *tls;
	char bytes[512];
	int r;

	assert(tls_stream_new(ctx, fd, &tls) == 0);
	/* All of it is there: nothing waits for anything. */
	while ((r = tls_stream_handshake(tls)) == -EAGAIN && !tls_stream_wants_room(tls) &&
	       tls_stream_has_more(tls))
		continue;
	assert(r != 0);
	if (r != -EAGAIN)
		assert(tls_stream_why(tls)[0] != '\0');
	assert(tls_stream_recv(tls, bytes, sizeof(bytes), true) <= 0);
	tls_stream_end(tls);
	(void)tls_stream_free(tls);
	ERR_clear_error();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tls_ctx *ctx;
	int fds[2];

	if (!ctx) {
		(void)signal(SIGPIPE, SIG_IGN);
		ctx = make_ctx();
	}
	assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
	if (size > MAX_IN)
		size = MAX_IN;
	if (size > 0)
		assert(send(fds[0], data, size, 0) == (ssize_t)size);
	(void)shutdown(fds[0], SHUT_WR);
	try(ctx, fds[1]);
	(void)close(fds[0]);
	(void)close(fds[1]);
	return 0;
}
