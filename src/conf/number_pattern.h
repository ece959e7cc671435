#ifndef WEIR_CONF_NUMBER_PATTERN_H
#define WEIR_CONF_NUMBER_PATTERN_H
/*
 * number_pattern.h - a range of numbers as a regular expression, for a schema
 * that has to judge "64KiB", where a minimum and a maximum mean nothing.
 */
#include <stdint.h>

#include "base/buf.h"
#include "base/macro.h"

/*
 * Appends an expression, in parentheses, for the decimal numbers from min to max,
 * leading zeros or not. -ENOMEM.
 */
MUST_USE int number_pattern(struct buf *out, uint64_t min, uint64_t max);

#endif
