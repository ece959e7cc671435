/* tls_made.c - see tls_made.h. */
#include "tls_made.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&context, issuer, x, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	cr_assert_not_null(extension);
	cr_assert_eq(X509_add_ext(x, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static void set_names(X509 *x, const struct made_spec *spec)
{
	char names[512];

	if (!spec->names)
		(void)snprintf(names, sizeof(names), "DNS:%s", spec->name);
	else
		(void)snprintf(names, sizeof(names), "%s", spec->names);
	if (names[0])
		add_extension(x, x, NID_subject_alt_name, names);
}

static char *text_of(BIO *bio)
{
	char *bytes;
	long len = BIO_get_mem_data(bio, &bytes);
	char *text = malloc((size_t)len + 1);

	cr_assert_not_null(text);
	memcpy(text, bytes, (size_t)len);
	text[len] = '\0';
	BIO_free(bio);
	return text;
}

static void write_pems(struct made *made)
{
	BIO *bio = BIO_new(BIO_s_mem());

	cr_assert_eq(PEM_write_bio_X509(bio, made->x), 1);
	made->pem = text_of(bio);
	bio = BIO_new(BIO_s_mem());
	cr_assert_eq(PEM_write_bio_PrivateKey(bio, made->key, NULL, NULL, 0, NULL, NULL), 1);
	made->key_pem = text_of(bio);
}

void made_new(struct made *made, const struct made_spec *spec)
{
	static long serial = 1;
	bool has_times = spec->from_s || spec->to_s;
	const struct made *issuer = spec->issuer ? spec->issuer : made;
	X509_NAME *subject;

	made->key = spec->rsa_bits ? EVP_RSA_gen((unsigned)spec->rsa_bits) : EVP_EC_gen("P-256");
	made->x = X509_new();
	cr_assert_not_null(made->key);
	cr_assert_not_null(made->x);
	X509_set_version(made->x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(made->x), serial++);
	X509_gmtime_adj(X509_getm_notBefore(made->x), has_times ? spec->from_s : -3600);
	X509_gmtime_adj(X509_getm_notAfter(made->x), has_times ? spec->to_s : 86400);
	X509_set_pubkey(made->x, made->key);
	subject = X509_get_subject_name(made->x);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)spec->name,
				   -1, -1, 0);
	X509_set_issuer_name(made->x, X509_get_subject_name(issuer->x));
	set_names(made->x, spec);
	if (spec->is_ca)
		add_extension(made->x, made->x, NID_basic_constraints, "critical,CA:TRUE");
	if (spec->has_issuer_url)
		add_extension(made->x, made->x, NID_info_access, "caIssuers;URI:http://a.test/");
	cr_assert_gt(X509_sign(made->x, issuer->key, EVP_sha256()), 0);
	write_pems(made);
}

void made_done(struct made *made)
{
	X509_free(made->x);
	EVP_PKEY_free(made->key);
	free(made->pem);
	free(made->key_pem);
}

void peer_init(struct peer *p, int fd, const char *server_name, const struct made *ca)
{
	p->fd = fd;
	cr_assert_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	p->ctx = SSL_CTX_new(TLS_client_method());
	if (ca) {
		X509_STORE_add_cert(SSL_CTX_get_cert_store(p->ctx), ca->x);
		SSL_CTX_set_verify(p->ctx, SSL_VERIFY_PEER, NULL);
	}
	p->ssl = SSL_new(p->ctx);
	cr_assert_not_null(p->ssl);
	SSL_set_fd(p->ssl, fd);
	SSL_set_connect_state(p->ssl);
	if (server_name)
		SSL_set_tlsext_host_name(p->ssl, server_name);
}

bool peer_shake(struct peer *p)
{
	int r = SSL_do_handshake(p->ssl);

	ERR_clear_error();
	return r == 1;
}

int peer_read(struct peer *p, char *bytes, size_t len)
{
	int n = SSL_read(p->ssl, bytes, (int)len - 1), why;

	bytes[n > 0 ? n : 0] = '\0';
	if (n > 0)
		return n;
	why = SSL_get_error(p->ssl, n);
	ERR_clear_error();
	return why == SSL_ERROR_WANT_READ ? -1 : why == SSL_ERROR_ZERO_RETURN ? 0 : -2;
}

void peer_write(struct peer *p, const void *bytes, size_t len)
{
	cr_assert_eq(SSL_write(p->ssl, bytes, (int)len), (int)len);
}

void peer_done(struct peer *p)
{
	SSL_free(p->ssl);
	SSL_CTX_free(p->ctx);
	if (p->fd >= 0)
		(void)close(p->fd);
	p->fd = -1;
}
