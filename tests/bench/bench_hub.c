/*
 * bench_hub.c - publications a second from one process through a hub to
 * another:
 *
 *	bench_hub 2000000 100	so many, of so many bytes
 *
 * The publisher goes as fast as the hub takes them; what the other process is
 * too slow for is lost, and said.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/hub.h"
#include "daemon/hub_link.h"
#include "io/loop.h"

#define MAX_BYTES ((size_t)1024 * 1024)
/* What the publisher puts in one turn, at most; and where it waits for the hub. */
#define BATCH 1000
#define HIGH_WATER ((size_t)1024 * 1024)

struct bench {
	struct loop *loop;
	struct log log;
	struct hub_link link;
	uint64_t n, n_left, n_lost;
	size_t len;
	int64_t start_ms;
	int go_fd; /* a byte: the subscriber is there */
};

static char bytes[MAX_BYTES];

static void on_idle(struct hub *hub)
{
	loop_stop(hub->loop);
}

static void on_failed(struct hub *hub, int error)
{
	abort();
}

static void be_hub(int publisher, int subscriber)
{
	static const struct hub_ops ops = { on_idle, on_failed };
	struct loop *loop;
	struct hub hub;
	struct log log;

	log_init(&log, 2, LOG_AT_INFO);
	if (loop_new(&loop) < 0 || hub_init(&hub, loop, &log, 2, MAX_BYTES, &ops) < 0)
		abort();
	hub_connect(&hub, 1, subscriber);
	for (unsigned i = 0; i < 10; i++)
		loop_turn(loop, false); /* it hears what the subscriber wants */
	hub_connect(&hub, 0, publisher);
	loop_run(loop);
	hub_done(&hub);
	exit(0);
}

static void on_arrived(void *arg, weir_str scope, weir_str name, bool is_binary, weir_str b_str)
{
	struct bench *b = arg;

	/* The first says that the hub knows us. */
	if (b->n_left == b->n + 1) {
		b->start_ms = clock_monotonic_ms();
		if (write(b->go_fd, "", 1) != 1)
			abort();
	}
	if (--b->n_left == 0)
		loop_stop(b->loop);
}

static void on_lost(void *arg, uint64_t n)
{
	struct bench *b = arg;

	b->n_lost += n;
	b->n_left -= n;
	if (b->n_left == 0)
		loop_stop(b->loop);
}

static void on_connected(void *arg, struct hub_link *link)
{
	struct bench *b = arg;

	if (b->n_left > 0)
		hub_link_want(link, WEIR_STR("shop"), WEIR_STR("room/17"), false, true);
}

static const struct hub_link_ops ops = { on_arrived, on_lost, on_connected };

static void begin(struct bench *b, int fd)
{
	log_init(&b->log, 2, LOG_AT_INFO);
	if (loop_new(&b->loop) < 0)
		abort();
	hub_link_init(&b->link, b->loop, &b->log, MAX_BYTES, &ops, b);
	hub_link_connect(&b->link, fd);
}

static void publish(struct bench *b)
{
	if (hub_link_publish(&b->link, WEIR_STR("shop"), WEIR_STR("room/17"), false,
			     (weir_str){ bytes, b->len }) < 0)
		abort();
}

static bool on_turn(void *arg, bool is_short)
{
	struct bench *b = arg;

	for (unsigned i = 0; i < BATCH && b->n_left > 0; i++) {
		if (b->link.pipe.stream.out.queued > HIGH_WATER)
			return false;
		publish(b);
		b->n_left--;
	}
	return b->n_left > 0;
}

static void be_publisher(struct bench *b, int fd)
{
	uint64_t n = b->n;
	char byte;

	b->n_left = 0;
	begin(b, fd);
	/* Until the subscriber has heard one: exactly one, as it wants none before. */
	publish(b);
	do
		loop_turn(b->loop, false);
	while (b->link.pipe.stream.out.queued > 0);
	if (read(b->go_fd, &byte, 1) != 1)
		abort();
	b->n_left = n;
	loop_set_turn(b->loop, on_turn, b);
	while (b->n_left > 0 || b->link.pipe.stream.out.queued > 0)
		loop_turn(b->loop, b->n_left == 0 || b->link.pipe.stream.out.queued > HIGH_WATER);
	hub_link_done(&b->link);
	exit(0);
}

int main(int argc, char **argv)
{
	struct bench b = { .n = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000000,
			   .len = argc > 2 ? strtoul(argv[2], NULL, 10) : 100 };
	int publisher[2], subscriber[2], go[2];
	int64_t ms;

	(void)signal(SIGPIPE, SIG_IGN);
	if (b.len > MAX_BYTES || pipe(go) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, publisher) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, subscriber) < 0)
		return 1;
	b.n_left = b.n + 1;
	b.go_fd = go[1];
	begin(&b, subscriber[1]);
	hub_pipe_flush(&b.link.pipe); /* its wish is in the socket before the hub begins */
	if (fork() == 0) {
		(void)close(publisher[1]);
		(void)close(subscriber[1]);
		be_hub(publisher[0], subscriber[0]);
	}
	(void)close(publisher[0]);
	(void)close(subscriber[0]);
	if (fork() == 0) {
		struct bench p = { .n = b.n, .len = b.len, .go_fd = go[0] };

		(void)close(subscriber[1]);
		be_publisher(&p, publisher[1]);
	}
	(void)close(publisher[1]);
	loop_run(b.loop);
	ms = clock_monotonic_ms() - b.start_ms;
	hub_link_done(&b.link);
	while (wait(NULL) > 0)
		;
	printf("%" PRIu64 " publications of %zu bytes in %lld ms: %.2f million/s, %" PRIu64
	       " lost\n",
	       b.n, b.len, (long long)ms, (double)b.n / 1000. / (double)(ms > 0 ? ms : 1),
	       b.n_lost);
	return 0;
}
