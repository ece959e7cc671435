/* inet.c - see inet.h. inet_pton() alone is asked: others repair what should be refused. */
#include "base/inet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

static const uint8_t v4_prefix[12] = { [10] = 0xff, [11] = 0xff };

int inet_parse(weir_str text, struct inet *ret_inet)
{
	char z[INET6_ADDRSTRLEN] = "";
	struct inet inet;

	if (text.len == 0 || text.len >= sizeof(z) || memchr(text.ptr, '\0', text.len))
		return -EINVAL;
	memcpy(z, text.ptr, text.len);
	if (inet_pton(AF_INET, z, inet.bytes + sizeof(v4_prefix)) == 1)
		memcpy(inet.bytes, v4_prefix, sizeof(v4_prefix));
	else if (inet_pton(AF_INET6, z, inet.bytes) != 1)
		return -EINVAL;
	*ret_inet = inet;
	return 0;
}

int inet_parse_name(weir_str name, struct inet *ret_inet)
{
	weir_str rest = name, host = str_split(&rest, ':');

	if (name.len > 0 && name.ptr[0] == '[') {
		rest = (weir_str){ name.ptr + 1, name.len - 1 };
		host = str_split(&rest, ']');
		host = str_split(&host, '%'); /* which interface is no part of who it is */
		return inet_parse(host, ret_inet);
	}
	/* An IPv6 address without brackets has more than one colon. */
	if (rest.ptr && rest.len > 0 && memchr(rest.ptr, ':', rest.len))
		return inet_parse(name, ret_inet);
	return inet_parse(host, ret_inet);
}

bool inet_is_v4(const struct inet *inet)
{
	return memcmp(inet->bytes, v4_prefix, sizeof(v4_prefix)) == 0;
}

size_t inet_write(const struct inet *inet, char ret_text[INET_TEXT_MAX])
{
	bool is_v4 = inet_is_v4(inet);
	const void *bytes = is_v4 ? inet->bytes + sizeof(v4_prefix) : inet->bytes;

	if (!inet_ntop(is_v4 ? AF_INET : AF_INET6, bytes, ret_text, INET_TEXT_MAX))
		return 0;
	return strlen(ret_text);
}

void inet_mask(struct inet *inet, unsigned bits)
{
	for (unsigned i = 0; i < sizeof(inet->bytes); i++) {
		unsigned first = i * 8;

		if (bits <= first)
			inet->bytes[i] = 0;
		else if (bits < first + 8)
			inet->bytes[i] &= (uint8_t)(0xff << (first + 8 - bits));
	}
}

int inet_net_parse(weir_str text, struct inet_net *ret_net, const char **reterr_words)
{
	weir_str rest = text, address = str_split(&rest, '/');
	struct inet_net net;
	struct inet masked;
	uint64_t bits;

	if (inet_parse(address, &net.first) < 0) {
		*reterr_words = "is neither an address nor a network such as 10.0.0.0/8";
		return -EINVAL;
	}
	net.is_v4 = inet_is_v4(&net.first);
	bits = net.is_v4 ? 32 : 128;
	if (rest.ptr) {
		uint64_t max = bits;

		if (str_to_u64(rest, &bits) < 0 || bits > max) {
			*reterr_words = net.is_v4 ? "has no length from 0 to 32 behind its slash"
						  : "has no length from 0 to 128 behind its slash";
			return -EINVAL;
		}
	}
	net.bits = (unsigned)bits + (net.is_v4 ? 96 : 0);
	masked = net.first;
	inet_mask(&masked, net.bits);
	if (memcmp(&masked, &net.first, sizeof(masked)) != 0) {
		*reterr_words = "is no network: bits behind its length are not zero";
		return -EINVAL;
	}
	*ret_net = net;
	return 0;
}

bool inet_net_has(const struct inet_net *net, const struct inet *inet)
{
	struct inet masked = *inet;

	if (net->is_v4 != inet_is_v4(inet))
		return false;
	inet_mask(&masked, net->bits);
	return memcmp(&masked, &net->first, sizeof(masked)) == 0;
}
