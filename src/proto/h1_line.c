/*
 * h1_line.c - the request line, and the seven fields that decide how a message
 * is read. All other fields cost one look at their name: its length and its
 * first letter already say that they are none of the seven.
 */
#include "proto/h1_line.h"

#include "base/str.h"
#include "proto/fields.h"
#include "proto/host.h"
#include "proto/http.h"
#include "proto/scan.h"

static int refuse(enum fault fault, enum fault *reterr_fault)
{
	*reterr_fault = fault;
	return -EPROTO;
}

static inline bool is_str(weir_str s, weir_str small)
{
	return s.len == small.len && scan_is_word(s.ptr, small.ptr, small.len);
}

/* Where the method ends; it may be empty. */
static size_t find_method_end(const char *bytes, size_t start, size_t end)
{
	while (start < end && http_char_is(bytes[start], HTTP_CHAR_TOKEN) &&
	       (bytes[start] < 'a' || bytes[start] > 'z'))
		start++;
	return start;
}

/*
 * HTTP/1.1 and HTTP/1.0 are served; a well-formed later version is refused as
 * such. HTTP/0.9 never had a version in its request line, so that is a mistake.
 */
static int judge_version(struct h1_facts *f, const char *p, enum fault *reterr_fault)
{
	if (memcmp(p, "HTTP/1.1", 8) == 0) {
		f->version = 11;
		return 0;
	}
	if (memcmp(p, "HTTP/1.0", 8) == 0) {
		f->version = 10;
		return 0;
	}
	if (memcmp(p, "HTTP/", 5) != 0 || p[5] < '1' || p[5] > '9' || p[6] != '.' || p[7] < '0' ||
	    p[7] > '9')
		return refuse(FAULT_H1_REQUEST_LINE, reterr_fault);
	return refuse(FAULT_H1_VERSION, reterr_fault);
}

static bool is_escape(const char *p, const char *end)
{
	return end - p >= 3 && p[0] == '%' && http_char_is(p[1], HTTP_CHAR_HEX) &&
	       http_char_is(p[2], HTTP_CHAR_HEX);
}

/*
 * The first byte that is no part of a target, be it of a broken escape; end if
 * there is none. There stands a space: so more may be looked at, up to line_end.
 */
static const char *find_no_target(const char *p, const char *end, const char *line_end)
{
	p += scan_target(p, (size_t)(line_end - p));
	while (p < end) {
		if (http_char_is(*p, HTTP_CHAR_TARGET))
			p++;
		else if (is_escape(p, end))
			p += 3;
		else
			break;
	}
	return p;
}

/* Does the target begin with this scheme and "://"? Letter case is ignored. */
static bool has_scheme(weir_str target, weir_str scheme)
{
	return target.len >= scheme.len &&
	       str_eq_nocase((weir_str){ target.ptr, scheme.len }, scheme);
}

/* http://authority/path: the authority must be sound before it is compared with Host. */
static int judge_absolute(struct h1_facts *f, weir_str target, enum fault *reterr_fault)
{
	weir_str authority;
	size_t skip;

	f->is_https = has_scheme(target, WEIR_STR("https://"));
	if (!f->is_https && !has_scheme(target, WEIR_STR("http://")))
		return refuse(FAULT_H1_TARGET, reterr_fault);

	skip = f->is_https ? 8 : 7;
	authority.ptr = target.ptr + skip;
	for (authority.len = 0; authority.len < target.len - skip; authority.len++) {
		char c = authority.ptr[authority.len];

		if (c == '/' || c == '?')
			break;
	}
	if (!host_is_valid(authority))
		return refuse(FAULT_H1_TARGET, reterr_fault);
	f->authority = (struct h1_span){ f->target.at + (uint32_t)skip, (uint32_t)authority.len };
	return 0;
}

/* RFC 9112, section 3.2: which form of target goes with which method. */
static int judge_target(struct h1_facts *f, weir_str target, enum fault *reterr_fault)
{
	if (target.ptr[0] == '/')
		return 0;
	if (target.len == 1 && target.ptr[0] == '*' && f->method == HTTP_METHOD_OPTIONS)
		return 0;
	return judge_absolute(f, target, reterr_fault);
}

