/* test_service_keeper.c - a datagram socket in the role of the service manager; the time is ours. */
#include "daemon/service_keeper.h"

#include <criterion/criterion.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/worker_lags.h"
#include "daemon/worker_slot.h"
#include "io/beat.h"

#define N 2

struct world {
	int fd;
	struct log log;
	struct worker_slot slots[N];
	struct worker_lags lags;
	struct service_keeper k;
};

/* watchdog: WATCHDOG_USEC, NULL for none. */
static void init(struct world *w, const char *watchdog)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char name[64];

	*w = (struct world){ .fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0) };
	(void)snprintf(name, sizeof(name), "@weir-service-test-%d", (int)getpid());
	memcpy(sun.sun_path + 1, name + 1, strlen(name) - 1);
	cr_assert_eq(bind(w->fd, (struct sockaddr *)&sun,
			  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
		     0);
	setenv("NOTIFY_SOCKET", name, 1);
	unsetenv("WATCHDOG_PID");
	unsetenv("WATCHDOG_USEC");
	if (watchdog)
		setenv("WATCHDOG_USEC", watchdog, 1);
	log_init(&w->log, STDERR_FILENO, LOG_AT_ERROR);
	cr_assert_eq(worker_lags_init(&w->lags, N), 0);
	for (unsigned i = 0; i < N; i++) {
		worker_slot_init(&w->slots[i], i);
		worker_slot_forked(&w->slots[i], 1000 + (pid_t)i, -1, 0);
		worker_slot_move(&w->slots[i], WORKER_READY);
		beat_init(&worker_lags_at(&w->lags, i)->beat, NULL);
	}
	service_keeper_init(&w->k, &w->log, 0);
}

/* All that it was told since the last time, a line each. */
static const char *heard(struct world *w)
{
	static char all[4096];
	size_t len = 0;
	ssize_t n;

	while ((n = recv(w->fd, all + len, sizeof(all) - len - 2, 0)) > 0) {
		len += (size_t)n;
		all[len++] = '\n';
	}
	all[len] = '\0';
	return all;
}

static const char *tick(struct world *w, int64_t now_ms)
{
	service_keeper_tick(&w->k, now_ms, w->slots, N, &w->lags);
	return heard(w);
}

static void hold(struct world *w, unsigned slot, int64_t since_ms)
{
	beat_begin(&worker_lags_at(&w->lags, slot)->beat, since_ms * 1000);
}

Test(service_keeper, says_how_many_workers_there_are_when_that_changes)
{
	struct world w;

	init(&w, NULL);
	cr_assert_str_eq(tick(&w, 1), "STATUS=Starting: 2 of 2 workers ready\n");
	service_keeper_ready(&w.k, "*:80");
	cr_assert_str_eq(heard(&w), "READY=1\n");
	cr_assert_str_eq(tick(&w, 2), "STATUS=Serving on *:80, 2 of 2 workers ready\n");
	cr_assert_str_eq(tick(&w, 3), "");
	worker_slot_died(&w.slots[1], 4);
	cr_assert_str_eq(tick(&w, 4), "STATUS=Serving on *:80, 1 of 2 workers ready\n");
}

Test(service_keeper, a_reload_begins_with_the_time_and_ends_with_ready)
{
	struct world w;

	init(&w, NULL);
	service_keeper_ready(&w.k, "*:80");
	(void)tick(&w, 1);
	service_keeper_reloading(&w.k, 1234567);
	cr_assert_str_eq(heard(&w), "RELOADING=1\nMONOTONIC_USEC=1234567\n");
	cr_assert_str_eq(tick(&w, 2), "STATUS=Reloading; serving on *:80, 2 of 2 workers ready\n");
	service_keeper_ready(&w.k, "*:81");
	cr_assert_str_eq(tick(&w, 3), "READY=1\nSTATUS=Serving on *:81, 2 of 2 workers ready\n");
}

Test(service_keeper, a_stop_asks_for_the_time_it_takes_and_is_said_once)
{
	struct world w;

	init(&w, NULL);
	service_keeper_stopping(&w.k, 30500);
	service_keeper_stopping(&w.k, 0);
	cr_assert_str_eq(heard(&w), "STOPPING=1\nEXTEND_TIMEOUT_USEC=31500000\n");
	cr_assert_str_eq(tick(&w, 1), "STATUS=Stopping: 2 workers are not done yet\n");
	worker_slot_move(&w.slots[0], WORKER_DRAINING);
	worker_slot_died(&w.slots[0], 2);
	cr_assert_str_eq(tick(&w, 2), "STATUS=Stopping: 1 worker is not done yet\n");
}

Test(service_keeper, feeds_nobody_who_has_not_asked)
{
	struct world w;

	init(&w, NULL);
	cr_assert_eq(service_keeper_next_ms(&w.k), INT64_MAX);
	cr_assert_null(strstr(tick(&w, 100000), "WATCHDOG"));
}

Test(service_keeper, the_watchdog_of_another_process_is_not_ours)
{
	struct world w;

	init(&w, "4000000");
	setenv("WATCHDOG_PID", "1", 1);
	service_keeper_init(&w.k, &w.log, 0);
	cr_assert_eq(service_keeper_next_ms(&w.k), INT64_MAX);
}

Test(service_keeper, feeds_the_watchdog_four_times_as_often_as_it_must)
{
	struct world w;

	init(&w, "4000000");
	cr_assert_not_null(strstr(tick(&w, 0), "WATCHDOG=1"));
	cr_assert_eq(service_keeper_next_ms(&w.k), 1000);
	cr_assert_str_eq(tick(&w, 999), "");
	cr_assert_str_eq(tick(&w, 1000), "WATCHDOG=1\n");
}

Test(service_keeper, starves_it_while_a_loop_is_held_for_half_of_its_time)
{
	struct world w;

	init(&w, "4000000");
	(void)tick(&w, 0);
	hold(&w, 1, 1500);
	cr_assert_str_eq(tick(&w, 3000), "WATCHDOG=1\n");
	cr_assert_str_eq(tick(&w, 4000), "");
	cr_assert_str_eq(tick(&w, 5000), "");
	beat_end(&worker_lags_at(&w.lags, 1)->beat, 5500000);
	cr_assert_str_eq(tick(&w, 6000), "WATCHDOG=1\n");
}

Test(service_keeper, a_worker_that_starts_again_starves_nobody)
{
	struct world w;

	init(&w, "4000000");
	hold(&w, 1, 0);
	worker_slot_died(&w.slots[1], 10);
	cr_assert_not_null(strstr(tick(&w, 60000), "WATCHDOG=1"));
}

Test(service_keeper, while_it_stops_the_grace_counts)
{
	struct world w;

	init(&w, "4000000");
	hold(&w, 1, 0);
	service_keeper_stopping(&w.k, 30000);
	cr_assert_not_null(strstr(tick(&w, 60000), "WATCHDOG=1"));
}

Test(service_keeper, what_a_child_starts_is_not_the_service)
{
	struct world w;

	init(&w, "4000000");
	setenv("LISTEN_FDS", "1", 1);
	service_keeper_forget(&w.k);
	cr_assert_null(getenv("NOTIFY_SOCKET"));
	cr_assert_null(getenv("WATCHDOG_USEC"));
	cr_assert_null(getenv("LISTEN_FDS"));
}
