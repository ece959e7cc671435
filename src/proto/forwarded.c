/*
 * forwarded.c - all elements are looked at from the left, and the last one that
 * is no proxy of ours counts, with what it says of scheme and host. So no list of
 * them is kept. What is malformed left of it is forgotten; what is malformed
 * itself refuses the request: to go on would be to take the proxy for the client.
 */
#include "proto/forwarded.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "proto/host.h"
#include "proto/http.h"

/* "[", an address, "]:65535" */
#define CLIENT_MAX (INET_TEXT_MAX + 8)

/* One hop, as the one right of it has seen it. */
struct hop {
	bool is_there;
	bool is_bad;	 /* neither an address nor a name that RFC 7239 has for hidden ones */
	bool is_address; /* else text is all there is */
	struct inet inet;
	unsigned port;
	weir_str text;
	weir_str proto, host;
};

bool forwarded_trusts(const struct forwarded_trust *trust, const struct inet *inet)
{
	for (size_t i = 0; i < trust->n_nets; i++) {
		if (inet_net_has(&trust->nets[i], inet))
			return true;
	}
	return false;
}

/* ---- nodes (RFC 7239, section 6) */

static bool is_obfuscated(weir_str s)
{
	if (s.len < 2 || s.ptr[0] != '_')
		return false;
	for (size_t i = 1; i < s.len; i++) {
		char c = s.ptr[i];

		if (!((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
		      c == '.' || c == '_' || c == '-'))
			return false;
	}
	return true;
}

/* A number, or a hidden one, which is 0 to us. */
static bool take_port(weir_str s, unsigned *ret_port)
{
	uint64_t port;

	*ret_port = 0;
	if (is_obfuscated(s))
		return true;
	if (s.len > 5 || str_to_u64(s, &port) < 0 || port > 65535)
		return false;
	*ret_port = (unsigned)port;
	return true;
}

/* A node's name, and perhaps ":" and a port. false: it is none. */
static bool take_node(weir_str text, struct hop *hop)
{
	weir_str rest = text, name = str_split(&rest, ':');

	if (text.len > 0 && text.ptr[0] == '[') {
		rest = (weir_str){ text.ptr + 1, text.len - 1 };
		name = str_split(&rest, ']');
		hop->is_address = rest.ptr && inet_parse(name, &hop->inet) == 0 &&
				  memchr(name.ptr, ':', name.len);
		if (!hop->is_address || rest.len == 0)
			return hop->is_address;
		return rest.ptr[0] == ':' &&
		       take_port((weir_str){ rest.ptr + 1, rest.len - 1 }, &hop->port);
	}
	if (rest.ptr && !take_port(rest, &hop->port))
		return false;
	hop->text = name;
	hop->is_address = inet_parse(name, &hop->inet) == 0;
	return hop->is_address || str_eq_nocase(name, WEIR_STR("unknown")) || is_obfuscated(name);
}

/* Those who write X-Forwarded-For put IPv6 addresses there without brackets, too. */
static void take_x_node(weir_str text, struct hop *hop)
{
	hop->is_there = true;
	hop->is_address = inet_parse(text, &hop->inet) == 0;
	hop->is_bad = !hop->is_address && !take_node(text, hop);
}

/* ---- what comes of it */

static bool is_trusted(const struct forwarded_trust *trust, const struct hop *hop)
{
	return hop->is_address && forwarded_trusts(trust, &hop->inet);
}

static int set_client(const struct hop *hop, struct arena *arena, struct forwarded *f)
{
	char *text, *end;

	if (!hop->is_address) {
		f->client = hop->text;
		return 0;
	}
	text = arena_bytes(arena, CLIENT_MAX);
	if (!text)
		return -ENOMEM;
	end = text;
	if (!inet_is_v4(&hop->inet))
		*end++ = '[';
	end += inet_write(&hop->inet, end);
	if (!inet_is_v4(&hop->inet))
		*end++ = ']';
	*end++ = ':';
	end = str_put_u64(end, hop->port);
	f->client = (weir_str){ text, (size_t)(end - text) };
	return 0;
}

/* Some say ws and wss of a WebSocket. */
static int set_scheme(weir_str proto, struct forwarded *f)
{
	if (str_eq_nocase(proto, WEIR_STR("https")) || str_eq_nocase(proto, WEIR_STR("wss")))
		f->scheme = WEIR_STR("https");
	else if (str_eq_nocase(proto, WEIR_STR("http")) || str_eq_nocase(proto, WEIR_STR("ws")))
		f->scheme = WEIR_STR("http");
	else
		return -EPROTO;
	return 0;
}

static int conclude(const struct hop *hop, struct arena *arena, struct forwarded *f)
{
	int r = 0;

	if (hop->is_bad)
		return -EPROTO;
	if (hop->is_there)
		r = set_client(hop, arena, f);
	if (r >= 0 && hop->proto.ptr)
		r = set_scheme(hop->proto, f);
	if (r < 0 || !hop->host.ptr)
		return r;
	if (!host_is_valid(hop->host))
		return -EPROTO;
	f->host = hop->host;
	return 0;
}

/* ---- X-Forwarded-* */

/* Elements of all fields of that name, in order; start with zeros. Quotes mean nothing there. */
struct x_list {
	const weir_header *fields;
	size_t n_fields, at;
	weir_str name, rest;
};

static bool next_x(struct x_list *list, weir_str *ret_element)
{
	for (;;) {
		while (list->rest.ptr) {
			*ret_element = str_trim(str_split(&list->rest, ','));
			if (ret_element->len > 0)
				return true;
		}
		while (list->at < list->n_fields &&
		       !weir_str_eq(list->fields[list->at].name, list->name))
			list->at++;
		if (list->at == list->n_fields)
			return false;
		list->rest = list->fields[list->at++].value;
	}
}

/*
 * Its element for the hop of that number, if it has one for each; else the last,
 * which is from the proxy that has spoken to us.
 */
static weir_str find_x(const weir_header *fields, size_t n_fields, weir_str name, size_t hop,
		       size_t n_hops)
{
	struct x_list list = { .fields = fields, .n_fields = n_fields, .name = name };
	weir_str found = { NULL, 0 }, last = { NULL, 0 }, element;
	size_t n = 0;

	while (next_x(&list, &element)) {
		if (n++ == hop)
			found = element;
		last = element;
	}
	return n == n_hops ? found : last;
}

static void read_x(const struct forwarded_trust *trust, const weir_header *fields, size_t n_fields,
		   struct hop *ret_hop)
{
	struct x_list list = { .fields = fields,
			       .n_fields = n_fields,
			       .name = WEIR_STR("x-forwarded-for") };
	size_t n = 0, at = 0;
	weir_str element;

	while (next_x(&list, &element)) {
		struct hop hop = { .is_there = false };

		take_x_node(element, &hop);
		if (n == 0 || !is_trusted(trust, &hop)) {
			*ret_hop = hop;
			at = n;
		}
		n++;
	}
	ret_hop->proto = find_x(fields, n_fields, WEIR_STR("x-forwarded-proto"), at, n);
	ret_hop->host = find_x(fields, n_fields, WEIR_STR("x-forwarded-host"), at, n);
}

/* ---- Forwarded (RFC 7239, section 4) */

static size_t token_len(weir_str s)
{
	size_t n = 0;

	while (n < s.len && http_char_is(s.ptr[n], HTTP_CHAR_TOKEN))
		n++;
	return n;
}

static void skip(weir_str *s, size_t n)
{
	s->ptr += n;
	s->len -= n;
}

static void skip_space(weir_str *s)
{
	while (s->len > 0 && (*s->ptr == ' ' || *s->ptr == '\t'))
		skip(s, 1);
}

/* Behind its opening quote; without its escapes, which are rare. -EPROTO, -ENOMEM. */
static int take_quoted(weir_str *rest, struct arena *arena, weir_str *ret_value)
{
	size_t n = 0, len = 0;
	bool has_escape = false;
	char *copy;

	while (n < rest->len && rest->ptr[n] != '"') {
		if (rest->ptr[n] == '\\') {
			has_escape = true;
			n++;
		}
		n++;
	}
	if (n >= rest->len)
		return -EPROTO;
	*ret_value = (weir_str){ rest->ptr, n };
	skip(rest, n + 1);
	if (!has_escape)
		return 0;
	copy = arena_bytes(arena, n);
	if (!copy)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (ret_value->ptr[i] == '\\')
			i++;
		copy[len++] = ret_value->ptr[i];
	}
	*ret_value = (weir_str){ copy, len };
	return 0;
}

