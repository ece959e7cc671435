/* coding.c - see coding.h. An element that makes no sense is left out. */
#include "proto/coding.h"

#include <errno.h>

#include "base/str.h"
#include "proto/fields.h"

#define UNSAID 2000u

weir_str coding_name(enum coding coding)
{
	switch (coding) {
	case CODING_BR:
		return WEIR_STR("br");
	case CODING_ZSTD:
		return WEIR_STR("zstd");
	case CODING_GZIP:
		return WEIR_STR("gzip");
	default:
		return WEIR_STR("identity");
	}
}

/* "0.5" is 500: RFC 9110, section 12.4.2. -EINVAL. */
static int parse_weight(weir_str text, unsigned *ret_weight)
{
	unsigned weight = 0, digit = 1000;

	if (text.len == 0 || text.len > 5 || (text.ptr[0] != '0' && text.ptr[0] != '1') ||
	    (text.len > 1 && text.ptr[1] != '.'))
		return -EINVAL;
	weight = text.ptr[0] == '1' ? 1000 : 0;
	for (size_t i = 2; i < text.len; i++) {
		digit /= 10;
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return -EINVAL;
		weight += (unsigned)(text.ptr[i] - '0') * digit;
	}
	if (weight > 1000)
		return -EINVAL;
	*ret_weight = weight;
	return 0;
}

/* Of "gzip;q=0.5" the name and 500. -EINVAL. */
static int parse_element(weir_str element, weir_str *ret_name, unsigned *ret_weight)
{
	weir_str rest = element, parameter, name;

	*ret_name = str_trim(str_split(&rest, ';'));
	*ret_weight = 1000;
	while (rest.ptr) {
		parameter = str_trim(str_split(&rest, ';'));
		name = str_trim(str_split(&parameter, '='));
		if (!str_eq_nocase(name, WEIR_STR("q")))
			continue;
		if (!parameter.ptr || parse_weight(str_trim(parameter), ret_weight) < 0)
			return -EINVAL;
	}
	return 0;
}

/* CODING_COUNT for another one. */
static enum coding parse_name(weir_str name)
{
	/* RFC 9110, section 8.4.1.3: the same. */
	if (str_eq_nocase(name, WEIR_STR("x-gzip")))
		return CODING_GZIP;
	for (enum coding c = CODING_BR; c < CODING_COUNT; c++) {
		if (str_eq_nocase(name, coding_name(c)))
			return c;
	}
	return CODING_COUNT;
}

static void weigh_line(weir_str value, unsigned *weights, unsigned *others)
{
	weir_str element, name;
	unsigned weight;

	while (fields_next_element(&value, &element)) {
		enum coding coding;

		if (parse_element(element, &name, &weight) < 0)
			continue;
		coding = parse_name(name);
		if (coding < CODING_COUNT)
			weights[coding] = weight;
		else if (weir_str_eq(name, WEIR_STR("*")))
			*others = weight;
	}
}

void coding_weigh(const weir_header *fields, size_t n_fields, unsigned ret_weights[CODING_COUNT])
{
	unsigned others = UNSAID;

	for (int c = 0; c < CODING_COUNT; c++)
		ret_weights[c] = UNSAID;
	for (size_t i = 0; i < n_fields; i++) {
		if (weir_str_eq(fields[i].name, WEIR_STR("accept-encoding")))
			weigh_line(fields[i].value, ret_weights, &others);
	}
	/* identity is good unless it is ruled out, but anything that is named is better. */
	if (ret_weights[CODING_IDENTITY] == UNSAID)
		ret_weights[CODING_IDENTITY] = others == 0 ? 0 : 1;
	for (int c = 0; c < CODING_IDENTITY; c++) {
		if (ret_weights[c] == UNSAID)
			ret_weights[c] = others == UNSAID ? 0 : others;
	}
}

enum coding coding_choose(const unsigned weights[CODING_COUNT], unsigned set)
{
	enum coding best = CODING_IDENTITY;

	for (enum coding c = CODING_BR; c < CODING_IDENTITY; c++) {
		if (!(set & 1u << c) || weights[c] == 0)
			continue;
		if (best == CODING_IDENTITY ? weights[c] >= weights[best]
					    : weights[c] > weights[best])
			best = c;
	}
	return best;
}
