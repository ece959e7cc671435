#ifndef WEIR_IO_TLS_CTX_H
#define WEIR_IO_TLS_CTX_H
/*
 * tls_ctx.h - what the TLS connections of one listener have in common: its
 * certificates, of which the name that a client asks for (SNI) chooses one, and
 * what is spoken. Counted: connections keep the one they began with when a
 * renewed certificate brings another.
 *
 * The defaults are Mozilla's "intermediate" of version 5.7, without the
 * finite-field suites.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/base.h>

#include "base/macro.h"
#include "io/tls_cert.h"

struct ssl_st;
struct tls_bio;
struct tls_ctx;
struct tls_tickets;
struct tls_warm;

#define TLS_CTX_CIPHERS                                              \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:" \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define TLS_CTX_CIPHERSUITES \
	"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

enum tls_verify {
	TLS_VERIFY_NONE,     /* clients are not asked for a certificate */
	TLS_VERIFY_OPTIONAL, /* they are; who has none is served, who has a bad one is not */
	TLS_VERIFY_REQUIRE,
};

enum tls_version { TLS_VERSION_1_2, TLS_VERSION_1_3 };

struct tls_ctx_pair {
	weir_str certificate; /* PEM: it, then who signed it, and so on */
	weir_str key;	      /* PEM */
};

/* All borrowed, until tls_ctx_new() returns; but for tickets. */
struct tls_ctx_spec {
	const struct tls_ctx_pair
		*pairs; /* the first is for those who ask for no name that is known */
	size_t n_pairs;
	weir_str client_ca; /* PEM; needed unless verify is NONE */
	enum tls_verify verify;
	enum tls_version min_version;
	const char *ciphers;	  /* of TLS 1.2, as OpenSSL names them; NULL: the defaults above */
	const char *ciphersuites; /* of TLS 1.3; the same */
	bool has_tickets;
	bool has_ktls;			   /* the kernel encrypts, where it can */
	const struct tls_tickets *tickets; /* borrowed for long; NULL: OpenSSL's own keys */
	int64_t now_s;
};

/* -EINVAL: what is wrong was reported; so is what is odd, in any case. -ENOMEM. */
MUST_USE int tls_ctx_new(const struct tls_ctx_spec *spec, tls_problem_fn *said, void *arg,
			 struct tls_ctx **ret_ctx);
struct tls_ctx *tls_ctx_ref(struct tls_ctx *ctx);
/* NULL is fine; returns NULL. */
struct tls_ctx *tls_ctx_unref(struct tls_ctx *ctx);
DEFINE_CLEANUP(struct tls_ctx, tls_ctx_unref)

/* The server's side of a connection, which bytes reach by bio. It borrows ctx and bio. NULL: no memory. */
struct ssl_st *tls_ctx_make_ssl(struct tls_ctx *ctx, struct tls_bio *bio);
/* Which of its connections keep their buffers. */
struct tls_warm *tls_ctx_warm(struct tls_ctx *ctx);

#endif
