#ifndef WEIR_PROTO_WS_HELLO_H
#define WEIR_PROTO_WS_HELLO_H
/*
 * ws_hello.h - the opening handshake of a WebSocket (RFC 6455, section 4.2), on
 * a head that h1_read took: what the client asks for, and the proof that it was
 * understood. Extensions are ws_deflate's.
 */
#include <stdbool.h>
#include <weir/base.h>

#include "base/fault.h"
#include "base/macro.h"

struct arena;
struct h1_head;

/* More is refused: the list is compared with itself, so its cost grows with the square. */
#define WS_HELLO_MAX_SUBPROTOCOLS 64

struct ws_hello {
	weir_str key;		      /* in the head, as are the others */
	weir_str origin;	      /* ptr NULL: none was sent */
	const weir_str *subprotocols; /* in the arena, the client's order */
	size_t n_subprotocols;
};

/*
 * -EPROTO with a fault, or -ENOMEM. What the answer to a fault must carry:
 *
 *	405	Allow: GET
 *	426	Connection: upgrade and Upgrade: websocket (RFC 9110, section
 *		15.5.22), and Sec-WebSocket-Version: 13 (RFC 6455, section 4.4)
 *
 * Whose Origin may come in is ws_hello_origin_ok()'s question.
 */
MUST_USE int ws_hello_read(const struct h1_head *head, struct arena *arena,
			   struct ws_hello *ret_hello, enum fault *reterr_fault);

/* Does it ask for a WebSocket, rightly or not? */
bool ws_hello_is_one(const struct h1_head *head);

/*
 * Sec-WebSocket-Accept for the key of a ws_hello that was read; not
 * NUL-terminated. -ENOMEM: libcrypto allocates.
 */
#define WS_HELLO_ACCEPT_LEN 28
MUST_USE int ws_hello_accept(weir_str key, char ret_accept[WS_HELLO_ACCEPT_LEN]);

/*
 * May a page of that origin open this session? Without origins: if it is the
 * server's own, "http" or "https" and the Host that was asked for, ports that
 * are left out being the scheme's. Else if it is among them; "*" is any.
 *
 * Always, if no Origin was sent: then no browser is at work, whose user this
 * protects; other clients send what they like (RFC 6455, section 10.2).
 */
bool ws_hello_origin_ok(const struct ws_hello *hello, weir_str scheme, weir_str host,
			const weir_str *origins, size_t n_origins);

/* Is it "null", or a scheme, "://" and a host (RFC 6454, section 7.1)? "*" is not. */
bool ws_hello_origin_is_valid(weir_str origin);

#endif
