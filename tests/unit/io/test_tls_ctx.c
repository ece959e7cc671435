/* test_tls_ctx.c - which certificate a name chooses, and what is refused before anybody connects. */
#include "io/tls_ctx.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "io/tls_bio.h"
#include "tls_made.h"

static void hear(void *arg, const struct tls_problem *problem)
{
	(void)snprintf(arg, TLS_WORDS, "%s", problem->words);
}

static struct tls_ctx_pair pair_of(const struct made *m)
{
	return (struct tls_ctx_pair){ weir_strz(m->pem), weir_strz(m->key_pem) };
}

static struct tls_ctx *ctx_of(const struct tls_ctx_pair *pairs, size_t n)
{
	struct tls_ctx_spec spec = { .pairs = pairs, .n_pairs = n, .now_s = time(NULL) };
	char words[TLS_WORDS] = "";
	struct tls_ctx *ctx;

	cr_assert_eq(tls_ctx_new(&spec, hear, words, &ctx), 0, "%s", words);
	return ctx;
}

/* The common name of the certificate that who asks for name is shown; type: of key it can do, or NULL. */
static void ask(struct tls_ctx *ctx, const char *name, const char *ciphers, char *ret_shown)
{
	struct tls_bio tb = { .may_recv = TLS_BIO_RECVS };
	struct peer p;
	int fds[2];
	SSL *ssl;

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	tb.fd = fds[0];
	ssl = tls_ctx_make_ssl(ctx, &tb);
	cr_assert_not_null(ssl);
	peer_init(&p, fds[1], name, NULL);
	if (ciphers) {
		SSL_set_max_proto_version(p.ssl, TLS1_2_VERSION);
		SSL_set_cipher_list(p.ssl, ciphers);
	}
	for (int i = 0; i < 10 && !peer_shake(&p); i++) {
		tb.has_drained = false;
		(void)SSL_do_handshake(ssl);
	}
	cr_assert_not_null(SSL_get0_peer_certificate(p.ssl));
	X509_NAME_get_text_by_NID(X509_get_subject_name(SSL_get0_peer_certificate(p.ssl)),
				  NID_commonName, ret_shown, 64);
	SSL_free(ssl);
	peer_done(&p);
	(void)close(fds[0]);
}

static void expect_shown(struct tls_ctx *ctx, const char *asked, const char *expected)
{
	char shown[64];

	ask(ctx, asked, NULL, shown);
	cr_expect_str_eq(shown, expected, "%s: %s", asked ? asked : "(nothing)", shown);
}

Test(tls_ctx, the_name_chooses_exactly_then_by_star_then_the_first)
{
	struct tls_ctx_pair pairs[3];
	struct made a, b, c;
	struct tls_ctx *ctx;

	made_new(&a, &(struct made_spec){ .name = "first" });
	made_new(&b, &(struct made_spec){ .name = "star", .names = "DNS:*.b.test,DNS:b.test" });
	made_new(&c, &(struct made_spec){ .name = "exact", .names = "DNS:www.b.test" });
	pairs[0] = pair_of(&a);
	pairs[1] = pair_of(&b);
	pairs[2] = pair_of(&c);
	ctx = ctx_of(pairs, 3);
	expect_shown(ctx, NULL, "first");
	expect_shown(ctx, "b.test", "star");
	expect_shown(ctx, "x.b.test", "star");
	expect_shown(ctx, "WWW.b.Test", "exact");
	expect_shown(ctx, "x.y.b.test", "first");
	expect_shown(ctx, ".b.test", "first");
	expect_shown(ctx, "nobody", "first");
	tls_ctx_unref(ctx);
	made_done(&a);
	made_done(&b);
	made_done(&c);
}

Test(tls_ctx, keys_of_two_types_for_the_same_names_share_them)
{
	struct tls_ctx_pair pairs[2];
	struct tls_ctx *ctx;
	struct made a, b;
	char shown[64];

	made_new(&a, &(struct made_spec){ .name = "ec", .names = "DNS:a.test" });
	made_new(&b, &(struct made_spec){ .name = "rsa", .names = "DNS:a.test", .rsa_bits = 2048 });
	pairs[0] = pair_of(&a);
	pairs[1] = pair_of(&b);
	ctx = ctx_of(pairs, 2);
	ask(ctx, "a.test", "ECDHE-RSA-AES128-GCM-SHA256", shown);
	cr_expect_str_eq(shown, "rsa");
	ask(ctx, "a.test", "ECDHE-ECDSA-AES128-GCM-SHA256", shown);
	cr_expect_str_eq(shown, "ec");
	tls_ctx_unref(ctx);
	made_done(&a);
	made_done(&b);
}

static void expect_refused(struct tls_ctx_spec *spec, const struct made *m, const char *expected)
{
	struct tls_ctx_pair pair = pair_of(m);
	char words[TLS_WORDS] = "";
	struct tls_ctx *ctx = NULL;

	spec->pairs = &pair;
	spec->n_pairs = 1;
	spec->now_s = time(NULL);
	cr_expect_eq(tls_ctx_new(spec, hear, words, &ctx), -EINVAL);
	cr_expect_null(ctx);
	cr_expect_not_null(strstr(words, expected), "%s", words);
}

Test(tls_ctx, options_that_make_no_sense_are_refused)
{
	struct made m;

	made_new(&m, &(struct made_spec){ .name = "a.test" });
	expect_refused(&(struct tls_ctx_spec){ .ciphers = "NONSENSE" }, &m, "ciphers: OpenSSL");
	expect_refused(&(struct tls_ctx_spec){ .ciphersuites = "NONSENSE" }, &m, "ciphersuites: ");
	expect_refused(
		&(struct tls_ctx_spec){ .verify = TLS_VERIFY_REQUIRE, .client_ca = WEIR_STR("x") },
		&m, "no certificate in PEM");
	made_done(&m);
}

Test(tls_ctx, connections_keep_it_when_others_have_let_go)
{
	struct tls_ctx_pair pair;
	struct tls_ctx *ctx;
	struct made m;

	made_new(&m, &(struct made_spec){ .name = "a.test" });
	pair = pair_of(&m);
	ctx = ctx_of(&pair, 1);
	cr_expect_eq(tls_ctx_ref(ctx), ctx);
	cr_expect_null(tls_ctx_unref(ctx));
	expect_shown(ctx, "a.test", "a.test");
	cr_expect_null(tls_ctx_unref(ctx));
	cr_expect_null(tls_ctx_unref(NULL));
	made_done(&m);
}
