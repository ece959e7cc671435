/*
 * number_pattern.c - cuts the range at numbers that end in zeros, so that in each
 * part the digits at the end are free: 64 to 1024 is 6[4-9], [7-9][0-9],
 * [1-9][0-9]{2}, 10[0-1][0-9], 102[0-4].
 */
#include "conf/number_pattern.h"

#include <assert.h>
#include <stdbool.h>

/* first and last differ in one digit, and behind it have nothing but zeros and nines. */
static int print_part(struct buf *out, uint64_t first, uint64_t last, unsigned n_free)
{
	int r = 0;

	for (unsigned i = 0; i < n_free; i++) {
		first /= 10;
		last /= 10;
	}
	if (first >= 10)
		r = buf_printf(out, "%llu", (unsigned long long)(first / 10));
	if (r >= 0 && first == last)
		r = buf_printf(out, "%u", (unsigned)(first % 10));
	else if (r >= 0)
		r = buf_printf(out, "[%u-%u]", (unsigned)(first % 10), (unsigned)(last % 10));
	if (r >= 0 && n_free == 1)
		r = buf_printf(out, "[0-9]");
	else if (r >= 0 && n_free > 1)
		r = buf_printf(out, "[0-9]{%u}", n_free);
	return r;
}

/* The largest part that begins with min: up to which number, and with how many free digits? */
static uint64_t part_end(uint64_t min, uint64_t max, unsigned *ret_n_free)
{
	uint64_t unit = 1, digit, steps;
	unsigned n_free = 0;

	/* A first digit is not free: 0 begins no longer number. */
	while (min >= unit * 10 && min % (unit * 10) == 0 && unit * 10 - 1 <= max - min) {
		unit *= 10;
		n_free++;
	}
	digit = min / unit % 10;
	steps = (max - min + 1) / unit;
	*ret_n_free = n_free;
	return min + (steps < 10 - digit ? steps : 10 - digit) * unit - 1;
}

int number_pattern(struct buf *out, uint64_t min, uint64_t max)
{
	bool is_first = true;
	int r;

	assert(min <= max && max < UINT64_MAX / 100);
	r = buf_printf(out, "0*(");
	while (r >= 0 && min <= max) {
		unsigned n_free;
		uint64_t last = part_end(min, max, &n_free);

		r = is_first ? 0 : buf_printf(out, "|");
		if (r >= 0)
			r = print_part(out, min, last, n_free);
		min = last + 1;
		is_first = false;
	}
	return r < 0 ? r : buf_printf(out, ")");
}
