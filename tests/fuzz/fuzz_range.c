/*
 * fuzz_range.c - any values of the fields that ask for parts of a file, for what it was, or for
 * another coding: ranges are of the file, apart from each other, and no byte too far is read.
 * The first two bytes are its size; lines are the values.
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>

#include "base/str.h"
#include "proto/coding.h"
#include "proto/conditional.h"
#include "proto/http_date.h"
#include "proto/range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_range(weir_str value, uint64_t size)
{
	struct range ranges[RANGE_MAX];
	int n = range_parse(value, size, ranges);

	assert(n == -ERANGE || (n >= 0 && n <= RANGE_MAX));
	for (int i = 0; i < n; i++) {
		assert(ranges[i].len > 0 && ranges[i].first < size);
		assert(ranges[i].len <= size - ranges[i].first);
		for (int j = 0; j < i; j++)
			assert(ranges[i].first >= ranges[j].first + ranges[j].len ||
			       ranges[j].first >= ranges[i].first + ranges[i].len);
	}
}

static void check_fields(weir_str value)
{
	static const struct conditional_state state = { { "\"a\"", 3 }, 784111777, 784200000 };
	weir_header fields[] = { { WEIR_STR("accept-encoding"), value },
				 { WEIR_STR("if-match"), value },
				 { WEIR_STR("if-none-match"), value },
				 { WEIR_STR("if-modified-since"), value },
				 { WEIR_STR("if-range"), value } };
	unsigned weights[CODING_COUNT];
	time_t when;

	coding_weigh(fields, ARRAY_LEN(fields), weights);
	for (int c = 0; c < CODING_COUNT; c++)
		assert(weights[c] <= 1000);
	(void)coding_choose(weights, 7);
	for (size_t i = 1; i < ARRAY_LEN(fields); i++)
		(void)conditional_judge(&fields[i], 1, &state);
	(void)conditional_may_range(fields, ARRAY_LEN(fields), &state);
	assert(http_date_parse(value, state.now, &when) <= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t file_size;
	weir_str rest;

	if (size < 2)
		return 0;
	file_size = (uint64_t)data[0] << 8 | data[1];
	rest = (weir_str){ (const char *)data + 2, size - 2 };
	while (rest.ptr) {
		weir_str value = str_split(&rest, '\n');

		check_range(value, file_size);
		check_fields(value);
	}
	return 0;
}
