/* test_adoption.c - slots without processes: what would be sent to them is read here. */
#include "daemon/adoption.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "conf/conf.h"
#include "daemon/control.h"
#include "daemon/listeners.h"
#include "daemon/worker_slot.h"

#define N 3

struct world {
	struct worker_slot slots[N];
	int worker_ends[N];
	struct listeners *listeners;
	struct adoption adoption;
};

static void settle(struct world *world)
{
	adoption_settle(&world->adoption, 0, world->slots, N, world->listeners);
}

static void world_init(struct world *world)
{
	struct conf_listen listen[2];
	char words[LISTENERS_WORDS_MAX];

	memset(listen, 0, sizeof(listen));
	for (int i = 0; i < 2; i++) {
		struct sockaddr_in *in = (struct sockaddr_in *)&listen[i].address.sockaddr;

		in->sin_family = AF_INET;
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		listen[i].address.len = sizeof(*in);
		listen[i].address.text = "";
	}
	cr_assert_eq(listeners_open(listen, 2, N, 8, &world->listeners, words), 0);
	world->adoption = (struct adoption){ 0 };
	cr_assert_eq(adoption_grow(&world->adoption, N), 0);
	for (unsigned i = 0; i < N; i++) {
		int ends[2];

		cr_assert_eq(ipc_pair(ends), 0);
		worker_slot_init(&world->slots[i], i);
		worker_slot_forked(&world->slots[i], (pid_t)(1000 + i), ends[0], 0);
		worker_slot_move(&world->slots[i], WORKER_READY);
		world->worker_ends[i] = ends[1];
	}
}

static void world_done(struct world *world)
{
	listeners_close(world->listeners);
	adoption_done(&world->adoption);
}

static void die(struct world *world, unsigned slot)
{
	worker_slot_died(&world->slots[slot], 0);
	settle(world);
}

static void revive(struct world *world, unsigned slot)
{
	int ends[2];

	cr_assert_eq(ipc_pair(ends), 0);
	worker_slot_forked(&world->slots[slot], 2000, ends[0], 0);
	worker_slot_move(&world->slots[slot], WORKER_READY);
	world->worker_ends[slot] = ends[1];
	settle(world);
}

static void check_told(struct world *world, unsigned to, enum control_type type, unsigned orphan)
{
	struct ipc_message message;

	cr_assert_eq(control_receive(world->worker_ends[to], &message), 1, "nothing was said");
	cr_assert_eq(message.type, type);
	cr_assert_eq(message.number, orphan);
	cr_assert_eq(message.n_fds, type == CONTROL_ADOPT ? 2u : 0u);
}

static void check_nothing_told(struct world *world, unsigned to)
{
	struct ipc_message message;

	cr_assert_eq(control_receive(world->worker_ends[to], &message), -EAGAIN);
}

Test(adoption, the_next_worker_gets_the_sockets_and_returns_them)
{
	struct world world;

	world_init(&world);
	die(&world, 0);
	check_told(&world, 1, CONTROL_ADOPT, 0);
	check_nothing_told(&world, 2);
	revive(&world, 0);
	check_told(&world, 1, CONTROL_RETURN, 0);
	world_done(&world);
}

Test(adoption, orphans_go_on_to_another_when_their_adopter_dies)
{
	struct world world;

	world_init(&world);
	die(&world, 0);
	check_told(&world, 1, CONTROL_ADOPT, 0);
	die(&world, 1);
	check_told(&world, 2, CONTROL_ADOPT, 0);
	check_told(&world, 2, CONTROL_ADOPT, 1);
	revive(&world, 0);
	check_told(&world, 2, CONTROL_RETURN, 0);
	check_nothing_told(&world, 2);
	world_done(&world);
}

Test(adoption, who_left_and_then_died_is_adopted_once)
{
	struct world world;

	world_init(&world);
	worker_slot_move(&world.slots[0], WORKER_LEAVING);
	settle(&world);
	die(&world, 0);
	check_told(&world, 1, CONTROL_ADOPT, 0);
	check_nothing_told(&world, 1);
	check_nothing_told(&world, 2);
	world_done(&world);
}

Test(adoption, who_is_ready_first_adopts_those_that_nobody_could)
{
	struct world world;

	world_init(&world);
	die(&world, 0);
	die(&world, 1);
	die(&world, 2);
	revive(&world, 1);
	check_told(&world, 1, CONTROL_ADOPT, 0);
	check_told(&world, 1, CONTROL_ADOPT, 2);
	revive(&world, 0);
	check_told(&world, 1, CONTROL_RETURN, 0);
	check_nothing_told(&world, 0);
	world_done(&world);
}

Test(adoption, without_anybody_left_nothing_is_said)
{
	struct world world;

	world_init(&world);
	die(&world, 0);
	die(&world, 1);
	die(&world, 2);
	for (int i = 0; i < N; i++)
		cr_assert_eq(world.adoption.adopters[i], -1);
	world_done(&world);
}

Test(adoption, an_adopter_that_does_not_read_is_none)
{
	struct ipc_message message = { .type = CONTROL_RETURN, .text_len = IPC_TEXT_MAX };
	struct world world;

	world_init(&world);
	while (ipc_send(world.slots[1].control_fd, &message) == 0)
		;
	die(&world, 0);
	cr_assert_eq(world.adoption.adopters[0], -1);
	world_done(&world);
}

Test(adoption, a_lane_without_a_worker_goes_to_who_has_the_fewest)
{
	struct world world;

	world_init(&world);
	/* As after TTOU: nobody will come. */
	worker_slot_move(&world.slots[2], WORKER_DRAINING);
	settle(&world);
	check_told(&world, 0, CONTROL_ADOPT, 2);
	die(&world, 0);
	check_told(&world, 1, CONTROL_ADOPT, 0);
	check_told(&world, 1, CONTROL_ADOPT, 2);
	world_done(&world);
}

Test(adoption, workers_of_another_generation_adopt_nothing)
{
	struct world world;

	world_init(&world);
	world.slots[1].generation = 7;
	die(&world, 0);
	check_nothing_told(&world, 1);
	check_told(&world, 2, CONTROL_ADOPT, 0);
	world_done(&world);
}

Test(adoption, who_starts_for_the_first_time_is_waited_for)
{
	struct world world;

	world_init(&world);
	world.slots[0].state = WORKER_STARTING;
	settle(&world);
	check_nothing_told(&world, 1);
	worker_slot_died(&world.slots[0], 0);
	settle(&world);
	check_told(&world, 1, CONTROL_ADOPT, 0);
	worker_slot_move(&world.slots[0], WORKER_STARTING);
	settle(&world);
	check_nothing_told(&world, 1);
	world_done(&world);
}
