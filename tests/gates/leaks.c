/* leaks.c - loses memory and passes: Criterion exits 0 although LeakSanitizer complains. */
#include <criterion/criterion.h>
#include <stdlib.h>

Test(gate, leaks)
{
	char *volatile bytes = malloc(77);

	cr_assert_not_null(bytes);
	bytes = NULL;
	cr_assert_null(bytes);
}
