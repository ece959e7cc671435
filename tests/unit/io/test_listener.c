/* test_listener.c - a real listening socket on a virtual loop. */
#include "io/listener.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "on_valgrind.h"

#define MANY 80

struct world {
	struct loop *loop;
	struct log log;
	int log_fd; /* what was logged is read here */
	int fd;
	struct sock_addr address;
	struct listener listener;
	int accepted[MANY * 2];
	int n_accepted;
	int n_refused;
	bool pauses, closes; /* what the callback does to the listener */
	char peer[SOCK_NAME_MAX];
};

static void on_accepted(void *arg, int take_fd, const struct sock_addr *peer)
{
	struct world *world = arg;

	world->accepted[world->n_accepted++] = take_fd;
	(void)sock_name(peer, world->peer);
	if (world->pauses)
		listener_pause(&world->listener);
	if (world->closes)
		listener_close(&world->listener);
}

static void on_refused(void *arg, int take_fd, const struct sock_addr *peer)
{
	struct world *world = arg;

	world->n_refused++;
	cr_assert_eq(send(take_fd, "no", 2, 0), 2);
	cr_assert_eq(close(take_fd), 0);
}

static const struct listener_ops ops = { .accepted = on_accepted, .refused = on_refused };

static void world_init(struct world *world)
{
	struct sock_addr any = { .len = sizeof(struct sockaddr_in) };
	struct sockaddr_in *in = (struct sockaddr_in *)&any.ss;
	int pipe_fds[2];

	*world = (struct world){ 0 };
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(pipe2(pipe_fds, O_NONBLOCK), 0);
	world->log_fd = pipe_fds[0];
	log_init(&world->log, pipe_fds[1], LOG_AT_DEBUG);
	cr_assert_eq(loop_new_virtual(&world->loop), 0);
	cr_assert_eq(sock_bind_tcp(&any, false, &world->fd), 0);
	cr_assert_eq(sock_listen(world->fd, 1024), 0);
	cr_assert_eq(sock_local(world->fd, &world->address), 0);
	listener_open(&world->listener, world->loop, &world->log, world->fd, &ops, world);
}

static void world_done(struct world *world)
{
	listener_close(&world->listener);
	cr_assert_lt(world->listener.spare_fd, 0);
	loop_free(world->loop);
}

static void knock(struct world *world, int n)
{
	for (int i = 0; i < n; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		cr_assert_geq(fd, 0);
		cr_assert_eq(connect(fd, (struct sockaddr *)&world->address.ss, world->address.len),
			     0);
	}
}

static int count_lines(struct world *world, char *text, size_t size)
{
	ssize_t n = read(world->log_fd, text, size - 1);
	int lines = 0;

	text[n > 0 ? n : 0] = '\0';
	for (const char *p = text; *p; p++)
		lines += *p == '\n';
	return lines;
}

Test(listener, hands_on_connections_with_their_peers)
{
	struct world world;

	world_init(&world);
	knock(&world, 1);
	loop_turn(world.loop, true);
	cr_assert_eq(world.n_accepted, 1);
	cr_assert_eq(strncmp(world.peer, "127.0.0.1:", 10), 0);
	cr_assert(fcntl(world.accepted[0], F_GETFL) & O_NONBLOCK);
	cr_assert(fcntl(world.accepted[0], F_GETFD) & FD_CLOEXEC);
	world_done(&world);
}

Test(listener, takes_a_bounded_number_in_one_turn)
{
	struct world world;

	world_init(&world);
	knock(&world, MANY);
	loop_turn(world.loop, true);
	cr_assert_lt(world.n_accepted, MANY);
	cr_assert_gt(world.n_accepted, 0);
	for (int i = 0; i < MANY && world.n_accepted < MANY; i++)
		loop_turn(world.loop, true);
	cr_assert_eq(world.n_accepted, MANY);
	world_done(&world);
}

Test(listener, a_paused_one_leaves_connections_in_the_queue)
{
	struct world world;

	world_init(&world);
	listener_pause(&world.listener);
	listener_pause(&world.listener);
	knock(&world, 3);
	loop_turn(world.loop, false);
	cr_assert_eq(world.n_accepted, 0);
	listener_resume(&world.listener);
	listener_resume(&world.listener);
	loop_turn(world.loop, true);
	cr_assert_eq(world.n_accepted, 3);
	world_done(&world);
}

Test(listener, may_be_paused_by_its_callback)
{
	struct world world;

	world_init(&world);
	world.pauses = true;
	knock(&world, 3);
	loop_turn(world.loop, true);
	cr_assert_eq(world.n_accepted, 1);
	world_done(&world);
}

Test(listener, may_be_closed_by_its_callback)
{
	struct world world;

	world_init(&world);
	world.closes = true;
	knock(&world, 3);
	loop_turn(world.loop, true);
	loop_turn(world.loop, false);
	cr_assert_eq(world.n_accepted, 1);
	world_done(&world);
}

Test(listener, finishing_hands_on_all_that_waits)
{
	struct world world;

	if (RUNNING_ON_VALGRIND)
		return;
	world_init(&world);
	knock(&world, MANY);
	listener_finish(&world.listener);
	cr_assert_eq(world.n_accepted, MANY);
	knock(&world, 1);
	loop_turn(world.loop, false);
	cr_assert_eq(world.n_accepted, MANY);
	world_done(&world);
}

