/* test_doors.c - real sockets on a virtual loop. */
#include "daemon/doors.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "daemon/conf.h"
#include "daemon/listeners.h"

#define N_SLOTS 2

struct world {
	struct loop *loop;
	struct log log;
	struct listeners *listeners;
	struct doors doors;
	int n_accepted;
	char local[64];
	bool closes; /* the callback closes all doors */
};

static void on_accepted(void *arg, int take_fd, const struct sock_addr *peer, const char *local)
{
	struct world *world = arg;

	cr_assert_eq(peer->ss.ss_family, AF_INET);
	(void)close(take_fd);
	world->n_accepted++;
	(void)snprintf(world->local, sizeof(world->local), "%s", local);
	if (world->closes)
		doors_close(&world->doors);
}

static void world_init(struct world *world)
{
	struct conf_listen listen = { .address = { .len = sizeof(struct sockaddr_in),
						   .text = "" } };
	struct sockaddr_in *in = (struct sockaddr_in *)&listen.address.sockaddr;
	char words[LISTENERS_WORDS_MAX];

	memset(world, 0, sizeof(*world));
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	log_init(&world->log, 2, LOG_AT_ERROR);
	cr_assert_eq(loop_new_virtual(&world->loop), 0);
	cr_assert_eq(listeners_open(&listen, 1, N_SLOTS, 64, &world->listeners, words), 0);
	doors_init(&world->doors, world->loop, &world->log, world->listeners, on_accepted, world);
}

static void world_done(struct world *world)
{
	doors_close(&world->doors);
	loop_turn(world->loop, false);
	loop_free(world->loop);
	listeners_close(world->listeners);
}

/* Connects n times; each lands in the queue of some slot. */
static void knock(struct world *world, int n)
{
	struct sock_addr address;

	cr_assert_eq(sock_local(listeners_fd(world->listeners, 0, 0), &address), 0);
	for (int i = 0; i < n; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		cr_assert_eq(connect(fd, (struct sockaddr *)&address.ss, address.len), 0);
	}
}

static int adopt_slot_1(struct world *world)
{
	int fd = fcntl(listeners_fd(world->listeners, 1, 0), F_DUPFD_CLOEXEC, 3);

	cr_assert_eq(doors_adopt(&world->doors, 1, &fd, 1), 0);
	return fd;
}

static void turn_some(struct world *world)
{
	for (int i = 0; i < 5; i++)
		loop_turn(world->loop, false);
}

Test(doors, let_in_through_the_own_slot_and_name_it)
{
	struct world world;

	world_init(&world);
	cr_assert_eq(doors_open(&world.doors, 0), 0);
	knock(&world, 40);
	turn_some(&world);
	cr_assert_gt(world.n_accepted, 0);
	cr_assert_lt(world.n_accepted, 40);
	cr_assert_str_eq(world.local, listeners_text(world.listeners, 0));
	world_done(&world);
}

Test(doors, let_in_through_an_adopted_slot_until_it_is_given_back)
{
	struct world world;
	int fd;

	world_init(&world);
	cr_assert_eq(doors_open(&world.doors, 0), 0);
	fd = adopt_slot_1(&world);
	knock(&world, 40);
	turn_some(&world);
	cr_assert_eq(world.n_accepted, 40);

	doors_give_back(&world.doors, 1);
	turn_some(&world);
	cr_assert_lt(fcntl(fd, F_GETFD), 0);
	knock(&world, 40);
	turn_some(&world);
	cr_assert_lt(world.n_accepted, 80);
	world_done(&world);
}

Test(doors, closing_lets_in_who_is_waiting_already)
{
	struct world world;

	world_init(&world);
	cr_assert_eq(doors_open(&world.doors, 0), 0);
	(void)adopt_slot_1(&world);
	knock(&world, 40);
	doors_close(&world.doors);
	cr_assert_eq(world.n_accepted, 40);
	world_done(&world);
}

Test(doors, may_be_closed_by_whom_they_let_in)
{
	struct world world;

	world_init(&world);
	world.closes = true;
	cr_assert_eq(doors_open(&world.doors, 0), 0);
	(void)adopt_slot_1(&world);
	knock(&world, 10);
	turn_some(&world);
	cr_assert_eq(world.n_accepted, 10);
	world_done(&world);
}

Test(doors, sockets_for_no_known_address_are_refused_and_closed)
{
	int fds[2];
	struct world world;

	world_init(&world);
	for (int i = 0; i < 2; i++)
		fds[i] = fcntl(listeners_fd(world.listeners, 1, 0), F_DUPFD_CLOEXEC, 3);
	cr_assert_eq(doors_adopt(&world.doors, 1, fds, 2), -EBADMSG);
	cr_assert_lt(fcntl(fds[1], F_GETFD), 0);
	world_done(&world);
}
