/* range.c - see range.h. */
#include "proto/range.h"

#include <errno.h>

#include "base/str.h"

/* What stands between two parts takes about as much: then one part is less. */
#define NEAR ((uint64_t)80)

/* A number too large to be one is as good as the largest. -EINVAL for what is no number. */
static int parse_position(weir_str text, uint64_t *ret_value)
{
	int r = str_to_u64(text, ret_value);

	if (r != -ERANGE)
		return r;
	*ret_value = UINT64_MAX;
	return 0;
}

/* "0-99", "100-", "-50": 1, 0 when no byte of it exists, or -EINVAL. */
static int parse_spec(weir_str spec, uint64_t size, struct range *ret_range)
{
	weir_str rest = spec, first;
	uint64_t from, to = UINT64_MAX;

	first = str_split(&rest, '-');
	if (!rest.ptr)
		return -EINVAL;
	if (first.len == 0) {
		if (parse_position(rest, &to) < 0)
			return -EINVAL;
		if (to == 0 || size == 0)
			return 0;
		to = to < size ? to : size;
		*ret_range = (struct range){ size - to, to };
		return 1;
	}
	if (parse_position(first, &from) < 0 || (rest.len > 0 && parse_position(rest, &to) < 0))
		return -EINVAL;
	if (to < from)
		return -EINVAL;
	if (from >= size)
		return 0;
	to = to < size ? to : size - 1;
	*ret_range = (struct range){ from, to - from + 1 };
	return 1;
}

static bool is_near(const struct range *a, const struct range *b)
{
	return a->first <= b->first + b->len + NEAR && b->first <= a->first + a->len + NEAR;
}

static struct range joined(const struct range *a, const struct range *b)
{
	uint64_t first = a->first < b->first ? a->first : b->first;
	uint64_t a_end = a->first + a->len, b_end = b->first + b->len;

	return (struct range){ first, (a_end > b_end ? a_end : b_end) - first };
}

/* What is near to each other becomes one: how many are left. */
static int join_near(struct range *ranges, int n)
{
	for (int i = 0; i < n; i++) {
		for (int j = i + 1; j < n; j++) {
			if (!is_near(&ranges[i], &ranges[j]))
				continue;
			ranges[i] = joined(&ranges[i], &ranges[j]);
			n--;
			memmove(&ranges[j], &ranges[j + 1], (size_t)(n - j) * sizeof(*ranges));
			j = i; /* the larger one may be near to others */
		}
	}
	return n;
}

int range_parse(weir_str value, uint64_t size, struct range ret_ranges[RANGE_MAX])
{
	weir_str rest = str_trim(value), unit = str_split(&rest, '=');
	int n = 0, n_specs = 0;

	if (!rest.ptr || !str_eq_nocase(unit, WEIR_STR("bytes")))
		return 0;
	while (rest.ptr) {
		weir_str spec = str_trim(str_split(&rest, ','));
		struct range range;
		int r;

		if (spec.len == 0)
			continue;
		if (n_specs++ == RANGE_MAX)
			return 0;
		r = parse_spec(spec, size, &range);
		if (r < 0)
			return 0;
		if (r > 0)
			ret_ranges[n++] = range;
	}
	if (n_specs == 0)
		return 0;
	return n > 0 ? join_near(ret_ranges, n) : -ERANGE;
}