int h1_line_request(struct h1_facts *f, const struct h1_limits *limits, const char *bytes,
		    size_t start, size_t end, enum fault *reterr_fault)
{
	/* Most requests are GETs. */
	bool is_get = end - start > 4 && memcmp(bytes + start, "GET ", 4) == 0;
	size_t space = is_get ? start + 3 : find_method_end(bytes, start, end), at = space + 1;
	weir_str method = { bytes + start, space - start };
	const char *target_end, *wrong;
	weir_str target;
	int r;

	/* "M / HTTP/1.1" is the shortest there is. */
	if (method.len == 0 || space == end || bytes[space] != ' ' || end - space < 11)
		return refuse(FAULT_H1_REQUEST_LINE, reterr_fault);
	target_end = bytes + end - 9;
	if (*target_end != ' ')
		return refuse(FAULT_H1_REQUEST_LINE, reterr_fault);
	r = judge_version(f, target_end + 1, reterr_fault);
	if (r < 0)
		return r;

	target = (weir_str){ bytes + at, (size_t)(target_end - (bytes + at)) };
	if (target.len > limits->max_target)
		return refuse(FAULT_TARGET_TOO_LONG, reterr_fault);
	wrong = find_no_target(target.ptr, target_end, bytes + end);
	if (wrong < target_end)
		return refuse(*wrong == ' ' ? FAULT_H1_REQUEST_LINE : FAULT_H1_TARGET,
			      reterr_fault);

	f->method = (uint8_t)(is_get ? HTTP_METHOD_GET : http_method_parse(method));
	if (f->method == HTTP_METHOD_UNKNOWN)
		return refuse(FAULT_H1_METHOD, reterr_fault);
	if (f->method == HTTP_METHOD_CONNECT)
		return refuse(FAULT_H1_CONNECT, reterr_fault);
	f->method_len = (uint8_t)method.len;
	f->target = (struct h1_span){ (uint32_t)at, (uint32_t)target.len };
	return judge_target(f, target, reterr_fault);
}

/*
 * OWS may be tabs too, but llhttp does not take them behind these values. Who
 * sends one wants parsers to disagree, so it stays and spoils the value.
 */
static weir_str trim_framing(weir_str value)
{
	while (value.len > 0 && value.ptr[value.len - 1] == ' ')
		value.len--;
	while (value.len > 0 && (value.ptr[0] == ' ' || value.ptr[0] == '\t')) {
		value.ptr++;
		value.len--;
	}
	return value;
}

/* One space in front and none behind is how nearly every value is sent. */
static weir_str trim(weir_str value)
{
	if (value.len > 2 && value.ptr[0] == ' ' && value.ptr[1] > ' ' &&
	    value.ptr[value.len - 1] > ' ')
		return (weir_str){ value.ptr + 1, value.len - 1 };
	return str_trim(value);
}

static int judge_host(struct h1_facts *f, const char *bytes, weir_str value,
		      enum fault *reterr_fault)
{
	if (f->seen & H1_FACT_HOST)
		return refuse(FAULT_H1_HOST_TWICE, reterr_fault);
	if (!host_is_valid(value))
		return refuse(FAULT_H1_HOST_INVALID, reterr_fault);
	f->seen |= H1_FACT_HOST;
	f->host = (struct h1_span){ (uint32_t)(value.ptr - bytes), (uint32_t)value.len };
	return 0;
}

static APART int judge_length(struct h1_facts *f, weir_str value, enum fault *reterr_fault)
{
	if (f->seen & H1_FACT_LENGTH)
		return refuse(FAULT_H1_CL_TWICE, reterr_fault);
	if (str_to_u64(value, &f->length) < 0 || f->length > INT64_MAX)
		return refuse(FAULT_H1_CL_INVALID, reterr_fault);
	f->seen |= H1_FACT_LENGTH;
	return 0;
}

/* Is there a coding in the list that we do not know? Anything but tokens is no coding. */
static bool names_other_coding(weir_str value)
{
	weir_str element;

	while (fields_next_element(&value, &element)) {
		weir_str coding = str_trim(str_split(&element, ';'));

		if (http_is_token(coding) && !is_str(coding, WEIR_STR("chunked")))
			return true;
	}
	return false;
}

static APART int judge_coding(struct h1_facts *f, weir_str value, enum fault *reterr_fault)
{
	if (f->version < 11)
		return refuse(FAULT_H1_TE_ON_10, reterr_fault);
	if (!is_str(value, WEIR_STR("chunked")))
		return refuse(names_other_coding(value) ? FAULT_H1_TE_UNKNOWN : FAULT_H1_TE_INVALID,
			      reterr_fault);
	if (f->seen & H1_FACT_CHUNKED)
		return refuse(FAULT_H1_TE_INVALID, reterr_fault);
	f->seen |= H1_FACT_CHUNKED;
	return 0;
}

static APART void note_connection(struct h1_facts *f, weir_str value)
{
	weir_str token;

	while (fields_next_element(&value, &token)) {
		if (is_str(token, WEIR_STR("keep-alive")))
			f->seen |= H1_FACT_KEEP_ALIVE;
		else if (is_str(token, WEIR_STR("close")))
			f->seen |= H1_FACT_CLOSE;
		else if (is_str(token, WEIR_STR("upgrade")))
			f->seen |= H1_FACT_UPGRADE_TOKEN;
	}
}

