/*
 * hub_routes.c - one hash table of keys, seeded, for names may come from
 * clients. A publication looks its own name up, and its beginnings of those
 * lengths that prefixes have.
 */
#include "daemon/hub_routes.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FIRST_BUCKETS 64
#define WORD_BITS 64

struct hub_route {
	struct hub_route *next; /* in its bucket */
	uint64_t hash;
	struct hub_key key;   /* of what follows the set */
	uint64_t wanted_by[]; /* n_words */
};

struct hub_route_len {
	size_t len;
	size_t n; /* prefixes of this length */
};

/* ---- keys */

static uint64_t hash_key(const struct hub_routes *r, const struct hub_key *key)
{
	struct siphash_key of_scope = r->seed;

	/* The name's hash, with another seed for each scope. */
	of_scope.k0 ^= siphash(&r->seed, key->scope);
	of_scope.k1 ^= key->is_prefix;
	return siphash(&of_scope, key->name);
}

static bool is_same(const struct hub_key *a, const struct hub_key *b)
{
	return a->is_prefix == b->is_prefix && weir_str_eq(a->name, b->name) &&
	       weir_str_eq(a->scope, b->scope);
}

static struct hub_route **bucket_of(const struct hub_routes *r, uint64_t hash)
{
	return &r->buckets[hash & (r->n_buckets - 1)];
}

/* Where it is linked, or would be: at the end of its bucket. */
static struct hub_route **find(const struct hub_routes *r, const struct hub_key *key, uint64_t hash)
{
	struct hub_route **at = bucket_of(r, hash);

	while (*at && ((*at)->hash != hash || !is_same(&(*at)->key, key)))
		at = &(*at)->next;
	return at;
}

/* Without memory the buckets stay as they are, and become longer. */
static void grow(struct hub_routes *r)
{
	struct hub_route **former = r->buckets, **buckets;
	size_t n_former = r->n_buckets;

	buckets = calloc(n_former * 2, sizeof(struct hub_route *));
	if (!buckets)
		return;
	r->buckets = buckets;
	r->n_buckets = n_former * 2;
	for (size_t i = 0; i < n_former; i++) {
		struct hub_route *next;

		for (struct hub_route *route = former[i]; route; route = next) {
			struct hub_route **at = bucket_of(r, route->hash);

			next = route->next;
			route->next = *at;
			*at = route;
		}
	}
	free(former);
}

static weir_str copy(char **at, weir_str s)
{
	weir_str made = { *at, s.len };

	if (s.len > 0)
		memcpy(*at, s.ptr, s.len);
	*at += s.len;
	return made;
}

static struct hub_route *route_new(const struct hub_routes *r, const struct hub_key *key,
				   uint64_t hash)
{
	size_t set_len = r->n_words * sizeof(uint64_t);
	struct hub_route *route;
	char *text;

	route = calloc(1, sizeof(*route) + set_len + key->scope.len + key->name.len);
	if (!route)
		return NULL;
	text = (char *)route->wanted_by + set_len;
	route->hash = hash;
	route->key.is_prefix = key->is_prefix;
	route->key.scope = copy(&text, key->scope);
	route->key.name = copy(&text, key->name);
	return route;
}

/* ---- lengths of prefixes */

/* The first that is not shorter. */
static size_t find_len(const struct hub_routes *r, size_t len)
{
	size_t i = 0;

	while (i < r->n_lens && r->lens[i].len < len)
		i++;
	return i;
}

static int add_len(struct hub_routes *r, size_t len)
{
	size_t i = find_len(r, len);
	struct hub_route_len *lens;

	if (i < r->n_lens && r->lens[i].len == len) {
		r->lens[i].n++;
		return 0;
	}
	lens = realloc(r->lens, (r->n_lens + 1) * sizeof(*lens));
	if (!lens)
		return -ENOMEM;
	memmove(lens + i + 1, lens + i, (r->n_lens - i) * sizeof(*lens));
	lens[i] = (struct hub_route_len){ .len = len, .n = 1 };
	r->lens = lens;
	r->n_lens++;
	return 0;
}

