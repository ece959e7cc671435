/*
 * ws_deflate.c - the grammar of RFC 6455, section 9.1, below; what RFC 7692
 * makes of it above. The difference matters: who breaks the grammar is refused,
 * an offer that makes no sense is only declined, and the next one looked at.
 */
#include "proto/ws_deflate.h"

#include <assert.h>

#include "base/str.h"
#include "proto/fields.h"
#include "proto/http.h"

/* In the order of section 7.1. */
enum param {
	SERVER_NO_CONTEXT,
	CLIENT_NO_CONTEXT,
	SERVER_BITS,
	CLIENT_BITS,
	PARAM_COUNT,
};

/* Compared as bytes: neither RFC says that letter case is ignored. */
static const weir_str names[] = {
	[SERVER_NO_CONTEXT] = { "server_no_context_takeover", 26 },
	[CLIENT_NO_CONTEXT] = { "client_no_context_takeover", 26 },
	[SERVER_BITS] = { "server_max_window_bits", 22 },
	[CLIENT_BITS] = { "client_max_window_bits", 22 },
};

static const weir_str extension = { "permessage-deflate", 18 };

struct value {
	char text[3]; /* its beginning, unquoted: more than any value of ours has */
	size_t len;   /* all of it; 0: there is none */
};

struct offer {
	bool is_ours;
	bool is_invalid;
	bool has[PARAM_COUNT];
	uint8_t server_bits, client_bits; /* 0: without a value */
};

/* Blanks may stand between any two words: the implied *LWS rule (RFC 6455, section 9.1). */
static bool take_char(weir_str *rest, char c)
{
	weir_str s = str_trim(*rest);

	if (s.len == 0 || s.ptr[0] != c)
		return false;
	*rest = str_trim((weir_str){ s.ptr + 1, s.len - 1 });
	return true;
}

/* Empty: there is none. */
static weir_str take_token(weir_str *rest)
{
	weir_str token = { rest->ptr, 0 };

	while (token.len < rest->len && http_char_is(rest->ptr[token.len], HTTP_CHAR_TOKEN))
		token.len++;
	rest->ptr += token.len;
	rest->len -= token.len;
	return token;
}

static void put(struct value *value, char c)
{
	if (value->len < sizeof(value->text))
		value->text[value->len] = c;
	value->len++;
}

/* Behind the first quote. What is quoted must be a token all the same. */
static bool take_quoted(weir_str *rest, struct value *value)
{
	const char *p = rest->ptr, *end = p + rest->len;

	for (; p < end && *p != '"'; p++) {
		if (*p == '\\' && ++p == end)
			return false;
		if (!http_char_is(*p, HTTP_CHAR_TOKEN))
			return false;
		put(value, *p);
	}
	if (p == end)
		return false;
	*rest = (weir_str){ p + 1, (size_t)(end - p) - 1 };
	return value->len > 0;
}

/* [ "=" ( token / quoted-string ) ] */
static bool take_value(weir_str *rest, struct value *ret_value)
{
	weir_str token;

	*ret_value = (struct value){ 0 };
	if (!take_char(rest, '='))
		return true;
	if (rest->len > 0 && rest->ptr[0] == '"') {
		*rest = (weir_str){ rest->ptr + 1, rest->len - 1 };
		return take_quoted(rest, ret_value);
	}
	token = take_token(rest);
	for (size_t i = 0; i < token.len; i++)
		put(ret_value, token.ptr[i]);
	return token.len > 0;
}

/* 8 to 15, no leading zeros (section 7.1.2.1); 0: anything else. */
static uint8_t to_bits(const struct value *value)
{
	uint64_t bits;

	if (value->len == 0 || value->len > 2 || value->text[0] == '0' ||
	    str_to_u64((weir_str){ value->text, value->len }, &bits) < 0)
		return 0;
	return bits >= 8 && bits <= 15 ? (uint8_t)bits : 0;
}

static enum param find_param(weir_str name)
{
	int i = 0;

	while (i < PARAM_COUNT && !weir_str_eq(names[i], name))
		i++;
	return (enum param)i;
}

/* false: it makes the offer invalid (section 7.1). */
static bool take_param(struct offer *offer, weir_str name, const struct value *value)
{
	enum param param = find_param(name);

	if (param == PARAM_COUNT || offer->has[param])
		return false;
	offer->has[param] = true;
	switch (param) {
	case SERVER_BITS:
		offer->server_bits = to_bits(value);
		return offer->server_bits > 0;
	case CLIENT_BITS:
		/* Without a value: it can be told one (section 7.1.2.2). */
		offer->client_bits = to_bits(value);
		return offer->client_bits > 0 || value->len == 0;
	default:
		return value->len == 0;
	}
}

