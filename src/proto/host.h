#ifndef WEIR_PROTO_HOST_H
#define WEIR_PROTO_HOST_H
/*
 * host.h - the authority of a request: a Host field's value, or the authority
 * of an absolute-form target. Strict: who routes by it must not be fooled.
 */
#include <stdbool.h>
#include <weir/base.h>

/*
 * uri-host [ ":" port ] (RFC 3986, section 3.2.2): a name, an IPv4 address, or
 * in brackets an IPv6 address or an IPvFuture; port up to 65535. Not empty, no
 * user name.
 */
bool host_is_valid(weir_str authority);

/* The name or the address, without port; brackets stay. Of a valid authority. */
weir_str host_name(weir_str authority);

/* The port, or default_port when it has none. Of a valid authority. */
unsigned host_port(weir_str authority, unsigned default_port);

/* Do both mean the same? Letter case is ignored, a missing port is default_port. */
bool host_is_same(weir_str a, weir_str b, unsigned default_port);

#endif
