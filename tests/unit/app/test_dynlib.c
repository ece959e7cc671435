/* test_dynlib.c - finding and opening shared objects, and what is said when it fails. */
#include "app/dynlib.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODULE(name) TEST_MODULES "/" name

/* Fails unless the words are exactly those expected. */
static void expect_words(struct buf *words, const char *expected)
{
	char *text = buf_steal(words);

	cr_assert_str_eq(text, expected);
	free(text);
}

static int open_it(const char *file, struct buf *ret_words)
{
	void *handle = NULL;
	int r;

	buf_init(ret_words, 4096);
	r = dynlib_open(file, ret_words, &handle);
	cr_assert_eq(r == 0, handle != NULL);
	return r;
}

/* A file of its own for one test, gone afterwards. */
static void with_file(const void *bytes, size_t len, int expected, const char *expected_tail)
{
	char file[] = "/tmp/weir-test-dynlib-XXXXXX";
	int fd = mkstemp(file);
	struct buf words;
	char *text;

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, bytes, len), (ssize_t)len);
	close(fd);
	cr_assert_eq(open_it(file, &words), expected);
	(void)unlink(file);
	text = buf_steal(&words);
	cr_assert_eq(strncmp(text, file, strlen(file)), 0);
	cr_assert_str_eq(text + strlen(file), expected_tail);
	free(text);
}

/* The first bytes of a real one, to be spoilt. */
static void read_good(unsigned char *bytes, size_t len)
{
	int fd = open(MODULE("good.so"), O_RDONLY);

	cr_assert_geq(fd, 0);
	cr_assert_eq(read(fd, bytes, len), (ssize_t)len);
	close(fd);
}

Test(dynlib_find, takes_an_absolute_path_as_it_is)
{
	const char *const dirs[] = { "/nowhere" };
	char *file = NULL;
	struct buf words;

	buf_init(&words, 0);
	cr_assert_eq(dynlib_find(MODULE("good.so"), dirs, 1, &words, &file), 0);
	cr_assert_str_eq(file, MODULE("good.so"));
	cr_assert_eq(words.len, 0);
	free(file);
}

Test(dynlib_find, takes_the_first_directory_that_has_it)
{
	const char *const dirs[] = { "/nowhere", TEST_MODULES, "/tmp" };
	char *file = NULL;
	struct buf words;

	buf_init(&words, 0);
	cr_assert_eq(dynlib_find("good.so", dirs, 3, &words, &file), 0);
	cr_assert_str_eq(file, MODULE("good.so"));
	free(file);
}

Test(dynlib_find, looks_in_the_working_directory_when_there_are_no_others)
{
	char *file = NULL;
	struct buf words;

	buf_init(&words, 0);
	cr_assert_eq(chdir(TEST_MODULES), 0);
	cr_assert_eq(dynlib_find("good.so", NULL, 0, &words, &file), 0);
	cr_assert_str_eq(file, "./good.so", "with a slash, else dlopen() looks elsewhere");
	free(file);
}

Test(dynlib_find, lists_the_directories_it_searched)
{
	const char *const dirs[] = { "/nowhere", "/tmp" };
	char *file = NULL;
	struct buf words;

	buf_init(&words, 0);
	cr_assert_eq(dynlib_find("weir-none.so", dirs, 2, &words, &file), -ENOENT);
	cr_assert_null(file);
	expect_words(&words, "weir-none.so: no such file in module_path (/nowhere, /tmp)");
}

Test(dynlib_find, names_only_the_file_when_it_was_given_in_full)
{
	const char *const dirs[] = { "/tmp" };
	char *file = NULL;
	struct buf words;

	buf_init(&words, 0);
	cr_assert_eq(dynlib_find("/nowhere/none.so", dirs, 1, &words, &file), -ENOENT);
	expect_words(&words, "/nowhere/none.so: no such file");
}

Test(dynlib_open, opens_a_shared_object)
{
	void *handle = NULL;
	struct buf words;

	buf_init(&words, 0);
	cr_assert_eq(dynlib_open(MODULE("good.so"), &words, &handle), 0);
	cr_assert_not_null(dynlib_symbol(handle, "weir_module_1"));
	cr_assert_null(dynlib_symbol(handle, "no_such_symbol"));
	cr_assert_eq(words.len, 0);
}

