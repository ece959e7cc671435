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

/*
 * The same for a target whose first path_len bytes are a path that means what
 * it says: ASCII, no escapes, no dot segments; its query, if it has one, has no
 * broken escape. That path_len says so is h1_read's word, see struct h1_head.
 */
static inline void uri_take_path(weir_str target, size_t path_len, struct uri *ret_uri)
{
	weir_str path = { target.ptr, path_len };

	ret_uri->authority = (weir_str){ NULL, 0 };
	ret_uri->raw_path = path;
	ret_uri->segments = path;
	ret_uri->path = path;
	ret_uri->query = (weir_str){ NULL, 0 };
	if (path_len < target.len)
		ret_uri->query = (weir_str){ path.ptr + path_len + 1, target.len - path_len - 1 };
}

/*
 * What uri_parse() has made of target is asked for with OPTIONS: an absolute form
 * without path and query stands for "*" then (RFC 9112, section 3.2.4).
 */
void uri_take_options(weir_str target, struct uri *uri);

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
