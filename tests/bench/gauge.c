#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "gauge.h"

int64_t gauge_now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void gauge_count(struct gauge *g, int64_t ns)
{
	uint64_t v = (uint64_t)ns;
	unsigned shift;

	if (v < GAUGE_STEPS) {
		g->waits[v]++;
		return;
	}
	shift = 58U - (unsigned)__builtin_clzll(v);
	g->waits[(shift + 1) * GAUGE_STEPS + ((v >> shift) & (GAUGE_STEPS - 1))]++;
}

double gauge_wait_us(const struct gauge *g, double share)
{
	uint64_t all = 0, seen = 0;
	uint64_t i;

	for (i = 0; i < GAUGE_BUCKETS; i++)
		all += g->waits[i];
	for (i = 0; i < GAUGE_BUCKETS - 1 && (double)seen <= (double)all * share; i++)
		seen += g->waits[i];
	if (i < (uint64_t)2 * GAUGE_STEPS)
		return (double)i / 1e3;
	return (double)((GAUGE_STEPS + i % GAUGE_STEPS) << (i / GAUGE_STEPS - 1)) / 1e3;
}

double gauge_cpu_s(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

bool gauge_read_number(const char *text, long max, long *ret)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || *end || end == text || n < 1 || n > max)
		return false;
	*ret = n;
	return true;
}
