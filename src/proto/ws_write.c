/*
 * ws_write.c - wslay hands a frame to a callback in two parts, its header and its
 * payload, and has forgotten it when it has got rid of both. So each header is made for
 * a whole frame, whose payload the callback lets go: it is copied here, or not at all.
 *
 * The header of a short frame is two bytes, and most frames are short: those are made
 * here. That takes no stack, and a tenth of the instructions.
 */
#include "proto/ws_write.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <wslay/wslay.h>

#include "base/str.h"
#include "proto/ws_tools.h"

#define RSV1 4
#define REASON_MAX (WS_WRITE_CONTROL_MAX - 2)

static ssize_t on_send(const uint8_t *data, size_t len, int flags, void *user)
{
	struct ws_sender *sender = user;

	if (sender->out) {
		memcpy(sender->out, data, len);
		sender->header_len = len;
		sender->out = NULL;
	}
	return (ssize_t)len;
}

int ws_write_init_sender(struct ws_sender *sender)
{
	static const struct wslay_frame_callbacks callbacks = { .send_callback = on_send };

	return wslay_frame_context_init(&sender->wslay, &callbacks, sender) == 0 ? 0 : -ENOMEM;
}

static APART size_t write_long(struct ws_sender *sender, char *out, struct wslay_frame_iocb iocb)
{
	ssize_t n;

	sender->out = out;
	n = wslay_frame_send(sender->wslay, &iocb);
	assert(n >= 0 && (uint64_t)n == iocb.payload_length);
	return sender->header_len;
}

size_t ws_write_header(struct ws_tools *tools, char *out, enum ws_opcode opcode, bool is_last,
		       bool is_compressed, uint64_t len)
{
	uint8_t rsv = is_compressed ? RSV1 : 0;

	if (len <= WS_WRITE_CONTROL_MAX) {
		out[0] = (char)(is_last << 7 | rsv << 4 | opcode);
		out[1] = (char)len;
		return 2;
	}
	return write_long(&tools->sender, out,
			  (struct wslay_frame_iocb){ .fin = is_last,
						     .rsv = rsv,
						     .opcode = (uint8_t)opcode,
						     .payload_length = len,
						     .data_length = len });
}

size_t ws_write_frame(struct ws_tools *tools, char *out, enum ws_opcode opcode, bool is_last,
		      bool is_compressed, weir_str payload)
{
	size_t header_len = ws_write_header(tools, out, opcode, is_last, is_compressed,
					    payload.len);

	return (size_t)(str_put(out + header_len, payload) - out);
}

/* No longer than max, and not ending inside a character. */
static weir_str cut(weir_str text, size_t max)
{
	if (text.len <= max)
		return text;
	while (max > 0 && ((uint8_t)text.ptr[max] & 0xc0) == 0x80)
		max--;
	return (weir_str){ text.ptr, max };
}

size_t ws_write_close(struct ws_tools *tools, char *out, int code, weir_str reason)
{
	char payload[WS_WRITE_CONTROL_MAX];
	size_t len = 0;

	if (code != WSLAY_CODE_NO_STATUS_RCVD) {
		reason = cut(reason, REASON_MAX);
		payload[0] = (char)(code >> 8);
		payload[1] = (char)code;
		if (reason.len > 0)
			memcpy(payload + 2, reason.ptr, reason.len);
		len = 2 + reason.len;
	}
	return ws_write_frame(tools, out, WS_OP_CLOSE, true, false, (weir_str){ payload, len });
}

bool ws_write_code_ok(int code)
{
	if (code >= 3000)
		return code <= 4999;
	return code >= 1000 && code <= 1014 && (code < 1004 || code > 1006);
}
