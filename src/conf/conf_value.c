/*
 * conf_value.c - see conf_value.h. Units are exact and never guessed: a
 * duration without one is refused, because half the world means seconds and
 * the other half milliseconds.
 */
#include "conf/conf_value.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"

/* Largest first, for the way back. */
const struct conf_value_unit conf_value_sizes[] = {
	{ "TiB", UINT64_C(1) << 40 },
	{ "GiB", 1 << 30 },
	{ "MiB", 1 << 20 },
	{ "KiB", 1 << 10 },
	{ "B", 1 },
	{ "", 1 },
	{ NULL, 0 },
};

const struct conf_value_unit conf_value_rates[] = {
	{ "TiB/s", UINT64_C(1) << 40 }, { "GiB/s", 1 << 30 }, { "MiB/s", 1 << 20 },
	{ "KiB/s", 1 << 10 },		{ "B/s", 1 },	      { NULL, 0 },
};

const struct conf_value_unit conf_value_durations[] = {
	{ "h", 3600 * 1000 }, { "m", 60 * 1000 }, { "s", 1000 }, { "ms", 1 }, { NULL, 0 },
};

int conf_value_count(weir_str s, uint64_t *ret_count)
{
	return str_to_u64(s, ret_count);
}

static int parse_unit(weir_str s, const struct conf_value_unit *units, uint64_t *ret_value)
{
	weir_str number = s, name;
	uint64_t value;
	int r;

	number.len = 0;
	while (number.len < s.len && s.ptr[number.len] >= '0' && s.ptr[number.len] <= '9')
		number.len++;
	name = (weir_str){ s.ptr + number.len, s.len - number.len };
	r = str_to_u64(number, &value);
	if (r < 0)
		return r;
	for (const struct conf_value_unit *unit = units; unit->name; unit++) {
		if (!weir_str_eq(name, weir_strz(unit->name)))
			continue;
		if (value > UINT64_MAX / unit->factor)
			return -ERANGE;
		*ret_value = value * unit->factor;
		return 0;
	}
	return -EINVAL;
}

int conf_value_size(weir_str s, uint64_t *ret_bytes)
{
	return parse_unit(s, conf_value_sizes, ret_bytes);
}

int conf_value_duration(weir_str s, uint64_t *ret_ms)
{
	if (weir_str_eq(s, WEIR_STR("0"))) {
		*ret_ms = 0;
		return 0;
	}
	return parse_unit(s, conf_value_durations, ret_ms);
}

int conf_value_rate(weir_str s, uint64_t *ret_rate)
{
	if (weir_str_eq(s, WEIR_STR("0"))) {
		*ret_rate = 0;
		return 0;
	}
	return parse_unit(s, conf_value_rates, ret_rate);
}

static const char *unit_text(uint64_t value, const struct conf_value_unit *units, char *ret_text)
{
	while (value % units->factor != 0)
		units++;
	(void)snprintf(ret_text, CONF_VALUE_TEXT, "%llu%s",
		       (unsigned long long)(value / units->factor), units->name);
	return ret_text;
}

const char *conf_value_size_text(uint64_t bytes, char ret_text[CONF_VALUE_TEXT])
{
	return unit_text(bytes, bytes == 0 ? &conf_value_sizes[4] : conf_value_sizes, ret_text);
}

const char *conf_value_rate_text(uint64_t rate, char ret_text[CONF_VALUE_TEXT])
{
	return unit_text(rate, rate == 0 ? &conf_value_rates[4] : conf_value_rates, ret_text);
}

const char *conf_value_duration_text(uint64_t ms, char ret_text[CONF_VALUE_TEXT])
{
	return unit_text(ms, ms == 0 ? &conf_value_durations[2] : conf_value_durations, ret_text);
}

int conf_value_bool(weir_str s, bool *ret_value)
{
	bool is_true = weir_str_eq(s, WEIR_STR("true"));

	if (!is_true && !weir_str_eq(s, WEIR_STR("false")))
		return -EINVAL;
	*ret_value = is_true;
	return 0;
}

int conf_value_mode(weir_str s, unsigned *ret_mode)
{
	unsigned mode = 0;

	if (str_starts(s, WEIR_STR("0o"))) {
		s.ptr += 2;
		s.len -= 2;
	}
	if (s.len == 0)
		return -EINVAL;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '7')
			return -EINVAL;
		mode = mode * 8 + (unsigned)(s.ptr[i] - '0');
		if (mode > 0777)
			return -ERANGE;
	}
	*ret_mode = mode;
	return 0;
}

static bool is_name_start(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static bool is_name(weir_str name)
{
	if (name.len == 0 || !is_name_start(name.ptr[0]))
		return false;
	for (size_t i = 1; i < name.len; i++) {
		if (!is_name_start(name.ptr[i]) && (name.ptr[i] < '0' || name.ptr[i] > '9'))
			return false;
	}
	return true;
}

/* A variable's value has to be as clean as the file's own text. */
static bool is_clean(weir_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if ((c < 0x20 && c != '\t' && c != '\n') || c == 0x7f)
			return false;
	}
	return str_is_utf8(s);
}

/* inside is what stands between ${ and }. */
static int expand_variable(weir_str inside, struct buf *out, const char **reterr_words,
			   weir_str *reterr_name)
{
	const char *colon = inside.len ? memchr(inside.ptr, ':', inside.len) : NULL;
	weir_str name = inside, fallback = { NULL, 0 }, value;
	char *namez;

	if (colon) {
		name.len = (size_t)(colon - inside.ptr);
		fallback = (weir_str){ colon + 1, inside.len - name.len - 1 };
	}
	*reterr_name = name;
	if (!is_name(name) || (colon && !str_starts(fallback, WEIR_STR("-")))) {
		*reterr_name = inside;
		*reterr_words = "is not of the form ${NAME} or ${NAME:-default}";
		return -EINVAL;
	}
	namez = str_dup(name);
	if (!namez)
		return -ENOMEM;
	value = weir_strz(getenv(namez));
	free(namez);
	if (value.len == 0 && colon)
		value = (weir_str){ fallback.ptr + 1, fallback.len - 1 };
	if (!value.ptr) {
		*reterr_words = "is not set; ${NAME:-default} gives it a default";
		return -EINVAL;
	}
	if (!is_clean(value)) {
		*reterr_words = "holds bytes that are not text";
		return -EINVAL;
	}
	return buf_append_str(out, value);
}

int conf_value_expand(weir_str s, struct buf *out, const char **reterr_words, weir_str *reterr_name)
{
	size_t i = 0;
	int r;

	while (i < s.len) {
		weir_str rest = { s.ptr + i, s.len - i };
		bool is_escape = str_starts(rest, WEIR_STR("$${"));
		const char *end;

		if (is_escape || !str_starts(rest, WEIR_STR("${"))) {
			r = buf_append(out, rest.ptr + is_escape, 1 + is_escape);
			if (r < 0)
				return r;
			i += 1 + 2 * (size_t)is_escape;
			continue;
		}
		end = memchr(rest.ptr, '}', rest.len);
		if (!end) {
			*reterr_name = rest;
			*reterr_words = "has no closing }";
			return -EINVAL;
		}
		r = expand_variable((weir_str){ rest.ptr + 2, (size_t)(end - rest.ptr) - 2 }, out,
				    reterr_words, reterr_name);
		if (r < 0)
			return r;
		i += (size_t)(end - rest.ptr) + 1;
	}
	return 0;
}
