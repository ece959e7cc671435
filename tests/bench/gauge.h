#ifndef BENCH_GAUGE_H
#define BENCH_GAUGE_H
/*
 * gauge.h - what the load clients share: time, waiting times, numbers of the
 * command line.
 */
#include <stdbool.h>
#include <stdint.h>

/* Waiting times: exact below 32 ns, then 32 steps for each power of two. */
#define GAUGE_STEPS 32
#define GAUGE_BUCKETS (64 * GAUGE_STEPS)

struct gauge {
	uint64_t waits[GAUGE_BUCKETS];
};

int64_t gauge_now_ns(void);

void gauge_count(struct gauge *g, int64_t ns);

/* The waiting time that this share of all did not exceed, in microseconds. */
double gauge_wait_us(const struct gauge *g, double share);

/* What this process has used of the processors so far, in seconds. */
double gauge_cpu_s(void);

/* False if the text is no number from 1 to max. */
bool gauge_read_number(const char *text, long max, long *ret);

#endif
