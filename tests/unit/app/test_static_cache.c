/* test_static_cache.c - what is kept, for how long, and what is forgotten first. */
#include "app/static_cache.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct static_file *make(const char *name)
{
	struct static_file *file = calloc(1, sizeof(*file) + strlen(name) + 1);

	cr_assert_not_null(file);
	file->n_refs = 1;
	for (int c = 0; c < CODING_COUNT; c++)
		file->bodies[c].fd = -1;
	list_init(&file->used);
	(void)strcpy(file->name, name);
	file->name_len = strlen(name);
	return file;
}

static void put(struct static_cache *cache, const char *name, int64_t now_ms)
{
	struct static_file *file = make(name);

	static_cache_put(cache, file, now_ms);
	(void)static_file_unref(file);
}

static bool has(struct static_cache *cache, const char *name, int64_t now_ms)
{
	return static_cache_find(cache, weir_strz(name), now_ms);
}

Test(static_cache, believes_for_a_while)
{
	struct static_cache cache;

	static_cache_init(&cache, 10, 1000);
	put(&cache, "a", 5);
	cr_expect(has(&cache, "a", 5));
	cr_expect(has(&cache, "a", 1004));
	cr_expect_not(has(&cache, "b", 5));
	cr_expect_not(has(&cache, "a", 1005));
	cr_expect_eq(cache.n_files, 0);
	static_cache_done(&cache);
}

Test(static_cache, forgets_what_was_not_used_for_longest)
{
	struct static_cache cache;

	static_cache_init(&cache, 2, 1000);
	put(&cache, "a", 0);
	put(&cache, "b", 0);
	cr_expect(has(&cache, "a", 0));
	put(&cache, "c", 0);
	cr_expect_eq(cache.n_files, 2);
	cr_expect(has(&cache, "a", 0));
	cr_expect_not(has(&cache, "b", 0));
	cr_expect(has(&cache, "c", 0));
	static_cache_done(&cache);
}

/* Else a file that was deleted would take its room on the disk for as long as it is not asked for. */
Test(static_cache, lets_go_of_what_nobody_asks_for)
{
	struct static_cache cache;

	static_cache_init(&cache, 10, 1000);
	put(&cache, "a", 0);
	put(&cache, "b", 0);
	put(&cache, "c", 500);
	cr_expect_eq(cache.n_files, 3);
	put(&cache, "d", 1000);
	cr_expect_eq(cache.n_files, 2);
	cr_expect(has(&cache, "c", 1000));
	cr_expect(has(&cache, "d", 1000));
	static_cache_done(&cache);
}

Test(static_cache, has_one_of_each_name)
{
	struct static_file *first = make("a"), *second = make("a");
	struct static_cache cache;

	static_cache_init(&cache, 2, 1000);
	static_cache_put(&cache, first, 0);
	static_cache_put(&cache, second, 0);
	cr_expect_eq(static_cache_find(&cache, WEIR_STR("a"), 0), second);
	cr_expect_eq(cache.n_files, 1);
	/* who sends the former keeps it */
	cr_expect_eq(first->n_refs, 1);
	(void)static_file_unref(first);
	(void)static_file_unref(second);
	static_cache_done(&cache);
}

Test(static_cache, of_no_size_keeps_nothing)
{
	struct static_cache cache;

	static_cache_init(&cache, 0, 1000);
	put(&cache, "a", 0);
	cr_expect_not(has(&cache, "a", 0));
	static_cache_done(&cache);
}

Test(static_cache, finds_each_of_many)
{
	struct static_cache cache;
	char name[16];

	static_cache_init(&cache, 1000, 1000);
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		put(&cache, name, 0);
	}
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		cr_expect(has(&cache, name, 0));
	}
	static_cache_done(&cache);
}
