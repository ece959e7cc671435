/* siphash.c - see siphash.h. Words are little-endian, whatever the machine is. */
#include "base/siphash.h"

#include <endian.h>
#include <string.h>

struct state {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void mix(struct state *s)
{
	s->v0 += s->v1;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v2 = rotate(s->v2, 32);
}

static inline void take_word(struct state *s, uint64_t word)
{
	s->v3 ^= word;
	mix(s);
	s->v0 ^= word;
}

/* Up to eight bytes. */
static inline uint64_t load(const char *p, size_t len)
{
	uint64_t word = 0;

	if (len > 0)
		memcpy(&word, p, len);
	return le64toh(word);
}

uint64_t siphash(const struct siphash_key *key, weir_str bytes)
{
	struct state s = { key->k0 ^ UINT64_C(0x736f6d6570736575),
			   key->k1 ^ UINT64_C(0x646f72616e646f6d),
			   key->k0 ^ UINT64_C(0x6c7967656e657261),
			   key->k1 ^ UINT64_C(0x7465646279746573) };
	size_t whole = bytes.len & ~(size_t)7;

	for (size_t i = 0; i < whole; i += 8)
		take_word(&s, load(bytes.ptr + i, 8));
	take_word(&s, (uint64_t)bytes.len << 56 |
			      (bytes.len > whole ? load(bytes.ptr + whole, bytes.len - whole) : 0));
	s.v2 ^= 0xff;
	mix(&s);
	mix(&s);
	mix(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
