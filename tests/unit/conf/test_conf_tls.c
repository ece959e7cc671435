/* test_conf_tls.c - what a listener says of TLS. */
#include "conf/conf_tls.h"

#include "conf_fixture.h"
#include "io/tls_ctx.h"

static void expect_said(const char *listen, const char *words)
{
	struct fixture f;
	char text[500];

	fixture_init(&f);
	(void)snprintf(text, sizeof(text), "listen:\n  - address: 127.0.0.1:1\n    tls: %s\n",
		       listen);
	fixture_load(&f, text);
	cr_expect_eq(f.r, -EINVAL);
	cr_expect_not_null(strstr(f.said, words), "%s", f.said);
	cr_expect_eq(f.messages.n_errors, 1, "%s", f.said);
	cr_assert_not_null(f.conf);
	for (size_t i = 0; i < f.conf->n_listen; i++)
		cr_expect_not(f.conf->listen[i].tls.is_on);
	fixture_done(&f);
}

Test(conf_tls, without_a_word_there_is_none)
{
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, "listen: [{address: 127.0.0.1:1}]\n");
	cr_expect_eq(f.r, 0, "%s", f.said);
	cr_expect_not(f.conf->listen[0].tls.is_on);
	fixture_done(&f);
}

Test(conf_tls, every_option_arrives)
{
	const struct conf_tls *tls;
	struct fixture f;
	char path[64];

	fixture_init(&f);
	fixture_load(
		&f,
		"listen:\n  - address: 127.0.0.1:1\n    tls: {certificate: a.pem, key: /k.pem,\n"
		"      certificates: [{certificate: b.pem, key: b-key.pem}],\n"
		"      verify: optional, client_ca: ca.pem, min_version: TLSv1.3,\n"
		"      ciphers: X, ciphersuites: Y, tickets: false, ktls: true}\n");
	cr_assert_eq(f.r, 0, "%s", f.said);
	tls = &f.conf->listen[0].tls;
	cr_expect(tls->is_on);
	cr_assert_eq(tls->n_all, 2);
	(void)snprintf(path, sizeof(path), "%s/a.pem", f.dir);
	cr_expect_str_eq(tls->all[0].certificate.text, path);
	cr_expect_str_eq(tls->all[0].key.text, "/k.pem");
	(void)snprintf(path, sizeof(path), "%s/b-key.pem", f.dir);
	cr_expect_str_eq(tls->all[1].key.text, path);
	cr_expect_eq(tls->verify, TLS_VERIFY_OPTIONAL);
	(void)snprintf(path, sizeof(path), "%s/ca.pem", f.dir);
	cr_expect_str_eq(tls->client_ca.text, path);
	cr_expect_eq(tls->min_version, TLS_VERSION_1_3);
	cr_expect_str_eq(tls->ciphers.text, "X");
	cr_expect_str_eq(tls->ciphersuites.text, "Y");
	cr_expect_not(tls->has_tickets);
	cr_expect(tls->has_ktls);
	fixture_done(&f);
}

Test(conf_tls, the_defaults)
{
	const struct conf_tls *tls;
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, "listen:\n  - address: 127.0.0.1:1\n    tls: {certificate: a, key: b}\n");
	cr_assert_eq(f.r, 0, "%s", f.said);
	tls = &f.conf->listen[0].tls;
	cr_expect_eq(tls->n_all, 1);
	cr_expect_eq(tls->verify, TLS_VERIFY_NONE);
	cr_expect_eq(tls->min_version, TLS_VERSION_1_2);
	cr_expect_null(tls->ciphers.text);
	cr_expect(tls->has_tickets);
	cr_expect_not(tls->has_ktls);
	cr_expect_eq(f.conf->limits.handshake_timeout_ms, 10000);
	fixture_done(&f);
}

Test(conf_tls, what_makes_no_sense_is_said_once)
{
	expect_said("{certificate: a}", "its private key is missing");
	expect_said("{key: a}", "the certificate that it is for is missing");
	expect_said("{tickets: true}", "tls: needs \"certificate\" and \"key\"");
	expect_said("{certificate: a, key: b, verify: require}", "verify needs \"client_ca\"");
	expect_said("{certificate: a, key: b, client_ca: c}",
		    "no client is asked for a certificate");
}