static void drop_len(struct hub_routes *r, size_t len)
{
	size_t i = find_len(r, len);

	assert(i < r->n_lens && r->lens[i].len == len);
	if (--r->lens[i].n > 0)
		return;
	r->n_lens--;
	memmove(r->lens + i, r->lens + i + 1, (r->n_lens - i) * sizeof(*r->lens));
}

/* ---- who wants what */

static void set(uint64_t *words, unsigned slot)
{
	words[slot / WORD_BITS] |= UINT64_C(1) << slot % WORD_BITS;
}

static void unset(uint64_t *words, unsigned slot)
{
	words[slot / WORD_BITS] &= ~(UINT64_C(1) << slot % WORD_BITS);
}

static bool is_wanted(const struct hub_routes *r, const struct hub_route *route)
{
	for (size_t i = 0; i < r->n_words; i++) {
		if (route->wanted_by[i] != 0)
			return true;
	}
	return false;
}

/* Takes the slot out of the set. A key that nobody wants any more goes: false. */
static bool drop(struct hub_routes *r, struct hub_route **at, unsigned slot)
{
	struct hub_route *route = *at;

	unset(route->wanted_by, slot);
	if (is_wanted(r, route))
		return true;
	*at = route->next;
	if (route->key.is_prefix)
		drop_len(r, route->key.name.len);
	r->n_keys--;
	free(route);
	return false;
}

int hub_routes_want(struct hub_routes *r, unsigned slot, const struct hub_key *key)
{
	uint64_t hash = hash_key(r, key);
	struct hub_route **at = find(r, key, hash), *route = *at;

	if (route) {
		set(route->wanted_by, slot);
		return 0;
	}
	route = route_new(r, key, hash);
	if (!route)
		return -ENOMEM;
	if (key->is_prefix && add_len(r, key->name.len) < 0) {
		free(route);
		return -ENOMEM;
	}
	set(route->wanted_by, slot);
	*at = route;
	if (++r->n_keys > r->n_buckets)
		grow(r);
	return 0;
}

void hub_routes_unwant(struct hub_routes *r, unsigned slot, const struct hub_key *key)
{
	struct hub_route **at = find(r, key, hash_key(r, key));

	if (*at)
		(void)drop(r, at, slot);
}

void hub_routes_forget(struct hub_routes *r, unsigned slot)
{
	for (size_t i = 0; i < r->n_buckets; i++) {
		for (struct hub_route **at = &r->buckets[i]; *at;) {
			if (drop(r, at, slot))
				at = &(*at)->next;
		}
	}
}

static void add_found(struct hub_routes *r, const struct hub_key *key)
{
	const struct hub_route *route = *find(r, key, hash_key(r, key));

	for (size_t i = 0; route && i < r->n_words; i++)
		r->found[i] |= route->wanted_by[i];
}

const uint64_t *hub_routes_find(struct hub_routes *r, weir_str scope, weir_str name)
{
	struct hub_key key = { .scope = scope, .name = name };

	memset(r->found, 0, r->n_words * sizeof(*r->found));
	add_found(r, &key);
	key.is_prefix = true;
	for (size_t i = 0; i < r->n_lens && r->lens[i].len <= name.len; i++) {
		key.name.len = r->lens[i].len;
		add_found(r, &key);
	}
	return r->found;
}

/* ---- life */

int hub_routes_init(struct hub_routes *r, unsigned n_slots)
{
	*r = (struct hub_routes){ .n_buckets = FIRST_BUCKETS,
				  .n_words = (n_slots + WORD_BITS - 1) / WORD_BITS };
	if (getrandom(&r->seed, sizeof(r->seed), 0) < 0)
		return -errno;
	r->buckets = calloc(r->n_buckets, sizeof(struct hub_route *));
	r->found = calloc(r->n_words, sizeof(*r->found));
	if (r->buckets && r->found)
		return 0;
	hub_routes_done(r);
	return -ENOMEM;
}

void hub_routes_done(struct hub_routes *r)
{
	for (size_t i = 0; r->buckets && i < r->n_buckets; i++) {
		struct hub_route *next;

		for (struct hub_route *route = r->buckets[i]; route; route = next) {
			next = route->next;
			free(route);
		}
	}
	free(r->buckets);
	free(r->found);
	free(r->lens);
	*r = (struct hub_routes){ 0 };
}
