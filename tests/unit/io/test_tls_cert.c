/* test_tls_cert.c - what is said about certificates and keys that are wrong, or odd. */
#include "io/tls_cert.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tls_made.h"

struct heard {
	struct tls_problem last;
	unsigned n;
};

static void hear(void *arg, const struct tls_problem *problem)
{
	struct heard *heard = arg;

	heard->last = *problem;
	heard->n++;
}

static int read_pair(const char *pem, const char *key_pem, struct heard *heard)
{
	struct tls_report report = { hear, heard, 3 };
	struct tls_cert cert = { 0 };
	int r;

	*heard = (struct heard){ .n = 0 };
	r = tls_cert_read(weir_strz(pem), weir_strz(key_pem), time(NULL), &report, &cert);
	if (r == 0) {
		cr_expect_not_null(cert.leaf);
		cr_expect_not_null(cert.key);
		tls_cert_done(&cert);
	}
	cr_expect_null(cert.leaf);
	return r;
}

static void expect_words(const struct heard *heard, enum tls_part part, const char *words)
{
	cr_expect_eq(heard->n, 1);
	cr_expect_eq(heard->last.part, part);
	cr_expect_eq(heard->last.pair, 3);
	cr_expect_not_null(strstr(heard->last.words, words), "%s", heard->last.words);
}

Test(tls_cert, a_good_pair_is_read_without_a_word)
{
	struct heard heard;
	struct made m;

	made_new(&m, &(struct made_spec){ .name = "a.test" });
	cr_expect_eq(read_pair(m.pem, m.key_pem, &heard), 0);
	cr_expect_eq(heard.n, 0);
	made_done(&m);
}

Test(tls_cert, a_chain_is_read_with_it)
{
	struct tls_report report = { hear, NULL, 0 };
	struct tls_cert cert = { 0 };
	struct made ca, m;
	char *chain;

	made_new(&ca, &(struct made_spec){ .name = "ca", .is_ca = true });
	made_new(&m, &(struct made_spec){ .name = "a.test", .issuer = &ca });
	cr_assert_gt(asprintf(&chain, "%s%s", m.pem, ca.pem), 0);
	cr_assert_eq(
		tls_cert_read(weir_strz(chain), weir_strz(m.key_pem), time(NULL), &report, &cert),
		0);
	cr_expect_eq(sk_X509_num(cert.rest), 1);
	tls_cert_done(&cert);
	free(chain);
	made_done(&m);
	made_done(&ca);
}

Test(tls_cert, a_key_of_another_is_refused)
{
	struct heard heard;
	struct made a, b;

	made_new(&a, &(struct made_spec){ .name = "a.test" });
	made_new(&b, &(struct made_spec){ .name = "b.test" });
	cr_expect_eq(read_pair(a.pem, b.key_pem, &heard), -EINVAL);
	expect_words(&heard, TLS_PART_KEY, "not that of the certificate");
	made_done(&a);
	made_done(&b);
}

Test(tls_cert, what_is_no_pem_is_refused)
{
	struct heard heard;
	struct made m;

	made_new(&m, &(struct made_spec){ .name = "a.test" });
	cr_expect_eq(read_pair("", m.key_pem, &heard), -EINVAL);
	expect_words(&heard, TLS_PART_CERTIFICATE, "no certificate in PEM");
	cr_expect_eq(read_pair(m.pem, "hello", &heard), -EINVAL);
	expect_words(&heard, TLS_PART_KEY, "no private key in PEM");
	cr_expect_eq(read_pair(m.pem, m.pem, &heard), -EINVAL);
	expect_words(&heard, TLS_PART_KEY, "no private key in PEM");
	made_done(&m);
}

Test(tls_cert, a_key_of_no_bytes_is_refused_as_no_key)
{
	struct heard heard = { 0 };
	struct tls_report report = { hear, &heard, 3 };
	struct tls_cert cert;
	struct made m;

	made_new(&m, &(struct made_spec){ .name = "a.test" });
	cr_expect_eq(tls_cert_read(weir_strz(m.pem), (weir_str){ NULL, 0 }, 0, &report, &cert),
		     -EINVAL);
	expect_words(&heard, TLS_PART_KEY, "no private key in PEM");
	made_done(&m);
}

