/* http.c - tables, and questions to them. */
#include "proto/http.h"

#include "base/str.h"
#include "proto/h1_scan.h"
#include "proto/scan.h"

#define T HTTP_CHAR_TOKEN
#define G HTTP_CHAR_TARGET
#define H HTTP_CHAR_HOST
#define X HTTP_CHAR_HEX
#define V HTTP_CHAR_VALUE
#define MARK (T | G | H | V) /* unreserved, or a sub-delim that is a tchar */
#define HEXA (MARK | X)

const unsigned char
	http_chars
		[256] = {
			['\t'] = V,	      [' '] = V,
			['!'] = MARK,	      ['"'] = V,
			['#'] = T | V,	      ['$'] = MARK,
			['%'] = T | V, /* in a target only as an escape: its readers look for it */
			['&'] = MARK,	      ['\''] = MARK,
			['('] = G | H | V,    [')'] = G | H | V,
			['*'] = MARK,	      ['+'] = MARK,
			[','] = G | H | V,    ['-'] = MARK,
			['.'] = MARK,	      ['/'] = G | V,
			['0' ... '9'] = HEXA, [':'] = G | V,
			[';'] = G | H | V,    ['<'] = V,
			['='] = G | H | V,    ['>'] = V,
			['?'] = G | V,	      ['@'] = G | V,
			['A' ... 'F'] = HEXA, ['G' ... 'Z'] = MARK,
			['['] = G | V,	      ['\\'] = V,
			[']'] = G | V,	      ['^'] = T | G | V,
			['_'] = MARK,	      ['`'] = T | G | V,
			['a' ... 'f'] = HEXA, ['g' ... 'z'] = MARK,
			['{'] = G | V,	      ['|'] = T | G | V,
			['}'] = G | V,	      ['~'] = MARK,
			[0x80 ... 0xff] = V,
		};

#undef T
#undef G
#undef H
#undef X
#undef V
#undef MARK
#undef HEXA

static const weir_str methods[] = { [HTTP_METHOD_UNKNOWN] = { "", 0 },
#define METHOD_ROW(id, name) [HTTP_METHOD_##id] = { name, sizeof(name) - 1 },
				    HTTP_METHOD_TABLE(METHOD_ROW)
#undef METHOD_ROW
};

enum http_method http_method_parse(weir_str name)
{
	for (int i = HTTP_METHOD_UNKNOWN + 1; i < HTTP_METHOD_COUNT; i++) {
		if (weir_str_eq(name, methods[i]))
			return (enum http_method)i;
	}
	return HTTP_METHOD_UNKNOWN;
}

weir_str http_method_name(enum http_method method)
{
	return methods[method < HTTP_METHOD_COUNT ? method : HTTP_METHOD_UNKNOWN];
}

weir_str http_reason(int status)
{
	switch (status) {
#define REASON_CASE(code, words) \
	case code:               \
		return WEIR_STR(words);
		HTTP_STATUS_TABLE(REASON_CASE)
#undef REASON_CASE
	default:
		return WEIR_STR("");
	}
}

static bool is_all(const char *p, const char *end, unsigned class)
{
	while (p < end && http_char_is(*p, class))
		p++;
	return p == end;
}

bool http_is_token(weir_str s)
{
	return s.len > 0 && is_all(s.ptr + scan_name(s.ptr, s.len), s.ptr + s.len, HTTP_CHAR_TOKEN);
}

bool http_is_value(weir_str s)
{
	size_t at;

	if (s.len >= 8 && s.len <= 16 && !h1_scan_has_control(s.ptr, s.len))
		return true;
	at = h1_scan_control(s.ptr, 0, s.len);
	return at == s.len || is_all(s.ptr + at, s.ptr + s.len, HTTP_CHAR_VALUE);
}

/* These say how the connection goes on; only the server knows that (RFC 9110, section 7.6.1). */
static bool is_reserved(weir_str name)
{
	static const weir_str reserved[] = {
		{ "connection", 10 },	     { "keep-alive", 10 }, { "proxy-connection", 16 },
		{ "transfer-encoding", 17 }, { "upgrade", 7 },
	};

	for (size_t i = 0; i < ARRAY_LEN(reserved); i++) {
		if (str_eq_nocase(name, reserved[i]))
			return true;
	}
	return false;
}

int http_field_check(weir_str name, weir_str value)
{
	if (!http_is_token(name) || !http_is_value(value) || is_reserved(name))
		return -EINVAL;
	return 0;
}
