#ifndef WEIR_IO_TLS_INFO_H
#define WEIR_IO_TLS_INFO_H
/*
 * tls_info.h - what a handshake has come to: for handlers, which may outlive the
 * connection. So it is counted.
 */
#include <openssl/ssl.h>
#include <stdbool.h>
#include <weir/base.h>

#include "base/macro.h"

struct tls_info {
	weir_tls pub;
	unsigned n_refs;
	char *chain;	   /* owned: the bytes of all of pub.client_chain; NULL */
	weir_str *entries; /* owned: pub.client_chain */
	char *subject;	   /* owned */
	char *server_name; /* owned */
	X509 *shown;	   /* counted: our certificate; NULL: none was needed */
};

/* After the handshake. -ENOMEM. */
MUST_USE int tls_info_new(SSL *ssl, struct tls_info **ret_info);
struct tls_info *tls_info_ref(struct tls_info *info);
/* The same for one of which only the public part is known; NULL is fine. */
struct tls_info *tls_info_hold(const weir_tls *pub);
/* Of one of which only the public part is known: is the certificate shown for that host, a name or an address? */
bool tls_info_is_for(const weir_tls *pub, weir_str host);
/* NULL is fine; returns NULL. */
struct tls_info *tls_info_unref(struct tls_info *info);
DEFINE_CLEANUP(struct tls_info, tls_info_unref)

#endif
