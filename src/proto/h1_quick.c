/*
 * h1_quick.c - most heads are a GET and some fields, all printable ASCII, each
 * line with one space where one is usual. Such a line takes one look at 32
 * bytes: the same loads say where it ends and where its name does. There is no
 * state: at the first surprise the guard begins anew, so that nothing is ever
 * refused here, and no rule of RFC 9112 has to be known twice.
 */
#include "proto/h1_quick.h"

#include "proto/host.h"
#include "proto/http.h"
#include "proto/scan.h"

#ifdef __SSE2__

/* There is no shorter head in HTTP/1.1 that is not made up; the looks below rely on it. */
#define LEN_MIN 32
/* Behind a request line: a look that begins at its second space ends seven bytes on. */
#define BEHIND_MIN 7
/* From a field's first byte: sixteen of a name, ": ", one of a value. */
#define FIELD_MIN 19

/* Bit i: byte i ends a line, or is none of a usual one: a control byte, a tab, not ASCII. */
static inline unsigned find_odd(__m128i v)
{
	/* One more: 127 becomes the least of all. */
	__m128i next = _mm_add_epi8(v, _mm_set1_epi8(1));

	return scan_bits(_mm_cmpgt_epi8(next, _mm_set1_epi8(' '))) ^ 0xffff;
}

static inline uint32_t find_odd32(const char *p)
{
	return find_odd(scan_load16(p)) | find_odd(scan_load16(p + 16)) << 16;
}

/* The first odd byte at or after p, or end; a line that is longer than most. */
static const char *find_far_end(const char *p, const char *end)
{
	const char *last = end - 32;
	uint32_t odd;

	for (; p <= last; p += 32) {
		odd = find_odd32(p);
		if (odd)
			return p + __builtin_ctz(odd);
	}
	if (p >= end)
		return end;
	odd = find_odd32(last) >> (p - last);
	return odd ? p + __builtin_ctz(odd) : end;
}

/* The same; v is what is at p, and FIELD_MIN bytes are there. */
static inline const char *find_line_end(__m128i v, const char *p, const char *end)
{
	const char *second = p + 16;
	unsigned odd = find_odd(v);

	if (p <= end - 32) {
		odd |= find_odd(scan_load16(second)) << 16;
	} else {
		/* The second look begins earlier: both agree where they overlap. */
		second = end - 16;
		odd |= find_odd(scan_load16(second)) << (second - p);
	}
	return odd ? p + __builtin_ctz(odd) : find_far_end(second + 16, end);
}

/* Is all that is at p, up to the space at end, fit for a target, and no escape? */
static APART bool is_target_rest(const char *p, const char *end)
{
	unsigned wrong;

	/* The space stops it at the latest. */
	for (; !(wrong = scan_no_target(scan_load16(p))); p += 16)
		;
	return p + __builtin_ctz(wrong) == end;
}

/* Bit i: behind byte i, one of a target, its path ends or needs a closer look. */
static inline unsigned find_special(const char *p)
{
	__m128i v = scan_load16(p);
	__m128i dot = _mm_and_si128(scan_is(v, '.'), scan_is(scan_load16(p - 1), '/'));

	return scan_no_target(v) | scan_bits(_mm_or_si128(scan_is(v, '?'), dot));
}

static APART const char *find_far_special(const char *p)
{
	unsigned special;

	for (; !(special = find_special(p)); p += 16)
		;
	return p + __builtin_ctz(special);
}

/*
 * The same for the whole target, which begins with a slash. Notes how much of
 * it is a path that needs no decoding: up to a '?', and without dot segments.
 */
static inline bool is_usual_target(struct h1_facts *f, const char *target, const char *end)
{
	unsigned special = find_special(target);
	const char *stop;

	stop = special ? target + __builtin_ctz(special) : find_far_special(target + 16);
	if (stop == end || *stop == '?')
		f->path_len = (uint32_t)(stop - target);
	return stop == end || is_target_rest(stop, end);
}

/* The line is bytes[0..at). Anything but a GET of a path takes the guard's way through it. */
static APART bool take_rare_request(struct h1_facts *f, const struct h1_limits *limits,
				    const char *bytes, const char *at)
{
	enum fault fault;

	return h1_line_request(f, limits, bytes, 0, (size_t)(at - bytes), &fault) == 0 &&
	       bytes[f->target.at] == '/';
}

static inline bool take_request(struct h1_facts *f, const struct h1_limits *limits,
				const char *bytes, const char *at)
{
	const char *end = at - 9;

	if (at - bytes < 14 || memcmp(bytes, "GET /", 5) != 0 || memcmp(end, " HTTP/1.1", 9) != 0 ||
	    !is_usual_target(f, bytes + 4, end))
		return take_rare_request(f, limits, bytes, at);
	f->method = HTTP_METHOD_GET;
	f->method_len = 3;
	f->version = 11;
	f->target = (struct h1_span){ 4, (uint32_t)(end - bytes) - 4 };
	return true;
}

/* A field that decides how the message is read, or one that does not look as usual. */
static APART bool take_rare_field(struct h1_facts *f, char *bytes, char *p, const char *at,
				  weir_header *ret_field)
{
	struct h1_field_at where;
	enum fault fault;

	if (h1_line_field(f, bytes, (size_t)(p - bytes), (size_t)(at - bytes), &where, &fault) < 0)
		return false;
	scan_lower(p, where.name.len);
	ret_field->name = (weir_str){ p, where.name.len };
	ret_field->value = (weir_str){ bytes + where.value.at, where.value.len };
	return true;
}

