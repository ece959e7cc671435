#ifndef WEIR_BASE_SIPHASH_H
#define WEIR_BASE_SIPHASH_H
/*
 * siphash.h - a hash for tables whose keys may come from clients: who does not
 * know the secret cannot make keys that collide. SipHash-1-3, by Aumasson and
 * Bernstein: one round a word and three at the end, as hash tables use it.
 */
#include <stdint.h>
#include <weir/base.h>

/* Random, and told to nobody. */
struct siphash_key {
	uint64_t k0, k1;
};

uint64_t siphash(const struct siphash_key *key, weir_str bytes);

#endif
