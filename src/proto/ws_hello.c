/*
 * ws_hello.c - refuses what RFC 6455 does not allow, as h1_guard does below it.
 * Where the RFC leaves it open, the comments say what was chosen, and why.
 */
#include "proto/ws_hello.h"

#include <assert.h>
#include <openssl/evp.h>

#include "base/arena.h"
#include "base/str.h"
#include "proto/fields.h"
#include "proto/h1_read.h"
#include "proto/host.h"

#define KEY_LEN 24 /* 16 bytes in base64 */

/* How many fields of that name there are; the value of the first, ptr NULL: none. */
static size_t find(const struct h1_head *head, weir_str name, weir_str *ret_value)
{
	size_t n = 0;

	*ret_value = fields_get(head->fields, head->n_fields, name);
	if (!ret_value->ptr)
		return 0;
	for (size_t i = 0; i < head->n_fields; i++)
		n += weir_str_eq(head->fields[i].name, name);
	return n;
}

/* Other protocols beside it are other servers' to take (RFC 9110, section 7.8). */
bool ws_hello_is_one(const struct h1_head *head)
{
	return head->wants_upgrade && fields_has_token(head->fields, head->n_fields,
						       WEIR_STR("upgrade"), WEIR_STR("websocket"));
}

/*
 * What makes it a handshake at all (section 4.2.1, 1 to 3). The version comes
 * first: on HTTP/1.0 an Upgrade does not count (RFC 9110, section 7.8), so 426
 * would ask for what cannot be had. A body is not forbidden by name, but
 * no client has a use for one, and whoever before us forwards the request and
 * sees its end elsewhere would take frames for requests.
 */
static enum fault judge_request(const struct h1_head *head)
{
	if (head->method_id != HTTP_METHOD_GET)
		return FAULT_WS_METHOD;
	if (head->version < 11)
		return FAULT_WS_ON_10;
	if (!ws_hello_is_one(head))
		return FAULT_WS_NO_UPGRADE;
	return head->has_body ? FAULT_WS_BODY : FAULT_NONE;
}

/*
 * Before the key: a client of another version must learn which one is spoken
 * here (section 4.4), whatever else it does differently. Once is all the field
 * may be there (section 11.3.5); a list in it is some other version.
 */
static enum fault judge_version(const struct h1_head *head)
{
	weir_str version;

	if (find(head, WEIR_STR("sec-websocket-version"), &version) != 1)
		return FAULT_WS_NO_VERSION;
	return weir_str_eq(version, WEIR_STR("13")) ? FAULT_NONE : FAULT_WS_VERSION;
}

static bool is_letter(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/*
 * Base64 of 16 bytes (section 4.2.1, 5). The last letter has four bits too
 * many; they need not be zero (RFC 4648, section 3.5), and other servers, like
 * Python's websockets, do not ask for it either.
 */
static bool is_key(weir_str key)
{
	if (key.len != KEY_LEN)
		return false;
	for (size_t i = 0; i < KEY_LEN - 2; i++) {
		char c = key.ptr[i];

		if (!is_letter(c) && !is_digit(c) && c != '+' && c != '/')
			return false;
	}
	return key.ptr[KEY_LEN - 2] == '=' && key.ptr[KEY_LEN - 1] == '=';
}

static enum fault judge_key(const struct h1_head *head, struct ws_hello *hello)
{
	size_t n = find(head, WEIR_STR("sec-websocket-key"), &hello->key);

	return n == 1 && is_key(hello->key) ? FAULT_NONE : FAULT_WS_KEY;
}

struct origin {
	weir_str scheme, authority;
};

/*
 * One of them: RFC 6454 has a list of several too, but for redirections only,
 * which a handshake does not follow. The host may be empty: a page in a file
 * has "file://".
 */
static bool split_origin(weir_str s, struct origin *ret_origin)
{
	size_t len = 0;

	while (len < s.len && (is_letter(s.ptr[len]) || is_digit(s.ptr[len]) || s.ptr[len] == '+' ||
			       s.ptr[len] == '-' || s.ptr[len] == '.'))
		len++;
	if (len == 0 || !is_letter(s.ptr[0]))
		return false;
	ret_origin->scheme = (weir_str){ s.ptr, len };
	s = (weir_str){ s.ptr + len, s.len - len };
	if (!str_starts(s, WEIR_STR("://")))
		return false;
	ret_origin->authority = (weir_str){ s.ptr + 3, s.len - 3 };
	return s.len == 3 || host_is_valid(ret_origin->authority);
}

bool ws_hello_origin_is_valid(weir_str origin)
{
	struct origin parts;

	return weir_str_eq(origin, WEIR_STR("null")) || split_origin(origin, &parts);
}

/* Section 4.2.2, 4: 403 for an Origin that is not acceptable; two of them are no origin at all. */
static enum fault judge_origin(const struct h1_head *head, struct ws_hello *hello)
{
	size_t n = find(head, WEIR_STR("origin"), &hello->origin);

	if (n > 1)
		return FAULT_WS_ORIGIN_TWICE;
	if (n == 1 && !ws_hello_origin_is_valid(hello->origin))
		return FAULT_WS_ORIGIN_INVALID;
	return FAULT_NONE;
}

static enum fault judge(const struct h1_head *head, struct ws_hello *hello)
{
	enum fault fault = judge_request(head);

	if (fault == FAULT_NONE)
		fault = judge_version(head);
	if (fault == FAULT_NONE)
		fault = judge_key(head, hello);
	if (fault == FAULT_NONE)
		fault = judge_origin(head, hello);
	return fault;
}

static bool is_among(weir_str s, const weir_str *some, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (weir_str_eq(some[i], s))
			return true;
	}
	return false;
}