/* Does a name end here, and is there one space before a value and none behind it? */
static inline bool is_field(const char *colon, const char *at)
{
	return memcmp(colon, ": ", 2) == 0 && colon[2] > ' ' && at[-1] != ' ';
}

/* The first four letters of each name of that length that h1_line knows. */
static const char telling[17][4] = {
	[4] = "host", [6] = "expe", [7] = "upgr", [10] = "conn", [14] = "cont",
};

/* With sixteen zeros in front of sixteen of this bit, any number of bytes gets it. */
static const char to_lower[32] = "                ";

/* It begins like one of these. */
static inline bool take_telling_field(struct h1_facts *f, char *bytes, const char *at,
				      weir_header *field)
{
	weir_str name = field->name, value = field->value;

	if (name.len == 4 && !(f->seen & H1_FACT_HOST) && value.len <= 16 && host_is_usual(value)) {
		f->seen |= H1_FACT_HOST;
		f->host = (struct h1_span){ (uint32_t)(value.ptr - bytes), (uint32_t)value.len };
		return true;
	}
	if (name.len == 10 && value.len == 10 && scan_is_word(name.ptr, "connection", 10) &&
	    scan_is_word(value.ptr, "keep-alive", 10)) {
		f->seen |= H1_FACT_KEEP_ALIVE;
		return true;
	}
	return take_rare_field(f, bytes, (char *)name.ptr, at, field);
}

/* len bytes could be a name, of the first 16, but no usual field's: perhaps there are more. */
static APART bool take_long_field(struct h1_facts *f, char *bytes, char *p, size_t len,
				  const char *at, weir_header *ret_field)
{
	const char *value;

	/* Behind the line are four bytes more. */
	if (len == 16 && at + 4 - p >= 32)
		len += (unsigned)__builtin_ctz(scan_no_name(scan_load16(p + 16)) | 1u << 16);
	value = p + len + 2;
	/* Seventeen are those of Transfer-Encoding. */
	if (len <= 17 || value >= at || !is_field(p + len, at))
		return take_rare_field(f, bytes, p, at, ret_field);
	scan_lower(p, len);
	ret_field->name = (weir_str){ p, len };
	ret_field->value = (weir_str){ value, (size_t)(at - value) };
	return true;
}

/* The field from p to at; v: what is at p. FIELD_MIN bytes are there. */
static inline bool take_field(struct h1_facts *f, char *bytes, char *p, const char *at, __m128i v,
			      weir_header *ret_field)
{
	unsigned len = (unsigned)__builtin_ctz(scan_no_name(v) | 1u << 16);
	const char *value = p + len + 2;
	__m128i bits;

	if (len == 0 || !is_field(p + len, at))
		return take_long_field(f, bytes, p, len, at, ret_field);
	/* Letters and dashes are small with this bit. */
	bits = scan_load16(to_lower + 16 - len);
	_mm_storeu_si128((__m128i *)(void *)p, _mm_or_si128(v, bits));
	ret_field->name = (weir_str){ p, len };
	ret_field->value = (weir_str){ value, (size_t)(at - value) };
	if (scan_load4(p) != scan_load4(telling[len]))
		return true;
	return take_telling_field(f, bytes, at, ret_field);
}

/* Too near to the end for the looks above. */
static COLD const char *take_short_line(struct h1_facts *f, char *bytes, char *p, const char *end,
					weir_header *ret_field)
{
	const char *at = find_far_end(p, end);

	if (at > end - 4 || !scan_is_crlf(at) || !take_rare_field(f, bytes, p, at, ret_field))
		return NULL;
	return at;
}

/* The line at p; where it ends, and at least two bytes are behind its CRLF; or NULL. */
static inline const char *take_line(struct h1_facts *f, char *bytes, char *p, const char *end,
				    weir_header *ret_field)
{
	const char *at;
	__m128i v;

	if (p > end - FIELD_MIN)
		return take_short_line(f, bytes, p, end, ret_field);
	v = scan_load16(p);
	at = find_line_end(v, p, end);
	if (at > end - 4 || !scan_is_crlf(at) || !take_field(f, bytes, p, at, v, ret_field))
		return NULL;
	return at;
}

/* What only the whole head can tell; the guard says what is wrong. */
static bool is_sound(const struct h1_facts *f)
{
	const unsigned both = H1_FACT_CHUNKED | H1_FACT_LENGTH;

	return ((f->seen & H1_FACT_HOST) || f->version < 11) && (f->seen & both) != both;
}

size_t h1_quick_read(struct h1_facts *f, const struct h1_limits *limits, char *bytes, size_t len,
		     weir_header *fields, size_t max_fields)
{
	char *end = bytes + len, *p;
	weir_header *field = fields, *fields_end = fields + max_fields;
	const char *at;

	if (len < LEN_MIN)
		return 0;
	at = find_line_end(scan_load16(bytes), bytes, end);
	if (end - at < BEHIND_MIN || !scan_is_crlf(at) || !take_request(f, limits, bytes, at))
		return 0;
	for (p = (char *)at + 2; !scan_is_crlf(p); p = (char *)at + 2) {
		if (field == fields_end)
			return 0;
		at = take_line(f, bytes, p, end, field++);
		if (!at)
			return 0;
	}
	f->n_fields = (uint16_t)(field - fields);
	return is_sound(f) ? (size_t)(p + 2 - bytes) : 0;
}

#else

size_t h1_quick_read(struct h1_facts *f, const struct h1_limits *limits, char *bytes, size_t len,
		     weir_header *fields, size_t max_fields)
{
	(void)f;
	(void)limits;
	(void)bytes;
	(void)len;
	(void)fields;
	(void)max_fields;
	return 0;
}

#endif
