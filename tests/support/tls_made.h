#ifndef WEIR_TESTS_TLS_MADE_H
#define WEIR_TESTS_TLS_MADE_H
/*
 * tls_made.h - keys and certificates made on the spot, and a client of TLS at the
 * other end of a socket pair, which never waits. All of it aborts the test when
 * OpenSSL does not do as it is told.
 *
 *	struct made ca, server;
 *
 *	made_new(&ca, &(struct made_spec){ .name = "ca", .is_ca = true });
 *	made_new(&server, &(struct made_spec){ .name = "a.test", .issuer = &ca });
 */
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <weir/base.h>

struct made {
	X509 *x;
	EVP_PKEY *key;
	char *pem, *key_pem; /* as in files */
};

struct made_spec {
	const char *name;	   /* common name; and DNS name, unless names says others */
	const char *names;	   /* "DNS:a.test,DNS:*.b.test"; "": none at all */
	const struct made *issuer; /* NULL: itself */
	bool is_ca;
	int rsa_bits;	   /* 0: a key on P-256 */
	long from_s, to_s; /* from now on; both 0: from an hour ago, for a day */
	bool has_issuer_url;
};

void made_new(struct made *made, const struct made_spec *spec);
void made_done(struct made *made);

struct peer {
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
};

/* A client on fd, which it owns; server_name and ca may be NULL: then nothing is asked, or checked. */
void peer_init(struct peer *p, int fd, const char *server_name, const struct made *ca);
/* One step of the handshake: true when it is over. */
bool peer_shake(struct peer *p);
/* What has come, at most len - 1 bytes, with a NUL; how many: 0 at the end, -1: nothing now, -2: an error. */
int peer_read(struct peer *p, char *bytes, size_t len);
void peer_write(struct peer *p, const void *bytes, size_t len);
void peer_done(struct peer *p);

#endif
