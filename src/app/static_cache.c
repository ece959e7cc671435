/*
 * static_cache.c - see static_cache.h. Who is full forgets what was not used for longest. What
 * is no longer believed goes as soon as something else comes.
 */
#include "app/static_cache.h"

#include <assert.h>

#include "base/str.h"

void static_cache_init(struct static_cache *cache, unsigned max_files, int64_t fresh_ms)
{
	*cache = (struct static_cache){ .max_files = max_files, .fresh_ms = fresh_ms };
	list_init(&cache->used);
}

static void drop(struct static_cache *cache, struct static_file *file)
{
	struct static_file **at = &cache->buckets[file->hash % STATIC_CACHE_BUCKETS];

	while (*at != file)
		at = &(*at)->next;
	*at = file->next;
	list_del(&file->used);
	file->is_cached = false;
	cache->n_files--;
	(void)static_file_unref(file);
}

static struct static_file *oldest(const struct static_cache *cache)
{
	return list_entry(cache->used.next, struct static_file, used);
}

void static_cache_done(struct static_cache *cache)
{
	while (cache->n_files > 0)
		drop(cache, oldest(cache));
}

static struct static_file *find(const struct static_cache *cache, weir_str name, uint64_t hash)
{
	struct static_file *file = cache->buckets[hash % STATIC_CACHE_BUCKETS];

	while (file &&
	       !(file->hash == hash && weir_str_eq((weir_str){ file->name, file->name_len }, name)))
		file = file->next;
	return file;
}

struct static_file *static_cache_find(struct static_cache *cache, weir_str name, int64_t now_ms)
{
	struct static_file *file = find(cache, name, str_hash(name));

	if (!file)
		return NULL;
	if (now_ms >= file->fresh_until_ms) {
		drop(cache, file);
		return NULL;
	}
	if (cache->used.prev != &file->used)
		list_move_tail(&cache->used, &file->used);
	return file;
}

void static_cache_put(struct static_cache *cache, struct static_file *file, int64_t now_ms)
{
	weir_str name = { file->name, file->name_len };
	struct static_file *former;

	assert(!file->is_cached);
	file->hash = str_hash(name);
	former = find(cache, name, file->hash);
	if (former)
		drop(cache, former);
	if (cache->max_files == 0)
		return;
	/* Those are of no use, and hold what may be deleted open. */
	while (cache->n_files > 0 && now_ms >= oldest(cache)->fresh_until_ms)
		drop(cache, oldest(cache));
	if (cache->n_files == cache->max_files)
		drop(cache, oldest(cache));
	file->fresh_until_ms = now_ms + cache->fresh_ms;
	file->next = cache->buckets[file->hash % STATIC_CACHE_BUCKETS];
	cache->buckets[file->hash % STATIC_CACHE_BUCKETS] = static_file_ref(file);
	list_add_tail(&cache->used, &file->used);
	file->is_cached = true;
	cache->n_files++;
}
