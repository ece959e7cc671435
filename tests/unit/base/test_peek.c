#include "base/peek.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096

/* So many pages with something on them, and one behind them that is not there. */
static char *pages(unsigned n)
{
	char *p = mmap(NULL, (n + 1) * (size_t)PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(p, MAP_FAILED);
	for (size_t i = 0; i < n * (size_t)PAGE; i++)
		p[i] = (char)(i / PAGE + i % 251);
	cr_assert_eq(munmap(p + n * (size_t)PAGE, PAGE), 0);
	return p;
}

Test(peek, reads_what_is_there)
{
	static char got[20 * PAGE];
	const char *p = pages(20);

	cr_assert(peek_all(p + 5, got, sizeof(got) - 5));
	cr_assert_eq(memcmp(got, p + 5, sizeof(got) - 5), 0);
}

Test(peek, stops_where_memory_ends)
{
	static char got[4 * PAGE];
	const char *p = pages(3);

	cr_assert_eq(peek_bytes(p + 100, got, sizeof(got)), 3 * PAGE - 100);
	cr_assert_eq(memcmp(got, p + 100, 3 * PAGE - 100), 0);
	cr_assert_not(peek_all(p + 100, got, sizeof(got)));
}

Test(peek, reads_nothing_where_nothing_is)
{
	char got[8] = "before";

	errno = 77;
	cr_assert_eq(peek_bytes(NULL, got, sizeof(got)), 0);
	cr_assert_eq(peek_bytes((const void *)UINTPTR_MAX, got, sizeof(got)), 0);
	cr_assert_eq(errno, 77);
	cr_assert_str_eq(got, "before");
}

Test(peek, takes_a_string_up_to_the_end_of_memory)
{
	char got[32], *p = pages(1);

	memcpy(p + PAGE - 4, "abc", 4);
	peek_text(p + PAGE - 4, got, sizeof(got));
	cr_assert_str_eq(got, "abc");
	p[PAGE - 1] = 'd';
	peek_text(p + PAGE - 4, got, sizeof(got));
	cr_assert_str_eq(got, "abcd");
}

Test(peek, cuts_a_string_that_is_too_long)
{
	char got[4];

	peek_text("shop.user", got, sizeof(got));
	cr_assert_str_eq(got, "sho");
}

Test(peek, takes_a_string_that_is_not_there_for_an_empty_one)
{
	char got[4] = "abc";

	peek_text((const char *)16, got, sizeof(got));
	cr_assert_str_empty(got);
	peek_text(NULL, got, sizeof(got));
	cr_assert_str_empty(got);
}
