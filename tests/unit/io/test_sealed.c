/* test_sealed.c - what may be mapped, and what could kill its reader. */
#include "io/sealed.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

Test(sealed, gives_another_process_the_same_bytes)
{
	weir_str bytes = { 0 };
	int fd = -1;

	cr_assert_eq(sealed_new(WEIR_STR("hello"), &fd), 0);
	cr_assert_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	cr_assert_eq(sealed_map(fd, 5, &bytes), 0);
	(void)close(fd);
	cr_assert_eq(bytes.len, 5u);
	cr_assert_eq(memcmp(bytes.ptr, "hello", 5), 0);
	sealed_unmap(bytes);
}

Test(sealed, takes_more_than_one_write)
{
	size_t len = 5 * 1024 * 1024 + 1;
	weir_str bytes = { 0 };
	char *many = malloc(len);
	int fd = -1;

	memset(many, 'x', len);
	many[len - 1] = 'y';
	cr_assert_eq(sealed_new((weir_str){ many, len }, &fd), 0);
	cr_assert_eq(sealed_map(fd, len, &bytes), 0);
	cr_assert_eq(memcmp(bytes.ptr, many, len), 0);
	sealed_unmap(bytes);
	(void)close(fd);
	free(many);
}

Test(sealed, cannot_be_changed)
{
	int fd = -1;

	cr_assert_eq(sealed_new(WEIR_STR("hello"), &fd), 0);
	cr_assert_lt(ftruncate(fd, 1), 0);
	cr_assert_lt(ftruncate(fd, 10), 0);
	cr_assert_lt(pwrite(fd, "x", 1, 0), 0);
	cr_assert_lt(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	(void)close(fd);
}

Test(sealed, is_not_believed_about_its_length)
{
	weir_str bytes = { 0 };
	int fd = -1;

	cr_assert_eq(sealed_new(WEIR_STR("hello"), &fd), 0);
	cr_assert_eq(sealed_map(fd, 6, &bytes), -EPROTO);
	cr_assert_eq(sealed_map(fd, 4, &bytes), -EPROTO);
	cr_assert_eq(sealed_map(fd, 0, &bytes), -EPROTO);
	(void)close(fd);
}

/* Each seal but one. */
static void refuses(int seals)
{
	int fd = memfd_create("test", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	weir_str bytes = { 0 };

	cr_assert_eq(write(fd, "hello", 5), 5);
	cr_assert_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	cr_assert_eq(sealed_map(fd, 5, &bytes), -EPROTO);
	(void)close(fd);
}

Test(sealed, refuses_what_could_be_cut_short)
{
	refuses(F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
}

Test(sealed, refuses_what_could_grow)
{
	refuses(F_SEAL_SHRINK | F_SEAL_WRITE | F_SEAL_SEAL);
}

Test(sealed, refuses_what_could_be_written_to)
{
	refuses(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
}

Test(sealed, refuses_what_is_no_memfd)
{
	weir_str bytes = { 0 };
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	cr_assert_eq(sealed_map(fd, 5, &bytes), -EPROTO);
	cr_assert_eq(sealed_map(-1, 5, &bytes), -EPROTO);
	(void)close(fd);
}

Test(sealed, unmaps_nothing)
{
	sealed_unmap((weir_str){ 0 });
}
