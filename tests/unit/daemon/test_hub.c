/* test_hub.c - a hub with workers whose links are real, or whose pipes the test holds. */
#include "daemon/hub.h"

#include "hub_world.h"

Test(hub, carries_a_publication_to_all_others_that_want_it)
{
	struct world w;

	begin_all(&w, "news");
	want(&w.workers[2], "news", false);
	turns(&w);
	publish(&w, 0, "news", "hello");
	turns(&w);
	cr_assert_str_eq(w.workers[0].got, "");
	cr_assert_str_eq(w.workers[1].got, "s:news=hello ");
	cr_assert_str_eq(w.workers[2].got, "");
	cr_assert_str_eq(w.workers[3].got, "s:news=hello ");
	done(&w);
}

Test(hub, carries_what_was_said_about_it)
{
	struct world w;

	begin_all(&w, "news");
	cr_assert_eq(hub_link_publish(&w.workers[0].link, WEIR_STR("s"), WEIR_STR("news"), true,
				      WEIR_STR("01")),
		     0);
	cr_assert_eq(hub_link_publish(&w.workers[0].link, WEIR_STR(""), WEIR_STR("news"), true,
				      WEIR_STR("of another scope")),
		     0);
	turns(&w);
	cr_assert_str_eq(w.workers[1].got, "s:news=01(binary) ");
	done(&w);
}

Test(hub, who_wants_a_name_and_its_prefix_gets_it_once)
{
	struct world w;

	begin_all(&w, "room/*");
	want(&w.workers[1], "room/1", true);
	want(&w.workers[1], "*", true);
	turns(&w);
	publish(&w, 0, "room/1", "a");
	publish(&w, 0, "lobby", "b");
	turns(&w);
	cr_assert_str_eq(w.workers[1].got, "s:room/1=a s:lobby=b ");
	cr_assert_str_eq(w.workers[2].got, "s:room/1=a ");
	done(&w);
}

Test(hub, keeps_the_order_of_each_publisher)
{
	char expected[64] = "", text[16];
	struct world w;

	begin_all(&w, "n*");
	for (unsigned i = 0; i < 10; i++) {
		(void)snprintf(text, sizeof(text), "%u", i);
		publish(&w, 0, i % 2 ? "n1" : "n2", text);
		turns(&w);
		if (i % 3 == 0)
			publish(&w, 1, "n3", "x");
	}
	turns(&w);
	for (const char *p = w.workers[2].got; (p = strchr(p, '=')); p++) {
		if (p[1] != 'x')
			(void)strncat(expected, p + 1, 1);
	}
	cr_assert_str_eq(expected, "0123456789");
	done(&w);
}

Test(hub, a_worker_that_has_gone_is_forgotten)
{
	struct world w;

	begin_all(&w, "news");
	hub_link_done(&w.workers[1].link);
	turns(&w);
	cr_assert_eq(w.hub.n_open, N_WORKERS - 1u);
	publish(&w, 0, "news", "hello");
	turns(&w);
	cr_assert_str_eq(w.workers[3].got, "s:news=hello ");
	for (unsigned i = 0; i < N_WORKERS; i++)
		hub_link_done(&w.workers[i].link);
	turns(&w);
	cr_assert_eq(w.hub.routes.n_keys, 0u);
	cr_assert_eq(w.n_idle, 1u);
	cr_assert_str_eq(said(&w), "");
	done(&w);
}

Test(hub, the_last_publication_of_who_dies_arrives)
{
	struct world w;

	begin_all(&w, "news");
	/* It dies with publications in its socket that it has not read. */
	publish(&w, 1, "news", "for all");
	hub_pipe_flush(&w.workers[1].link.pipe);
	publish(&w, 0, "news", "last words");
	hub_link_done(&w.workers[0].link);
	turns(&w);
	cr_assert_not_null(strstr(w.workers[2].got, "s:news=last words "));
	done(&w);
}

Test(hub, a_new_worker_in_a_slot_begins_with_nothing)
{
	struct world w;

	begin_all(&w, "news");
	w.workers[1].wanted[0][0] = '\0';
	introduce(&w, 1);
	turns(&w);
	cr_assert_eq(w.hub.n_open, (unsigned)N_WORKERS);
	publish(&w, 0, "news", "hello");
	turns(&w);
	cr_assert_str_eq(w.workers[1].got, "");
	cr_assert_str_eq(w.workers[2].got, "s:news=hello ");
	done(&w);
}

