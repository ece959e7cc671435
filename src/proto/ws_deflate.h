#ifndef WEIR_PROTO_WS_DEFLATE_H
#define WEIR_PROTO_WS_DEFLATE_H
/*
 * ws_deflate.h - whether and how the messages of a WebSocket are compressed:
 * the client's offers of permessage-deflate, and the answer (RFC 7692, sections
 * 5 and 7.1). Compressing itself is not done here.
 *
 *	Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/base.h>

#include "base/fault.h"
#include "base/macro.h"

/*
 * zlib cannot deflate with a window of 256 bytes, but inflate. An offer of server_max_window_bits=8 is
 * declined, as it must be then: an answer says the same or less (RFC 7692, section 7.1.2.1), never 9.
 * Who would rather have any window than no compression says so with a second offer (section 7.1.3).
 * That zlib's distances with 9 happen to stay below 256 is nothing that it promises.
 */
#define WS_DEFLATE_MIN_SERVER_BITS 9
#define WS_DEFLATE_MIN_CLIENT_BITS 8
#define WS_DEFLATE_MAX_BITS 15

/*
 * What was agreed. Windows are powers of two: the server deflates with
 * server_bits, the client with client_bits.
 *
 * Who inflates what a client deflated with 8 does well to allow 9: old zlibs
 * took 9 when they were asked for 8, and said nothing.
 */
struct ws_deflate_params {
	uint8_t server_bits, client_bits;
	bool no_server_context; /* each message of the server begins with an empty window */
	bool no_client_context;
	bool says_server_bits, says_client_bits; /* in the answer */
};

/* What the route allows; the bits are within the limits above. */
struct ws_deflate_config {
	uint8_t max_server_bits, max_client_bits;
	bool keeps_contexts; /* if the client does not ask for the opposite */
};

/*
 * The first acceptable offer of all Sec-WebSocket-Extensions fields. 1: agreed;
 * 0: there is none, and no compression; -EPROTO: a field is malformed.
 *
 * Without keeps_contexts both sides always begin anew, so that no zlib state
 * belongs to a session between messages. Declined are offers that RFC 7692
 * calls invalid (section 7.1); that ask for a server's window of 8 (above); and, if
 * max_client_bits is less than 15, those of clients that cannot be limited.
 */
MUST_USE int ws_deflate_negotiate(const weir_header *fields, size_t n_fields,
				  const struct ws_deflate_config *config,
				  struct ws_deflate_params *ret_params, enum fault *reterr_fault);

/* The answer's Sec-WebSocket-Extensions; how many bytes that are, no NUL behind them. */
#define WS_DEFLATE_ANSWER_MAX 128
size_t ws_deflate_answer(const struct ws_deflate_params *params, char out[WS_DEFLATE_ANSWER_MAX]);

#endif
