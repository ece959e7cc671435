/* test_sealed.c - what may be mapped, and what could kill its reader. */
#include "io/sealed.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "io/slice.h"

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

/* A thread of a worker's that does it goes on as it was. */
Test(sealed, leaves_a_short_slice_as_it_was)
{
	static char many[2 * 1024 * 1024];
	weir_str bytes = { 0 };
	uint32_t before_us;
	int fd = -1;

	(void)slice_set_us(SLICE_SHORT_US);
	before_us = slice_get_us();
	cr_assert_eq(sealed_new((weir_str){ many, sizeof(many) }, &fd), 0);
	cr_assert_eq(slice_get_us(), before_us);
	cr_assert_eq(sealed_map(fd, sizeof(many), &bytes), 0);
	sealed_unmap(bytes);
	cr_assert_eq(slice_get_us(), before_us);
	sealed_close(fd);
	cr_assert_eq(slice_get_us(), before_us);
	cr_assert_lt(fcntl(fd, F_GETFD), 0);
}

/* On this CPU, as long as it is let live. */
static pid_t compute(void)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	for (;;)
		;
}

static uint64_t cpu_time_ms(pid_t pid)
{
	struct timespec spent = { 0 };
	clockid_t clock;

	cr_assert_eq(clock_getcpuclockid(pid, &clock), 0);
	cr_assert_eq(clock_gettime(clock, &spent), 0);
	return (uint64_t)spent.tv_sec * 1000 + (uint64_t)spent.tv_nsec / 1000000;
}

/*
 * A job process has the longest slice, and another one computes on its CPU. To yield costs the
 * whole slice: were 4 MiB copied in parts with a yield after each, the other would get some 60
 * slices of 100 ms before they are there. What it did get is on its own clock, which runs
 * only while it does.
 */
Test(sealed, of_a_long_slice_is_not_given_away_part_by_part)
{
	static char many[4 * 1024 * 1024];
	weir_str bytes = { 0 };
	cpu_set_t one;
	int fd = -1;
	pid_t pid;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	cr_assert_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	if (slice_set_us(SLICE_LONG_US) < 0)
		cr_skip("this kernel has one slice for all");
	pid = compute();
	cr_assert_eq(sealed_new((weir_str){ many, sizeof(many) }, &fd), 0);
	cr_assert_eq(sealed_map(fd, sizeof(many), &bytes), 0);
	sealed_populate(bytes);
	sealed_unmap(bytes);
	cr_expect_lt(cpu_time_ms(pid), 2000u);
	(void)close(fd);
	cr_assert_eq(kill(pid, SIGKILL), 0);
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
}
