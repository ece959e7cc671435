#include "daemon/worker_lags.h"

#include <criterion/criterion.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/loop.h"

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

Test(worker_lags, tells_others_for_how_long_a_turn_has_lasted)
{
	struct worker_lags lags;
	struct worker_lag *lag;
	struct loop *loop;

	cr_assert_eq(worker_lags_init(&lags, 1), 0);
	lag = worker_lags_at(&lags, 0);
	cr_assert_eq(worker_lag_turn_us(lag, 1000), 0);
	cr_assert_eq(loop_new(&loop), 0);
	worker_lag_follow(lag, loop);
	cr_assert_eq(worker_lag_turn_us(lag, lag->beat.began_us + 1000), 1000);
	cr_assert_eq(worker_lag_turn_us(lag, lag->beat.began_us - 1), 0);
	beat_end(&lag->beat, lag->beat.began_us + 500);
	cr_assert_eq(worker_lag_turn_us(lag, lag->beat.began_us + 1000), 0);
	(void)loop_free(loop);
	worker_lags_done(&lags);
}
