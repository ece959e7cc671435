/* conf_address.c - see conf_address.h. */
#include "conf/conf_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>

#include "base/str.h"

/* The longest: "[" 45 characters "]:65535". */
#define MAX_TCP_TEXT 64

static int set_text(struct arena *arena, weir_str text, struct conf_address *address)
{
	char *copy = arena_bytes(arena, text.len + 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	address->text = copy;
	return 0;
}

static int parse_unix(struct arena *arena, weir_str path, const char *dir,
		      struct conf_address *address, const char **reterr_words)
{
	struct sockaddr_un *sun = (struct sockaddr_un *)&address->sockaddr;
	char text[sizeof("unix:") + sizeof(sun->sun_path)];
	bool is_relative = path.len > 0 && path.ptr[0] != '/';
	int n;

	if (path.len == 0) {
		*reterr_words = "has no path after unix:";
		return -EINVAL;
	}
	if (path.ptr[0] == '@') {
		*reterr_words = "is in the abstract namespace, which has no permissions";
		return -EINVAL;
	}
	n = snprintf(text, sizeof(text), "unix:%s%s%.*s", is_relative ? dir : "",
		     is_relative ? "/" : "", (int)path.len, path.ptr);
	if (n < 0 || (size_t)n - 5 >= sizeof(sun->sun_path)) {
		*reterr_words = "is a path of more than 107 bytes, the most a Unix socket can have";
		return -EINVAL;
	}
	address->type = CONF_ADDRESS_UNIX;
	address->len = sizeof(*sun);
	sun->sun_family = AF_UNIX;
	memcpy(sun->sun_path, text + 5, (size_t)n - 4);
	return set_text(arena, (weir_str){ text, (size_t)n }, address);
}

/* As the service manager names it: FileDescriptorName= of the socket's unit. */
static int parse_inherited(struct arena *arena, weir_str s, struct conf_address *address,
			   const char **reterr_words)
{
	weir_str name = { s.ptr + strlen("systemd:"), s.len - strlen("systemd:") };

	if (name.len == 0) {
		*reterr_words = "has no name after systemd:";
		return -EINVAL;
	}
	if (name.len > CONF_ADDRESS_NAME_MAX) {
		*reterr_words = "has a name of more than 255 bytes, the most systemd gives";
		return -EINVAL;
	}
	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] > ' ' && name.ptr[i] < 0x7f && name.ptr[i] != ':')
			continue;
		*reterr_words = "has a name with a character that systemd allows in none";
		return -EINVAL;
	}
	address->type = CONF_ADDRESS_INHERITED;
	address->inherited = -1;
	return set_text(arena, s, address);
}

static int parse_port(weir_str s, uint16_t *ret_port, const char **reterr_words)
{
	uint64_t port;
	int r;

	r = str_to_u64(s, &port);
	if (r < 0 || port < 1 || port > 65535) {
		*reterr_words = "has no port from 1 to 65535";
		return -EINVAL;
	}
	*ret_port = htons((uint16_t)port);
	return 0;
}

static int set_host4(const char *host, uint16_t port, struct conf_address *address)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)&address->sockaddr;

	if (inet_pton(AF_INET, host, &sin->sin_addr) != 1)
		return -EINVAL;
	sin->sin_family = AF_INET;
	sin->sin_port = port;
	address->len = sizeof(*sin);
	return 0;
}

static int set_host6(const char *host, uint16_t port, struct conf_address *address)
{
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&address->sockaddr;

	if (inet_pton(AF_INET6, host, &sin6->sin6_addr) != 1)
		return -EINVAL;
	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = port;
	address->len = sizeof(*sin6);
	return 0;
}

static int set_host(weir_str host, uint16_t port, struct conf_address *address,
		    const char **reterr_words)
{
	bool has_brackets = host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';
	char text[INET6_ADDRSTRLEN] = "";

	if (weir_str_eq(host, WEIR_STR("*"))) {
		address->is_any = true;
		return set_host6("::", port, address);
	}
	if (has_brackets)
		host = (weir_str){ host.ptr + 1, host.len - 2 };
	if (host.len < sizeof(text))
		memcpy(text, host.ptr, host.len);
	if (has_brackets && set_host6(text, port, address) == 0)
		return 0;
	if (!has_brackets && set_host4(text, port, address) == 0)
		return 0;
	if (memchr(host.ptr, ':', host.len))
		*reterr_words = "is not an address; an IPv6 one is written \"[::1]:8000\"";
	else
		*reterr_words = "is not an address of digits, such as 127.0.0.1:8000 or *:8000";
	return -EINVAL;
}

