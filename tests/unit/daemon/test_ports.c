/* test_ports.c - real sockets and a real server on a virtual loop; clients that only connect. */
#include "daemon/ports.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "conf/conf.h"
#include "daemon/listeners.h"
#include "io/loop.h"
#include "io/sock.h"
#include "serve/server.h"

#define N_SLOTS 2

struct world {
	struct loop *loop;
	struct log log;
	struct listeners *listeners;
	struct server server;
	struct ports ports;
};

static void world_init(struct world *world)
{
	struct conf_listen listen = { .address = { .len = sizeof(struct sockaddr_in),
						   .text = "" } };
	struct sockaddr_in *in = (struct sockaddr_in *)&listen.address.sockaddr;
	struct server_limits limits = {
		.head = { .max_head = 4096, .max_target = 1024, .max_fields = 10 },
		.max_connections = 1000
	};
	char words[LISTENERS_WORDS_MAX];

	memset(world, 0, sizeof(*world));
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	log_init(&world->log, 2, LOG_AT_ERROR);
	cr_assert_eq(loop_new_virtual(&world->loop), 0);
	cr_assert_eq(listeners_open(&listen, 1, N_SLOTS, 64, &world->listeners, words), 0);
	cr_assert_eq(server_init(&world->server, world->loop, &world->log, &limits), 0);
	ports_init(&world->ports, world->loop, &world->log, &world->server);
	cr_assert_eq(ports_open(&world->ports, world->listeners, 0), 0);
}

static void world_done(struct world *world)
{
	ports_close(&world->ports);
	server_close_all(&world->server);
	loop_turn(world->loop, false);
	server_done(&world->server);
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

/* Returns the adopted descriptor. */
static int adopt_slot_1(struct world *world)
{
	int fd = fcntl(listeners_fd(world->listeners, 1, 0), F_DUPFD_CLOEXEC, 3);

	cr_assert_geq(fd, 0);
	ports_adopt(&world->ports, 1, fd);
	return fd;
}

static void turn_some(struct world *world)
{
	for (int i = 0; i < 5; i++)
		loop_turn(world->loop, false);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

Test(ports, let_in_through_the_own_slot_alone)
{
	struct world world;

	world_init(&world);
	knock(&world, 40);
	turn_some(&world);
	cr_assert_gt(world.server.n_accepted, 0u);
	cr_assert_lt(world.server.n_accepted, 40u);
	world_done(&world);
}

Test(ports, let_in_through_an_adopted_slot_until_it_is_returned)
{
	struct world world;
	int fd;

	world_init(&world);
	fd = adopt_slot_1(&world);
	knock(&world, 40);
	turn_some(&world);
	cr_assert_eq(world.server.n_accepted, 40u);

	ports_return(&world.ports, 1);
	cr_assert(!is_open(fd));
	knock(&world, 40);
	turn_some(&world);
	cr_assert_lt(world.server.n_accepted, 80u);
	world_done(&world);
}

Test(ports, returning_a_slot_leaves_the_own_one_open)
{
	struct world world;

	world_init(&world);
	ports_return(&world.ports, 0);
	ports_return(&world.ports, 1);
	knock(&world, 40);
	turn_some(&world);
	cr_assert_gt(world.server.n_accepted, 0u);
	world_done(&world);
}

Test(ports, closing_closes_what_was_adopted_and_not_what_is_the_listeners)
{
	struct world world;
	int fd;

	world_init(&world);
	fd = adopt_slot_1(&world);
	ports_close(&world.ports);
	cr_assert(!is_open(fd));
	cr_assert(is_open(listeners_fd(world.listeners, 0, 0)));
	world_done(&world);
}

Test(ports, finishing_lets_in_whoever_waits_and_nobody_else)
{
	struct world world;
	int fd;

	world_init(&world);
	fd = adopt_slot_1(&world);
	knock(&world, 40);
	cr_assert_eq(world.server.n_accepted, 0u);
	ports_finish(&world.ports);
	cr_assert_eq(world.server.n_accepted, 40u);
	cr_assert(!is_open(fd));

	knock(&world, 10);
	turn_some(&world);
	cr_assert_eq(world.server.n_accepted, 40u);
	world_done(&world);
}

Test(ports, closing_leaves_those_in_the_queue_who_wait)
{
	struct world world;

	world_init(&world);
	knock(&world, 40);
	ports_close(&world.ports);
	cr_assert_eq(world.server.n_accepted, 0u);
	cr_assert_eq(ports_open(&world.ports, world.listeners, 0), 0);
	turn_some(&world);
	cr_assert_gt(world.server.n_accepted, 0u);
	world_done(&world);
}

Test(ports, know_where_a_proxy_header_is_due)
{
	const struct conf_listen listen = { .has_proxy_protocol = true };
	struct world world;

	world_init(&world);
	world.ports.listen = &listen;
	(void)adopt_slot_1(&world);
	knock(&world, 40);
	turn_some(&world);
	cr_assert_eq(world.server.n_accepted, 40u);
	cr_assert_eq(world.server.n_unjudged, 40u);
	world_done(&world);
}
