/* passes.c - nothing is wrong here: the gate must let it through. */
#include <criterion/criterion.h>
#include <stdlib.h>

Test(gate, passes)
{
	void *bytes = malloc(16);

	cr_assert_not_null(bytes);
	free(bytes);
}
