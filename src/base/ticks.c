/*
 * ticks.c - see ticks.h. Of x86's counters only an invariant one is of use: it
 * does not stop, nor change its rate, and the kernel keeps all processors' in
 * step. How fast it is the processor seldom tells, so it is measured.
 */
#include "base/ticks.h"

#include <stdbool.h>
#include <time.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define MEASURE_NS 200000

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t ticks_now_slowly(const struct ticks *ticks)
{
	return ticks->source == TICKS_NONE ? 0 : now_ns();
}

static bool has_counter(void)
{
#if defined(__x86_64__)
	unsigned a, b, c, d = 0;

	return __get_cpuid(0x80000007, &a, &b, &c, &d) && d >> 8 & 1;
#elif defined(__aarch64__)
	return true;
#else
	return false;
#endif
}

/* The counter and the clock at the same time: of a few tries the quickest, should we be interrupted. */
static void look(const struct ticks *ticks, uint64_t *ret_tick, uint64_t *ret_ns)
{
	uint64_t best = UINT64_MAX;

	for (unsigned i = 0; i < 4; i++) {
		uint64_t first = ticks_now(ticks), ns = now_ns(), last = ticks_now(ticks);

		if (last - first >= best)
			continue;
		best = last - first;
		*ret_tick = first + best / 2;
		*ret_ns = ns;
	}
}

/* 2^64 microseconds in so many ticks, divided by them; at least as many ticks as microseconds. */
static uint64_t rate(uint64_t n_ticks, uint64_t ns)
{
	double us_per_tick = (double)ns / 1000. / (double)n_ticks;

	return us_per_tick >= 1 ? UINT64_MAX : (uint64_t)(us_per_tick * 18446744073709551616.);
}

void ticks_init(struct ticks *ticks)
{
	uint64_t tick = 0, ns = 0, later_tick, later_ns;

	*ticks = (struct ticks){ .source = TICKS_CLOCK, .us_per_tick = rate(1000, 1000) };
	if (!has_counter())
		return;
	ticks->source = TICKS_COUNTER;
	look(ticks, &tick, &ns);
	later_tick = tick;
	later_ns = ns;
	while (later_ns < ns + MEASURE_NS)
		look(ticks, &later_tick, &later_ns);
	if (later_tick > tick) {
		ticks->us_per_tick = rate(later_tick - tick, later_ns - ns);
		return;
	}
	*ticks = (struct ticks){ .source = TICKS_CLOCK, .us_per_tick = rate(1000, 1000) };
}
