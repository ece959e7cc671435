#ifndef BENCH_WS_FRAME_H
#define BENCH_WS_FRAME_H
/*
 * ws_frame.h - a WebSocket frame's head (RFC 6455 §5.2), read and written
 * without judging it: both ends of a measurement are our own.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define WS_FRAME_MAX_HEAD 14

#define WS_FRAME_FIN 0x80
#define WS_FRAME_RSV1 0x40
#define WS_FRAME_MASKED 0x80

enum {
	WS_FRAME_CONTINUED = 0,
	WS_FRAME_TEXT = 1,
	WS_FRAME_BINARY = 2,
	WS_FRAME_CLOSE = 8,
	WS_FRAME_PING = 9,
	WS_FRAME_PONG = 10,
};

struct ws_frame {
	uint8_t first; /* FIN, the reserved bits, the opcode */
	bool is_masked;
	uint8_t mask[4]; /* if it is */
	size_t head_len;
	uint64_t len; /* of the payload */
};

/* False if the bytes end before the payload begins. */
static inline bool ws_frame_read(const char *bytes, size_t n, struct ws_frame *ret)
{
	const uint8_t *p = (const uint8_t *)bytes;
	size_t n_len, n_mask;
	uint64_t len;

	if (n < 2)
		return false;
	len = p[1] & 0x7fU;
	n_len = len < 126 ? 0 : len == 126 ? 2 : 8;
	n_mask = p[1] & WS_FRAME_MASKED ? 4 : 0;
	if (n < 2 + n_len + n_mask)
		return false;
	if (n_len > 0)
		len = 0;
	for (size_t i = 0; i < n_len; i++)
		len = len << 8 | p[2 + i];
	ret->first = p[0];
	ret->is_masked = n_mask > 0;
	if (n_mask > 0)
		memcpy(ret->mask, p + 2 + n_len, 4);
	ret->head_len = 2 + n_len + n_mask;
	ret->len = len;
	return true;
}

/* Everything up to the mask, which is the caller's; returns how long that is, 10 at most. */
static inline size_t ws_frame_put_head(char *out, uint8_t first, bool is_masked, uint64_t len)
{
	size_t n_len = len < 126 ? 0 : len <= UINT16_MAX ? 2 : 8;
	uint8_t second = (uint8_t)(n_len == 0 ? len : n_len == 2 ? 126 : 127);

	out[0] = (char)first;
	out[1] = (char)(second | (is_masked ? WS_FRAME_MASKED : 0));
	for (size_t i = 0; i < n_len; i++)
		out[2 + i] = (char)(len >> 8 * (n_len - 1 - i));
	return 2 + n_len;
}

static inline void ws_frame_mask(char *restrict out, const char *restrict in, size_t n,
				 const uint8_t mask[4])
{
	uint64_t word, twice;
	size_t i = 0;

	memcpy(&twice, mask, 4);
	memcpy((char *)&twice + 4, mask, 4);
	for (; i + 8 <= n; i += 8) {
		memcpy(&word, in + i, 8);
		word ^= twice;
		memcpy(out + i, &word, 8);
	}
	for (; i < n; i++)
		out[i] = (char)(in[i] ^ (char)mask[i % 4]);
}

#endif
