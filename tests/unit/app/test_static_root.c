/* test_static_root.c - which names lead to a file, and which do not. */
#include "app/static_root.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "on_valgrind.h"
#include "static_files.h"

struct row {
	char name[32];
	int no, beneath, yes; /* what each policy says */
};

ParameterizedTestParameters(static_root, opens)
{
	static struct row rows[] = {
		{ "a.txt", 0, 0, 0 },
		{ "sub/b.html", 0, 0, 0 },
		{ "sub", -EISDIR, -EISDIR, -EISDIR },
		{ "", -EISDIR, -EISDIR, -EISDIR },
		{ "nothing", -ENOENT, -ENOENT, -ENOENT },
		{ "a.txt/x", -ENOENT, -ENOENT, -ENOENT },
		{ "fifo", -ENOENT, -ENOENT, -ENOENT },
		{ "in", -ENOENT, 0, 0 },
		{ "out", -ENOENT, -ENOENT, 0 },
		{ "../secret", -ENOENT, -ENOENT, 0 },
		{ "/etc/passwd", -ENOENT, -ENOENT, 0 },
	};

	return cr_make_param_array(struct row, rows, sizeof(rows) / sizeof(*rows));
}

static int try(enum static_symlinks symlinks, const char *name)
{
	struct static_root root;
	struct stat st;
	int fd, r;

	cr_assert_eq(static_root_open(&root, ".", symlinks, false), 0);
	r = static_root_open_file(&root, name, true, &fd, &st);
	if (r == 0)
		(void)close(fd);
	static_root_close(&root);
	return r;
}

ParameterizedTest(struct row *row, static_root, opens)
{
	if (RUNNING_ON_VALGRIND)
		cr_skip_test("there is no openat2(2)");
	static_files_make();
	cr_expect_eq(try(STATIC_SYMLINKS_NO, row->name), row->no, "%s", row->name);
	cr_expect_eq(try(STATIC_SYMLINKS_BENEATH, row->name), row->beneath, "%s", row->name);
	cr_expect_eq(try(STATIC_SYMLINKS_YES, row->name), row->yes, "%s", row->name);
	static_files_remove();
}

struct name {
	char text[32];
	bool is_good, is_good_with_dots;
};

ParameterizedTestParameters(static_root, judges_names)
{
	static struct name rows[] = {
		{ "", true, true },
		{ "a", true, true },
		{ "a/", true, true },
		{ "a/b.c", true, true },
		{ "a..b/c.", true, true },
		{ "/", false, false },
		{ "/a", false, false },
		{ "a//b", false, false },
		{ "a//", false, false },
		{ ".", false, false },
		{ "..", false, false },
		{ "../a", false, false },
		{ "a/..", false, false },
		{ "a/../b", false, false },
		{ "a/./b", false, false },
		{ ".a", false, true },
		{ "...", false, true },
		{ "a/.b", false, true },
		{ ".well-known/a", true, true },
		{ ".well-known/.a", false, true },
		{ "a/.well-known", false, true },
	};

	return cr_make_param_array(struct name, rows, sizeof(rows) / sizeof(*rows));
}

ParameterizedTest(struct name *name, static_root, judges_names)
{
	struct static_root root = { .shows_dot_files = false };

	cr_expect_eq(static_root_has_name(&root, weir_strz(name->text)), name->is_good, "%s",
		     name->text);
	root.shows_dot_files = true;
	cr_expect_eq(static_root_has_name(&root, weir_strz(name->text)), name->is_good_with_dots,
		     "%s", name->text);
}

Test(static_root, needs_a_directory)
{
	struct static_root root;

	static_files_make();
	cr_expect_eq(static_root_open(&root, "nowhere", STATIC_SYMLINKS_NO, false), -ENOENT);
	cr_expect_eq(static_root_open(&root, "a.txt", STATIC_SYMLINKS_NO, false), -ENOTDIR);
	cr_expect_eq(root.fd, -1);
	static_files_remove();
}

Test(static_root, what_may_not_be_read_is_said)
{
	struct static_root root;
	struct stat st;
	int fd;

	static_files_make();
	cr_assert_eq(chmod("a.txt", 0), 0);
	cr_assert_eq(static_root_open(&root, ".", STATIC_SYMLINKS_NO, false), 0);
	if (geteuid() == 0)
		cr_assert_eq(seteuid(65534), 0);
	cr_expect_eq(static_root_open_file(&root, "a.txt", true, &fd, &st), -EACCES);
	if (getuid() == 0)
		cr_assert_eq(seteuid(0), 0);
	static_root_close(&root);
	static_files_remove();
}

/* What was just written is in memory. */
Test(static_root, opens_without_waiting)
{
	struct static_root root;
	struct stat st;
	int fd;

	if (RUNNING_ON_VALGRIND)
		cr_skip_test("there is no openat2(2)");
	static_files_make();
	cr_assert_eq(static_root_open(&root, ".", STATIC_SYMLINKS_BENEATH, false), 0);
	cr_assert_eq(static_root_open_file(&root, "a.txt", false, &fd, &st), 0);
	cr_expect_eq(st.st_size, 6);
	(void)close(fd);
	cr_assert_eq(static_root_open_directory(&root, "sub/", false, &fd), 0);
	(void)close(fd);
	cr_expect_eq(static_root_open_directory(&root, "a.txt", true, &fd), -ENOENT);
	static_root_close(&root);
	static_files_remove();
}

static atomic_bool is_over;

static void *rename_all_the_time(void *arg)
{
	(void)arg;
	while (!atomic_load(&is_over)) {
		(void)rename("a", "b");
		(void)rename("b", "a");
	}
	return NULL;
}

/* The kernel cannot tell whether ".." left the root if anything is renamed meanwhile, wherever. */
Test(static_root, a_link_upward_is_found_while_others_rename)
{
	struct static_root root;
	struct stat st;
	pthread_t thread;
	int fd, r = 0;

	if (RUNNING_ON_VALGRIND)
		cr_skip_test("there is no openat2(2)");
	static_files_make();
	cr_assert_eq(symlink("../a.txt", "sub/up"), 0);
	static_files_write("a", "");
	cr_assert_eq(static_root_open(&root, ".", STATIC_SYMLINKS_BENEATH, false), 0);
	cr_assert_eq(pthread_create(&thread, NULL, rename_all_the_time, NULL), 0);
	for (int i = 0; i < 50000 && r == 0; i++) {
		r = static_root_open_file(&root, "sub/up", true, &fd, &st);
		if (r == 0)
			(void)close(fd);
	}
	atomic_store(&is_over, true);
	(void)pthread_join(thread, NULL);
	cr_expect_eq(r, 0);
	static_root_close(&root);
	static_files_remove();
}
