#ifndef WEIR_PROTO_URI_H
#define WEIR_PROTO_URI_H
/*
 * uri.h - what a request target says, decoded once, before anybody routes by
 * it. Routes match `segments`, where an encoded slash is still encoded and so
 * stays inside its segment; handlers read `path`.
 */
#include <stdbool.h>
#include <weir/base.h>

#include "base/fault.h"
#include "base/macro.h"

struct arena;

/* All point into the target or into the arena. Nothing is NUL-terminated. */
struct uri {
	weir_str authority; /* of an absolute form; ptr NULL otherwise */
	weir_str raw_path;  /* as sent, without query; "/" where an absolute form has none */
	weir_str query;	    /* as sent, without "?"; ptr NULL when there is no "?" */
	weir_str segments;  /* raw_path without dot segments; begins with "/", or is "*" */
	weir_str path;	    /* segments, decoded: UTF-8 without NUL */
};

/*
 * -EPROTO for what is no origin form, no http(s) absolute form and not "*",
 * for broken escapes, and for a path that is not UTF-8 or has a NUL; -ENOMEM.
 * Copies only what has escapes or dot segments.
 */
MUST_USE int uri_parse(struct arena *arena, weir_str target, struct uri *ret_uri,
		       enum fault *reterr_fault);

/* One segment, or part of it: text, under the same rules as `path`. */
MUST_USE int uri_decode(struct arena *arena, weir_str encoded, weir_str *ret_text,
			enum fault *reterr_fault);

/*
 * The next name=value of a query, decoded ("+" is a space). Start with *iter =
 * 0; 1, 0 at the end, or -ENOMEM. Any bytes may come out, NUL too; a broken
 * escape stays as it is. No "=" gives an empty value.
 */
MUST_USE int uri_query_next(struct arena *arena, weir_str query, size_t *iter, weir_str *ret_name,
			    weir_str *ret_value);

#endif
