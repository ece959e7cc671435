#ifndef WEIR_BASE_INET_H
#define WEIR_BASE_INET_H
/*
 * inet.h - addresses of IPv4 and IPv6 as values that can be compared, and
 * networks of them. Ports and sockets are others' affair.
 */
#include <stdbool.h>
#include <stdint.h>
#include <weir/base.h>

#include "base/macro.h"

/* IPv4 as ::ffff:192.0.2.7: one address, however the kernel came to write it. */
struct inet {
	uint8_t bytes[16];
};

struct inet_net {
	struct inet first;
	unsigned bits; /* of 128 */
	bool is_v4;
};

/* Room for what inet_write() writes: no NUL. */
#define INET_TEXT_MAX 46

/* "192.0.2.7", "2001:db8::1". -EINVAL. */
MUST_USE int inet_parse(weir_str text, struct inet *ret_inet);
/* The same, with a port or without: "192.0.2.7:80", "[2001:db8::1]:80", "[fe80::1%2]:80". */
MUST_USE int inet_parse_name(weir_str name, struct inet *ret_inet);
bool inet_is_v4(const struct inet *inet);
/* The length; inet_parse() takes it. */
size_t inet_write(const struct inet *inet, char ret_text[INET_TEXT_MAX]);
/* All bits behind the first ones are zeros from now on. */
void inet_mask(struct inet *inet, unsigned bits);

/* "10.0.0.0/8", "2001:db8::/32", or one address. -EINVAL, with words for people. */
MUST_USE int inet_net_parse(weir_str text, struct inet_net *ret_net, const char **reterr_words);
/* ::/0 is all of IPv6, and nothing of IPv4. */
bool inet_net_has(const struct inet_net *net, const struct inet *inet);

#endif
