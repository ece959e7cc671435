/*
 * ws_write.c - wslay hands a frame to a callback in two parts, its header and its
 * payload, and has forgotten it when it has got rid of both: so each call here sends
 * a whole frame. A header alone is one whose payload the callback lets go.
 */
#include "proto/ws_write.h"

#include <assert.h>
#include <string.h>
#include <wslay/wslay.h>

#include "proto/ws_tools.h"

#define RSV1 4
#define REASON_MAX (WS_WRITE_CONTROL_MAX - 2)

static ssize_t on_send(const uint8_t *data, size_t len, int flags, void *user)
{
	struct ws_sender *sender = user;
	bool is_header = flags & WSLAY_MSG_MORE;

	if (is_header || !sender->is_header_only) {
		memcpy(sender->out, data, len);
		sender->out += len;
	}
	return (ssize_t)len;
}

int ws_write_init_sender(struct ws_sender *sender)
{
	static const struct wslay_frame_callbacks callbacks = { .send_callback = on_send };

	return wslay_frame_context_init(&sender->wslay, &callbacks, sender) == 0 ? 0 : -ENOMEM;
}

static size_t send_frame(struct ws_sender *sender, char *out, struct wslay_frame_iocb *iocb)
{
	ssize_t n;

	sender->out = out;
	n = wslay_frame_send(sender->wslay, iocb);
	assert(n >= 0 && (uint64_t)n == iocb->payload_length);
	return (size_t)(sender->out - out);
}

size_t ws_write_frame(struct ws_tools *tools, char *out, enum ws_opcode opcode, bool is_last,
		      bool is_compressed, weir_str payload)
{
	struct wslay_frame_iocb iocb = {
		.fin = is_last,
		.rsv = is_compressed ? RSV1 : 0,
		.opcode = (uint8_t)opcode,
		.payload_length = payload.len,
		.data = (const uint8_t *)payload.ptr,
		.data_length = payload.len,
	};

	tools->sender.is_header_only = false;
	return send_frame(&tools->sender, out, &iocb);
}

size_t ws_write_header(struct ws_tools *tools, char *out, enum ws_opcode opcode, bool is_last,
		       bool is_compressed, uint64_t len)
{
	struct wslay_frame_iocb iocb = {
		.fin = is_last,
		.rsv = is_compressed ? RSV1 : 0,
		.opcode = (uint8_t)opcode,
		.payload_length = len,
		.data_length = len,
	};

	tools->sender.is_header_only = len > 0;
	return send_frame(&tools->sender, out, &iocb);
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
