/*
 * uri.c - the order is the hard thing: dot segments go first, while slashes
 * that were sent encoded are still told apart, and with "%2e" for a dot, since
 * that is how they hide; then each byte is decoded, and never a second time.
 */
#include "proto/uri.h"

#include "base/arena.h"
#include "base/str.h"
#include "proto/http.h"
#include "proto/scan.h"

static int refuse(enum fault *reterr_fault)
{
	*reterr_fault = FAULT_H1_TARGET;
	return -EPROTO;
}

static bool is_escape(const char *p, const char *end)
{
	return end - p >= 3 && p[0] == '%' && http_char_is(p[1], HTTP_CHAR_HEX) &&
	       http_char_is(p[2], HTTP_CHAR_HEX);
}

static unsigned hex_digit(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
}

static char escaped_byte(const char *p)
{
	return (char)(hex_digit(p[1]) << 4 | hex_digit(p[2]));
}

static bool has_byte(weir_str s, char c)
{
	return s.len > 0 && memchr(s.ptr, c, s.len);
}

int uri_decode(struct arena *arena, weir_str encoded, weir_str *ret_text, enum fault *reterr_fault)
{
	const char *p = encoded.ptr, *end = p + encoded.len;
	weir_str text = encoded;
	char *out;

	if (has_byte(encoded, '%')) {
		out = arena_bytes(arena, encoded.len);
		if (!out)
			return -ENOMEM;
		text.ptr = out;
		while (p < end) {
			if (*p != '%') {
				*out++ = *p++;
				continue;
			}
			if (!is_escape(p, end))
				return refuse(reterr_fault);
			*out++ = escaped_byte(p);
			p += 3;
		}
		text.len = (size_t)(out - text.ptr);
	}
	if (has_byte(text, '\0') || !str_is_utf8(text))
		return refuse(reterr_fault);
	*ret_text = text;
	return 0;
}

/* How many dots the segment consists of, encoded or not; 0 if it is anything else. */
static int count_dots(weir_str segment)
{
	const char *p = segment.ptr, *end = p + segment.len;
	int n = 0;

	if (segment.len > 6)
		return 0;
	while (p < end) {
		if (*p == '.')
			p++;
		else if (is_escape(p, end) && escaped_byte(p) == '.')
			p += 3;
		else
			return 0;
		n++;
	}
	return n <= 2 ? n : 0;
}

/* Could there be a dot segment at all? Every one has a dot or "%2e" behind a slash. */
static bool may_have_dots(weir_str path)
{
	for (size_t i = 0; i + 1 < path.len; i++) {
		if (path.ptr[i] == '/' && (path.ptr[i + 1] == '.' || path.ptr[i + 1] == '%'))
			return true;
	}
	return false;
}

/*
 * RFC 3986, section 5.2.4, for a path that begins with "/". What climbs above
 * the root stays at the root. A last segment of dots leaves its slash.
 */
static int remove_dots(struct arena *arena, weir_str path, weir_str *ret_segments)
{
	weir_str rest = { path.ptr + 1, path.len - 1 };
	char *start, *out;

	if (!may_have_dots(path)) {
		*ret_segments = path;
		return 0;
	}
	start = arena_bytes(arena, path.len);
	if (!start)
		return -ENOMEM;

	out = start;
	while (rest.ptr) {
		weir_str segment = str_split(&rest, '/');
		int n_dots = count_dots(segment);

		if (n_dots == 2) {
			while (out > start && *--out != '/')
				;
		}
		if (n_dots == 0) {
			*out++ = '/';
			if (segment.len > 0)
				out = mempcpy(out, segment.ptr, segment.len);
		} else if (!rest.ptr) {
			*out++ = '/';
		}
	}
	*ret_segments = (weir_str){ start, (size_t)(out - start) };
	return 0;
}

/* Cuts scheme and authority off an absolute form. */
static int split_absolute(weir_str *target, weir_str *ret_authority, enum fault *reterr_fault)
{
	size_t skip = 0, end;

	if (target->len >= 7 && str_eq_nocase((weir_str){ target->ptr, 7 }, WEIR_STR("http://")))
		skip = 7;
	if (target->len >= 8 && str_eq_nocase((weir_str){ target->ptr, 8 }, WEIR_STR("https://")))
		skip = 8;
	if (skip == 0)
		return refuse(reterr_fault);

	end = skip;
	while (end < target->len && target->ptr[end] != '/' && target->ptr[end] != '?')
		end++;
	if (end == skip)
		return refuse(reterr_fault);
	*ret_authority = (weir_str){ target->ptr + skip, end - skip };
	target->ptr += end;
	target->len -= end;
	return 0;
}

