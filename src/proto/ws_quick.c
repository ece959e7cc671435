/* ws_quick.c - see ws_quick.h. */
#include "proto/ws_quick.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

/* First bytes: final, nothing reserved, and the opcode. */
#define FINAL_TEXT 0x81
#define FINAL_BINARY 0x82

#define MASKED 0x80
#define START_LEN 2
#define MASK_LEN 4

struct quick_frame {
	const uint8_t *mask;
	const uint8_t *masked;
	size_t len;
};

/* Where its parts are, if all of it is here. */
static inline bool find(weir_str bytes, struct quick_frame *f)
{
	const uint8_t *p = (const uint8_t *)bytes.ptr;
	size_t header_len = START_LEN + MASK_LEN;

	if (bytes.len < header_len || (p[0] != FINAL_TEXT && p[0] != FINAL_BINARY) ||
	    !(p[1] & MASKED))
		return false;

	f->len = p[1] & 0x7f;
	if (f->len == 126) {
		header_len += 2;
		f->len = (size_t)p[2] << 8 | p[3];
		if (f->len < 126 || f->len > WS_ROOM_SIZE)
			return false;
	} else if (f->len > 126) {
		return false;
	}
	f->mask = p + header_len - MASK_LEN;
	f->masked = p + header_len;
	return bytes.len >= header_len + f->len;
}

typedef uint32_t sixteen __attribute__((vector_size(16)));

static inline void unmask(char *out, const struct quick_frame *f)
{
	const uint8_t *masked = f->masked;
	size_t i = 0;
	uint32_t mask, four;

	memcpy(&mask, f->mask, sizeof(mask));
	for (; i + sizeof(sixteen) <= f->len; i += sizeof(sixteen)) {
		sixteen bytes;

		memcpy(&bytes, masked + i, sizeof(bytes));
		bytes ^= mask;
		memcpy(out + i, &bytes, sizeof(bytes));
	}
	for (; i + sizeof(four) <= f->len; i += sizeof(four)) {
		memcpy(&four, masked + i, sizeof(four));
		four ^= mask;
		memcpy(out + i, &four, sizeof(four));
	}
	for (; i < f->len; i++)
		out[i] = (char)(masked[i] ^ f->mask[i % MASK_LEN]);
}

bool ws_quick_take(struct ws_tools *tools, weir_str *bytes, struct ws_room **ret_room,
		   weir_str *ret_payload, bool *ret_is_text)
{
	struct quick_frame f;
	struct ws_room *room;
	weir_str payload;
	bool is_text;
	const char *end;

	if (!find(*bytes, &f))
		return false;
	room = ws_tools_take_room(tools);
	if (!room)
		return false;
	unmask(room->bytes, &f);
	payload = (weir_str){ room->bytes, f.len };
	is_text = (uint8_t)*bytes->ptr == FINAL_TEXT;
	if (is_text && !utf8_is_whole(payload)) {
		(void)ws_tools_give_room(tools, room);
		return false;
	}

	end = (const char *)f.masked + f.len;
	*bytes = (weir_str){ end, bytes->len - (size_t)(end - bytes->ptr) };
	*ret_room = room;
	*ret_payload = payload;
	*ret_is_text = is_text;
	return true;
}
