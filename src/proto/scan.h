#ifndef WEIR_PROTO_SCAN_H
#define WEIR_PROTO_SCAN_H
/*
 * scan.h - how far do the ordinary bytes of a name, a host, a target or a path
 * go? The loops behind these questions see most bytes of a request, so they
 * take sixteen at a time with SSE2; elsewhere the table of http.h answers.
 * Nothing is ever read outside p[0..len), nor written.
 */
#include <endian.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "proto/http.h"

static inline uint64_t scan_load8(const char *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof(x));
	return x;
}

static inline uint32_t scan_load4(const char *p)
{
	uint32_t x;

	memcpy(&x, p, sizeof(x));
	return x;
}

/* ASCII capitals become small letters; all other bytes stay. */
static inline uint64_t scan_lower8(uint64_t x)
{
	const uint64_t ones = 0x0101010101010101u, low7 = x & ones * 0x7f;
	uint64_t from_a = low7 + ones * (0x80 - 'A'), past_z = low7 + ones * (0x7f - 'Z');

	return x | (from_a & ~past_z & ~x & ones * 0x80) >> 2;
}

#ifdef __SSE2__

/* All ones where a byte is between first and first + n - 1. */
static inline __m128i scan_is_between(__m128i v, char first, char n)
{
	__m128i from = _mm_sub_epi8(v, _mm_set1_epi8(first));

	return _mm_cmpeq_epi8(_mm_min_epu8(from, _mm_set1_epi8((char)(n - 1))), from);
}

static inline __m128i scan_is(__m128i v, char c)
{
	return _mm_cmpeq_epi8(v, _mm_set1_epi8(c));
}

static inline __m128i scan_is_letter(__m128i v)
{
	return scan_is_between(_mm_or_si128(v, _mm_set1_epi8(0x20)), 'a', 26);
}

static inline unsigned scan_bits(__m128i v)
{
	return (unsigned)_mm_movemask_epi8(v);
}

static inline __m128i scan_load16(const char *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* The n bytes at p, up to sixteen, and zeros behind them. Where loads overlap, they agree. */
static inline __m128i scan_load(const char *p, size_t n)
{
	uint64_t low = 0, high = 0;

	if (n >= 16)
		return scan_load16(p);
	if (n > 8) {
		low = scan_load8(p);
		high = scan_load8(p + n - 8) >> 8 * (16 - n);
	} else if (n >= 4) {
		low = scan_load4(p) | (uint64_t)scan_load4(p + n - 4) << 8 * (n - 4);
	} else {
		for (size_t i = 0; i < n; i++)
			low |= (uint64_t)(unsigned char)p[i] << 8 * i;
	}
	return _mm_set_epi64x((long long)high, (long long)low);
}

/* Bit i: byte i is no letter, digit, dot or dash. */
static inline unsigned scan_no_host(__m128i v)
{
	/* From '-' to '9' there is a slash too. */
	__m128i digit = _mm_andnot_si128(scan_is(v, '/'), scan_is_between(v, '-', '9' - '-' + 1));

	return scan_bits(_mm_or_si128(scan_is_letter(v), digit)) ^ 0xffff;
}

/* Bit i: byte i must not stand in a target, or is a '%'. */
static inline unsigned scan_no_target(__m128i v)
{
	__m128i visible = scan_is_between(v, '!', '~' - '!' + 1);
	__m128i odd = _mm_or_si128(scan_is(v, '\\'), scan_is(v, '%'));

	odd = _mm_or_si128(odd, _mm_or_si128(scan_is(v, '"'), scan_is(v, '#')));
	odd = _mm_or_si128(odd, _mm_or_si128(scan_is(v, '<'), scan_is(v, '>')));
	return (scan_bits(visible) ^ 0xffff) | scan_bits(odd);
}

/* Bit i: byte i is '?' or '%', a control byte, or not ASCII. */
static inline unsigned scan_no_path(__m128i v)
{
	__m128i odd = _mm_or_si128(scan_is(v, '?'), scan_is(v, '%'));

	return scan_bits(_mm_or_si128(odd, _mm_cmplt_epi8(v, _mm_set1_epi8(' '))));
}

/* Zeros are odd to each of these, so what scan_load() adds ends the search at the latest. */
static inline size_t scan_host(const char *p, size_t len)
{
	size_t at = 0;
	unsigned odd;

	for (; len - at > 16; at += 16) {
		odd = scan_no_host(scan_load16(p + at));
		if (odd)
			return at + (unsigned)__builtin_ctz(odd);
	}
	odd = scan_no_host(scan_load(p + at, len - at)) | 1u << 16;
	return at + (unsigned)__builtin_ctz(odd);
}

static inline size_t scan_target(const char *p, size_t len)
{
	size_t at = 0;
	unsigned odd;

	for (; len - at > 16; at += 16) {
		odd = scan_no_target(scan_load16(p + at));
		if (odd)
			return at + (unsigned)__builtin_ctz(odd);
	}
	odd = scan_no_target(scan_load(p + at, len - at)) | 1u << 16;
	return at + (unsigned)__builtin_ctz(odd);
}

static inline size_t scan_path(const char *p, size_t len)
{
	unsigned slash, odd, behind_slash = 0;
	size_t at = 0;
	__m128i v;

	for (;;) {
		v = scan_load(p + at, len - at);
		slash = scan_bits(scan_is(v, '/')) << 1 | behind_slash;
		odd = scan_no_path(v) | (slash & scan_bits(scan_is(v, '.')));
		if (odd || len - at <= 16)
			return at + (unsigned)__builtin_ctz(odd | 1u << 16);
		behind_slash = slash >> 16;
		at += 16;
	}
}

#else

/* The bytes at the front that may stand in a host name; '%' may not. */
static inline size_t scan_host(const char *p, size_t len)
{
	size_t at = 0;

	while (at < len && http_char_is(p[at], HTTP_CHAR_HOST))
		at++;
	return at;
}

/* The bytes at the front that may stand in a target; '%' may not. */
static inline size_t scan_target(const char *p, size_t len)
{
	size_t at = 0;

	while (at < len && http_char_is(p[at], HTTP_CHAR_TARGET))
		at++;
	return at;
}

/* The bytes at the front that mean themselves in a path, and begin no dot segment. */
static inline size_t scan_path(const char *p, size_t len)
{
	size_t at = 0;

	while (at < len && p[at] >= ' ' && p[at] != '%' && p[at] != '?' &&
	       !(p[at] == '.' && at > 0 && p[at - 1] == '/'))
		at++;
	return at;
}

#endif

#endif
