#ifndef WEIR_APP_ROUTER_PATTERN_H
#define WEIR_APP_ROUTER_PATTERN_H
/*
 * router_pattern.h - a route's path, taken apart: see router.h for what it
 * means.
 */
#include <stdbool.h>
#include <weir/base.h>

#include "app/router.h"
#include "base/macro.h"

#define ROUTER_MAX_SEGMENTS 32
#define ROUTER_MAX_LITERAL 256 /* bytes of one segment, decoded */

struct router_segment {
	weir_str text; /* decoded; of a parameter: nothing */
	bool is_param;
};

struct router_pattern {
	struct router_segment segments[ROUTER_MAX_SEGMENTS]; /* without {name...} */
	unsigned n_segments;
	weir_str params[ROUTER_MAX_PARAMS]; /* names in order, that of {name...} last */
	unsigned n_params;
	bool has_rest;
	bool is_plain;	     /* neither parameters nor escapes: only this very path matches */
	char literals[2048]; /* what decoded text points to */
	size_t literals_len;
};

/* Parts point into text and into the pattern itself. -EINVAL, with words for people. */
MUST_USE int router_pattern_parse(weir_str text, struct router_pattern *ret_pattern,
				  const char **reterr_words);

/* One segment without its escapes. -EINVAL when it is malformed or too long for any literal. */
MUST_USE int router_pattern_decode(weir_str segment, char ret_bytes[ROUTER_MAX_LITERAL],
				   weir_str *ret_decoded);

#endif