static APART void note_expect(struct h1_facts *f, weir_str value)
{
	weir_str element;

	while (fields_next_element(&value, &element)) {
		bool is_known = is_str(element, WEIR_STR("100-continue"));

		f->seen |= is_known ? H1_FACT_EXPECT_CONTINUE : H1_FACT_EXPECT_OTHER;
	}
}

static APART size_t find_rare_colon(const char *bytes, size_t start, size_t at, size_t end)
{
	while (at < end && http_char_is(bytes[at], HTTP_CHAR_TOKEN))
		at++;
	return at < end && at > start && bytes[at] == ':' ? at : 0;
}

/*
 * Where the colon stands, which is the end of the name; 0 if the line is no
 * field. An empty name and a space before the colon are no field either.
 */
static size_t find_colon(const char *bytes, size_t start, size_t end)
{
	size_t at = start + scan_name(bytes + start, end - start);

	if (at > start && at < end && bytes[at] == ':')
		return at;
	return find_rare_colon(bytes, start, at, end);
}

static int refuse_name(char first, enum fault *reterr_fault)
{
	bool is_fold = first == ' ' || first == '\t';

	return refuse(is_fold ? FAULT_H1_OBS_FOLD : FAULT_H1_FIELD_NAME, reterr_fault);
}

/* Is it one of the names that judge_field() knows? */
static inline bool is_telling(const char *name, size_t len)
{
	switch (len) {
	case 4:
		return scan_is_word(name, "host", 4);
	case 6:
		return scan_is_word(name, "expect", 6);
	case 7:
		return scan_is_word(name, "upgrade", 7);
	case 10:
		return scan_is_word(name, "connection", 10);
	case 14:
		return scan_is_word(name, "content-length", 14);
	case 17:
		return scan_is_word(name, "transfer-encoding", 17);
	default:
		return false;
	}
}

/* Each of these names has a length of its own. raw: all that stands behind the colon. */
static int judge_field(struct h1_facts *f, const char *bytes, size_t name_len, weir_str value,
		       weir_str raw, enum fault *reterr_fault)
{
	switch (name_len) {
	case 4:
		return judge_host(f, bytes, value, reterr_fault);
	case 6:
		note_expect(f, value);
		return 0;
	case 7:
		f->seen |= H1_FACT_UPGRADE;
		return 0;
	case 10:
		note_connection(f, value);
		return 0;
	case 14:
		return judge_length(f, trim_framing(raw), reterr_fault);
	default:
		return judge_coding(f, trim_framing(raw), reterr_fault);
	}
}

/* Notes where name and value stand; the value. */
static inline weir_str note_field(struct h1_facts *f, const char *bytes, size_t start, size_t colon,
				  weir_str raw, struct h1_field_at *ret_at)
{
	weir_str value = trim(raw);

	f->n_fields++;
	ret_at->name = (struct h1_span){ (uint32_t)start, (uint32_t)(colon - start) };
	ret_at->value = (struct h1_span){ (uint32_t)(value.ptr - bytes), (uint32_t)value.len };
	return value;
}

int h1_line_field(struct h1_facts *f, const char *bytes, size_t start, size_t end,
		  struct h1_field_at *ret_at, enum fault *reterr_fault)
{
	size_t colon = find_colon(bytes, start, end), len = colon - start;
	weir_str raw = { bytes + colon + 1, end - colon - 1 }, value;

	if (colon == 0)
		return refuse_name(bytes[start], reterr_fault);
	value = note_field(f, bytes, start, colon, raw, ret_at);
	if (!is_telling(bytes + start, len))
		return 0;
	return judge_field(f, bytes, len, value, raw, reterr_fault);
}

int h1_line_trailer(struct h1_facts *f, const char *bytes, size_t start, size_t end,
		    struct h1_field_at *ret_at, enum fault *reterr_fault)
{
	size_t colon = find_colon(bytes, start, end), len = colon - start;
	const char *name = bytes + start;

	if (colon == 0)
		return refuse_name(bytes[start], reterr_fault);
	note_field(f, bytes, start, colon, (weir_str){ bytes + colon + 1, end - colon - 1 },
		   ret_at);
	if ((len == 4 && scan_is_word(name, "host", 4)) ||
	    (len == 14 && scan_is_word(name, "content-length", 14)) ||
	    (len == 17 && scan_is_word(name, "transfer-encoding", 17)))
		return refuse(FAULT_H1_TRAILER, reterr_fault);
	return 0;
}
