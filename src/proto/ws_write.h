#ifndef WEIR_PROTO_WS_WRITE_H
#define WEIR_PROTO_WS_WRITE_H
/*
 * ws_write.h - a server's WebSocket frames into bytes (RFC 6455, section 5.2). They are not masked.
 *
 * Headers of payloads beyond 125 bytes are made by wslay, which takes 4 KiB of stack: on the
 * loop's stack that is nothing, on a coroutine's it is a second page, resident for good.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/base.h>

#include "base/macro.h"

struct ws_tools;
struct ws_sender;

enum ws_opcode {
	WS_OP_CONTINUATION = 0,
	WS_OP_TEXT = 1,
	WS_OP_BINARY = 2,
	WS_OP_CLOSE = 8,
	WS_OP_PING = 9,
	WS_OP_PONG = 10,
};

#define WS_WRITE_HEADER_MAX 10
#define WS_WRITE_CONTROL_MAX 125 /* bytes of a control frame's payload */
#define WS_WRITE_CLOSE_MAX (2 + WS_WRITE_CONTROL_MAX)

/*
 * A whole frame at out, which has room for payload.len + WS_WRITE_HEADER_MAX: how many
 * bytes. The payload may not lie there. is_compressed is set on a message's first frame only.
 */
size_t ws_write_frame(struct ws_tools *tools, char *out, enum ws_opcode opcode, bool is_last,
		      bool is_compressed, weir_str payload);

/* The header alone, for a payload of len bytes that follows. out has WS_WRITE_HEADER_MAX bytes. */
size_t ws_write_header(struct ws_tools *tools, char *out, enum ws_opcode opcode, bool is_last,
		       bool is_compressed, uint64_t len);

/*
 * A close frame at out, which has WS_WRITE_CLOSE_MAX bytes. Code 1005: an empty one. The
 * reason, which is UTF-8, is cut to 123 bytes at a character's boundary.
 */
size_t ws_write_close(struct ws_tools *tools, char *out, int code, weir_str reason);

/* May an application send it, and a client? (RFC 6455, section 7.4; IANA's list up to 1014) */
bool ws_write_code_ok(int code);

/* For ws_tools_init(). -ENOMEM. */
MUST_USE int ws_write_init_sender(struct ws_sender *sender);

#endif