/* The canonical spelling, so that messages about one address always look the same. */
static int set_tcp_text(struct arena *arena, struct conf_address *address)
{
	char host[INET6_ADDRSTRLEN], text[MAX_TCP_TEXT];
	const struct sockaddr_in *sin = (const struct sockaddr_in *)&address->sockaddr;
	const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)&address->sockaddr;
	int n;

	if (address->is_any) {
		n = snprintf(text, sizeof(text), "*:%u", ntohs(sin6->sin6_port));
	} else if (address->sockaddr.ss_family == AF_INET) {
		(void)inet_ntop(AF_INET, &sin->sin_addr, host, sizeof(host));
		n = snprintf(text, sizeof(text), "%s:%u", host, ntohs(sin->sin_port));
	} else {
		(void)inet_ntop(AF_INET6, &sin6->sin6_addr, host, sizeof(host));
		n = snprintf(text, sizeof(text), "[%s]:%u", host, ntohs(sin6->sin6_port));
	}
	return set_text(arena, (weir_str){ text, (size_t)n }, address);
}

int conf_address_parse(struct arena *arena, weir_str s, const char *dir,
		       struct conf_address *ret_address, const char **reterr_words)
{
	struct conf_address address = { .type = CONF_ADDRESS_TCP };
	const char *colon = s.len ? memrchr(s.ptr, ':', s.len) : NULL;
	weir_str host = s;
	uint16_t port;
	int r;

	if (str_starts(s, WEIR_STR("unix:"))) {
		r = parse_unix(arena, (weir_str){ s.ptr + 5, s.len - 5 }, dir, &address,
			       reterr_words);
		if (r < 0)
			return r;
		*ret_address = address;
		return 0;
	}
	if (str_starts(s, WEIR_STR("systemd:"))) {
		r = parse_inherited(arena, s, &address, reterr_words);
		if (r < 0)
			return r;
		*ret_address = address;
		return 0;
	}
	if (!colon || colon == s.ptr) {
		*reterr_words =
			"is not of the form ADDRESS:PORT, *:PORT, unix:PATH or systemd:NAME";
		return -EINVAL;
	}
	host.len = (size_t)(colon - s.ptr);
	r = parse_port((weir_str){ colon + 1, s.len - host.len - 1 }, &port, reterr_words);
	if (r < 0)
		return r;
	r = set_host(host, port, &address, reterr_words);
	if (r < 0)
		return r;
	r = set_tcp_text(arena, &address);
	if (r < 0)
		return r;
	*ret_address = address;
	return 0;
}

static bool is_wildcard(const struct conf_address *a)
{
	if (a->sockaddr.ss_family == AF_INET)
		return ((const struct sockaddr_in *)&a->sockaddr)->sin_addr.s_addr == INADDR_ANY;
	return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)&a->sockaddr)->sin6_addr);
}

static bool is_same_host(const struct conf_address *a, const struct conf_address *b)
{
	if (a->sockaddr.ss_family == AF_INET)
		return ((const struct sockaddr_in *)&a->sockaddr)->sin_addr.s_addr ==
		       ((const struct sockaddr_in *)&b->sockaddr)->sin_addr.s_addr;
	return IN6_ARE_ADDR_EQUAL(&((const struct sockaddr_in6 *)&a->sockaddr)->sin6_addr,
				  &((const struct sockaddr_in6 *)&b->sockaddr)->sin6_addr);
}

bool conf_address_overlaps(const struct conf_address *a, const struct conf_address *b)
{
	/* The port stands at the same place in both families. */
	const struct sockaddr_in *sin_a = (const struct sockaddr_in *)&a->sockaddr;
	const struct sockaddr_in *sin_b = (const struct sockaddr_in *)&b->sockaddr;

	if (a->type != b->type)
		return false;
	if (a->type != CONF_ADDRESS_TCP)
		return strcmp(a->text, b->text) == 0;
	if (sin_a->sin_port != sin_b->sin_port)
		return false;
	if (a->is_any || b->is_any)
		return true;
	if (a->sockaddr.ss_family != b->sockaddr.ss_family)
		return false;
	return is_wildcard(a) || is_wildcard(b) || is_same_host(a, b);
}