/* A worker whose pipe is in the test's hand. */
static int pretend(struct world *w, unsigned slot)
{
	int fds[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	hub_connect(&w->hub, slot, fds[0]);
	return fds[1];
}

static void put(struct world *w, int fd, const struct hub_message *m)
{
	struct block_pool pool;
	struct outq q;

	block_pool_init(&pool, 0);
	outq_init(&q, &pool);
	cr_assert_eq(hub_wire_put(&q, m), 0);
	cr_assert_eq(outq_flush(&q, fd), 0);
	outq_done(&q);
	block_pool_done(&pool);
	turns(w);
}

static void expect_closed(struct world *w, int fd)
{
	char some[64];

	turns(w);
	cr_assert_eq(recv(fd, some, sizeof(some), MSG_DONTWAIT), 0);
	(void)close(fd);
}

static void expect_alive(struct world *w)
{
	publish(w, 0, "news", "alive");
	turns(w);
	cr_assert_str_eq(w->workers[2].got, "s:news=alive ");
}

Test(hub, garbage_costs_a_worker_its_pipe_and_nobody_else)
{
	struct world w;
	int fd;

	begin_all(&w, "news");
	fd = pretend(&w, 1);
	cr_assert_eq(send(fd, "what is this, please?", 21, 0), 21);
	expect_closed(&w, fd);
	cr_assert_str_eq(said(&w),
			 "error: worker 1 sends what makes no sense: the link to it is closed\n");
	expect_alive(&w);
	done(&w);
}

Test(hub, a_count_from_a_worker_is_garbage)
{
	struct world w;
	int fd;

	begin_all(&w, "news");
	fd = pretend(&w, 1);
	put(&w, fd, &(struct hub_message){ .type = HUB_LOST, .n_lost = 1 });
	expect_closed(&w, fd);
	expect_alive(&w);
	done(&w);
}

Test(hub, a_publication_over_the_limit_is_garbage)
{
	char *bytes = calloc(1, MAX_BYTES + 1);
	struct hub_message m = { .type = HUB_PUBLISH, .bytes = { bytes, MAX_BYTES + 1 } };
	struct block_pool pool;
	struct world w;
	struct outq q;
	int fd;

	begin_all(&w, "news");
	fd = pretend(&w, 1);
	block_pool_init(&pool, 0);
	outq_init(&q, &pool);
	cr_assert_eq(hub_wire_put(&q, &m), 0);
	(void)!outq_flush(&q, fd);
	turns(&w);
	cr_assert_not_null(strstr(said(&w), "worker 1 sends what makes no sense"));
	expect_alive(&w);
	outq_done(&q);
	block_pool_done(&pool);
	(void)close(fd);
	free(bytes);
	done(&w);
}

Test(hub, a_slot_there_is_not_is_refused)
{
	struct world w;
	int fd;

	begin_all(&w, "news");
	fd = pretend(&w, N_WORKERS);
	expect_closed(&w, fd);
	expect_alive(&w);
	done(&w);
}

/* Reads until it has seen so many publications and one count; returns the count. */
static uint64_t drink(struct world *w, int fd, unsigned *ret_n)
{
	static char in[4 << 20];
	size_t len = 0;
	uint64_t n_lost = 0;

	*ret_n = 0;
	while (n_lost == 0) {
		ssize_t n = recv(fd, in + len, sizeof(in) - len, MSG_DONTWAIT);
		struct hub_message m;
		weir_str left = { in, len += n > 0 ? (size_t)n : 0 };
		ssize_t used;

		while ((used = hub_wire_get(left, MAX_BYTES, &m)) > 0) {
			*ret_n += m.type == HUB_PUBLISH;
			n_lost += m.n_lost;
			left = (weir_str){ left.ptr + used, left.len - (size_t)used };
		}
		cr_assert_geq(used, 0);
		memmove(in, left.ptr, left.len);
		len = left.len;
		turns(w);
	}
	return n_lost;
}

Test(hub, who_does_not_take_its_publications_loses_some_and_is_told)
{
	size_t len = 100000;
	char *bytes = calloc(1, len);
	unsigned n_came;
	uint64_t n_lost;
	struct world w;
	int fd;

	begin_all(&w, "news");
	fd = pretend(&w, 1);
	put(&w, fd,
	    &(struct hub_message){ .type = HUB_WANT, .scope = { "s", 1 }, .name = { "news", 4 } });
	for (unsigned i = 0; i < 200; i++) {
		cr_assert_eq(hub_link_publish(&w.workers[0].link, WEIR_STR("s"), WEIR_STR("news"),
					      true, (weir_str){ bytes, len }),
			     0);
		turns(&w);
	}
	/* The others do not wait for it. */
	cr_assert_eq(w.workers[2].n_got, 200u);
	cr_assert_leq(w.hub.pool.n_taken * BLOCK_SIZE, (size_t)40 << 20);
	n_lost = drink(&w, fd, &n_came);
	cr_assert_gt(n_lost, 100u);
	cr_assert_eq(n_came + n_lost, 200u);
	cr_assert_eq(w.workers[2].n_lost, 0u);

	/* One line, and then it is as good as new. */
	publish(&w, 0, "news", "again");
	turns(&w);
	cr_assert_gt(recv(fd, bytes, len, MSG_DONTWAIT), 0);
	(void)close(fd);
	done(&w);
	free(bytes);
}

Test(hub, what_a_slow_worker_lost_is_said_once)
{
	struct world w;
	char *bytes = calloc(1, MAX_BYTES);
	int fd;

	begin_all(&w, "news");
	fd = pretend(&w, 1);
	put(&w, fd,
	    &(struct hub_message){ .type = HUB_WANT, .scope = { "s", 1 }, .name = { "news", 4 } });
	for (unsigned i = 0; i < 20; i++) {
		cr_assert_eq(hub_link_publish(&w.workers[0].link, WEIR_STR("s"), WEIR_STR("news"),
					      true, (weir_str){ bytes, MAX_BYTES }),
			     0);
		turns(&w);
	}
	(void)close(fd);
	stop_hub(&w);
	cr_assert_not_null(strstr(said(&w), "publications were not sent to worker 1"), "%s",
			   w.said);
	cr_assert_eq(strchr(w.said, '\n')[1], '\0', "%s", w.said);
	done(&w);
	free(bytes);
}
