#ifndef WEIR_APP_STATIC_H
#define WEIR_APP_STATIC_H
/*
 * static.h - a handler that serves the files of a directory: `static:` of a
 * route, whose path ends with {name...}. GET and HEAD; all that RFC 9110 says of conditions
 * (section 13) and ranges (section 14); compressed forms that stand beside the files.
 */
#include <weir/http.h>

#include "app/builtin.h"
#include "app/static_root.h"

struct mime;

#define STATIC_MAX_INDEX 8

/* All borrowed, for as long as the settings live. */
struct static_spec {
	const char *root; /* absolute */
	enum static_symlinks symlinks;
	bool shows_dot_files;
	bool is_precompressed;
	bool has_listings;
	const weir_str
		*index; /* names, copied: the first that is there answers for its directory */
	size_t n_index;
	const char *charset, *cache_control; /* NULL: nothing is said */
	unsigned max_open;		     /* files in the cache */
	const struct mime *mime;
};

/* -ENOMEM; other errors are those of the root: -ENOENT, -ENOTDIR, -EACCES. */
MUST_USE int static_new(const struct static_spec *spec, struct builtin_settings **ret_settings);
int static_handler(weir_req *req);

#endif