/* token "=" ( token / quoted-string ) */
static int take_pair(weir_str *rest, struct arena *arena, weir_str *ret_name, weir_str *ret_value)
{
	size_t n = token_len(*rest);

	*ret_name = (weir_str){ rest->ptr, n };
	skip(rest, n);
	if (n == 0 || rest->len == 0 || *rest->ptr != '=')
		return -EPROTO;
	skip(rest, 1);
	if (rest->len > 0 && *rest->ptr == '"') {
		skip(rest, 1);
		return take_quoted(rest, arena, ret_value);
	}
	n = token_len(*rest);
	*ret_value = (weir_str){ rest->ptr, n };
	skip(rest, n);
	return n > 0 ? 0 : -EPROTO;
}

/* Those we know, each once in an element. */
static int set_pair(struct hop *hop, weir_str *node, weir_str name, weir_str value)
{
	weir_str *to;

	if (str_eq_nocase(name, WEIR_STR("for")))
		to = node;
	else if (str_eq_nocase(name, WEIR_STR("proto")))
		to = &hop->proto;
	else if (str_eq_nocase(name, WEIR_STR("host")))
		to = &hop->host;
	else
		return 0; /* "by", and extensions (section 5.5) */
	if (to->ptr)
		return -EPROTO;
	*to = value;
	return 0;
}

