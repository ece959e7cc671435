/*
 * host.c - no library is asked but inet_pton: getaddrinfo and friends repair
 * what should be refused ("0x7f.1", "1.2.3", a zone index).
 */
#include "proto/host.h"

#include <arpa/inet.h>

#include "base/str.h"
#include "proto/http.h"
#include "proto/scan.h"

/* The same as below for a name with escapes in it, the first of them at i. */
static size_t escaped_name_len(weir_str s, size_t i)
{
	while (i < s.len) {
		if (http_char_is(s.ptr[i], HTTP_CHAR_HOST)) {
			i++;
			continue;
		}
		if (s.ptr[i] != '%')
			return i;
		if (s.len - i < 3 || !http_char_is(s.ptr[i + 1], HTTP_CHAR_HEX) ||
		    !http_char_is(s.ptr[i + 2], HTTP_CHAR_HEX))
			return 0;
		i += 3;
	}
	return i;
}

/* How long the reg-name or IPv4 address at the front is; 0: none. */
static size_t reg_name_len(weir_str s)
{
	size_t i = 0;

	while (i < s.len && http_char_is(s.ptr[i], HTTP_CHAR_HOST))
		i++;
	return i < s.len && s.ptr[i] == '%' ? escaped_name_len(s, i) : i;
}

/* "v" and hex digits, ".", then whatever that version of IP will have; brackets are off. */
static bool is_ip_future(weir_str s)
{
	size_t i = 1;

	if (s.len == 0 || (s.ptr[0] | 0x20) != 'v')
		return false;
	while (i < s.len && http_char_is(s.ptr[i], HTTP_CHAR_HEX))
		i++;
	if (i == 1 || i + 1 >= s.len || s.ptr[i] != '.')
		return false;
	for (i++; i < s.len; i++) {
		if (s.ptr[i] != ':' && !http_char_is(s.ptr[i], HTTP_CHAR_HOST))
			return false;
	}
	return true;
}

/* The same for "[...]". Rare: its buffer is not to burden the stack of its caller. */
static APART size_t ip_literal_len(weir_str s)
{
	const char *end = memchr(s.ptr, ']', s.len);
	char text[INET6_ADDRSTRLEN] = { 0 };
	struct in6_addr addr;
	size_t len;

	if (!end)
		return 0;
	len = (size_t)(end - s.ptr) - 1;
	if (is_ip_future((weir_str){ s.ptr + 1, len }))
		return len + 2;
	if (len >= sizeof(text))
		return 0;
	memcpy(text, s.ptr + 1, len);
	/* inet_pton stops at a NUL, and would not see what is behind it. */
	if (strlen(text) != len)
		return 0;
	return inet_pton(AF_INET6, text, &addr) == 1 ? len + 2 : 0;
}

static size_t name_len(weir_str s)
{
	if (s.len == 0)
		return 0;
	return s.ptr[0] == '[' ? ip_literal_len(s) : reg_name_len(s);
}

/* ":" and digits, perhaps none (RFC 3986, section 3.2.3). */
static bool is_port(weir_str s)
{
	const char *end = s.ptr + s.len;
	unsigned port = 0;

	if (s.ptr[0] != ':')
		return false;
	for (const char *p = s.ptr + 1; p < end; p++) {
		unsigned digit = (unsigned)(unsigned char)*p - '0';

		if (digit > 9)
			return false;
		port = port * 10 + digit;
		if (port > 65535)
			return false;
	}
	return true;
}

/* Names with rarer characters, and IPv6 addresses. */
static APART bool is_rare_host(weir_str authority)
{
	size_t len = name_len(authority);

	if (len == 0)
		return false;
	return len == authority.len ||
	       is_port((weir_str){ authority.ptr + len, authority.len - len });
}

bool host_is_valid(weir_str authority)
{
	size_t len = scan_host(authority.ptr, authority.len);

	if (len == 0)
		return is_rare_host(authority);
	if (len == authority.len)
		return true;
	if (authority.ptr[len] != ':')
		return is_rare_host(authority);
	return is_port((weir_str){ authority.ptr + len, authority.len - len });
}

weir_str host_name(weir_str authority)
{
	return (weir_str){ authority.ptr, name_len(authority) };
}

unsigned host_port(weir_str authority, unsigned default_port)
{
	size_t len = name_len(authority);
	uint64_t port;

	if (authority.len < len + 2)
		return default_port;
	if (str_to_u64((weir_str){ authority.ptr + len + 1, authority.len - len - 1 }, &port) < 0)
		return default_port;
	return (unsigned)port;
}

bool host_is_same(weir_str a, weir_str b, unsigned default_port)
{
	return str_eq_nocase(host_name(a), host_name(b)) &&
	       host_port(a, default_port) == host_port(b, default_port);
}