Test(tls_cert, one_that_is_damaged_is_refused)
{
	struct heard heard;
	struct made m;

	made_new(&m, &(struct made_spec){ .name = "a.test" });
	memcpy(m.pem + 60, "????", 4);
	cr_expect_eq(read_pair(m.pem, m.key_pem, &heard), -EINVAL);
	expect_words(&heard, TLS_PART_CERTIFICATE, "cannot be read");
	made_done(&m);
}

Test(tls_cert, a_short_key_is_refused)
{
	struct heard heard;
	struct made m;

	made_new(&m, &(struct made_spec){ .name = "a.test", .rsa_bits = 1024 });
	cr_expect_eq(read_pair(m.pem, m.key_pem, &heard), -EINVAL);
	expect_words(&heard, TLS_PART_KEY, "1024 bits");
	made_done(&m);
}

Test(tls_cert, one_that_has_expired_is_a_warning)
{
	struct heard heard;
	struct made m;

	made_new(&m, &(struct made_spec){ .name = "a.test", .from_s = -7200, .to_s = -3600 });
	cr_expect_eq(read_pair(m.pem, m.key_pem, &heard), 0);
	cr_expect(heard.last.is_warning);
	expect_words(&heard, TLS_PART_CERTIFICATE, "expired on");
	made_done(&m);
}

Test(tls_cert, one_that_is_not_valid_yet_is_a_warning)
{
	struct heard heard;
	struct made m;

	made_new(&m, &(struct made_spec){ .name = "a.test", .from_s = 3600, .to_s = 7200 });
	cr_expect_eq(read_pair(m.pem, m.key_pem, &heard), 0);
	cr_expect(heard.last.is_warning);
	expect_words(&heard, TLS_PART_CERTIFICATE, "only valid from");
	made_done(&m);
}

Test(tls_cert, a_missing_intermediate_is_a_warning)
{
	struct heard heard;
	struct made ca, m;

	made_new(&ca, &(struct made_spec){ .name = "ca", .is_ca = true });
	made_new(&m,
		 &(struct made_spec){ .name = "a.test", .issuer = &ca, .has_issuer_url = true });
	cr_expect_eq(read_pair(m.pem, m.key_pem, &heard), 0);
	cr_expect(heard.last.is_warning);
	expect_words(&heard, TLS_PART_CERTIFICATE, "no intermediate certificate");
	made_done(&m);
	made_done(&ca);
}

static int collect(void *arg, weir_str name)
{
	char *all = arg;

	(void)snprintf(all + strlen(all), 200 - strlen(all), "%.*s ", WEIR_ARG(name));
	return 0;
}

Test(tls_cert, its_names_are_the_alternative_ones_in_lower_case)
{
	char all[200] = "";
	struct made m;

	made_new(&m, &(struct made_spec){ .name = "cn.test",
					  .names = "DNS:A.Test,IP:127.0.0.1,DNS:*.b.test" });
	cr_assert_eq(tls_cert_names(m.x, collect, all), 0);
	cr_expect_str_eq(all, "a.test *.b.test ");
	made_done(&m);
}

Test(tls_cert, without_them_it_is_the_common_name)
{
	char all[200] = "";
	struct made m;

	made_new(&m, &(struct made_spec){ .name = "cn.test", .names = "" });
	cr_assert_eq(tls_cert_names(m.x, collect, all), 0);
	cr_expect_str_eq(all, "cn.test ");
	made_done(&m);
}

Test(tls_cert, authorities_are_all_of_a_file)
{
	X509_STORE *store = X509_STORE_new();
	STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
	struct heard heard = { .n = 0 };
	struct tls_report report = { hear, &heard, 3 };
	struct made a, b;
	char *both;

	made_new(&a, &(struct made_spec){ .name = "a", .is_ca = true });
	made_new(&b, &(struct made_spec){ .name = "b", .is_ca = true });
	cr_assert_gt(asprintf(&both, "%s%s", a.pem, b.pem), 0);
	cr_expect_eq(tls_cert_read_authorities(weir_strz(both), &report, store, names), 0);
	cr_expect_eq(sk_X509_NAME_num(names), 2);
	sk_X509_NAME_pop_free(names, X509_NAME_free);
	names = sk_X509_NAME_new_null();
	cr_expect_eq(tls_cert_read_authorities(WEIR_STR("hello"), &report, store, names), -EINVAL);
	expect_words(&heard, TLS_PART_CLIENT_CA, "no certificate in PEM");
	sk_X509_NAME_pop_free(names, X509_NAME_free);
	X509_STORE_free(store);
	free(both);
	made_done(&a);
	made_done(&b);
}
