/* test_master_resize.c - as test_master.c: more workers, and fewer. */
#include "daemon/master_resize.h"

#include "master_world.h"

Test(master_resize, ttin_adds_a_worker, .timeout = 20)
{
	struct world world;

	begin(&world, 1, 1000, good_worker);
	expect(&world, "ready: ");
	kill(world.master, SIGTTIN);
	expect(&world, "SIGTTIN: 2 workers from now on");
	expect(&world, "worker 1 is ready, pid ");
	kill(world.master, SIGTERM);
	cr_assert_eq(exit_code(&world), EXIT_CODE_OK);
	cr_assert_eq(count(&world, ": drained"), 2);
}

Test(master_resize, ttou_takes_the_last_and_another_accepts_for_it, .timeout = 20)
{
	struct world world;

	begin(&world, 2, 1000, good_worker);
	expect(&world, "ready: ");
	kill(world.master, SIGTTOU);
	expect(&world, "SIGTTOU: 1 workers from now on");
	expect(&world, "worker 0: adopts slot 1 with 1 sockets");
	kill(world.master, SIGTERM);
	cr_assert_eq(exit_code(&world), EXIT_CODE_OK);
	cr_assert_eq(count(&world, "starting another"), 0);
}

Test(master_resize, who_comes_back_gets_its_sockets_back, .timeout = 20)
{
	struct world world;

	begin(&world, 2, 1000, good_worker);
	expect(&world, "ready: ");
	kill(world.master, SIGTTOU);
	expect(&world, "worker 0: adopts slot 1");
	kill(world.master, SIGTTIN);
	expect(&world, "worker 0: returns slot 1");
	kill(world.master, SIGTERM);
	cr_assert_eq(exit_code(&world), EXIT_CODE_OK);
}

Test(master_resize, one_worker_stays, .timeout = 20)
{
	struct world world;

	begin(&world, 1, 1000, good_worker);
	expect(&world, "ready: ");
	kill(world.master, SIGTTOU);
	expect(&world, "SIGTTOU: one worker stays");
	kill(world.master, SIGTERM);
	cr_assert_eq(exit_code(&world), EXIT_CODE_OK);
}
