#ifndef WEIR_PROTO_WS_DEFLATER_H
#define WEIR_PROTO_WS_DEFLATER_H
/*
 * ws_deflater.h - messages compressed for permessage-deflate (RFC 7692, section 7.2.1).
 * A compressor is 268 KiB at the default window: usually a message borrows one
 * from the tools, and gives it back when it is over.
 */
#include <stdbool.h>
#include <weir/base.h>

#include "base/buf.h"
#include "base/macro.h"
#include "proto/ws_deflate.h"

struct ws_tools;
struct ws_deflater;

/*
 * Appends to out what the compressor has to say for a piece so far, maybe nothing; is_last
 * ends the message: then all of it was said. *context is the session's, and NULL to begin with: it
 * has a compressor while it is inside a message, and for good unless params say no_server_context.
 * server_bits: 9..15. -ENOMEM, -EMSGSIZE (out's limit): the message is broken, *context was given back.
 */
MUST_USE int ws_deflater_piece(struct ws_tools *tools, struct ws_deflater **context,
			       const struct ws_deflate_params *params, weir_str piece, bool is_last,
			       struct buf *out);

/* A session ends that may have one. Returns NULL, and NULL is fine. */
struct ws_deflater *ws_deflater_give(struct ws_tools *tools, struct ws_deflater *d);
/* For ws_tools_trim(). */
struct ws_deflater *ws_deflater_free(struct ws_deflater *d);

/* About so many bytes does a session hold that keeps a context; 0 for NULL. */
size_t ws_deflater_size(const struct ws_deflater *d);

#endif
