/* test_static_file.c - what is said of a file, and in which forms it is there. */
#include "app/static_file.h"

#include <errno.h>
#include <fcntl.h>

#include "app/mime.h"
#include "app/static_root.h"
#include "oom.h"
#include "static_files.h"

struct world {
	struct static_root root;
	struct mime *mime;
	struct static_file_spec spec;
};

static void init(struct world *w)
{
	*w = (struct world){ .mime = NULL };
	static_files_make();
	cr_assert_eq(static_root_open(&w->root, ".", STATIC_SYMLINKS_BENEATH, false), 0);
	cr_assert_eq(mime_load("/nowhere", &w->mime), 0);
	w->spec = (struct static_file_spec){ .root = &w->root, .mime = w->mime };
}

static void done(struct world *w)
{
	(void)mime_free(w->mime);
	static_root_close(&w->root);
	static_files_remove();
}

static struct static_file *open_file(struct world *w, const char *name)
{
	struct static_file *file = NULL;

	cr_assert_eq(static_file_open(&w->spec, weir_strz(name), true, &file), 0);
	return file;
}

static weir_str field(const struct static_body *body, const char *name)
{
	for (unsigned i = 0; i < body->n_fields; i++) {
		if (weir_str_eq(body->fields[i].name, weir_strz(name)))
			return body->fields[i].value;
	}
	return (weir_str){ NULL, 0 };
}

Test(static_file, a_small_one_is_in_memory)
{
	struct static_file *file;
	struct static_body *body;
	struct world w;

	init(&w);
	w.spec.charset = "utf-8";
	w.spec.cache_control = "no-cache";
	file = open_file(&w, "a.txt");
	body = &file->bodies[CODING_IDENTITY];
	cr_expect_eq(body->fd, -1);
	cr_expect_eq(body->size, 6);
	cr_expect_eq(memcmp(body->bytes, "hello\n", 6), 0);
	cr_expect(weir_str_eq(field(body, "content-type"), WEIR_STR("text/plain; charset=utf-8")));
	cr_expect(weir_str_eq(field(body, "cache-control"), WEIR_STR("no-cache")));
	cr_expect(weir_str_eq(field(body, "etag"), body->etag));
	cr_expect_eq(field(body, "last-modified").len, CLOCK_HTTP_DATE);
	cr_expect_null(field(body, "vary").ptr);
	(void)static_file_unref(file);
	done(&w);
}

Test(static_file, a_large_one_stays_where_it_is)
{
	struct static_file *file;
	struct static_body *body;
	struct world w;

	init(&w);
	static_files_write_large("large", STATIC_FILE_SMALL + 1);
	file = open_file(&w, "large");
	body = &file->bodies[CODING_IDENTITY];
	cr_expect_geq(body->fd, 0);
	cr_expect_null(body->bytes);
	cr_expect(static_file_is_warm(body, 0, body->size));
	cr_expect_eq(static_file_warm(body, 0, body->size), 0);
	(void)static_file_unref(file);
	done(&w);
}

Test(static_file, other_forms_are_found_unless_they_are_older)
{
	const struct timespec old[2] = { { 1, 0 }, { 1, 0 } };
	struct static_file *file;
	struct world w;

	init(&w);
	static_files_write("a.txt.gz", "gz");
	static_files_write("a.txt.br", "br");
	static_files_write("a.txt.zst", "zst");
	cr_assert_eq(utimensat(AT_FDCWD, "a.txt.br", old, 0), 0);
	file = open_file(&w, "a.txt");
	cr_expect_eq(file->codings, 1u << CODING_IDENTITY);
	(void)static_file_unref(file);

	w.spec.is_precompressed = true;
	file = open_file(&w, "a.txt");
	cr_expect_eq(file->codings, 1u << CODING_IDENTITY | 1u << CODING_GZIP | 1u << CODING_ZSTD);
	cr_expect(weir_str_eq(field(&file->bodies[CODING_GZIP], "content-encoding"),
			      WEIR_STR("gzip")));
	cr_expect(weir_str_eq(field(&file->bodies[CODING_IDENTITY], "vary"),
			      WEIR_STR("accept-encoding")));
	cr_expect_not(
		weir_str_eq(file->bodies[CODING_GZIP].etag, file->bodies[CODING_IDENTITY].etag));
	(void)static_file_unref(file);
	done(&w);
}

/* Of the same size, and made to be of the same time. */
Test(static_file, another_file_has_another_tag)
{
	const struct timespec same[2] = { { 1, 0 }, { 1, 0 } };
	struct static_file *first, *second;
	struct world w;

	init(&w);
	cr_assert_eq(utimensat(AT_FDCWD, "a.txt", same, 0), 0);
	first = open_file(&w, "a.txt");
	static_files_write("new", "HELLO\n");
	cr_assert_eq(utimensat(AT_FDCWD, "new", same, 0), 0);
	cr_assert_eq(rename("new", "a.txt"), 0);
	second = open_file(&w, "a.txt");
	cr_expect_not(weir_str_eq(first->bodies[CODING_IDENTITY].etag,
				  second->bodies[CODING_IDENTITY].etag));
	(void)static_file_unref(first);
	(void)static_file_unref(second);
	done(&w);
}

Test(static_file, what_is_no_file_is_an_error)
{
	struct static_file *file = NULL;
	struct world w;

	init(&w);
	cr_expect_eq(static_file_open(&w.spec, WEIR_STR("sub"), true, &file), -EISDIR);
	cr_expect_eq(static_file_open(&w.spec, WEIR_STR("x"), true, &file), -ENOENT);
	cr_expect_null(file);
	done(&w);
}

/* Not even a form that could do without. */
Test(static_file, survives_when_any_allocation_fails)
{
	struct static_file *file = NULL;
	struct world w;
	unsigned n = 0;
	int r;

	init(&w);
	w.spec.is_precompressed = true;
	static_files_write("a.txt.gz", "x");
	do {
		oom_fail_at(++n);
		r = static_file_open(&w.spec, WEIR_STR("a.txt"), true, &file);
		cr_assert_eq(r, oom_has_failed() ? -ENOMEM : 0, "allocation %u", n);
	} while (r < 0);
	cr_expect_gt(n, 3);
	cr_expect(file->bodies[CODING_GZIP].is_there);
	(void)static_file_unref(file);
	done(&w);
}
