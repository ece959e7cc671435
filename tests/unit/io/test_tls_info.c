/* test_tls_info.c - what is known of a handshake, of a client with a certificate above all. */
#include "io/tls_info.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "io/tls_bio.h"
#include "io/tls_ctx.h"
#include "tls_made.h"

static void hear(void *arg, const struct tls_problem *problem)
{
	cr_assert_fail("%s", problem->words);
}

/* Of a handshake in which the client shows that certificate, or none. */
static struct tls_info *info_of(const struct made *ca, const struct made *client)
{
	struct made server;
	struct tls_bio tb = { .may_recv = TLS_BIO_RECVS };
	struct tls_ctx_pair pair;
	struct tls_ctx_spec spec = { .pairs = &pair,
				     .n_pairs = 1,
				     .verify = TLS_VERIFY_OPTIONAL,
				     .client_ca = weir_strz(ca->pem),
				     .now_s = time(NULL) };
	struct tls_info *info;
	struct tls_ctx *ctx;
	struct peer p;
	int fds[2];
	SSL *ssl;

	made_new(&server, &(struct made_spec){ .name = "a.test" });
	pair = (struct tls_ctx_pair){ weir_strz(server.pem), weir_strz(server.key_pem) };
	cr_assert_eq(tls_ctx_new(&spec, hear, NULL, &ctx), 0);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	tb.fd = fds[0];
	ssl = tls_ctx_make_ssl(ctx, &tb);
	peer_init(&p, fds[1], "a.test", NULL);
	if (client) {
		cr_assert_eq(SSL_use_certificate(p.ssl, client->x), 1);
		cr_assert_eq(SSL_use_PrivateKey(p.ssl, client->key), 1);
		cr_assert_eq(SSL_add1_chain_cert(p.ssl, ca->x), 1);
	}
	for (int i = 0; i < 10 && !SSL_is_init_finished(ssl); i++) {
		(void)peer_shake(&p);
		tb.has_drained = false;
		(void)SSL_do_handshake(ssl);
	}
	cr_assert(SSL_is_init_finished(ssl));
	cr_assert_eq(tls_info_new(ssl, &info), 0);
	SSL_free(ssl);
	tls_ctx_unref(ctx);
	peer_done(&p);
	(void)close(fds[0]);
	made_done(&server);
	return info;
}

Test(tls_info, outlives_the_connection_it_is_about)
{
	struct tls_info *info;
	struct made ca;

	made_new(&ca, &(struct made_spec){ .name = "ca", .is_ca = true });
	info = info_of(&ca, NULL);
	cr_expect(weir_str_eq(info->pub.version, WEIR_STR("TLSv1.3")));
	cr_expect(weir_str_eq(info->pub.server_name, WEIR_STR("a.test")));
	cr_expect_gt(info->pub.cipher.len, 0);
	cr_expect_eq(info->pub.client_subject.len, 0);
	cr_expect_eq(info->pub.n_client_chain, 0);
	cr_expect_not(info->pub.is_resumed);
	tls_info_unref(info);
	made_done(&ca);
}

Test(tls_info, knows_what_the_certificate_shown_is_for)
{
	struct tls_info *info;
	struct made ca;

	made_new(&ca, &(struct made_spec){ .name = "ca", .is_ca = true });
	info = info_of(&ca, NULL);
	cr_expect(tls_info_is_for(&info->pub, WEIR_STR("a.test")));
	cr_expect(tls_info_is_for(&info->pub, WEIR_STR("A.Test")));
	cr_expect_not(tls_info_is_for(&info->pub, WEIR_STR("b.test")));
	cr_expect_not(tls_info_is_for(&info->pub, WEIR_STR("x.a.test")));
	cr_expect_not(tls_info_is_for(&info->pub, WEIR_STR("[::1]")));
	cr_expect_not(tls_info_is_for(&info->pub, WEIR_STR("127.0.0.1")));
	cr_expect_not(tls_info_is_for(&info->pub, WEIR_STR("")));
	tls_info_unref(info);
	made_done(&ca);
}

Test(tls_info, has_the_clients_name_and_chain)
{
	struct made ca, alice;
	struct tls_info *info;

	made_new(&ca, &(struct made_spec){ .name = "ca", .is_ca = true });
	made_new(&alice, &(struct made_spec){ .name = "al,ice", .names = "", .issuer = &ca });
	info = info_of(&ca, &alice);
	cr_expect(weir_str_eq(info->pub.client_subject, WEIR_STR("CN=al\\,ice")));
	cr_assert_eq(info->pub.n_client_chain, 2);
	cr_expect(weir_str_eq(info->pub.client_chain[0], weir_strz(alice.pem)));
	cr_expect(weir_str_eq(info->pub.client_chain[1], weir_strz(ca.pem)));
	tls_info_unref(info);
	made_done(&alice);
	made_done(&ca);
}

Test(tls_info, is_there_until_the_last_has_let_go)
{
	struct tls_info *info;
	struct made ca;

	made_new(&ca, &(struct made_spec){ .name = "ca", .is_ca = true });
	info = info_of(&ca, NULL);
	cr_expect_eq(tls_info_hold(&info->pub), info);
	cr_expect_null(tls_info_unref(info));
	cr_expect(weir_str_eq(info->pub.version, WEIR_STR("TLSv1.3")));
	cr_expect_null(tls_info_unref(info));
	cr_expect_null(tls_info_hold(NULL));
	cr_expect_null(tls_info_unref(NULL));
	made_done(&ca);
}
