/*
 * ratelimit.c - a bucket is one number, the time at which it will be full: what is
 * taken moves it on (GCRA, which is a token bucket seen from behind). So it can be
 * changed by one atomic step, and a bucket that is full is one that may be forgotten.
 *
 * A place is taken over in two steps, and two workers may do so at once: then one
 * request more or less is counted. Waiting for each other would cost more.
 */
#include "serve/ratelimit.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/inet.h"
#include "base/shared.h"
#include "base/str.h"
#include "serve/headcount.h"

#define WAYS 8
#define SETS_MAX (1u << 21)
#define NS_PER_MS 1000000

struct ratelimit_cell {
	uint64_t tag;	  /* of an address and a rule */
	uint64_t full_ns; /* when the bucket will be full */
};

void ratelimit_make(struct ratelimit_rule *rule, uint32_t number, unsigned n, int64_t period_ms,
		    unsigned burst)
{
	rule->number = number;
	rule->ns = (uint64_t)period_ms * NS_PER_MS / n;
	rule->burst_ns = rule->ns * (burst > 0 ? burst : n);
}

static size_t size_of(const struct ratelimit *limit)
{
	return (size_t)limit->n_sets * WAYS * sizeof(struct ratelimit_cell);
}

int ratelimit_init(struct ratelimit *limit, unsigned n_addresses)
{
	*limit = (struct ratelimit){ .n_sets = 1 };
	while (limit->n_sets < SETS_MAX && limit->n_sets * WAYS < n_addresses)
		limit->n_sets *= 2;
	if (getrandom(&limit->secret, sizeof(limit->secret), 0) != (ssize_t)sizeof(limit->secret))
		return -EIO;
	limit->cells = shared_new(size_of(limit));
	return limit->cells ? 0 : -ENOMEM;
}

void ratelimit_done(struct ratelimit *limit)
{
	limit->cells = shared_free(limit->cells, size_of(limit));
}

static uint64_t tag_of(const struct ratelimit *limit, const struct ratelimit_rule *rule,
		       weir_str client)
{
	struct siphash_key key = limit->secret;
	struct inet inet;

	key.k0 ^= rule->number;
	if (headcount_client(client, &inet) >= 0)
		client = (weir_str){ (const char *)inet.bytes, sizeof(inet.bytes) };
	return siphash(&key, client);
}

/* Its cell; or the one whose bucket is fullest, which is its own from now on. */
static struct ratelimit_cell *find(const struct ratelimit *limit, uint64_t tag, uint64_t now_ns)
{
	struct ratelimit_cell *set = &limit->cells[((tag >> 32) & (limit->n_sets - 1)) * WAYS];
	struct ratelimit_cell *fullest = NULL;
	uint64_t fullest_ns = UINT64_MAX, old;

	for (unsigned i = 0; i < WAYS; i++) {
		uint64_t full_ns = __atomic_load_n(&set[i].full_ns, __ATOMIC_RELAXED);

		if (__atomic_load_n(&set[i].tag, __ATOMIC_RELAXED) == tag)
			return &set[i];
		if (full_ns < fullest_ns) {
			fullest_ns = full_ns;
			fullest = &set[i];
		}
	}
	if (!fullest)
		fullest = set;
	old = __atomic_load_n(&fullest->tag, __ATOMIC_RELAXED);
	if (__atomic_compare_exchange_n(&fullest->tag, &old, tag, false, __ATOMIC_RELAXED,
					__ATOMIC_RELAXED))
		__atomic_store_n(&fullest->full_ns, now_ns, __ATOMIC_RELAXED);
	return fullest;
}

int64_t ratelimit_take(const struct ratelimit *limit, const struct ratelimit_rule *rule,
		       weir_str client, int64_t now_ms)
{
	uint64_t now_ns = (uint64_t)now_ms * NS_PER_MS, full_ns, next_ns;
	struct ratelimit_cell *cell;

	if (!limit->cells || str_starts(client, WEIR_STR("unix:")))
		return 0;
	cell = find(limit, tag_of(limit, rule, client), now_ns);
	full_ns = __atomic_load_n(&cell->full_ns, __ATOMIC_RELAXED);
	do {
		next_ns = (full_ns > now_ns ? full_ns : now_ns) + rule->ns;
		if (next_ns > now_ns + rule->burst_ns)
			return (int64_t)((next_ns - now_ns - rule->burst_ns + NS_PER_MS - 1) /
					 NS_PER_MS);
	} while (!__atomic_compare_exchange_n(&cell->full_ns, &full_ns, next_ns, false,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return 0;
}
