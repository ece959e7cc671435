/* test_hub_losses.c - in virtual time. */
#include "daemon/hub_losses.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "io/loop.h"

struct world {
	struct loop *loop;
	struct log log;
	int log_fd;
	struct hub_losses losses;
	char said[1024];
	size_t len;
};

static void begin(struct world *w)
{
	int fds[2];

	memset(w, 0, sizeof(*w));
	cr_assert_eq(loop_new_virtual(&w->loop), 0);
	cr_assert_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	w->log_fd = fds[0];
	log_init(&w->log, fds[1], LOG_AT_INFO);
	w->log.has_time = false;
	hub_losses_init(&w->losses, w->loop, &w->log, "were lost by worker %d", 3);
}

static void do_nothing(struct timer *timer)
{
}

static void wait_ms(struct world *w, int64_t ms)
{
	int64_t until_ms = loop_now_ms(w->loop) + ms;
	struct timer end;

	timer_init(&end, do_nothing);
	while (loop_now_ms(w->loop) < until_ms) {
		/* A fence to stop at. */
		loop_timer_start(w->loop, &end, until_ms);
		loop_turn(w->loop, true);
		loop_timer_stop(w->loop, &end);
	}
	loop_turn(w->loop, false);
}

/* What was said since the last time. */
static const char *said(struct world *w)
{
	ssize_t n = read(w->log_fd, w->said, sizeof(w->said) - 1);

	w->said[n > 0 ? n : 0] = '\0';
	return w->said;
}

static void done(struct world *w)
{
	hub_losses_done(&w->losses);
	w->loop = loop_free(w->loop);
	(void)close(w->log.fd);
	(void)close(w->log_fd);
}

Test(hub_losses, are_said_together_a_second_after_the_first)
{
	struct world w;

	begin(&w);
	hub_losses_add(&w.losses, 1);
	wait_ms(&w, 900);
	hub_losses_add(&w.losses, 41);
	cr_assert_str_eq(said(&w), "");
	wait_ms(&w, 200);
	cr_assert_not_null(strstr(said(&w), "42 were lost by worker 3\n"), "%s", w.said);
	done(&w);
	cr_assert_eq(w.losses.n, 42u);
}

Test(hub_losses, that_go_on_are_said_once_a_minute)
{
	struct world w;

	begin(&w);
	for (unsigned i = 0; i < 61; i++) {
		hub_losses_add(&w.losses, 1);
		wait_ms(&w, 1000);
		if (i == 0)
			cr_assert_not_null(strstr(said(&w), " 1 were lost"), "%s", w.said);
		else if (i < 60)
			cr_assert_str_eq(said(&w), "");
	}
	cr_assert_not_null(strstr(said(&w), " 60 were lost"), "%s", w.said);
	done(&w);
}

Test(hub_losses, a_quiet_minute_ends_the_episode)
{
	struct world w;

	begin(&w);
	hub_losses_add(&w.losses, 1);
	wait_ms(&w, 70000);
	(void)said(&w);
	hub_losses_add(&w.losses, 2);
	wait_ms(&w, 1100);
	cr_assert_not_null(strstr(said(&w), " 2 were lost"), "%s", w.said);
	done(&w);
}

Test(hub_losses, what_was_not_said_is_said_at_the_end)
{
	struct world w;

	begin(&w);
	hub_losses_add(&w.losses, 7);
	hub_losses_done(&w.losses);
	cr_assert_not_null(strstr(said(&w), " 7 were lost"), "%s", w.said);
	hub_losses_done(&w.losses);
	cr_assert_str_eq(said(&w), "");
	done(&w);
}

Test(hub_losses, none_are_not_said)
{
	struct world w;

	begin(&w);
	hub_losses_add(&w.losses, 0);
	wait_ms(&w, 2000);
	hub_losses_done(&w.losses);
	cr_assert_str_eq(said(&w), "");
	done(&w);
}
