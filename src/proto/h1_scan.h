#ifndef WEIR_PROTO_H1_SCAN_H
#define WEIR_PROTO_H1_SCAN_H
/*
 * h1_scan.h - the loop that sees every byte of a head: where is the next control
 * byte? Sixteen bytes a step with SSE2, eight with plain integers elsewhere;
 * nothing is ever read outside bytes[0..len): a short last step reads again
 * some bytes it has seen.
 */
#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "proto/scan.h"

#define H1_SCAN_ONES 0x0101010101010101u
#define H1_SCAN_HIGH 0x8080808080808080u

/* Bit i: byte i of the eight at p is a control byte (0-31, 127). */
static inline unsigned h1_scan_mask8(const char *p)
{
	const uint64_t low7 = ~(uint64_t)H1_SCAN_HIGH;
	uint64_t x, del, found;

	memcpy(&x, p, sizeof(x));
	x = le64toh(x);
	del = x ^ (H1_SCAN_ONES * 0x7f);
	/* Adding to seven bits cannot carry into a neighbour, so each byte's top bit is exact. */
	found = ~(((x & low7) + H1_SCAN_ONES * 0x60) | x);
	found |= ~(((del & low7) + low7) | del);
	/* Gathers the eight top bits in the highest byte. */
	return (unsigned)(((found & H1_SCAN_HIGH) >> 7) * 0x0102040810204080u >> 56);
}

#ifdef __SSE2__

#define H1_SCAN_STEP 16

static inline unsigned h1_scan_bits(__m128i v)
{
	__m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
	__m128i del = _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f));

	return (unsigned)_mm_movemask_epi8(_mm_or_si128(low, del));
}

static inline unsigned h1_scan_mask(const char *p)
{
	return h1_scan_bits(scan_load16(p));
}

/* Of up to a step of bytes; behind them are zeros, which count. */
static inline unsigned h1_scan_mask_short(const char *p, size_t n)
{
	return h1_scan_bits(scan_load(p, n));
}

/* Is there one among 8 to 16 bytes? */
static inline bool h1_scan_has_control(const char *p, size_t len)
{
	long long first = (long long)scan_load8(p), last = (long long)scan_load8(p + len - 8);

	return h1_scan_bits(_mm_set_epi64x(last, first)) != 0;
}

#else

#define H1_SCAN_STEP 8

static inline unsigned h1_scan_mask(const char *p)
{
	return h1_scan_mask8(p);
}

static inline unsigned h1_scan_mask_short(const char *p, size_t n)
{
	char last[H1_SCAN_STEP] = { 0 };

	memcpy(last, p, n);
	return h1_scan_mask8(last);
}

static inline bool h1_scan_has_control(const char *p, size_t len)
{
	return (h1_scan_mask8(p) | h1_scan_mask8(p + len - 8)) != 0;
}

#endif

/* The index of the first control byte at or after pos, tab included, or len. */
static inline size_t h1_scan_control(const char *bytes, size_t pos, size_t len)
{
	unsigned found;

	for (; pos + H1_SCAN_STEP <= len; pos += H1_SCAN_STEP) {
		found = h1_scan_mask(bytes + pos);
		if (found)
			return pos + (unsigned)__builtin_ctz(found);
	}
	if (pos == len)
		return len;
	if (len < H1_SCAN_STEP)
		return pos + (unsigned)__builtin_ctz(h1_scan_mask_short(bytes + pos, len - pos));
	found = h1_scan_mask(bytes + len - H1_SCAN_STEP) >> (H1_SCAN_STEP - (len - pos));
	return found ? pos + (unsigned)__builtin_ctz(found) : len;
}

static inline bool h1_scan_is_crlf(const char *bytes, size_t pos, size_t len)
{
	return len - pos >= 2 && scan_is_crlf(bytes + pos);
}

#endif
