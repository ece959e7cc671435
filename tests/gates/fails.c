/* fails.c - an ordinary failed assertion beside a test that passes. */
#include <criterion/criterion.h>

Test(gate, passes)
{
	cr_assert(1);
}

Test(gate, fails)
{
	cr_assert_eq(1, 2);
}
