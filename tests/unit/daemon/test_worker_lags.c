#include "daemon/worker_lags.h"

#include <criterion/criterion.h>
#include <sys/wait.h>
#include <unistd.h>

Test(worker_lags, is_what_another_process_has_written)
{
	struct worker_lags lags;
	pid_t pid;
	int status;

	cr_assert_eq(worker_lags_init(&lags, 3), 0);
	pid = fork();
	if (pid == 0) {
		histogram_add(&worker_lags_at(&lags, 1)->turns, 1000);
		worker_lag_add_stall(worker_lags_at(&lags, 1));
		worker_lag_add_stall(worker_lags_at(&lags, 1));
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(worker_lag_stalls(worker_lags_at(&lags, 1)), 2);
	cr_assert_eq(histogram_read(&worker_lags_at(&lags, 1)->turns).n, 1);
	cr_assert_eq(worker_lag_stalls(worker_lags_at(&lags, 0)), 0);
	cr_assert_eq(histogram_read(&worker_lags_at(&lags, 2)->turns).n, 0);
	worker_lags_done(&lags);
	worker_lags_done(&lags);
}
