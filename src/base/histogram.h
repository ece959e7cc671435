#ifndef WEIR_BASE_HISTOGRAM_H
#define WEIR_BASE_HISTOGRAM_H
/*
 * histogram.h - how often something took how long, in microseconds: buckets
 * whose bounds double, from 1 µs to a minute and a bit. One writer; readers may be
 * other processes, when it lies in memory that they share: what they read may
 * be a moment apart, but no number is ever torn or goes back.
 */
#include <stdint.h>

/* The last has no bound. */
#define HISTOGRAM_BUCKETS 28

struct histogram {
	uint64_t n;
	uint64_t sum_us;
	uint64_t buckets[HISTOGRAM_BUCKETS]; /* each without those below it */
};

void histogram_add(struct histogram *h, uint64_t us);

/* What is counted in this bucket took this long at most; UINT64_MAX for the last. */
uint64_t histogram_bound_us(unsigned bucket);

/* As a reader sees it now. */
struct histogram histogram_read(const struct histogram *h);
/*
 * At most so long took this share of them (0.5: the median; 0.99), as exactly
 * as the buckets know; 0 when there are none.
 */
uint64_t histogram_quantile_us(const struct histogram *h, double share);

#endif
