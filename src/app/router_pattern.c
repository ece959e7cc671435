/* router_pattern.c - see router_pattern.h. */
#include "app/router_pattern.h"

#include "base/str.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int router_pattern_decode(weir_str segment, char ret_bytes[ROUTER_MAX_LITERAL],
			  weir_str *ret_decoded)
{
	size_t n = 0;

	for (size_t i = 0; i < segment.len; i++) {
		char c = segment.ptr[i];

		if (n == ROUTER_MAX_LITERAL)
			return -EINVAL;
		if (c == '%') {
			int high = i + 2 < segment.len ? hex_digit(segment.ptr[i + 1]) : -1;
			int low = i + 2 < segment.len ? hex_digit(segment.ptr[i + 2]) : -1;

			if (high < 0 || low < 0)
				return -EINVAL;
			c = (char)(high * 16 + low);
			i += 2;
		}
		ret_bytes[n++] = c;
	}
	*ret_decoded = (weir_str){ ret_bytes, n };
	return 0;
}

static bool is_name(weir_str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

		if (!is_letter && (i == 0 || c < '0' || c > '9'))
			return false;
	}
	return name.len > 0;
}

static int add_name(struct router_pattern *pattern, weir_str name, const char **reterr_words)
{
	if (!is_name(name)) {
		*reterr_words = "a parameter is {name} or {name...}, of letters, digits and _";
		return -EINVAL;
	}
	if (pattern->n_params == ROUTER_MAX_PARAMS) {
		*reterr_words = "it has more than 16 parameters";
		return -EINVAL;
	}
	for (unsigned i = 0; i < pattern->n_params; i++) {
		if (weir_str_eq(pattern->params[i], name)) {
			*reterr_words = "it has two parameters of one name";
			return -EINVAL;
		}
	}
	pattern->params[pattern->n_params++] = name;
	return 0;
}

static bool has_byte(weir_str s, const char *set)
{
	for (size_t i = 0; i < s.len; i++) {
		if ((unsigned char)s.ptr[i] <= 0x20 || s.ptr[i] == 0x7f || strchr(set, s.ptr[i]))
			return true;
	}
	return false;
}

/* Decoded text that a request's path could hold: it is never ".", ".." or not UTF-8. */
static const char *literal_fault(weir_str literal)
{
	if (weir_str_eq(literal, WEIR_STR(".")) || weir_str_eq(literal, WEIR_STR("..")))
		return "it has a dot segment, which no request's path has";
	if (!str_is_utf8(literal) || (literal.len && memchr(literal.ptr, '\0', literal.len)))
		return "it has escapes for what is not text";
	return NULL;
}

static int parse_literal(struct router_pattern *pattern, weir_str segment,
			 struct router_segment *ret_segment, const char **reterr_words)
{
	char *room = pattern->literals + pattern->literals_len;
	char bytes[ROUTER_MAX_LITERAL];
	const char *words;
	weir_str literal;

	if (has_byte(segment, "{}?#")) {
		*reterr_words = "a brace, ?, # or space stands where none may; a parameter is a "
				"whole segment, {name} or {name...}";
		return -EINVAL;
	}
	if (router_pattern_decode(segment, bytes, &literal) < 0 ||
	    literal.len > sizeof(pattern->literals) - pattern->literals_len) {
		*reterr_words = "it has a broken escape, or is too long";
		return -EINVAL;
	}
	words = literal_fault(literal);
	if (words) {
		*reterr_words = words;
		return -EINVAL;
	}
	memcpy(room, literal.ptr, literal.len);
	pattern->literals_len += literal.len;
	*ret_segment = (struct router_segment){ .text = { room, literal.len } };
	return 0;
}

static bool is_braced(weir_str segment)
{
	return segment.len >= 2 && segment.ptr[0] == '{' && segment.ptr[segment.len - 1] == '}';
}

static int parse_param(struct router_pattern *pattern, weir_str segment, bool is_last,
		       const char **reterr_words)
{
	weir_str name = { segment.ptr + 1, segment.len - 2 };
	bool is_rest = name.len >= 3 && memcmp(name.ptr + name.len - 3, "...", 3) == 0;

	if (is_rest && !is_last) {
		*reterr_words = "{name...} takes all that follows, and so has to be the last";
		return -EINVAL;
	}
	if (is_rest) {
		name.len -= 3;
		pattern->has_rest = true;
	} else {
		pattern->segments[pattern->n_segments++] = (struct router_segment){
			.is_param = true
		};
	}
	pattern->is_plain = false;
	return add_name(pattern, name, reterr_words);
}

static int parse_segment(struct router_pattern *pattern, weir_str segment, bool is_last,
			 const char **reterr_words)
{
	int r;

	if (pattern->n_segments == ROUTER_MAX_SEGMENTS) {
		*reterr_words = "it has more than 32 segments";
		return -EINVAL;
	}
	if (segment.len == 0 && !is_last) {
		*reterr_words = "it has an empty segment";
		return -EINVAL;
	}
	if (is_braced(segment))
		return parse_param(pattern, segment, is_last, reterr_words);
	r = parse_literal(pattern, segment, &pattern->segments[pattern->n_segments], reterr_words);
	if (r < 0)
		return r;
	pattern->n_segments++;
	return 0;
}

int router_pattern_parse(weir_str text, struct router_pattern *ret_pattern,
			 const char **reterr_words)
{
	struct router_pattern *pattern = ret_pattern;
	weir_str rest = text;
	int r;

	pattern->n_segments = 0;
	pattern->n_params = 0;
	pattern->literals_len = 0;
	pattern->has_rest = false;
	pattern->is_plain = text.len == 0 || !memchr(text.ptr, '%', text.len);
	if (!str_starts(text, WEIR_STR("/"))) {
		*reterr_words = "it does not begin with a slash";
		return -EINVAL;
	}
	rest = (weir_str){ text.ptr + 1, text.len - 1 };
	while (rest.ptr) {
		weir_str segment = str_split(&rest, '/');

		r = parse_segment(pattern, segment, !rest.ptr, reterr_words);
		if (r < 0)
			return r;
	}
	return 0;
}
