#ifndef WEIR_IO_TLS_CERT_H
#define WEIR_IO_TLS_CERT_H
/*
 * tls_cert.h - a certificate with its chain and its key, read from PEM, and
 * everything that can be wrong with them, in words for whoever installs them.
 */
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <weir/base.h>

#include "base/macro.h"

/* What somebody is told about. */
enum tls_part { TLS_PART_CERTIFICATE, TLS_PART_KEY, TLS_PART_CLIENT_CA, TLS_PART_OPTIONS };

#define TLS_WORDS 320

/* words: what is wrong, and what to do; to stand after the name of a file. */
struct tls_problem {
	enum tls_part part;
	size_t pair; /* which certificate of several; 0 for what is no certificate's */
	bool is_warning;
	char words[TLS_WORDS];
};
typedef void tls_problem_fn(void *arg, const struct tls_problem *problem);

/* To whom it is told. */
struct tls_report {
	tls_problem_fn *said;
	void *arg;
	size_t pair;
};
void tls_cert_report(const struct tls_report *report, enum tls_part part, bool is_warning,
		     const char *fmt, ...) PRINTF_LIKE(4, 5);
/* The cause that OpenSSL has noted last, in its words; its notes are empty then. */
const char *tls_cert_cause(void);

struct tls_cert {
	X509 *leaf;	       /* owned */
	STACK_OF(X509) * rest; /* owned: who signed it, and so on */
	EVP_PKEY *key;	       /* owned */
};

/* -EINVAL: what is wrong was said; what is odd is said in any case. now_s: what day it is. */
MUST_USE int tls_cert_read(weir_str certificate_pem, weir_str key_pem, int64_t now_s,
			   const struct tls_report *report, struct tls_cert *ret_cert);
void tls_cert_done(struct tls_cert *cert);

/*
 * All certificates of a file into store, and their subjects, which clients are
 * told, to names. -EINVAL: it was said.
 */
MUST_USE int tls_cert_read_authorities(weir_str pem, const struct tls_report *report,
				       X509_STORE *store, STACK_OF(X509_NAME) * names);

/* Calls each with every name that the certificate is for, in lower case; stops when it returns < 0. */
typedef int tls_cert_name_fn(void *arg, weir_str name);
MUST_USE int tls_cert_names(X509 *leaf, tls_cert_name_fn *each, void *arg);

#endif