/* Up to its comma, or the end. 1; 0: it is empty; -EPROTO, -ENOMEM. */
static int take_element(weir_str *rest, struct arena *arena, struct hop *hop)
{
	weir_str node = { NULL, 0 }, name, value;
	bool is_empty = true;
	int r;

	for (;;) {
		skip_space(rest);
		if (rest->len > 0 && *rest->ptr != ';' && *rest->ptr != ',') {
			r = take_pair(rest, arena, &name, &value);
			if (r < 0)
				return r;
			r = set_pair(hop, &node, name, value);
			if (r < 0)
				return r;
			is_empty = false;
			skip_space(rest);
		}
		if (rest->len == 0 || *rest->ptr == ',')
			break;
		if (*rest->ptr != ';')
			return -EPROTO;
		skip(rest, 1);
	}
	if (rest->len > 0)
		skip(rest, 1);
	hop->is_there = node.ptr;
	hop->is_bad = node.ptr && !take_node(node, hop);
	return !is_empty;
}

static int read_rfc7239(const struct forwarded_trust *trust, const weir_header *fields,
			size_t n_fields, struct arena *arena, struct hop *ret_hop)
{
	size_t n = 0;

	for (size_t i = 0; i < n_fields; i++) {
		weir_str rest = fields[i].value;

		if (!weir_str_eq(fields[i].name, WEIR_STR("forwarded")))
			continue;
		while (rest.len > 0) {
			struct hop hop = { .is_there = false };
			int r = take_element(&rest, arena, &hop);

			if (r < 0)
				return r;
			if (r > 0 && (n++ == 0 || !is_trusted(trust, &hop)))
				*ret_hop = hop;
		}
	}
	return 0;
}

int forwarded_read(const struct forwarded_trust *trust, const weir_header *fields, size_t n_fields,
		   struct arena *arena, struct forwarded *ret_forwarded, enum fault *reterr_fault)
{
	struct forwarded f = { .client = { NULL, 0 } };
	struct hop hop = { .is_there = false };
	int r = 0;

	if (trust->kind == FORWARDED_X)
		read_x(trust, fields, n_fields, &hop);
	else
		r = read_rfc7239(trust, fields, n_fields, arena, &hop);
	if (r >= 0)
		r = conclude(&hop, arena, &f);
	if (r == -EPROTO)
		*reterr_fault = FAULT_FORWARDED;
	if (r >= 0)
		*ret_forwarded = f;
	return r;
}
