#ifndef WEIR_PROTO_RANGE_H
#define WEIR_PROTO_RANGE_H
/*
 * range.h - which bytes a Range field asks for (RFC 9110, section 14). Ranges that
 * overlap, or nearly touch, become one: so no request can make an answer larger
 * than the whole, but for what stands between its parts.
 */
#include <stdint.h>
#include <weir/base.h>

#include "base/macro.h"

struct range {
	uint64_t first, len; /* len is not 0 */
};

/* A field with more is as if it was not there. */
#define RANGE_MAX 32

/*
 * How many, in the order in which they were first asked for; 0: the field is to be ignored, because
 * it has another unit, makes no sense, or asks for too many; -ERANGE: none of them has a byte of
 * the size: 416.
 */
MUST_USE int range_parse(weir_str value, uint64_t size, struct range ret_ranges[RANGE_MAX]);

#endif
