/* test_worker_link.c - the test plays the master, in the same process. */
#include "daemon/worker_link.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/log.h"
#include "daemon/control.h"
#include "io/loop.h"

struct world {
	struct loop *loop;
	struct log log;
	int master_end;
	struct worker_link link;
	int n_drains;
	unsigned adopted, given_back;
	size_t n_fds;
};

static void on_drain(void *arg)
{
	((struct world *)arg)->n_drains++;
}

static void on_adopt(void *arg, unsigned slot, const int *take_fds, size_t n_fds)
{
	struct world *world = arg;

	world->adopted = slot;
	world->n_fds = n_fds;
	for (size_t i = 0; i < n_fds; i++)
		(void)close(take_fds[i]);
}

static void on_give_back(void *arg, unsigned slot)
{
	((struct world *)arg)->given_back = slot;
}

static const struct worker_link_events events = { on_drain, on_adopt, on_give_back };

static void world_init(struct world *world)
{
	int ends[2];

	memset(world, 0, sizeof(*world));
	cr_assert_eq(ipc_pair(ends), 0);
	world->master_end = ends[0];
	log_init(&world->log, 2, LOG_AT_ERROR);
	cr_assert_eq(loop_new(&world->loop), 0);
	worker_link_open(&world->link, world->loop, &world->log, ends[1], &events, world);
}

static void world_done(struct world *world)
{
	worker_link_close(&world->link);
	loop_free(world->loop);
}

static void turn_some(struct world *world)
{
	for (int i = 0; i < 5; i++)
		loop_turn(world->loop, false);
}

Test(worker_link, drains_when_told_to)
{
	struct world world;

	world_init(&world);
	turn_some(&world);
	cr_assert_eq(world.n_drains, 0);
	cr_assert_eq(control_send_drain(world.master_end), 0);
	turn_some(&world);
	cr_assert_eq(world.n_drains, 1);
	world_done(&world);
}

Test(worker_link, drains_when_the_master_is_gone)
{
	struct world world;

	world_init(&world);
	close(world.master_end);
	turn_some(&world);
	cr_assert_eq(world.n_drains, 1);
	world_done(&world);
}

Test(worker_link, drains_at_sigterm_and_tells_the_master)
{
	struct ipc_message message;
	struct world world;

	world_init(&world);
	(void)raise(SIGTERM);
	turn_some(&world);
	cr_assert_eq(world.n_drains, 1);
	cr_assert_eq(control_receive(world.master_end, &message), 1);
	cr_assert_eq(message.type, CONTROL_LEAVING);
	world_done(&world);
}

Test(worker_link, drains_once_however_often_it_is_told)
{
	struct ipc_message message;
	struct world world;

	world_init(&world);
	cr_assert_eq(control_send_drain(world.master_end), 0);
	turn_some(&world);
	cr_assert_eq(control_send_drain(world.master_end), 0);
	(void)raise(SIGTERM);
	turn_some(&world);
	cr_assert_eq(control_receive(world.master_end, &message), -EAGAIN);
	close(world.master_end);
	turn_some(&world);
	cr_assert_eq(world.n_drains, 1);
	world_done(&world);
}

Test(worker_link, adopts_and_gives_back)
{
	struct world world;

	world_init(&world);
	cr_assert_eq(control_send_adopt(world.master_end, 7, &world.master_end, 1), 0);
	control_send_return(world.master_end, 9);
	turn_some(&world);
	cr_assert_eq(world.adopted, 7u);
	cr_assert_eq(world.n_fds, 1u);
	cr_assert_eq(world.given_back, 9u);
	world_done(&world);
}

Test(worker_link, adopts_nobody_while_draining)
{
	struct world world;

	world_init(&world);
	cr_assert_eq(control_send_drain(world.master_end), 0);
	cr_assert_eq(control_send_adopt(world.master_end, 7, &world.master_end, 1), 0);
	turn_some(&world);
	cr_assert_eq(world.adopted, 0u);
	world_done(&world);
}

Test(worker_link, says_that_it_is_ready_and_why_it_failed)
{
	struct ipc_message message;
	struct world world;

	world_init(&world);
	cr_assert_eq(worker_link_ready(&world.link), 0);
	worker_link_failed(&world.link, "shop: no database");
	cr_assert_eq(control_receive(world.master_end, &message), 1);
	cr_assert_eq(message.type, CONTROL_READY);
	cr_assert_eq(control_receive(world.master_end, &message), 1);
	cr_assert_str_eq(message.text, "shop: no database");
	world_done(&world);
}
