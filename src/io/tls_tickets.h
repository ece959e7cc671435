#ifndef WEIR_IO_TLS_TICKETS_H
#define WEIR_IO_TLS_TICKETS_H
/*
 * tls_tickets.h - the keys of session tickets (RFC 5077; RFC 8446, section
 * 4.6.1), in memory that all workers share: what one has given out, every other
 * one takes. Made and rotated by one process, before and after it forks the
 * others. The newest key encrypts; it and the two before it decrypt.
 *
 * Not in core dumps.
 */
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "base/macro.h"

struct tls_tickets;

/* With a first key. -ENOMEM, or -EIO without random numbers. */
MUST_USE int tls_tickets_new(struct tls_tickets **ret_tickets);
/* The same keys once more, as one's own: a rotation of either is one of both. -ENOMEM. */
MUST_USE int tls_tickets_share(struct tls_tickets *from, struct tls_tickets **ret_tickets);
/* Unmaps it; other processes keep theirs. */
struct tls_tickets *tls_tickets_free(struct tls_tickets *tickets);
DEFINE_CLEANUP(struct tls_tickets, tls_tickets_free)

/* A new key, for all who share it. -EIO: the old ones stay. */
MUST_USE int tls_tickets_rotate(struct tls_tickets *tickets);
/* In a process that only uses them: from now on it cannot change them. */
void tls_tickets_make_read_only(struct tls_tickets *tickets);

/*
 * What OpenSSL's callback for tickets has to do: enc: 1 with the key to encrypt
 * with, else 2 with the one of that name, so that a new ticket follows, or 0
 * when there is none. -1: it did not work.
 */
int tls_tickets_use(const struct tls_tickets *tickets, unsigned char name[16], unsigned char *iv,
		    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int enc);

#endif
