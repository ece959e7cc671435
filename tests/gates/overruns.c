/* overruns.c - writes one byte behind a heap block and passes. */
#include <criterion/criterion.h>
#include <stdlib.h>

Test(gate, overruns)
{
	volatile size_t len = 77;
	volatile char *bytes = malloc(len);

	cr_assert_not_null(bytes);
	bytes[len] = 'x';
	free((void *)bytes);
}
