/*
 * conditional.c - see conditional.h. A field that makes no sense is as if it
 * was not there, but for a list of entity tags: it ends where it makes none.
 */
#include "proto/conditional.h"

#include "base/str.h"
#include "proto/fields.h"
#include "proto/http_date.h"

/* The next entity tag of a list; false at its end, or where none can be read. */
static bool next_tag(weir_str *rest, weir_str *ret_tag, bool *ret_is_weak)
{
	const char *p = rest->ptr, *end = p + rest->len, *close;

	while (p < end && (*p == ' ' || *p == '\t' || *p == ','))
		p++;
	*ret_is_weak = end - p >= 2 && p[0] == 'W' && p[1] == '/';
	if (*ret_is_weak)
		p += 2;
	if (p == end || *p != '"')
		return false;
	close = memchr(p + 1, '"', (size_t)(end - p) - 1);
	if (!close)
		return false;
	*ret_tag = (weir_str){ p, (size_t)(close + 1 - p) };
	*rest = (weir_str){ close + 1, (size_t)(end - close) - 1 };
	return true;
}

/* Is the tag in the list, or is that "*"? */
static bool matches(weir_str list, weir_str etag, bool wants_strong)
{
	weir_str tag;
	bool is_weak;

	list = str_trim(list);
	if (weir_str_eq(list, WEIR_STR("*")))
		return true;
	while (next_tag(&list, &tag, &is_weak)) {
		if (!(is_weak && wants_strong) && weir_str_eq(tag, etag))
			return true;
	}
	return false;
}

/* In any of the lines of that name; *ret_is_there: there is one. */
static bool any_matches(const weir_header *fields, size_t n_fields, weir_str name,
			const struct conditional_state *state, bool wants_strong,
			bool *ret_is_there)
{
	bool found = false;

	*ret_is_there = false;
	for (size_t i = 0; i < n_fields; i++) {
		if (!weir_str_eq(fields[i].name, name))
			continue;
		*ret_is_there = true;
		found = found || matches(fields[i].value, state->etag, wants_strong);
	}
	return found;
}

/*
 * False: it is not there, or no date. Several lines of it are a list, which is none either
 * (sections 13.1.3 and 13.1.4).
 */
static bool get_date(const weir_header *fields, size_t n_fields, weir_str name, time_t now,
		     time_t *ret_when)
{
	weir_str text;

	return fields_get_only(fields, n_fields, name, &text) && text.ptr &&
	       http_date_parse(text, now, ret_when) == 0;
}

enum conditional_verdict conditional_judge(const weir_header *fields, size_t n_fields,
					   const struct conditional_state *state)
{
	bool is_there, is_same;
	time_t when;

	is_same = any_matches(fields, n_fields, WEIR_STR("if-match"), state, true, &is_there);
	if (is_there && !is_same)
		return CONDITIONAL_FAILED;
	if (!is_there &&
	    get_date(fields, n_fields, WEIR_STR("if-unmodified-since"), state->now, &when) &&
	    state->modified > when)
		return CONDITIONAL_FAILED;

	is_same = any_matches(fields, n_fields, WEIR_STR("if-none-match"), state, false, &is_there);
	if (is_there)
		return is_same ? CONDITIONAL_NOT_MODIFIED : CONDITIONAL_SERVE;
	if (get_date(fields, n_fields, WEIR_STR("if-modified-since"), state->now, &when) &&
	    state->modified <= when)
		return CONDITIONAL_NOT_MODIFIED;
	return CONDITIONAL_SERVE;
}

bool conditional_may_range(const weir_header *fields, size_t n_fields,
			   const struct conditional_state *state)
{
	weir_str value;
	time_t when;

	/* Which of several is meant nobody knows: all of it is always right. */
	if (!fields_get_only(fields, n_fields, WEIR_STR("if-range"), &value))
		return false;
	if (!value.ptr)
		return true;
	value = str_trim(value);
	/* A weak tag is never the same. "W" alone is a Wednesday. */
	if (str_starts(value, WEIR_STR("\"")) || str_starts(value, WEIR_STR("W/")))
		return weir_str_eq(value, state->etag);
	/* Section 8.8.2.2: in the same second it could have changed once more. */
	return http_date_parse(value, state->now, &when) == 0 && when == state->modified &&
	       state->now > state->modified + 1;
}
