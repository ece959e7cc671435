#ifndef WEIR_PROTO_PROXY_HDR_H
#define WEIR_PROTO_PROXY_HDR_H
/*
 * proxy_hdr.h - the PROXY protocol, versions 1 and 2: what a proxy that knows no
 * HTTP says before the first byte of its client, of whom it is and whither it
 * wanted. As in haproxy's doc/proxy-protocol.txt.
 *
 *	PROXY TCP4 192.0.2.7 198.51.100.1 51234 443\r\n
 *	\r\n\r\n\0\r\nQUIT\n  0x21 0x11 length  addresses, ports  TLVs
 *
 * Bytes in, a result out: who calls keeps what has come until there is one.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/macro.h"

/* No header is longer: one that says it is, is refused. Those of all proxies we know have less. */
#define PROXY_HDR_MAX ((size_t)4096)
/* "unix:" and a path of 108 bytes; "[" IPv6 "]:65535" */
#define PROXY_HDR_NAME_MAX 128

struct proxy_hdr {
	bool has_names; /* false: LOCAL or UNKNOWN: the connection is the proxy's own */
	size_t from_len, to_len;
	char from[PROXY_HDR_NAME_MAX]; /* "192.0.2.7:51234", "[2001:db8::7]:51234", "unix:/path" */
	char to[PROXY_HDR_NAME_MAX];
};

/*
 * All bytes that have come so far. Its length when the header is whole; 0: it is
 * not, and all of them are its own; -EPROTO, with words for the log.
 */
MUST_USE ssize_t proxy_hdr_read(const char *bytes, size_t len, struct proxy_hdr *ret_hdr,
				const char **reterr_words);

#endif
