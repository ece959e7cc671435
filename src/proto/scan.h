#ifndef WEIR_PROTO_SCAN_H
#define WEIR_PROTO_SCAN_H
/*
 * scan.h - how far do the ordinary bytes of a name, a host, a target or a path
 * go? Who asks sees most bytes of a request, so sixteen are looked at at once,
 * where there is SSE2. Nothing is ever read outside p[0..len).
 */
#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

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

/* Do the two bytes at p end a line? */
static inline bool scan_is_crlf(const char *p)
{
	uint16_t two;

	memcpy(&two, p, sizeof(two));
	return le16toh(two) == ('\n' << 8 | '\r');
}

/* Eight bytes of ASCII, with small letters for capitals. */
static inline uint64_t scan_lower8(uint64_t x)
{
	const uint64_t ones = 0x0101010101010101u;
	uint64_t from_a = x + ones * (0x80 - 'A'), past_z = x + ones * (0x7f - 'Z');

	return x | (from_a & ~past_z & ones * 0x80) >> 2;
}

/*
 * Is it this word, of at least four small letters, digits and dashes? Letter
 * case is ignored: only a capital, or a control byte, becomes one of these by
 * this bit, and control bytes but tabs were refused before.
 */
static inline bool scan_is_word(const char *p, const char *small, size_t len)
{
	const uint64_t bits = 0x2020202020202020u;
	uint64_t differ = 0;

	if (len < 8)
		return (scan_load4(p) | (uint32_t)bits) == scan_load4(small) &&
		       (scan_load4(p + len - 4) | (uint32_t)bits) == scan_load4(small + len - 4);
	for (size_t i = 0; i + 8 <= len; i += 8)
		differ |= (scan_load8(p + i) | bits) ^ scan_load8(small + i);
	differ |= (scan_load8(p + len - 8) | bits) ^ scan_load8(small + len - 8);
	return differ == 0;
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

/* Bit i: byte i is neither a letter nor a dash, which is what names are made of. */
static inline unsigned scan_no_name(__m128i v)
{
	return scan_bits(_mm_or_si128(scan_is_letter(v), scan_is(v, '-'))) ^ 0xffff;
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

	/* '"' and '#' differ in their lowest bit only, '<' and '>' in the next. */
	odd = _mm_or_si128(odd, scan_is(_mm_or_si128(v, _mm_set1_epi8(1)), '#'));
	odd = _mm_or_si128(odd, scan_is(_mm_or_si128(v, _mm_set1_epi8(2)), '>'));
	return scan_bits(_mm_andnot_si128(odd, visible)) ^ 0xffff;
}

/* Bit i: byte i is '?' or '%', a control byte, or not ASCII. */
static inline unsigned scan_no_path(__m128i v)
{
	__m128i odd = _mm_or_si128(scan_is(v, '?'), scan_is(v, '%'));

	return scan_bits(_mm_or_si128(odd, _mm_cmplt_epi8(v, _mm_set1_epi8(' '))));
}

/*
 * The first sixteen bytes are in most cases all; for more, a call. Zeros are
 * odd to every mask, so what scan_load() adds ends the search at the latest.
 */
static __attribute__((noinline, unused)) size_t scan_long(const char *p, size_t len,
							  unsigned (*odd_bits)(__m128i v))
{
	size_t at = 0;
	unsigned odd;

	for (;;) {
		at += 16;
		odd = odd_bits(scan_load(p + at, len - at));
		if (odd || len - at <= 16)
			return at + (unsigned)__builtin_ctz(odd | 1u << 16);
	}
}

static inline __attribute__((always_inline)) size_t scan_while(const char *p, size_t len,
							       unsigned (*odd_bits)(__m128i v))
{
	unsigned odd = odd_bits(scan_load(p, len));

	if (odd || len <= 16)
		return (unsigned)__builtin_ctz(odd | 1u << 16);
	return scan_long(p, len, odd_bits);
}

/*
 * So many bytes at the front are certainly part of a field name; the table
 * knows of more. One step is enough for most names, and lines are rarely shorter.
 */
static inline size_t scan_name(const char *p, size_t len)
{
	if (len < 16)
		return 0;
	return (unsigned)__builtin_ctz(scan_no_name(scan_load16(p)) | 1u << 16);
}

/* So many bytes at the front are certainly part of a host name. */
static inline size_t scan_host(const char *p, size_t len)
{
	return scan_while(p, len, scan_no_host);
}

/* So many bytes at the front are certainly part of a target. */
static inline size_t scan_target(const char *p, size_t len)
{
	return scan_while(p, len, scan_no_target);
}

/*
 * So many bytes at the front of a path mean themselves, and begin no dot
 * segment: what stops it is '?', '%', a dot behind a slash, a control byte, or
 * one that is not ASCII.
 */
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

/* Without wide registers nothing is certain: the caller's table decides about every byte. */
static inline size_t scan_name(const char *p, size_t len)
{
	(void)p;
	(void)len;
	return 0;
}

static inline size_t scan_host(const char *p, size_t len)
{
	return scan_name(p, len);
}

static inline size_t scan_target(const char *p, size_t len)
{
	return scan_name(p, len);
}

static inline size_t scan_path(const char *p, size_t len)
{
	size_t at = 0;

	while (at < len && (signed char)p[at] >= ' ' && p[at] != '%' && p[at] != '?' &&
	       !(p[at] == '.' && at > 0 && p[at - 1] == '/'))
		at++;
	return at;
}

#endif

#ifdef __SSE2__

/* The first eight bytes and the last eight: of up to sixteen that is all. */
static inline void scan_lower_ends8(char *p, size_t len)
{
	__m128i v = _mm_set_epi64x((long long)scan_load8(p + len - 8), (long long)scan_load8(p));
	__m128i capital = scan_is_between(v, 'A', 26);

	v = _mm_or_si128(v, _mm_and_si128(capital, _mm_set1_epi8(0x20)));
	_mm_storel_epi64((__m128i *)(void *)p, v);
	_mm_storel_epi64((__m128i *)(void *)(p + len - 8), _mm_unpackhi_epi64(v, v));
}

#else

static inline void scan_lower_ends8(char *p, size_t len)
{
	uint64_t first = scan_lower8(scan_load8(p)), last = scan_lower8(scan_load8(p + len - 8));

	memcpy(p, &first, sizeof(first));
	memcpy(p + len - 8, &last, sizeof(last));
}

#endif

/* The first four bytes and the last four: of four to seven that is all. */
static inline void scan_lower_ends4(char *p, size_t len)
{
	uint64_t both = (uint64_t)scan_load4(p + len - 4) << 32 | scan_load4(p);
	uint32_t first, last;

	both = scan_lower8(both);
	first = (uint32_t)both;
	last = (uint32_t)(both >> 32);
	memcpy(p, &first, sizeof(first));
	memcpy(p + len - 4, &last, sizeof(last));
}

/* Small letters for capitals, in place; the bytes are ASCII. Some are perhaps seen twice. */
static inline void scan_lower(char *p, size_t len)
{
	if (len >= 8) {
		for (; len > 16; len -= 8, p += 8)
			scan_lower_ends8(p, 16);
		scan_lower_ends8(p, len);
		return;
	}
	if (len >= 4) {
		scan_lower_ends4(p, len);
		return;
	}
	for (; len > 0; len--, p++)
		*p |= (char)(*p >= 'A' && *p <= 'Z' ? 0x20 : 0);
}

#endif
