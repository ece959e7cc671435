#ifndef WEIR_PROTO_HOST_H
#define WEIR_PROTO_HOST_H
/*
 * host.h - the authority of a request: a Host field's value, or the authority
 * of an absolute-form target. Strict: who routes by it must not be fooled.
 */
#include <stdbool.h>
#include <weir/base.h>

#include "proto/scan.h"

/*
 * uri-host [ ":" port ] (RFC 3986, section 3.2.2): a name, an IPv4 address, or
 * in brackets an IPv6 address or an IPvFuture; port up to 65535. Not empty, no
 * user name.
 */
bool host_is_valid(weir_str authority);

/*
 * Is it valid for certain? Asked in every request, of 1 to 16 bytes, and those
 * before them, up to 16 in all, can be read too. false: ask host_is_valid().
 */
static inline bool host_is_usual(weir_str authority);

/* The name or the address, without port; brackets stay. Of a valid authority. */
weir_str host_name(weir_str authority);

/* The port, or default_port when it has none. Of a valid authority. */
unsigned host_port(weir_str authority, unsigned default_port);

/* Do both mean the same? Letter case is ignored, a missing port is default_port. */
bool host_is_same(weir_str a, weir_str b, unsigned default_port);

#ifdef __SSE2__

/* A name, or a name and a port of up to four digits, which are never too many. */
static inline bool host_is_usual(weir_str authority)
{
	__m128i v = scan_load16(authority.ptr + authority.len - 16);
	unsigned before = 16 - (unsigned)authority.len;
	unsigned odd = scan_no_host(v) >> before, others, colon;

	if (odd == 0)
		return true;
	colon = (unsigned)__builtin_ctz(odd);
	others = (scan_bits(scan_is_between(v, '0', 10)) ^ 0xffff) >> before;
	return colon > 0 && authority.ptr[colon] == ':' && authority.len - colon <= 5 &&
	       others >> colon == 1;
}

#else

static inline bool host_is_usual(weir_str authority)
{
	(void)authority;
	return false;
}

#endif

#endif