/* The query is only checked: who reads it decodes its parts. */
static APART int check_query(weir_str query, enum fault *reterr_fault)
{
	const char *p = query.ptr, *end;

	if (query.len == 0)
		return 0;
	end = p + query.len;
	while (p < end) {
		p = memchr(p, '%', (size_t)(end - p));
		if (!p)
			return 0;
		if (!is_escape(p, end))
			return refuse(reterr_fault);
		p += 3;
	}
	return 0;
}

/* The path is decoded as a whole, once its dot segments are gone. */
static int finish_path(struct arena *arena, struct uri *uri, enum fault *reterr_fault)
{
	int r;

	r = remove_dots(arena, uri->raw_path, &uri->segments);
	if (r < 0)
		return r;
	return uri_decode(arena, uri->segments, &uri->path, reterr_fault);
}

/* Anything but what uri_parse() does by itself: other forms, and paths that must be decoded. */
static APART int parse_rare(struct arena *arena, weir_str target, struct uri *ret_uri,
			    enum fault *reterr_fault)
{
	struct uri uri = { { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, { NULL, 0 } };
	int r;

	if (weir_str_eq(target, WEIR_STR("*"))) {
		uri.raw_path = target;
		uri.segments = target;
		uri.path = target;
		*ret_uri = uri;
		return 0;
	}
	if (target.len == 0 || target.ptr[0] != '/') {
		r = split_absolute(&target, &uri.authority, reterr_fault);
		if (r < 0)
			return r;
	}

	uri.query = target;
	uri.raw_path = str_split(&uri.query, '?');
	if (uri.raw_path.len == 0)
		uri.raw_path = WEIR_STR("/");
	r = check_query(uri.query, reterr_fault);
	if (r < 0)
		return r;
	r = finish_path(arena, &uri, reterr_fault);
	if (r < 0)
		return r;
	*ret_uri = uri;
	return 0;
}

int uri_parse(struct arena *arena, weir_str target, struct uri *ret_uri, enum fault *reterr_fault)
{
	size_t len = scan_path(target.ptr, target.len);

	if (len == 0 || target.ptr[0] != '/' || (len < target.len && target.ptr[len] != '?'))
		return parse_rare(arena, target, ret_uri, reterr_fault);
	/* As nearly always, the path means what it says: all views of it are one. */
	uri_take_path(target, len, ret_uri);
	return len == target.len ? 0 : check_query(ret_uri->query, reterr_fault);
}

void uri_take_options(weir_str target, struct uri *uri)
{
	const weir_str *authority = &uri->authority;

	if (!authority->ptr || authority->ptr + authority->len != target.ptr + target.len)
		return;
	uri->raw_path = WEIR_STR("*");
	uri->segments = uri->raw_path;
	uri->path = uri->raw_path;
}

/* Form decoding: "+" too, and nothing is refused. */
static int decode_pair_part(struct arena *arena, weir_str part, weir_str *ret_part)
{
	const char *p = part.ptr, *end = p + part.len;
	char *start, *out;

	if (!has_byte(part, '%') && !has_byte(part, '+')) {
		*ret_part = part;
		return 0;
	}
	start = arena_bytes(arena, part.len);
	if (!start)
		return -ENOMEM;
	out = start;
	while (p < end) {
		bool escape = is_escape(p, end);
		char plain = *p == '+' ? ' ' : *p;

		*out++ = escape ? escaped_byte(p) : plain;
		p += escape ? 3 : 1;
	}
	*ret_part = (weir_str){ start, (size_t)(out - start) };
	return 0;
}

int uri_query_next(struct arena *arena, weir_str query, size_t *iter, weir_str *ret_name,
		   weir_str *ret_value)
{
	weir_str rest, pair = { NULL, 0 }, name, value;
	int r;

	while (pair.len == 0) {
		if (*iter >= query.len)
			return 0;
		rest = (weir_str){ query.ptr + *iter, query.len - *iter };
		pair = str_split(&rest, '&');
		*iter += pair.len + 1;
	}

	name = str_split(&pair, '=');
	r = decode_pair_part(arena, name, &name);
	if (r < 0)
		return r;
	/* An absent value would look like an absent name to who asks by name. */
	value = pair.ptr ? pair : WEIR_STR("");
	r = decode_pair_part(arena, value, &value);
	if (r < 0)
		return r;
	*ret_name = name;
	*ret_value = value;
	return 1;
}
