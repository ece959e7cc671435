/* test_last_resort.c - real signals to this process; the alarm is read back, and waited for once. */
#include "daemon/last_resort.h"

#include <criterion/criterion.h>
#include <ev.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/loop.h"

struct world {
	struct loop *loop;
	ev_signal terminate;
	int n_heard;
};

static void on_terminate(struct ev_loop *ev, ev_signal *watcher, int events)
{
	((struct world *)watcher->data)->n_heard++;
}

static void world_init(struct world *world)
{
	*world = (struct world){ .n_heard = 0 };
	cr_assert_eq(loop_new(&world->loop), 0);
	ev_signal_init(&world->terminate, on_terminate, SIGTERM);
	world->terminate.data = world;
	ev_signal_start(loop_ev(world->loop), &world->terminate);
	last_resort_watch();
}

static void world_done(struct world *world)
{
	last_resort_clear();
	ev_signal_stop(loop_ev(world->loop), &world->terminate);
	last_resort_unwatch();
	world->loop = loop_free(world->loop);
}

/* Seconds left; turns it off. */
static unsigned left(void)
{
	return alarm(0);
}

Test(last_resort, sigterm_sets_the_alarm_before_the_loop_turns)
{
	struct world world;
	unsigned seconds;

	world_init(&world);
	cr_assert_eq(raise(SIGTERM), 0);
	seconds = left();
	cr_assert_leq(seconds, (unsigned)LAST_RESORT_STUCK_S);
	cr_assert_gt(seconds, (unsigned)LAST_RESORT_STUCK_S - 10);
	cr_assert_eq(world.n_heard, 0);
	world_done(&world);
}

Test(last_resort, sigterm_still_reaches_the_loop)
{
	struct world world;

	world_init(&world);
	cr_assert_eq(raise(SIGTERM), 0);
	for (int i = 0; i < 10 && world.n_heard == 0; i++)
		loop_turn(world.loop, false);
	cr_assert_eq(world.n_heard, 1);
	world_done(&world);
}

Test(last_resort, sigterm_is_ignored_when_it_is_not_watched_any_more)
{
	struct world world;

	world_init(&world);
	world_done(&world);
	cr_assert_eq(raise(SIGTERM), 0);
	cr_assert_eq(left(), 0u);
}

Test(last_resort, is_set_in_whole_seconds_and_never_too_early)
{
	last_resort_set(1);
	cr_assert_eq(left(), 1u);
	last_resort_set(5000);
	cr_assert_eq(left(), 5u);
	last_resort_set(5001);
	cr_assert_eq(left(), 6u);
}

Test(last_resort, can_be_cleared)
{
	last_resort_set(1000);
	last_resort_clear();
	cr_assert_eq(left(), 0u);
}

Test(last_resort, ends_a_process_that_is_stuck)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		last_resort_set(1);
		for (;;)
			pause();
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFSIGNALED(status));
	cr_assert_eq(WTERMSIG(status), SIGALRM);
}
