/* test_static_listing.c - the page of a directory. Answers with it: see test_static.c. */
#include "app/static_listing.h"

#include <errno.h>

#include "app/static_root.h"
#include "on_valgrind.h"
#include "oom.h"
#include "static_files.h"

static char *make(const char *directory, enum static_symlinks symlinks)
{
	struct static_root root;
	struct buf page;

	cr_assert_eq(static_root_open(&root, ".", symlinks, false), 0);
	buf_init(&page, 0);
	cr_assert_eq(static_listing_make(&root, directory, &page), 0);
	cr_assert_eq(buf_append(&page, "", 1), 0);
	static_root_close(&root);
	return buf_steal(&page);
}

Test(static_listing, has_what_would_be_served)
{
	char *page;

	static_files_make();
	page = make("", STATIC_SYMLINKS_NO);
	cr_expect(strstr(page, "<a href=\"./a.txt\">a.txt</a></td><td>6</td>"));
	cr_expect(strstr(page, "<a href=\"./sub/\">sub/</a>"));
	cr_expect_not(strstr(page, "hidden") || strstr(page, "fifo") || strstr(page, "./in"));
	cr_expect_not(strstr(page, "../"));
	cr_expect_lt(strstr(page, "sub/"), strstr(page, "a.txt"));
	free(page);
	page = make("sub/", STATIC_SYMLINKS_NO);
	cr_expect(strstr(page, "<title>/sub/</title>"));
	cr_expect(strstr(page, "<a href=\"../\">"));
	free(page);
	static_files_remove();
}

Test(static_listing, names_are_text_and_nothing_else)
{
	char *page;

	static_files_make();
	static_files_write("<script>'\"&", "x");
	static_files_write("javascript:x", "x");
	page = make("", STATIC_SYMLINKS_BENEATH);
	cr_expect(strstr(page, "<a href=\"./%3Cscript%3E%27%22%26\">"
			       "&lt;script&gt;&#39;&quot;&amp;</a>"));
	cr_expect(strstr(page, "<a href=\"./javascript%3Ax\">"));
	free(page);
	static_files_remove();
}

/* Not even how large what lies outside is. */
Test(static_listing, has_links_as_far_as_they_are_followed)
{
	static const bool has_in[] = { false, true, true }, has_out[] = { false, false, true };

	if (RUNNING_ON_VALGRIND)
		cr_skip_test("there is no openat2(2)");
	static_files_make();
	cr_assert_eq(symlink("../../secret", "sub/out"), 0);
	cr_assert_eq(symlink("../a.txt", "sub/up"), 0);
	cr_assert_eq(symlink("..", "sub/above"), 0);
	for (int policy = STATIC_SYMLINKS_NO; policy <= STATIC_SYMLINKS_YES; policy++) {
		char *page = make("", (enum static_symlinks)policy);
		char *sub = make("sub/", (enum static_symlinks)policy);

		cr_expect_eq(!!strstr(page, "./in\">in</a></td><td>6<"), has_in[policy]);
		cr_expect_eq(!!strstr(page, "./out"), has_out[policy]);
		cr_expect_eq(!!strstr(sub, "./up\">up</a></td><td>6<"), has_in[policy]);
		cr_expect_eq(!!strstr(sub, "./above/"), has_in[policy]);
		cr_expect_eq(!!strstr(sub, "./out"), has_out[policy]);
		free(page);
		free(sub);
	}
	static_files_remove();
}

Test(static_listing, of_what_is_no_directory_there_is_none)
{
	struct static_root root;
	struct buf page;

	static_files_make();
	cr_assert_eq(static_root_open(&root, ".", STATIC_SYMLINKS_BENEATH, false), 0);
	buf_init(&page, 0);
	cr_expect_eq(static_listing_make(&root, "a.txt/", &page), -ENOENT);
	cr_expect_eq(static_listing_make(&root, "nothing/", &page), -ENOENT);
	buf_done(&page);
	static_root_close(&root);
	static_files_remove();
}

Test(static_listing, survives_when_any_allocation_fails)
{
	struct static_root root;
	struct buf page;
	char name[16];
	int r = -ENOMEM;

	static_files_make();
	for (int i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		static_files_write(name, "x");
	}
	cr_assert_eq(static_root_open(&root, ".", STATIC_SYMLINKS_BENEATH, false), 0);
	for (unsigned n = 1; r == -ENOMEM; n++) {
		buf_init(&page, 0);
		oom_fail_at(n);
		r = static_listing_make(&root, "", &page);
		cr_assert_eq(r, oom_has_failed() ? -ENOMEM : 0, "allocation %u", n);
		buf_done(&page);
	}
	static_root_close(&root);
	static_files_remove();
}
