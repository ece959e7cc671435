/*
 * utf8.c - the second byte of a character is where too long forms, surrogates
 * and what is beyond U+10FFFF show: so what it may be depends on the first, and
 * the others may be anything from 0x80 to 0xbf (RFC 3629, section 4). ASCII is
 * passed over in wide steps.
 */
#include "base/utf8.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

void utf8_init(struct utf8 *u)
{
	*u = (struct utf8){ 0 };
}

/* Behind the ASCII that p begins with: at least all of it but the last few bytes before end. */
static inline const unsigned char *skip_ascii(const unsigned char *p, const unsigned char *end)
{
#ifdef __SSE2__
	for (; end - p >= 16; p += 16) {
		int high = _mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(const void *)p));

		if (high)
			return p + __builtin_ctz((unsigned)high);
	}
#endif
	for (; end - p >= 8; p += 8) {
		uint64_t eight;

		memcpy(&eight, p, sizeof(eight));
		if (eight & 0x8080808080808080u)
			break;
	}
	while (p < end && *p < 0x80)
		p++;
	return p;
}

/* For a short text, without a step for each of its last bytes: the last look overlaps the one before. */
static inline bool is_ascii(const unsigned char *p, size_t len)
{
#ifdef __SSE2__
	if (len >= 16) {
		__m128i all = _mm_loadu_si128((const __m128i *)(const void *)(p + len - 16));

		for (size_t i = 0; i + 16 < len; i += 16)
			all = _mm_or_si128(all,
					   _mm_loadu_si128((const __m128i *)(const void *)(p + i)));
		return _mm_movemask_epi8(all) == 0;
	}
#endif
	return skip_ascii(p, p + len) == p + len;
}

/* The first byte of a character that is not ASCII. */
static inline bool begin(struct utf8 *u, unsigned char c)
{
	if (c < 0xc2 || c > 0xf4)
		return false;
	u->n_left = (uint8_t)(1 + (c >= 0xe0) + (c >= 0xf0));
	u->first = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
	u->last = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	return true;
}

static inline bool go_on(struct utf8 *u, unsigned char c)
{
	if (c < u->first || c > u->last)
		return false;
	u->n_left--;
	u->first = 0x80;
	u->last = 0xbf;
	return true;
}

bool utf8_feed(struct utf8 *u, weir_str bytes)
{
	const unsigned char *p = (const unsigned char *)bytes.ptr, *end = p + bytes.len;
	struct utf8 now = *u;

	while (p < end) {
		if (now.n_left == 0) {
			if (*p < 0x80) {
				p = skip_ascii(p, end);
				continue;
			}
			if (!begin(&now, *p++))
				return false;
		}
		for (; now.n_left > 0 && p < end; p++) {
			if (!go_on(&now, *p))
				return false;
		}
	}
	*u = now;
	return true;
}

bool utf8_is_whole(weir_str text)
{
	struct utf8 u;

	if (is_ascii((const unsigned char *)text.ptr, text.len))
		return true;
	utf8_init(&u);
	return utf8_feed(&u, text) && utf8_is_complete(&u);
}
