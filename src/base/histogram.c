/* histogram.c - see histogram.h. */
#include "base/histogram.h"

/* A store that no reader sees half of; there is one writer, so it need not be a locked instruction. */
static void add(uint64_t *number, uint64_t more)
{
	__atomic_store_n(number, *number + more, __ATOMIC_RELAXED);
}

/* The first whose bound, 2^bucket, is not less. */
static unsigned bucket_of(uint64_t us)
{
	unsigned bucket = us <= 1 ? 0 : 64 - (unsigned)__builtin_clzll(us - 1);

	return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

void histogram_add(struct histogram *h, uint64_t us)
{
	add(&h->n, 1);
	add(&h->sum_us, us);
	add(&h->buckets[bucket_of(us)], 1);
}

uint64_t histogram_bound_us(unsigned bucket)
{
	return bucket < HISTOGRAM_BUCKETS - 1 ? (uint64_t)1 << bucket : UINT64_MAX;
}

struct histogram histogram_read(const struct histogram *h)
{
	struct histogram now;

	now.n = __atomic_load_n(&h->n, __ATOMIC_RELAXED);
	now.sum_us = __atomic_load_n(&h->sum_us, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		now.buckets[i] = __atomic_load_n(&h->buckets[i], __ATOMIC_RELAXED);
	return now;
}

uint64_t histogram_quantile_us(const struct histogram *h, double share)
{
	uint64_t n = 0, n_below = 0;

	/* Their sum, not h->n: a reader may have caught them a moment apart. */
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		n += h->buckets[i];
	if (n == 0)
		return 0;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		n_below += h->buckets[i];
		if (n_below > 0 && (double)n_below >= share * (double)n)
			return histogram_bound_us(i);
	}
	return histogram_bound_us(HISTOGRAM_BUCKETS - 1);
}
