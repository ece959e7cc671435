/* tls_cert.c - see tls_cert.h. What OpenSSL would refuse later, without a name, is asked for first. */
#include "io/tls_cert.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* RFC 7525, section 4.3, and what OpenSSL's security level 2 takes. */
#define MIN_RSA_BITS 2048
#define MIN_EC_BITS 224
#define NAME_MAX_LEN 253

void tls_cert_report(const struct tls_report *report, enum tls_part part, bool is_warning,
		     const char *fmt, ...)
{
	struct tls_problem problem = { .part = part,
				       .pair = report->pair,
				       .is_warning = is_warning };
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(problem.words, sizeof(problem.words), fmt, ap);
	va_end(ap);
	report->said(report->arg, &problem);
}

const char *tls_cert_cause(void)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return reason ? reason : "OpenSSL does not say why";
}

/* Nobody is there to be asked; without this OpenSSL would ask the terminal. */
static int on_password(char *buf, int size, int is_writing, void *arg)
{
	*(bool *)arg = true;
	return -1;
}

/* Of an empty file there may be no bytes at all, which OpenSSL would take for a mistake. */
static BIO *open_pem(weir_str pem)
{
	return BIO_new_mem_buf(pem.len > 0 ? pem.ptr : "", (int)pem.len);
}

static int read_key(weir_str pem, const struct tls_report *report, EVP_PKEY **ret_key)
{
	BIO *bio = open_pem(pem);
	bool has_password = false;
	EVP_PKEY *key;

	if (!bio)
		return -ENOMEM;
	key = PEM_read_bio_PrivateKey(bio, NULL, on_password, &has_password);
	BIO_free(bio);
	if (!key && has_password)
		tls_cert_report(report, TLS_PART_KEY, false,
				"the key is encrypted, and nobody can be asked for its password: "
				"store it without one (openssl pkey -in FILE -out NEW)");
	else if (!key)
		tls_cert_report(report, TLS_PART_KEY, false,
				"there is no private key in PEM in it (%s)", tls_cert_cause());
	ERR_clear_error();
	*ret_key = key;
	return key ? 0 : -EINVAL;
}

/* The next one of the file; NULL at its end, or when it cannot be read: *ret_error then. */
static X509 *next_certificate(BIO *bio, bool *ret_is_end)
{
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	*ret_is_end = false;
	if (!x && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
		ERR_clear_error();
		*ret_is_end = true;
	}
	return x;
}

static int read_chain(weir_str pem, const struct tls_report *report, struct tls_cert *cert)
{
	BIO *bio = open_pem(pem);
	bool is_end = false;
	X509 *x;

	cert->rest = sk_X509_new_null();
	if (!bio || !cert->rest) {
		BIO_free(bio);
		return -ENOMEM;
	}
	while ((x = next_certificate(bio, &is_end))) {
		if (!cert->leaf)
			cert->leaf = x;
		else if (!sk_X509_push(cert->rest, x))
			X509_free(x);
	}
	BIO_free(bio);
	if (!is_end)
		tls_cert_report(report, TLS_PART_CERTIFICATE, false,
				"a certificate in it cannot be read (%s)", tls_cert_cause());
	else if (!cert->leaf)
		tls_cert_report(report, TLS_PART_CERTIFICATE, false,
				"there is no certificate in PEM in it");
	return is_end && cert->leaf ? 0 : -EINVAL;
}

static int check_strength(const struct tls_cert *cert, const struct tls_report *report)
{
	int type = EVP_PKEY_get_base_id(cert->key), bits = EVP_PKEY_get_bits(cert->key);
	int min = type == EVP_PKEY_RSA || type == EVP_PKEY_RSA_PSS ? MIN_RSA_BITS
		  : type == EVP_PKEY_EC				   ? MIN_EC_BITS
								   : 0;

	if (bits >= min)
		return 0;
	tls_cert_report(report, TLS_PART_KEY, false,
			"the key has %d bits; at least %d are needed: make a new one", bits, min);
	return -EINVAL;
}

static int check_match(const struct tls_cert *cert, const struct tls_report *report)
{
	if (X509_check_private_key(cert->leaf, cert->key) == 1)
		return 0;
	ERR_clear_error();
	tls_cert_report(report, TLS_PART_KEY, false, "the key is not that of the certificate%s",
			sk_X509_num(cert->rest) > 0
				? ", which is the first one of its file: the chain stands behind it"
				: "");
	return -EINVAL;
}

static void write_day(const ASN1_TIME *at, char ret_day[32])
{
	struct tm tm = { 0 };

	ret_day[0] = '\0';
	if (ASN1_TIME_to_tm(at, &tm) == 1)
		(void)strftime(ret_day, 32, "%Y-%m-%d %H:%M UTC", &tm);
}

static void check_time(const struct tls_cert *cert, int64_t now_s, const struct tls_report *report)
{
	const ASN1_TIME *from = X509_get0_notBefore(cert->leaf);
	const ASN1_TIME *to = X509_get0_notAfter(cert->leaf);
	time_t now = (time_t)now_s;
	char day[32];

	if (X509_cmp_time(to, &now) < 0) {
		write_day(to, day);
		tls_cert_report(report, TLS_PART_CERTIFICATE, true,
				"the certificate expired on %s: clients will refuse it; renew it",
				day);
	} else if (X509_cmp_time(from, &now) > 0) {
		write_day(from, day);
		tls_cert_report(report, TLS_PART_CERTIFICATE, true,
				"the certificate is only valid from %s on", day);
	}
}