/*
 * At least one, each a token, none twice (section 4.1, 10): as bytes, for
 * nothing says that letter case does not count. Too many are noticed at the
 * first that has no room.
 */
static bool fill_subprotocols(weir_str value, weir_str *room, size_t *ret_n)
{
	weir_str element;
	size_t n = 0;

	while (fields_next_element(&value, &element)) {
		if (n == WS_HELLO_MAX_SUBPROTOCOLS || !http_is_token(element) ||
		    is_among(element, room, n))
			return false;
		room[n++] = element;
	}
	*ret_n = n;
	return n > 0;
}

/* Several fields are one list (section 11.3.4). */
static int read_subprotocols(const struct h1_head *head, struct arena *arena,
			     struct ws_hello *hello, enum fault *reterr_fault)
{
	weir_str room[WS_HELLO_MAX_SUBPROTOCOLS], value, *kept;
	size_t n;
	int r;

	r = fields_combine(arena, head->fields, head->n_fields, WEIR_STR("sec-websocket-protocol"),
			   &value);
	if (r < 0)
		return r;
	if (!value.ptr)
		return 0;
	if (!fill_subprotocols(value, room, &n)) {
		*reterr_fault = FAULT_WS_SUBPROTOCOL;
		return -EPROTO;
	}

	kept = arena_alloc(arena, n * sizeof(*kept));
	if (!kept)
		return -ENOMEM;
	hello->subprotocols = memcpy(kept, room, n * sizeof(*kept));
	hello->n_subprotocols = n;
	return 0;
}

int ws_hello_read(const struct h1_head *head, struct arena *arena, struct ws_hello *ret_hello,
		  enum fault *reterr_fault)
{
	struct ws_hello hello = { 0 };
	enum fault fault;
	int r;

	fault = judge(head, &hello);
	if (fault != FAULT_NONE) {
		*reterr_fault = fault;
		return -EPROTO;
	}
	r = read_subprotocols(head, arena, &hello, reterr_fault);
	if (r < 0)
		return r;
	*ret_hello = hello;
	return 0;
}

/* SHA-1 of the key and a GUID that no other protocol has (section 4.2.2, 5). */
int ws_hello_accept(weir_str key, char ret_accept[WS_HELLO_ACCEPT_LEN])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	unsigned char digest[EVP_MAX_MD_SIZE], text[WS_HELLO_ACCEPT_LEN + 1];
	char both[KEY_LEN + sizeof(guid) - 1];
	unsigned digest_len;

	assert(key.len == KEY_LEN);
	memcpy(both, key.ptr, KEY_LEN);
	memcpy(both + KEY_LEN, guid, sizeof(guid) - 1);
	if (EVP_Digest(both, sizeof(both), digest, &digest_len, EVP_sha1(), NULL) != 1)
		return -ENOMEM;
	(void)EVP_EncodeBlock(text, digest, (int)digest_len);
	memcpy(ret_accept, text, WS_HELLO_ACCEPT_LEN);
	return 0;
}

/* 0: nobody knows. */
static unsigned default_port(weir_str scheme)
{
	if (str_eq_nocase(scheme, WEIR_STR("https")) || str_eq_nocase(scheme, WEIR_STR("wss")))
		return 443;
	if (str_eq_nocase(scheme, WEIR_STR("http")) || str_eq_nocase(scheme, WEIR_STR("ws")))
		return 80;
	return 0;
}

/* Scheme, host and port (RFC 6454, section 5). */
static bool is_same(const struct origin *a, const struct origin *b)
{
	return str_eq_nocase(a->scheme, b->scheme) &&
	       host_is_same(a->authority, b->authority, default_port(a->scheme));
}

/* "null" stands for every origin that has none to tell, so it is only itself. */
static bool allows(weir_str entry, weir_str origin)
{
	struct origin a, b;

	if (weir_str_eq(entry, WEIR_STR("*")))
		return true;
	if (!split_origin(entry, &a) || !split_origin(origin, &b))
		return weir_str_eq(entry, origin);
	return is_same(&a, &b);
}

bool ws_hello_origin_ok(const struct ws_hello *hello, weir_str scheme, weir_str host,
			const weir_str *origins, size_t n_origins)
{
	struct origin own = { scheme, host }, theirs;

	if (!hello->origin.ptr)
		return true;
	if (n_origins == 0)
		return host.len > 0 && split_origin(hello->origin, &theirs) &&
		       is_same(&own, &theirs);
	for (size_t i = 0; i < n_origins; i++) {
		if (allows(origins[i], hello->origin))
			return true;
	}
	return false;
}
