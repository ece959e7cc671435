/* overflows.c - a signed overflow: undefined, unnoticed without UBSan. */
#include <criterion/criterion.h>
#include <limits.h>

Test(gate, overflows)
{
	volatile int largest = INT_MAX;
	volatile int more = largest + 1;

	cr_assert_neq(more, 0);
}
