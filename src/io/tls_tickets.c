/*
 * tls_tickets.c - a ring with one place more than there are keys in use. The
 * next key is written where nobody looks, and is the newest with a single store;
 * so readers need no lock, and see a whole key or an older one.
 */
#include "io/tls_tickets.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "base/shared.h"

#define IN_USE 3
#define PLACES (IN_USE + 1)

struct ticket_key {
	unsigned char name[16];
	unsigned char aes[32];
	unsigned char hmac[32];
};

struct tls_tickets {
	_Atomic uint32_t newest; /* its number since ever; modulo PLACES its place */
	struct ticket_key keys[PLACES];
};

static int make_key(struct ticket_key *key)
{
	if (RAND_bytes(key->name, sizeof(key->name)) != 1 ||
	    RAND_priv_bytes(key->aes, sizeof(key->aes)) != 1 ||
	    RAND_priv_bytes(key->hmac, sizeof(key->hmac)) != 1)
		return -EIO;
	return 0;
}

int tls_tickets_new(struct tls_tickets **ret_tickets)
{
	struct tls_tickets *tickets;
	int r = 0;

	tickets = shared_new(sizeof(*tickets));
	if (!tickets)
		return -ENOMEM;
	(void)madvise(tickets, sizeof(*tickets), MADV_DONTDUMP); /* old kernels dump it */
	/* All places hold keys from the first moment: a name of zeros must open nothing. */
	for (size_t i = 0; i < PLACES && r == 0; i++)
		r = make_key(&tickets->keys[i]);
	if (r < 0) {
		(void)tls_tickets_free(tickets);
		return r;
	}
	*ret_tickets = tickets;
	return 0;
}

/* mremap(2): a shared mapping of which no byte is moved is there twice. */
int tls_tickets_share(struct tls_tickets *from, struct tls_tickets **ret_tickets)
{
	struct tls_tickets *tickets = mremap(from, 0, sizeof(*from), MREMAP_MAYMOVE);

	if (tickets == MAP_FAILED)
		return -ENOMEM;
	(void)madvise(tickets, sizeof(*tickets), MADV_DONTDUMP);
	*ret_tickets = tickets;
	return 0;
}

struct tls_tickets *tls_tickets_free(struct tls_tickets *tickets)
{
	return shared_free(tickets, sizeof(*tickets));
}

int tls_tickets_rotate(struct tls_tickets *tickets)
{
	uint32_t next = atomic_load(&tickets->newest) + 1;
	struct ticket_key key;
	int r;

	r = make_key(&key);
	if (r < 0)
		return r;
	tickets->keys[next % PLACES] = key;
	OPENSSL_cleanse(&key, sizeof(key));
	atomic_store(&tickets->newest, next);
	return 0;
}

void tls_tickets_make_read_only(struct tls_tickets *tickets)
{
	(void)mprotect(tickets, sizeof(*tickets), PROT_READ); /* only a precaution */
}

static int set_mac_key(EVP_MAC_CTX *mac, const struct ticket_key *key)
{
	/* OpenSSL only reads them. */
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)key->hmac,
						  sizeof(key->hmac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, params);
}

static int begin_ticket(const struct ticket_key *key, unsigned char name[16], unsigned char *iv,
			EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	const EVP_CIPHER *aes = EVP_aes_256_cbc();

	if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(aes)) != 1 ||
	    EVP_EncryptInit_ex(cipher, aes, NULL, key->aes, iv) != 1 || set_mac_key(mac, key) != 1)
		return -1;
	memcpy(name, key->name, sizeof(key->name));
	return 1;
}

int tls_tickets_use(const struct tls_tickets *tickets, unsigned char name[16], unsigned char *iv,
		    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int enc)
{
	uint32_t newest = atomic_load(&tickets->newest);

	if (enc)
		return begin_ticket(&tickets->keys[newest % PLACES], name, iv, cipher, mac);
	for (uint32_t age = 0; age < IN_USE; age++) {
		const struct ticket_key *key = &tickets->keys[(newest - age) % PLACES];

		if (CRYPTO_memcmp(name, key->name, sizeof(key->name)) != 0)
			continue;
		if (set_mac_key(mac, key) != 1 ||
		    EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->aes, iv) != 1)
			return -1;
		/* RFC 8446, appendix C.4: a ticket is for one use, so each brings the next. */
		return 2;
	}
	return 0;
}
