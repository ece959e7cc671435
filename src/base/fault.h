#ifndef WEIR_BASE_FAULT_H
#define WEIR_BASE_FAULT_H
/*
 * fault.h - everything a peer can do wrong, in one table: the status it is
 * answered with, a stable name for logs, counters and tests, and words for
 * people. Code that refuses returns -EPROTO and one of these.
 */

#define FAULT_TABLE(X)                                                                       \
	X(NONE, 0, "none", "no fault")                                                       \
	/* line ends and shape (RFC 9112, section 2.2) */                                    \
	X(H1_BARE_LF, 400, "bare-lf", "a line ends with LF alone")                           \
	X(H1_BARE_CR, 400, "bare-cr", "a CR stands without LF")                              \
	X(H1_CONTROL, 400, "control-byte", "a control byte in the head")                     \
	X(H1_OBS_FOLD, 400, "obs-fold", "a line begins with space or tab")                   \
	X(H1_FIELD_NAME, 400, "field-name", "an empty or malformed field name")              \
	X(H1_REQUEST_LINE, 400, "request-line", "the request line is malformed")             \
	X(H1_TARGET, 400, "target", "the request target is malformed")                       \
	X(H1_VERSION, 505, "version", "the HTTP version is not supported")                   \
	X(H1_METHOD, 501, "method", "the method is not known")                               \
	X(H1_CONNECT, 501, "connect", "CONNECT is not served")                               \
	X(H1_SYNTAX, 400, "syntax", "the message is malformed")                              \
	/* Host (RFC 9112, section 3.2) */                                                   \
	X(H1_HOST_MISSING, 400, "host-missing", "HTTP/1.1 without a Host field")             \
	X(H1_HOST_TWICE, 400, "host-twice", "more than one Host field")                      \
	X(H1_HOST_INVALID, 400, "host-invalid", "the Host field is not a valid authority")   \
	X(H1_HOST_MISMATCH, 400, "host-mismatch", "Host and the request target disagree")    \
	X(H1_MISDIRECTED, 421, "misdirected", "the target's scheme is not the connection's") \
	X(H1_PLAIN_ON_TLS, 400, "plain-on-tls", "plain HTTP on a port for HTTPS")            \
	/* framing (RFC 9112, section 6) */                                                  \
	X(H1_TE_UNKNOWN, 501, "te-unknown", "a transfer coding other than chunked")          \
	X(H1_TE_INVALID, 400, "te-invalid", "Transfer-Encoding is not exactly one chunked")  \
	X(H1_TE_ON_10, 400, "te-on-1.0", "Transfer-Encoding on HTTP/1.0")                    \
	X(H1_TE_AND_CL, 400, "te-and-cl", "Transfer-Encoding together with Content-Length")  \
	X(H1_CL_TWICE, 400, "cl-twice", "more than one Content-Length")                      \
	X(H1_CL_INVALID, 400, "cl-invalid", "Content-Length is not a plain number")          \
	X(H1_CHUNK_SIZE, 400, "chunk-size", "a malformed chunk size")                        \
	X(H1_CHUNK_EXT, 400, "chunk-ext", "malformed or too many chunk extensions")          \
	X(H1_CHUNK_END, 400, "chunk-end", "a chunk does not end with CRLF")                  \
	X(H1_TRAILER, 400, "trailer", "a malformed trailer section")                         \
	/* sizes */                                                                          \
	X(TARGET_TOO_LONG, 414, "target-too-long", "the request target is too long")         \
	X(FIELDS_TOO_LARGE, 431, "fields-too-large", "the fields are too many or too large") \
	X(BODY_TOO_LARGE, 413, "body-too-large", "the body is larger than allowed")          \
	X(EXPECTATION, 417, "expectation", "an expectation other than 100-continue")         \
	/* time, and leaving */                                                              \
	X(HEAD_TIMEOUT, 408, "head-timeout", "the head did not arrive in time")              \
	X(BODY_TIMEOUT, 408, "body-timeout", "the body stopped arriving")                    \
	X(BODY_TOO_SLOW, 408, "body-too-slow", "the body arrives too slowly")                \
	X(BODY_CUT, 400, "body-cut", "the connection ended inside the body")                 \
	X(OVERLOADED, 503, "overloaded", "the server has no room for this now")              \
	/* proxies in front, hosts, and who asks too much */                                 \
	X(FORWARDED, 400, "forwarded", "what a proxy says of its client is malformed")       \
	X(HOST_UNKNOWN, 421, "host-unknown", "no route is for this host")                    \
	X(HOST_UNPROVEN, 421, "host-unproven", "the certificate shown is not for this host") \
	X(TOO_FREQUENT, 429, "too-frequent", "too many requests from this address")          \
	X(TOO_MANY, 429, "too-many", "too many connections from this address")               \
	/* WebSocket handshake (RFC 6455, section 4.2) */                                    \
	X(WS_METHOD, 405, "ws-method", "a WebSocket handshake that is not a GET")            \
	X(WS_ON_10, 400, "ws-on-1.0", "a WebSocket handshake on HTTP/1.0")                   \
	X(WS_NO_UPGRADE, 426, "ws-no-upgrade", "the request does not ask for a WebSocket")   \
	X(WS_BODY, 400, "ws-body", "a WebSocket handshake with a body")                      \
	X(WS_VERSION, 426, "ws-version", "a WebSocket version other than 13")                \
	X(WS_NO_VERSION, 400, "ws-no-version", "not exactly one Sec-WebSocket-Version")      \
	X(WS_KEY, 400, "ws-key", "not exactly one Sec-WebSocket-Key of 16 bytes")            \
	X(WS_SUBPROTOCOL, 400, "ws-subprotocol", "malformed or too many subprotocols")       \
	X(WS_EXTENSION, 400, "ws-extension", "malformed Sec-WebSocket-Extensions")           \
	X(WS_ORIGIN_TWICE, 400, "ws-origin-twice", "more than one Origin")                   \
	X(WS_ORIGIN_INVALID, 403, "ws-origin-invalid", "the Origin is malformed")            \
	X(WS_ORIGIN, 403, "ws-origin", "the Origin may not open this WebSocket")             \
	/* WebSocket frames: the code to close with (RFC 6455, section 7.4.1) */             \
	X(WS_UNMASKED, 1002, "ws-unmasked", "a client's frame is not masked")                \
	X(WS_RESERVED_BITS, 1002, "ws-reserved-bits", "reserved bits of a frame are set")    \
	X(WS_OPCODE, 1002, "ws-opcode", "a frame with a reserved opcode")                    \
	X(WS_FRAME, 1002, "ws-frame", "a malformed length, or control frame")                \
	X(WS_CONTINUATION, 1002, "ws-continuation", "a continuation of no message")          \
	X(WS_INTERLEAVED, 1002, "ws-interleaved", "a message inside another one")            \
	X(WS_CLOSE, 1002, "ws-close", "a close frame with a bad code")                       \
	X(WS_NOT_UTF8, 1007, "ws-not-utf8", "text or a reason that is not UTF-8")            \
	X(WS_INFLATE, 1007, "ws-inflate", "damaged compressed data")                         \
	X(WS_TOO_LARGE, 1009, "ws-too-large", "the message is larger than allowed")          \
	X(WS_NO_MEMORY, 1011, "ws-no-memory", "the server has no memory for the message")    \
	X(WS_SILENT, 1006, "ws-silent", "no sign of life after a ping")

enum fault {
#define FAULT_ENUM(id, status, name, words) FAULT_##id,
	FAULT_TABLE(FAULT_ENUM)
#undef FAULT_ENUM
		FAULT_COUNT,
};

int fault_status(enum fault fault);
const char *fault_name(enum fault fault);
const char *fault_words(enum fault fault);

#endif
