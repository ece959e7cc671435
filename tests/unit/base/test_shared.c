/* test_shared.c - what children see of each other's writing. */
#include "base/shared.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

Test(shared, is_zeros_at_first)
{
	const size_t size = 100 * 1024;
	unsigned char *memory = shared_new(size), all = 0;

	cr_assert_not_null(memory);
	for (size_t i = 0; i < size; i++)
		all |= memory[i];
	cr_assert_eq(all, 0);
	cr_assert_null(shared_free(memory, size));
}

Test(shared, is_one_memory_for_parent_and_child)
{
	int *memory = shared_new(sizeof(*memory)), status;
	pid_t pid;

	cr_assert_not_null(memory);
	*memory = 1;
	pid = fork();
	if (pid == 0) {
		*memory += 41;
		/* Its own mapping goes, its parent's stays. */
		_exit(shared_free(memory, sizeof(*memory)) ? 1 : 0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
	cr_assert_eq(*memory, 42);
	(void)shared_free(memory, sizeof(*memory));
}

Test(shared, is_not_there_where_memory_is_not)
{
	cr_assert_null(shared_new(SIZE_MAX / 2));
	cr_assert_null(shared_free(NULL, 4096));
}