/* One extension with its parameters, known or not; false: it is malformed. */
static bool parse_offer(weir_str rest, struct offer *ret_offer)
{
	struct offer offer = { 0 };
	weir_str token = take_token(&rest);

	if (token.len == 0)
		return false;
	offer.is_ours = weir_str_eq(token, extension);
	while (take_char(&rest, ';')) {
		struct value value;

		token = take_token(&rest);
		if (token.len == 0 || !take_value(&rest, &value))
			return false;
		if (offer.is_ours && !take_param(&offer, token, &value))
			offer.is_invalid = true;
	}
	*ret_offer = offer;
	return rest.len == 0;
}

static uint8_t min(uint8_t a, uint8_t b)
{
	return a < b ? a : b;
}

/*
 * An answer may say a smaller window of the server than was asked for, or
 * without being asked; if asked, it must say one (section 7.1.2.1).
 */
static bool settle_server_bits(const struct offer *offer, const struct ws_deflate_config *config,
			       struct ws_deflate_params *params)
{
	params->server_bits = config->max_server_bits;
	if (offer->has[SERVER_BITS])
		params->server_bits = min(params->server_bits, offer->server_bits);
	params->says_server_bits = offer->has[SERVER_BITS] ||
				   params->server_bits < WS_DEFLATE_MAX_BITS;
	return params->server_bits >= WS_DEFLATE_MIN_SERVER_BITS;
}

/*
 * The client's window may only be spoken of if the client did (section
 * 7.1.2.2). A value is what it will not exceed anyway.
 */
static bool settle_client_bits(const struct offer *offer, const struct ws_deflate_config *config,
			       struct ws_deflate_params *params)
{
	params->client_bits = offer->client_bits ? offer->client_bits : WS_DEFLATE_MAX_BITS;
	if (offer->has[CLIENT_BITS])
		params->client_bits = min(params->client_bits, config->max_client_bits);
	params->says_client_bits = offer->has[CLIENT_BITS] &&
				   params->client_bits < WS_DEFLATE_MAX_BITS;
	return params->client_bits <= config->max_client_bits;
}

/* Both may be answered whether they were offered or not (sections 7.1.1.1 and 7.1.1.2). */
static bool accept_offer(const struct offer *offer, const struct ws_deflate_config *config,
			 struct ws_deflate_params *ret_params)
{
	struct ws_deflate_params params = {
		.no_server_context = !config->keeps_contexts || offer->has[SERVER_NO_CONTEXT],
		.no_client_context = !config->keeps_contexts || offer->has[CLIENT_NO_CONTEXT],
	};

	if (!offer->is_ours || offer->is_invalid || !settle_server_bits(offer, config, &params) ||
	    !settle_client_bits(offer, config, &params))
		return false;
	*ret_params = params;
	return true;
}

/* All elements are parsed, also those behind the one that is taken. -EPROTO. */
static int look_at(weir_str value, size_t *n_offers, bool *is_agreed,
		   const struct ws_deflate_config *config, struct ws_deflate_params *params)
{
	weir_str element;

	while (fields_next_element(&value, &element)) {
		struct offer offer;

		if (!parse_offer(element, &offer))
			return -EPROTO;
		(*n_offers)++;
		if (!*is_agreed)
			*is_agreed = accept_offer(&offer, config, params);
	}
	return 0;
}

int ws_deflate_negotiate(const weir_header *fields, size_t n_fields,
			 const struct ws_deflate_config *config,
			 struct ws_deflate_params *ret_params, enum fault *reterr_fault)
{
	struct ws_deflate_params params;
	size_t n_seen = 0, n_offers = 0;
	bool is_agreed = false;
	int r = 0;

	for (size_t i = 0; i < n_fields && r == 0; i++) {
		if (!weir_str_eq(fields[i].name, WEIR_STR("sec-websocket-extensions")))
			continue;
		n_seen++;
		r = look_at(fields[i].value, &n_offers, &is_agreed, config, &params);
	}
	/* Several fields are one list, and that is not empty (RFC 6455, section 9.1). */
	if (r < 0 || (n_seen > 0 && n_offers == 0)) {
		*reterr_fault = FAULT_WS_EXTENSION;
		return -EPROTO;
	}
	if (is_agreed)
		*ret_params = params;
	return is_agreed;
}

static char *put_param(char *out, enum param param)
{
	out = str_put(out, WEIR_STR("; "));
	return str_put(out, names[param]);
}

static char *put_bits(char *out, enum param param, unsigned bits)
{
	out = put_param(out, param);
	*out++ = '=';
	return str_put_u64(out, bits);
}

size_t ws_deflate_answer(const struct ws_deflate_params *params, char out[WS_DEFLATE_ANSWER_MAX])
{
	char *end = str_put(out, extension);

	if (params->no_server_context)
		end = put_param(end, SERVER_NO_CONTEXT);
	if (params->no_client_context)
		end = put_param(end, CLIENT_NO_CONTEXT);
	if (params->says_server_bits)
		end = put_bits(end, SERVER_BITS, params->server_bits);
	if (params->says_client_bits)
		end = put_bits(end, CLIENT_BITS, params->client_bits);
	assert(end - out <= WS_DEFLATE_ANSWER_MAX);
	return (size_t)(end - out);
}
