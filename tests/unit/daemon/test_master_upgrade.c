/* test_master_upgrade.c - as test_master.c: programs that do not take over. One that does is tests/e2e/test_reload.py's. */
#include "daemon/master_upgrade.h"

#include "master_world.h"

static void begin_as(struct world *world, const char *program, char *const *arguments,
		     int64_t notice_ms)
{
	begin_with_jobs(world, &(struct lives){ .n_workers = 1,
						.graceful_ms = 1000,
						.worker_main = good_worker,
						.hub_main = real_hub,
						.notice_ms = notice_ms,
						.program = program,
						.arguments = arguments });
	expect(world, "ready: ");
}

static void begin_with(struct world *world, const char *program)
{
	static char name[] = "weir";
	static char *const arguments[] = { name, NULL };

	begin_as(world, program, arguments, 0);
}

/* Runs that in the child that asks, which says yes; it says so, too, should it ever take over. */
static void begin_with_script(struct world *world, const char *asked, int64_t notice_ms)
{
	static char shell[] = "sh", option[] = "-c", script[512];
	static char *const arguments[] = { shell, option, script, NULL };

	(void)snprintf(script, sizeof(script), "[ \"$0\" = -t ] || exit 9; %s; exit 0", asked);
	begin_as(world, "/bin/sh", arguments, notice_ms);
}

static void end(struct world *world)
{
	kill(world->master, SIGTERM);
	cr_assert_eq(exit_code(world), EXIT_CODE_OK);
	cr_assert_eq(count(world, "begins"), 1);
}

Test(master_upgrade, one_that_says_no_is_not_executed, .timeout = 60)
{
	struct world world;

	begin_with(&world, "/bin/false");
	tell(&world, SIGUSR2, "asking /bin/false whether it could take over");
	expect(&world, "the new program is not used: nothing has changed");
	end(&world);
}

Test(master_upgrade, one_that_is_not_there_is_not_either, .timeout = 60)
{
	struct world world;

	begin_with(&world, "/nowhere/weir");
	tell(&world, SIGUSR2, "cannot execute /nowhere/weir: No such file or directory");
	expect(&world, "nothing has changed");
	tell(&world, SIGUSR2, "nothing has changed");
	end(&world);
}

Test(master_upgrade, without_a_program_there_is_none, .timeout = 60)
{
	struct world world;

	begin_with(&world, NULL);
	tell(&world, SIGUSR2, "SIGUSR2 is ignored");
	end(&world);
}

/* Both come at once: the master stands still until the child has ended. */
static const char stop_with_the_answer[] =
	"kill -STOP $PPID; kill -%s $PPID; "
	"(until grep -q '^State:.Z' /proc/$$/status; do :; done; kill -CONT $PPID) & true";

static void expect_stop(const char *signal, const char *words)
{
	struct world world;
	char asked[256];

	(void)snprintf(asked, sizeof(asked), stop_with_the_answer, signal);
	begin_with_script(&world, asked, 0);
	tell(&world, SIGUSR2, "asking /bin/sh");
	expect(&world, words);
	cr_expect_eq(exit_code(&world), EXIT_CODE_OK);
}

Test(master_upgrade, who_is_told_to_stop_meanwhile_does, .timeout = 60)
{
	expect_stop("TERM", "stopping: ");
	expect_stop("QUIT", "stopping: ");
}

Test(master_upgrade, and_does_when_notice_is_over, .timeout = 60)
{
	struct world world;

	begin_with_script(&world, "kill -TERM $PPID", 500);
	tell(&world, SIGUSR2, "stopping in 500 ms");
	expect(&world, "the new program is not used: this one is about to stop");
	expect(&world, "stopping: ");
	cr_expect_eq(exit_code(&world), EXIT_CODE_OK);
}

Test(master_upgrade, who_is_about_to_stop_asks_nobody, .timeout = 60)
{
	struct world world;

	begin_with_script(&world, ":", 500);
	tell(&world, SIGTERM, "stopping in 500 ms");
	tell(&world, SIGUSR2, "SIGUSR2 is ignored");
	cr_expect_eq(exit_code(&world), EXIT_CODE_OK);
}
