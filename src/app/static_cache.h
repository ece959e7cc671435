#ifndef WEIR_APP_STATIC_CACHE_H
#define WEIR_APP_STATIC_CACHE_H
/*
 * static_cache.h - files that were asked for lately, by name. Each is believed
 * for a while without a look at the disk; then it is opened anew.
 */
#include <stdint.h>

#include "app/static_file.h"
#include "base/list.h"
#include "base/macro.h"

#define STATIC_CACHE_BUCKETS 256 /* a power of two */

struct static_cache {
	struct static_file *buckets[STATIC_CACHE_BUCKETS];
	struct list used; /* the one used last is at the end */
	unsigned n_files, max_files;
	int64_t fresh_ms;
};

/* max_files 0: nothing is kept. */
void static_cache_init(struct static_cache *cache, unsigned max_files, int64_t fresh_ms);
void static_cache_done(struct static_cache *cache);

/* Borrowed until the caller suspends; NULL when it is not there, or not fresh any more. */
struct static_file *static_cache_find(struct static_cache *cache, weir_str name, int64_t now_ms);
/* Instead of the one of its name, if there is one. The cache takes a reference of its own. */
void static_cache_put(struct static_cache *cache, struct static_file *file, int64_t now_ms);

#endif
