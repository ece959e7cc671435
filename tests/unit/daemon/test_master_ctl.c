/* test_master_ctl.c - real masters with ctl processes that are not real, as test_master.c does with workers. */
#include "daemon/master_ctl.h"

#include "daemon/ctl_doors.h"
#include "daemon/worker_board.h"
#include "master_world.h"

static int met_worker(const struct worker_args *args)
{
	struct pollfd polled = { .fd = args->control_fd, .events = POLLIN };
	struct ipc_message message;

	say_begin(args);
	be_ready(args);
	while (poll(&polled, 1, -1) == 1 && control_receive(args->control_fd, &message) == 1) {
		if (message.type == CONTROL_DRAIN)
			break;
		if (message.type == CONTROL_CTL)
			log_write(args->log, LOG_AT_NOTICE, "meets ctl");
		for (size_t i = 0; i < message.n_fds; i++)
			(void)close(message.fds[i]);
	}
	_exit(0);
}

/* Says what the board says when it is introduced to the last worker, and asks as the test wants. */
static enum control_type asks;
static unsigned ask_number;

static int asking_ctl(const struct ctl_args *args)
{
	struct pollfd polled = { .fd = args->control_fd, .events = POLLIN };
	struct ipc_message message;

	log_write(args->log, LOG_AT_NOTICE, "begins, pid %d", (int)getpid());
	while (poll(&polled, 1, -1) == 1 && control_receive(args->control_fd, &message) == 1) {
		if (message.type == CONTROL_DRAIN) {
			log_write(args->log, LOG_AT_NOTICE, "ends; the daemon is %s",
				  worker_board_phase_name(atomic_load(&args->board->phase)));
			_exit(0);
		}
		log_write(args->log, LOG_AT_NOTICE, "meets worker %u of %u", message.number,
			  (unsigned)atomic_load(&args->board->n_workers));
		if (message.number == 1 && asks &&
		    control_send_ask(args->control_fd, asks, ask_number) < 0)
			_exit(99);
		for (size_t i = 0; i < message.n_fds; i++)
			(void)close(message.fds[i]);
	}
	_exit(1);
}

static void begin_with_ctl(struct world *world, int64_t notice_ms)
{
	static struct ctl_doors doors;
	struct world other;

	/* Any open socket is a reason for there to be one. */
	open_listeners(&other, 1);
	doors.control = other.listeners;
	begin_with_jobs(world, &(struct lives){ .n_workers = 2,
						.graceful_ms = 1000,
						.worker_main = met_worker,
						.hub_main = real_hub,
						.ctl_doors = &doors,
						.ctl_main = asking_ctl,
						.notice_ms = notice_ms });
	ctl_doors_close(&doors);
}

/* In whatever order processes say it. */
static void expect_all(struct world *world, const char *a, const char *b)
{
	while (!strstr(world->text, a) || !strstr(world->text, b))
		cr_assert(read_more(world), "%s", world->text);
}

Test(master_ctl, all_are_introduced_and_it_ends_after_the_workers, .timeout = 60)
{
	struct world world;

	begin_with_ctl(&world, 0);
	expect_all(&world, "ctl: meets worker 1 of 2", "ready: ");
	stop_well(&world);
	cr_assert_eq(count(&world, ": meets ctl"), 2);
	cr_assert_not_null(strstr(world.text, "ctl: ends; the daemon is stopping"), "%s",
			   world.text);
}

Test(master_ctl, the_next_one_meets_all_again, .timeout = 60)
{
	struct world world;
	pid_t pid;

	begin_with_ctl(&world, 0);
	pid = (pid_t)atoi(expect(&world, "ctl: begins, pid "));
	expect_all(&world, "ctl: meets worker 1 of 2", "ready: ");
	kill(pid, SIGKILL);
	while (count(&world, "ctl: meets worker 1") < 2)
		cr_assert(read_more(&world), "%s", world.text);
	stop_well(&world);
	cr_assert_eq(count(&world, ": begins, pid"), 4);
}

Test(master_ctl, may_end_the_daemon, .timeout = 60)
{
	struct world world;

	asks = CONTROL_ASK_DRAIN;
	begin_with_ctl(&world, 0);
	cr_assert_eq(exit_code(&world), EXIT_CODE_OK);
	cr_assert_not_null(strstr(world.text, "stopping: requests in flight"), "%s", world.text);
}

Test(master_ctl, may_end_a_worker, .timeout = 60)
{
	struct world world;

	asks = CONTROL_ASK_DRAIN;
	ask_number = 2;
	begin_with_ctl(&world, 0);
	/* That of slot 1; these know no better than to die of it. */
	expect_all(&world, "worker 1 (pid ", "SIGTERM");
	kill(world.master, SIGTERM);
	expect_end_of_all(&world);
}

Test(master_ctl, a_daemon_that_gives_notice_serves_until_then, .timeout = 60)
{
	struct world world;

	begin_with_ctl(&world, 60000);
	expect_all(&world, "ctl: meets worker 1 of 2", "ready: ");
	tell(&world, SIGTERM, "stopping in 60000 ms; until then clients are served");
	tell(&world, SIGTERM, "stopping: requests in flight have 1000 ms");
	cr_assert_eq(exit_code(&world), EXIT_CODE_OK);
}
