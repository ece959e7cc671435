/* test_master_resize.c - as test_master.c: more workers, and fewer. */
#include "daemon/master_resize.h"

#include "master_world.h"

Test(master_resize, ttin_adds_a_worker, .timeout = 60)
{
	struct world world;

	begin_ready(&world, 1, 60000, good_worker);
	tell(&world, SIGTTIN, "SIGTTIN: 2 workers from now on");
	expect(&world, "worker 1 is ready, pid ");
	stop_well(&world);
	cr_assert_eq(count(&world, ": drained"), 2);
}

/* Says whether its socket listens when it may accept. */
static int honest_worker(const struct worker_args *args)
{
	struct pollfd polled = { .fd = args->control_fd, .events = POLLIN };
	struct ipc_message message = { .type = 0 };
	int listens = 0;
	socklen_t len = sizeof(listens);

	say_begin(args);
	if (args->is_held) {
		be_ready(args);
		while (message.type != CONTROL_SERVE) {
			(void)poll(&polled, 1, -1);
			if (control_receive(args->control_fd, &message) == 0)
				_exit(99);
		}
	}
	(void)getsockopt(listeners_fd(args->listeners, args->lane, 0), SOL_SOCKET, SO_ACCEPTCONN,
			 &listens, &len);
	log_write(args->log, LOG_AT_NOTICE, "accepts, %s", listens ? "heard" : "deaf");
	if (!args->is_held)
		be_ready(args);
	obey(args);
	_exit(0);
}

Test(master_resize, the_new_one_accepts_where_somebody_can_connect, .timeout = 60)
{
	struct world world;

	begin(&world, 1, 60000, honest_worker);
	expect(&world, "ready: ");
	tell(&world, SIGTTIN, "SIGTTIN: 2 workers from now on");
	expect(&world, "worker 1: accepts, heard");
	kill(world.master, SIGTTOU);
	expect(&world, "worker 0: adopts slot 1");
	tell(&world, SIGTTIN, "accepts, heard");
	stop_well(&world);
}

Test(master_resize, ttou_takes_the_last_and_another_accepts_for_it, .timeout = 60)
{
	struct world world;

	begin_ready(&world, 2, 60000, good_worker);
	tell(&world, SIGTTOU, "SIGTTOU: 1 workers from now on");
	expect(&world, "worker 0: adopts slot 1 with 1 sockets");
	stop_well(&world);
	cr_assert_eq(count(&world, "starting another"), 0);
}

Test(master_resize, who_comes_back_gets_its_sockets_back, .timeout = 60)
{
	struct world world;

	begin_ready(&world, 2, 60000, good_worker);
	tell(&world, SIGTTOU, "worker 0: adopts slot 1");
	tell(&world, SIGTTIN, "worker 0: returns slot 1");
	stop_well(&world);
}

Test(master_resize, one_worker_stays, .timeout = 60)
{
	struct world world;

	begin_ready(&world, 1, 60000, good_worker);
	tell(&world, SIGTTOU, "SIGTTOU: one worker stays");
	stop_well(&world);
}
