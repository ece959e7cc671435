#ifndef WEIR_TESTS_STATIC_FILES_H
#define WEIR_TESTS_STATIC_FILES_H
/* static_files.h - a directory of files to be served, in which the test stands. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static inline void static_files_write(const char *name, const char *text)
{
	FILE *out = fopen(name, "we");

	cr_assert_not_null(out);
	cr_assert_geq(fputs(text, out), 0);
	cr_assert_eq(fclose(out), 0);
}

/* One of so many bytes, each the number of its position. */
static inline void static_files_write_large(const char *name, size_t len)
{
	FILE *out = fopen(name, "we");

	cr_assert_not_null(out);
	for (size_t i = 0; i < len; i++)
		cr_assert_neq(fputc((int)(i % 251), out), EOF);
	cr_assert_eq(fclose(out), 0);
}

/* /tmp/weir-static-x/root, with a.txt, sub/b.html, .hidden, links, a FIFO; ../secret is beside it. */
static inline void static_files_make(void)
{
	char dir[] = "/tmp/weir-static-XXXXXX";

	cr_assert_not_null(mkdtemp(dir));
	cr_assert_eq(chdir(dir), 0);
	cr_assert_eq(mkdir("root", 0755), 0);
	static_files_write("secret", "secret");
	cr_assert_eq(chdir("root"), 0);
	static_files_write("a.txt", "hello\n");
	static_files_write(".hidden", "x");
	cr_assert_eq(mkdir("sub", 0755), 0);
	static_files_write("sub/b.html", "<p>");
	cr_assert_eq(symlink("a.txt", "in"), 0);
	cr_assert_eq(symlink("../secret", "out"), 0);
	cr_assert_eq(mkfifo("fifo", 0644), 0);
}

static inline void static_files_remove(void)
{
	char *dir = get_current_dir_name();
	char command[256];

	cr_assert_eq(strncmp(dir, "/tmp/weir-static-", 17), 0);
	cr_assert_eq(chdir("/"), 0);
	(void)snprintf(command, sizeof(command), "rm -r %.23s", dir);
	cr_assert_eq(system(command), 0);
	free(dir);
}

#endif