/*
 * No descriptor above limit may be made from now on. Not under valgrind, which
 * needs some for itself.
 */
static void limit_descriptors(int limit)
{
	struct rlimit rlimit = { (rlim_t)limit, 4096 };

	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &rlimit), 0);
}

Test(listener, without_descriptors_it_waits_says_so_once_and_goes_on)
{
	char text[1000];
	struct world world;
	int64_t start_ms;

	if (RUNNING_ON_VALGRIND)
		return;
	world_init(&world);
	knock(&world, 3);
	start_ms = loop_now_ms(world.loop);
	limit_descriptors(3);
	/* Each look takes its time: ten turns of a spinning loop would take none. */
	for (int i = 0; i < 20; i++)
		loop_turn(world.loop, true);
	cr_assert_geq(loop_now_ms(world.loop) - start_ms, 1000);
	cr_assert_eq(world.n_accepted, 0);
	cr_assert_eq(count_lines(&world, text, sizeof(text)), 1);
	cr_assert(strstr(text, "cannot accept connections: Too many open files"), "%s", text);

	limit_descriptors(1024);
	for (int i = 0; i < 5; i++)
		loop_turn(world.loop, world.n_accepted < 3);
	cr_assert_eq(world.n_accepted, 3);
	cr_assert_eq(count_lines(&world, text, sizeof(text)), 1);
	cr_assert(strstr(text, "accepted again"), "%s", text);
	world_done(&world);
}

/* Every descriptor that may be had. */
static int use_up(int *fds, int max)
{
	int n = 0;

	while (n < max && (fds[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
		n++;
	cr_assert_lt(n, max);
	return n;
}

static void give_back(const int *fds, int n)
{
	while (n-- > 0)
		cr_assert_eq(close(fds[n]), 0);
}

#define LIMIT 128

Test(listener, refuses_who_has_waited_for_a_descriptor_in_vain)
{
	char text[1000];
	struct world world;
	int fds[LIMIT], n_fds;
	int64_t start_ms;

	if (RUNNING_ON_VALGRIND)
		return;
	world_init(&world);
	knock(&world, 5);
	limit_descriptors(LIMIT);
	n_fds = use_up(fds, LIMIT);
	start_ms = loop_now_ms(world.loop);
	loop_turn(world.loop, true);
	cr_assert_eq(world.n_refused, 0, "a short shortage costs nobody anything");
	for (int i = 0; i < 20; i++)
		loop_turn(world.loop, world.n_refused < 5);
	cr_assert_eq(world.n_refused, 5);
	cr_assert_eq(world.n_accepted, 0);
	cr_assert_geq(loop_now_ms(world.loop) - start_ms, 200, "nobody is told at once");
	cr_assert_lt(open("/dev/null", O_RDONLY), 0, "the spare one is kept again");

	give_back(fds, n_fds);
	knock(&world, 2);
	for (int i = 0; i < 10; i++)
		loop_turn(world.loop, world.n_accepted < 2);
	cr_assert_eq(world.n_accepted, 2);
	cr_assert_eq(world.n_refused, 5);
	cr_assert_eq(count_lines(&world, text, sizeof(text)), 2);
	cr_assert(strstr(text, "accepted again; 5 were refused meanwhile"), "%s", text);
	world_done(&world);
}

Test(listener, says_no_more_than_is_read_of_descriptors_that_come_and_go)
{
	char text[4000];
	struct world world;
	int fds[LIMIT];

	if (RUNNING_ON_VALGRIND)
		return;
	world_init(&world);
	limit_descriptors(LIMIT);
	for (int i = 0; i < 10; i++) {
		int n_fds;

		knock(&world, 1);
		n_fds = use_up(fds, LIMIT);
		loop_turn(world.loop, true);
		give_back(fds, n_fds);
		while (world.n_accepted <= i)
			loop_turn(world.loop, true);
	}
	cr_assert_eq(count_lines(&world, text, sizeof(text)), 2, "%s", text);
	world_done(&world);
}

Test(listener, finishing_without_descriptors_refuses_who_waits)
{
	struct world world;
	int fds[LIMIT], n_fds;

	if (RUNNING_ON_VALGRIND)
		return;
	world_init(&world);
	knock(&world, 5);
	limit_descriptors(LIMIT);
	n_fds = use_up(fds, LIMIT);
	listener_finish(&world.listener);
	cr_assert_eq(world.n_refused, 5);
	give_back(fds, n_fds);
	world_done(&world);
}

Test(listener, pausing_while_descriptors_are_short_outlasts_the_wait)
{
	struct world world;

	if (RUNNING_ON_VALGRIND)
		return;
	world_init(&world);
	knock(&world, 1);
	limit_descriptors(3);
	loop_turn(world.loop, true);
	listener_pause(&world.listener);
	limit_descriptors(1024);
	loop_turn(world.loop, true);
	loop_turn(world.loop, false);
	cr_assert_eq(world.n_accepted, 0);
	listener_resume(&world.listener);
	loop_turn(world.loop, true);
	cr_assert_eq(world.n_accepted, 1);
	world_done(&world);
}
