/* test_master_upgrade.c - as test_master.c: programs that do not take over. One that does is tests/e2e/test_reload.py's. */
#include "daemon/master_upgrade.h"

#include "master_world.h"

static void begin_with(struct world *world, const char *program)
{
	static char name[] = "weir";
	static char *const arguments[] = { name, NULL };

	begin_with_jobs(world, &(struct lives){ .n_workers = 1,
						.graceful_ms = 1000,
						.worker_main = good_worker,
						.hub_main = real_hub,
						.program = program,
						.arguments = arguments });
	expect(world, "ready: ");
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
