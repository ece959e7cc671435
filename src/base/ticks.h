#ifndef WEIR_BASE_TICKS_H
#define WEIR_BASE_TICKS_H
/*
 * ticks.h - how long something took, for what is measured at every request: a
 * counter of the processor is read in three instructions, the clock in seventy.
 * Only differences mean anything, and only within one process.
 */
#include <stdint.h>

enum ticks_source {
	TICKS_NONE,    /* of tests, and of who does not measure: always 0 */
	TICKS_COUNTER, /* the processor's, which runs at the same rate everywhere */
	TICKS_CLOCK,   /* there is no such counter: nanoseconds of the monotonic clock */
};

struct ticks {
	enum ticks_source source;
	uint64_t us_per_tick; /* times 2^64 */
};

/* Finds the source, and measures it, for a fifth of a millisecond. */
void ticks_init(struct ticks *ticks);

uint64_t ticks_now_slowly(const struct ticks *ticks);

static inline uint64_t ticks_now(const struct ticks *ticks)
{
#if defined(__x86_64__)
	if (ticks->source == TICKS_COUNTER)
		return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t now;

	if (ticks->source == TICKS_COUNTER) {
		__asm__ volatile("mrs %0, cntvct_el0" : "=r"(now));
		return now;
	}
#endif
	return ticks_now_slowly(ticks);
}

/* From first to last, in microseconds; 0 if the counter seems to have gone back. */
static inline uint64_t ticks_us(const struct ticks *ticks, uint64_t first, uint64_t last)
{
	__extension__ typedef unsigned __int128 wide;

	return last <= first ? 0 : (uint64_t)((wide)(last - first) * ticks->us_per_tick >> 64);
}

#endif
