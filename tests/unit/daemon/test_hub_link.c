/* test_hub_link.c - workers with a real hub, without one, and with one that is stuck. */
#include "daemon/hub_link.h"

#include "hub_world.h"

Test(hub_link, asks_what_is_wanted_when_a_hub_comes)
{
	struct world w;

	begin_all(&w, "news");
	for (unsigned i = 0; i < N_WORKERS; i++)
		cr_assert_eq(w.workers[i].n_asked, 1u);
	stop_hub(&w);
	turns(&w);
	start_hub(&w);
	for (unsigned i = 0; i < N_WORKERS; i++)
		introduce(&w, i);
	turns(&w);
	publish(&w, 0, "news", "hello");
	turns(&w);
	cr_assert_eq(w.workers[1].n_asked, 2u);
	cr_assert_str_eq(w.workers[1].got, "s:news=hello ");
	done(&w);
}

Test(hub_link, may_get_a_new_pipe_while_the_former_is_good)
{
	struct world w;

	begin_all(&w, "news");
	introduce(&w, 1);
	turns(&w);
	publish(&w, 0, "news", "hello");
	turns(&w);
	cr_assert_str_eq(w.workers[1].got, "s:news=hello ");
	cr_assert_str_eq(said(&w), "");
	done(&w);
}

Test(hub_link, publishes_before_its_first_hub_are_counted_and_said)
{
	struct world w;

	begin(&w);
	publish(&w, 0, "news", "a");
	publish(&w, 0, "news", "b");
	want(&w.workers[0], "news", true);
	cr_assert_str_eq(said(&w), "");
	introduce(&w, 0);
	cr_assert_not_null(strstr(said(&w), "2 publications or more did not reach other workers"),
			   "%s", w.said);
	introduce(&w, 0);
	cr_assert_str_eq(said(&w), "");
	done(&w);
}

Test(hub_link, what_was_not_sent_when_the_hub_died_is_counted)
{
	struct world w;

	begin_all(&w, "news");
	publish(&w, 0, "news", "a"); /* in this turn: it has not left */
	stop_hub(&w);
	turns(&w);
	publish(&w, 0, "news", "b");
	turns(&w);
	cr_assert_eq(w.workers[0].link.n_alone, 2u);
	cr_assert_str_eq(w.workers[1].got, "");
	start_hub(&w);
	introduce(&w, 0);
	cr_assert_not_null(strstr(said(&w), "2 publications or more"), "%s", w.said);
	done(&w);
}

Test(hub_link, what_the_hub_had_not_read_when_it_died_is_counted)
{
	struct world w;

	begin_all(&w, "news");
	publish(&w, 0, "news", "a");
	hub_pipe_flush(&w.workers[0].link.pipe);
	stop_hub(&w);
	turns(&w);
	cr_assert_str_eq(w.workers[1].got, "");
	start_hub(&w);
	introduce(&w, 0);
	cr_assert_not_null(strstr(said(&w), "1 publications or more"), "%s", w.said);
	/* Of what is wanted, nothing is lost. */
	want(&w.workers[0], "more", true);
	hub_pipe_flush(&w.workers[0].link.pipe);
	stop_hub(&w);
	turns(&w);
	cr_assert_eq(w.workers[0].link.n_alone, 0u);
	start_hub(&w);
	introduce(&w, 0);
	done(&w);
}

Test(hub_link, what_never_found_a_hub_is_said_at_the_end)
{
	struct world w;

	begin(&w);
	publish(&w, 0, "news", "a");
	hub_link_done(&w.workers[0].link);
	cr_assert_not_null(strstr(said(&w), "1 publications or more"), "%s", w.said);
	done(&w);
}

Test(hub_link, sends_its_last_words_when_it_is_done)
{
	struct world w;

	begin_all(&w, "news");
	publish(&w, 0, "news", "goodbye");
	hub_link_done(&w.workers[0].link);
	turns(&w);
	cr_assert_str_eq(w.workers[1].got, "s:news=goodbye ");
	done(&w);
}

Test(hub_link, refuses_what_is_too_long)
{
	char *bytes = calloc(1, MAX_BYTES + 1);
	struct world w;

	begin_all(&w, "news");
	cr_assert_eq(hub_link_publish(&w.workers[0].link, WEIR_STR("s"), WEIR_STR("news"), true,
				      (weir_str){ bytes, MAX_BYTES + 1 }),
		     -EMSGSIZE);
	cr_assert_eq(hub_link_publish(&w.workers[0].link, WEIR_STR("s"),
				      (weir_str){ bytes, HUB_WIRE_KEY_MAX + 1 }, true,
				      WEIR_STR("")),
		     -EMSGSIZE);
	cr_assert_eq(hub_link_publish(&w.workers[0].link, WEIR_STR("s"), WEIR_STR("news"), true,
				      (weir_str){ bytes, MAX_BYTES }),
		     0);
	for (unsigned i = 0; i < 20; i++)
		turns(&w);
	cr_assert_eq(w.workers[1].n_got, 1u);
	done(&w);
	free(bytes);
}

/* A hub that stands still. */
static int pretend_hub(struct world *w, unsigned slot)
{
	int fds[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	hub_link_connect(&w->workers[slot].link, fds[1]);
	return fds[0];
}

Test(hub_link, never_waits_for_a_hub_that_is_stuck)
{
	char *bytes = calloc(1, MAX_BYTES);
	struct world w;
	int fd;

	begin(&w);
	fd = pretend_hub(&w, 0);
	for (unsigned i = 0; i < 20; i++) {
		cr_assert_eq(hub_link_publish(&w.workers[0].link, WEIR_STR("s"), WEIR_STR("news"),
					      true, (weir_str){ bytes, MAX_BYTES }),
			     0);
		turns(&w);
	}
	cr_assert_leq(w.workers[0].link.pipe.stream.out.queued, HUB_PIPE_QUEUE_MAX);
	cr_assert_gt(w.workers[0].link.too_fast.n, 10u);
	hub_link_done(&w.workers[0].link);
	cr_assert_not_null(
		strstr(said(&w), "did not reach other workers: the hub takes them too slowly"));
	(void)close(fd);
	done(&w);
	free(bytes);
}

Test(hub_link, tells_what_was_lost_on_the_way_here)
{
	struct hub_message lost = { .type = HUB_LOST, .n_lost = 12 };
	struct block_pool pool;
	struct world w;
	struct outq q;
	int fd;

	begin(&w);
	fd = pretend_hub(&w, 0);
	block_pool_init(&pool, 0);
	outq_init(&q, &pool);
	cr_assert_eq(hub_wire_put(&q, &lost), 0);
	cr_assert_eq(outq_flush(&q, fd), 0);
	block_pool_done(&pool);
	turns(&w);
	cr_assert_eq(w.workers[0].n_lost, 12u);
	(void)close(fd);
	done(&w);
}

static void check_nonsense(const void *bytes, size_t len)
{
	struct world w;
	int fd;

	begin(&w);
	fd = pretend_hub(&w, 0);
	cr_assert_eq(send(fd, bytes, len, 0), (ssize_t)len);
	turns(&w);
	cr_assert(!hub_pipe_is_open(&w.workers[0].link.pipe));
	cr_assert_not_null(strstr(said(&w), "the hub sends what makes no sense"), "%s", w.said);
	(void)close(fd);
	done(&w);
}

Test(hub_link, closes_at_nonsense)
{
	check_nonsense("HTTP/1.1 200 OK\r\n\r\n", 19);
}

Test(hub_link, a_hub_wants_nothing)
{
	check_nonsense("\x0c\0\0\0\x01\0\0\0\0\0\0\0", 12);
}