/* Each must have signed the one before it. */
static void check_chain(const struct tls_cert *cert, const struct tls_report *report)
{
	X509 *last = cert->leaf;

	for (int i = 0; i < sk_X509_num(cert->rest); i++) {
		X509 *next = sk_X509_value(cert->rest, i);

		if (X509_check_issued(next, last) != X509_V_OK) {
			tls_cert_report(report, TLS_PART_CERTIFICATE, true,
					"certificate %d of the file has not signed the one before "
					"it: clients may find no way to their authority",
					i + 2);
			return;
		}
		last = next;
	}
	/* Authorities whose certificates are signed by intermediate ones say where to get those. */
	if (sk_X509_num(cert->rest) == 0 &&
	    X509_get_ext_by_NID(cert->leaf, NID_info_access, -1) >= 0 &&
	    X509_check_issued(cert->leaf, cert->leaf) != X509_V_OK)
		tls_cert_report(report, TLS_PART_CERTIFICATE, true,
				"there is no intermediate certificate behind the first one: many "
				"clients will not trust it; use the file with the full chain");
	ERR_clear_error();
}

int tls_cert_read(weir_str certificate_pem, weir_str key_pem, int64_t now_s,
		  const struct tls_report *report, struct tls_cert *ret_cert)
{
	struct tls_cert cert = { 0 };
	int r, r_key;

	ERR_clear_error();
	r = read_chain(certificate_pem, report, &cert);
	r_key = read_key(key_pem, report, &cert.key);
	if (r >= 0)
		r = r_key;
	if (r >= 0)
		r = check_match(&cert, report);
	if (r >= 0)
		r = check_strength(&cert, report);
	if (r >= 0) {
		check_time(&cert, now_s, report);
		check_chain(&cert, report);
		*ret_cert = cert;
		return 0;
	}
	tls_cert_done(&cert);
	return r;
}

void tls_cert_done(struct tls_cert *cert)
{
	X509_free(cert->leaf);
	sk_X509_pop_free(cert->rest, X509_free);
	EVP_PKEY_free(cert->key);
	*cert = (struct tls_cert){ 0 };
}

static int add_authority(X509 *x, X509_STORE *store, STACK_OF(X509_NAME) * names)
{
	X509_NAME *name = X509_NAME_dup(X509_get_subject_name(x));

	if (!name || X509_STORE_add_cert(store, x) != 1 || !sk_X509_NAME_push(names, name)) {
		X509_NAME_free(name);
		return -ENOMEM;
	}
	return 0;
}

int tls_cert_read_authorities(weir_str pem, const struct tls_report *report, X509_STORE *store,
			      STACK_OF(X509_NAME) * names)
{
	BIO *bio = open_pem(pem);
	bool is_end = false;
	int r = 0;
	X509 *x;

	if (!bio)
		return -ENOMEM;
	ERR_clear_error();
	while (r == 0 && (x = next_certificate(bio, &is_end))) {
		r = add_authority(x, store, names);
		X509_free(x);
	}
	BIO_free(bio);
	if (r < 0)
		return r;
	if (!is_end)
		tls_cert_report(report, TLS_PART_CLIENT_CA, false,
				"a certificate in it cannot be read (%s)", tls_cert_cause());
	else if (sk_X509_NAME_num(names) == 0)
		tls_cert_report(report, TLS_PART_CLIENT_CA, false,
				"there is no certificate in PEM in it");
	return is_end && sk_X509_NAME_num(names) > 0 ? 0 : -EINVAL;
}

/* ---- names */

static int tell_name(const unsigned char *bytes, int len, tls_cert_name_fn *each, void *arg)
{
	char name[NAME_MAX_LEN + 1];

	if (len <= 0 || len > NAME_MAX_LEN || memchr(bytes, '\0', (size_t)len))
		return 0; /* it is nobody's name */
	for (int i = 0; i < len; i++)
		name[i] = (char)tolower(bytes[i]);
	return each(arg, (weir_str){ name, (size_t)len });
}

/* RFC 9525: the subject's common name is no name of a server; but where it is all there is... */
static int tell_common_name(X509 *leaf, tls_cert_name_fn *each, void *arg)
{
	X509_NAME *subject = X509_get_subject_name(leaf);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	const ASN1_STRING *text;

	if (at < 0)
		return 0;
	text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
	return tell_name(ASN1_STRING_get0_data(text), ASN1_STRING_length(text), each, arg);
}

int tls_cert_names(X509 *leaf, tls_cert_name_fn *each, void *arg)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
	int r = 0;

	if (!names)
		return tell_common_name(leaf, each, arg);
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && r >= 0; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == GEN_DNS)
			r = tell_name(ASN1_STRING_get0_data(name->d.dNSName),
				      ASN1_STRING_length(name->d.dNSName), each, arg);
	}
	GENERAL_NAMES_free(names);
	return r;
}
