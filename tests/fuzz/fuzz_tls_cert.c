/*
 * fuzz_tls_cert.c - a certificate's file, a NUL, and its key's: what is taken is
 * whole, what is not was said in words that end; and a list of authorities.
 */
#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdint.h>
#include <string.h>

#include "io/tls_cert.h"

static void hear(void *arg, const struct tls_problem *problem)
{
	size_t len = strnlen(problem->words, TLS_WORDS);

	assert(len > 0 && len < TLS_WORDS);
	*(unsigned *)arg += !problem->is_warning;
}

static int see_name(void *arg, weir_str name)
{
	for (size_t i = 0; i < name.len; i++)
		assert(name.ptr[i] < 'A' || name.ptr[i] > 'Z');
	return 0;
}

static void try_authorities(weir_str pem)
{
	STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
	X509_STORE *store = X509_STORE_new();
	unsigned n_said = 0;
	struct tls_report report = { .said = hear, .arg = &n_said };
	int r;

	assert(names && store);
	r = tls_cert_read_authorities(pem, &report, store, names);
	assert(r == 0 ? n_said == 0 && sk_X509_NAME_num(names) > 0 : r == -EINVAL && n_said > 0);
	sk_X509_NAME_pop_free(names, X509_NAME_free);
	X509_STORE_free(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, '\0', size) : NULL;
	size_t len = end ? (size_t)(end - data) : size;
	weir_str pem = { (const char *)data, len }, key = { NULL, 0 };
	unsigned n_said = 0;
	struct tls_report report = { .said = hear, .arg = &n_said };
	struct tls_cert cert;
	int r;

	if (end)
		key = (weir_str){ (const char *)end + 1, size - len - 1 };
	r = tls_cert_read(pem, key, 1800000000, &report, &cert);
	assert(r == 0 ? n_said == 0 && cert.leaf && cert.key : r == -EINVAL && n_said > 0);
	if (r == 0) {
		assert(tls_cert_names(cert.leaf, see_name, NULL) == 0);
		tls_cert_done(&cert);
	}
	try_authorities(pem);
	assert(ERR_peek_error() == 0);
	return 0;
}