Test(dynlib_open, says_when_a_file_is_text)
{
	with_file("#!/bin/sh\n", 10, -ENOEXEC,
		  ": not a shared object; build it with cc -shared -fPIC");
}

Test(dynlib_open, says_when_a_file_is_empty)
{
	with_file("", 0, -ENOEXEC, ": not a shared object; build it with cc -shared -fPIC");
}

Test(dynlib_open, says_when_a_file_ends_inside_its_header)
{
	unsigned char bytes[63];

	read_good(bytes, sizeof(bytes));
	with_file(bytes, sizeof(bytes), -ENOEXEC,
		  ": not a shared object; build it with cc -shared -fPIC");
}

Test(dynlib_open, says_when_it_is_for_another_processor)
{
	unsigned char bytes[64];

	read_good(bytes, sizeof(bytes));
	bytes[18] = 0x16; /* e_machine: S/390 */
	bytes[19] = 0;
	with_file(bytes, sizeof(bytes), -ENOEXEC,
		  ": built for another kind of processor than this machine's");
}

Test(dynlib_open, says_when_it_is_an_object_file)
{
	unsigned char bytes[64];

	read_good(bytes, sizeof(bytes));
	bytes[16] = 1; /* e_type: ET_REL */
	with_file(bytes, sizeof(bytes), -ENOEXEC,
		  ": an object file, not a shared object; link it with cc -shared");
}

Test(dynlib_open, says_when_it_is_cut_off_after_the_header)
{
	unsigned char bytes[200];
	char file[] = "/tmp/weir-test-dynlib-XXXXXX";
	int fd = mkstemp(file);
	struct buf words;

	read_good(bytes, sizeof(bytes));
	cr_assert_eq(write(fd, bytes, sizeof(bytes)), (ssize_t)sizeof(bytes));
	close(fd);
	cr_assert_eq(open_it(file, &words), -ELIBACC);
	(void)unlink(file);
	cr_assert_gt(words.len, 0);
	buf_done(&words);
}

Test(dynlib_open, says_when_it_is_a_program)
{
	struct buf words;
	char *text;
	int r;

	r = open_it("/proc/self/exe", &words);
	cr_assert(r == -ELIBACC || r == -ENOEXEC, "position-independent or not");
	text = buf_steal(&words);
	cr_assert_not_null(strstr(text, "executable"), "%s", text);
	free(text);
}

Test(dynlib_open, says_when_it_is_a_directory)
{
	struct buf words;

	cr_assert_eq(open_it("/tmp", &words), -ENOEXEC);
	expect_words(&words, "/tmp: not a file but a directory");
}

Test(dynlib_open, does_not_wait_for_a_pipe)
{
	char dir[] = "/tmp/weir-test-dynlib-XXXXXX", fifo[64];
	struct buf words;

	cr_assert_not_null(mkdtemp(dir));
	(void)snprintf(fifo, sizeof(fifo), "%s/m.so", dir);
	cr_assert_eq(mkfifo(fifo, 0600), 0);
	cr_assert_eq(open_it(fifo, &words), -ENOEXEC);
	(void)unlink(fifo);
	(void)rmdir(dir);
	buf_done(&words);
}

Test(dynlib_open, names_the_symbol_that_no_library_has)
{
	struct buf words;

	cr_assert_eq(open_it(MODULE("undefined.so"), &words), -ELIBACC);
	expect_words(&words, MODULE("undefined.so") ": undefined symbol shop_connect; link the "
						    "library that has it, and find such things "
						    "when linking: -lweir -Wl,--no-undefined");
}

Test(dynlib_open, knows_a_call_that_only_a_newer_server_has)
{
	struct buf words;

	cr_assert_eq(open_it(MODULE("undefined_weir.so"), &words), -ELIBACC);
	expect_words(&words, MODULE("undefined_weir.so") ": needs weir_call_of_tomorrow, which "
							 "this weir does not have: the module was "
							 "built for a newer one");
}

Test(dynlib_open, names_the_library_that_is_not_there)
{
	struct buf words;

	cr_assert_eq(open_it(MODULE("needs_lost.so"), &words), -ELIBACC);
	expect_words(&words, MODULE("needs_lost.so") ": needs the library libweir-lost.so.9, which "
						     "cannot be found");
}
