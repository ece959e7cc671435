/*
 * test_master_reload.c - as test_master.c: one generation after the other. What a
 * check or a new generation comes to is in memory that the test shares with the master.
 */
#include "daemon/master_reload.h"

#include <sys/mman.h>

#include "master_world.h"

struct plan {
	int check;	    /* the exit code */
	int load;	    /* negative: it fails */
	unsigned n_workers; /* of the next */
	int gate[2];	    /* a pipe: who waits does so for a byte */
	bool is_patient;    /* the check waits */
	bool fails;	    /* new workers do */
	bool lingers;	    /* workers that drain wait */
	bool waits;	    /* new workers wait before they are ready */
};

/* Shared with the master. n_workers may be 0, which is one. */
static struct plan *plan_new(const struct plan *like)
{
	struct plan *plan = mmap(NULL, sizeof(*plan), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(plan, MAP_FAILED);
	*plan = *like;
	if (plan->n_workers == 0)
		plan->n_workers = 1;
	cr_assert_eq(pipe2(plan->gate, O_CLOEXEC), 0);
	return plan;
}

static void await(const struct plan *plan)
{
	char byte;

	(void)!read(plan->gate[0], &byte, 1);
}

static void release(const struct plan *plan, unsigned n)
{
	cr_assert_eq(write(plan->gate[1], "12345678", n), n);
}

static int check(void *arg)
{
	const struct plan *plan = arg;

	if (plan->is_patient)
		await(plan);
	return plan->check;
}

static void free_next(struct generation *g)
{
	listeners_close(g->listeners);
	free(g);
}

static int load(void *arg, const struct generation *now, bool has_jobs,
		struct generation **ret_next)
{
	struct conf_listen listen = { .address = { .type = CONF_ADDRESS_TCP,
						   .len = sizeof(struct sockaddr_in),
						   .text = "" } };
	struct sockaddr_in *in = (struct sockaddr_in *)&listen.address.sockaddr;
	struct plan *plan = arg;
	struct generation *g;
	char words[LISTENERS_WORDS_MAX];

	if (plan->load < 0)
		return plan->load;
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	g = calloc(1, sizeof(*g));
	*g = *now;
	g->free = free_next;
	g->n_workers = plan->n_workers;
	g->worker_arg = plan;
	g->has_jobs = has_jobs;
	return listeners_renew(now->listeners, &listen, 1, plan->n_workers, 64, &g->listeners,
			       words) < 0
		       ? -EIO
		       : (*ret_next = g, 0);
}

static int reopen(struct generation *g, int *ret_fd)
{
	*ret_fd = g->listeners ? STDERR_FILENO : -1;
	return 0;
}

static const struct generation_ops ops = { check, load, reopen };

static void linger(const struct worker_args *args)
{
	(void)control_send_leaving(args->control_fd);
	await(args->arg);
	log_write(args->log, LOG_AT_NOTICE, "has lingered");
}

/* Obeys, and says how it is drained. */
static int planned_worker(const struct worker_args *args)
{
	const struct plan *plan = args->arg;
	struct pollfd polled = { .fd = args->control_fd, .events = POLLIN };
	struct ipc_message message;

	say_begin(args);
	if (plan && plan->fails) {
		(void)!control_send_failed(args->control_fd, "it was planned");
		_exit(EXIT_CODE_START);
	}
	if (plan && plan->waits && args->is_held)
		await(plan);
	be_ready(args);
	while (poll(&polled, 1, -1) == 1) {
		int r = control_receive(args->control_fd, &message);

		if (r == 0)
			break;
		if (r == 1 && message.type == CONTROL_SERVE)
			log_write(args->log, LOG_AT_NOTICE, "serves");
		if (r == 1 && message.type == CONTROL_ACCESS_LOG)
			log_write(args->log, LOG_AT_NOTICE, "has another log");
		if (r == 1 && message.type == CONTROL_ADOPT)
			log_write(args->log, LOG_AT_NOTICE, "adopts lane %u", message.number);
		if (r == 1 && message.type == CONTROL_DRAIN) {
			log_write(args->log, LOG_AT_NOTICE, "drains, %u", message.number);
			if (plan && plan->lingers)
				linger(args);
			break;
		}
	}
	_exit(0);
}

static void begin_planned(struct world *world, unsigned n_workers, struct plan *plan)
{
	begin_with_jobs(world, &(struct lives){ .n_workers = n_workers,
						.graceful_ms = 60000,
						.worker_main = planned_worker,
						.hub_main = real_hub,
						.ops = &ops,
						.ops_arg = plan });
	expect(world, "ready: ");
}

/* The same with a plan of its own, and told to reload. */
static struct plan *begin_reload(struct world *world, unsigned n_workers, const struct plan *like)
{
	struct plan *plan = plan_new(like);

	begin_planned(world, n_workers, plan);
	kill(world->master, SIGHUP);
	return plan;
}

/* Which comes to nothing, for one worker. */
static void check_refused(const struct plan *like, const char *words)
{
	struct world world;

	(void)begin_reload(&world, 1, like);
	if (words)
		expect(&world, words);
	expect(&world, "the new configuration is not used: nothing has changed");
	stop_well(&world);
	cr_expect_eq(count(&world, "begins"), 1);
}

Test(master_reload, new_workers_serve_and_the_old_ones_drain, .timeout = 60)
{
	struct world world;

	(void)begin_reload(&world, 2, &(struct plan){ .n_workers = 2 });
	expect(&world, "SIGHUP: reading the configuration again");
	expect(&world, "reloaded: listening on ");
	stop_well(&world);
	cr_expect_eq(count(&world, "worker 2: serves"), 1);
	cr_expect_eq(count(&world, "worker 3: serves"), 1);
	cr_expect_eq(count(&world, "worker 0: drains, 1"), 1);
	cr_expect_eq(count(&world, "worker 1: drains, 1"), 1);
	cr_expect_eq(count(&world, "worker 2: drains, 0"), 1);
	cr_expect_eq(count(&world, "starting another"), 0);
}

Test(master_reload, it_is_told_to_the_service_manager, .timeout = 60)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct plan *plan = plan_new(&(struct plan){ .n_workers = 1 });
	char name[64], text[64] = "";
	struct world world;
	socklen_t len;

	(void)snprintf(name, sizeof(name), "@weir-reload-test-%d", (int)getpid());
	memcpy(sun.sun_path + 1, name + 1, strlen(name) - 1);
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	cr_assert_eq(bind(fd, (struct sockaddr *)&sun, len), 0);
	setenv("NOTIFY_SOCKET", name, 1);

	begin_planned(&world, 1, plan);
	cr_assert_eq(hear(fd, text, sizeof(text)), 7);
	kill(world.master, SIGHUP);
	cr_assert_gt(hear(fd, text, sizeof(text)), 27);
	cr_expect_eq(strncmp(text, "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
	cr_assert_eq(hear(fd, text, sizeof(text)), 7);
	cr_expect_eq(strncmp(text, "READY=1", 7), 0);
	stop_well(&world);
}

Test(master_reload, a_configuration_that_is_not_fine_changes_nothing, .timeout = 60)
{
	check_refused(&(struct plan){ .check = EXIT_CODE_CONFIG }, NULL);
}

Test(master_reload, nor_does_one_that_cannot_be_loaded, .timeout = 60)
{
	check_refused(&(struct plan){ .load = -EINVAL }, NULL);
}

Test(master_reload, nor_do_more_workers_than_there_are_places, .timeout = 60)
{
	check_refused(&(struct plan){ .n_workers = master_n_slots(1) },
		      "workers are too many without a restart");
}

Test(master_reload, nor_do_workers_that_cannot_start, .timeout = 60)
{
	struct world world;
	struct plan *plan = begin_reload(&world, 1,
					 &(struct plan){ .fails = true, .n_workers = 2 });

	expect(&world, "cannot start: it was planned");
	expect(&world, "the new configuration is not used: nothing has changed");
	plan->fails = false;
	tell(&world, SIGHUP, "reloaded: ");
	stop_well(&world);
	cr_expect_eq(count(&world, "worker 0: drains, 1"), 1);
	cr_expect_eq(count(&world, "nothing has changed"), 1);
}

Test(master_reload, one_more_during_a_check_is_done_afterwards, .timeout = 60)
{
	struct world world;
	struct plan *plan = begin_reload(&world, 1, &(struct plan){ .is_patient = true });

	expect(&world, "SIGHUP: ");
	tell(&world, SIGHUP, "SIGHUP: as soon as");
	plan->is_patient = false;
	release(plan, 1);
	expect(&world, "reloaded: ");
	expect(&world, "SIGHUP: ");
	expect(&world, "reloaded: ");
	stop_well(&world);
}

Test(master_reload, one_more_while_workers_start_begins_anew, .timeout = 60)
{
	struct world world;
	struct plan *plan = begin_reload(&world, 1, &(struct plan){ .waits = true });

	expect_worker(&world, "1");
	tell(&world, SIGHUP, "the workers that start are given up");
	plan->waits = false;
	release(plan, 1);
	expect(&world, "reloaded: ");
	stop_well(&world);
	cr_expect_eq(count(&world, "reloaded: "), 1);
}

Test(master_reload, a_stop_meanwhile_is_a_stop, .timeout = 60)
{
	struct world world;
	struct plan *plan = begin_reload(&world, 1, &(struct plan){ .waits = true });

	expect_worker(&world, "1");
	tell(&world, SIGTERM, "stopping: ");
	release(plan, 1);
	cr_assert_eq(exit_code(&world), EXIT_CODE_OK);
	cr_expect_eq(count(&world, "reloaded: "), 0);
}

Test(master_reload, with_fewer_workers_no_lane_is_orphaned, .timeout = 60)
{
	struct world world;

	(void)begin_reload(&world, 3, &(struct plan){ .n_workers = 1 });
	expect(&world, "reloaded: ");
	stop_well(&world);
	cr_expect_eq(count(&world, "worker 3: adopts lane 2"), 1);
	cr_expect_eq(count(&world, "worker 3: adopts lane 1"), 1);
}

Test(master_reload, is_done_when_the_old_ones_do_not_accept, .timeout = 60)
{
	struct world world;
	struct plan *plan = begin_reload(&world, 1, &(struct plan){ .n_workers = 1 });

	expect(&world, "reloaded: ");
	plan->lingers = true;
	tell(&world, SIGHUP, "worker 1: drains, 1");
	expect(&world, "reloaded: ");
	cr_expect_eq(count(&world, "has lingered"), 0);
	plan->lingers = false;
	release(plan, 1);
	expect(&world, "worker 1: has lingered");
	stop_well(&world);
}

/* Neither says nor does anything that it is told. */
__attribute__((noreturn)) static int stuck_worker(const struct worker_args *args)
{
	(void)alarm(60);
	(void)signal(SIGTERM, SIG_IGN);
	say_begin(args);
	be_ready(args);
	for (;;)
		(void)pause();
}

Test(master_reload, who_is_stuck_is_not_waited_for, .timeout = 60)
{
	struct plan *plan = plan_new(&(struct plan){ .n_workers = 1 });
	struct world world;

	begin_with_jobs(&world, &(struct lives){ .n_workers = 1,
						 .graceful_ms = 10000,
						 .worker_main = stuck_worker,
						 .hub_main = real_hub,
						 .ops = &ops,
						 .ops_arg = plan });
	expect(&world, "ready: ");
	tell(&world, SIGHUP, "reloaded: ");
	tell(&world, SIGTERM, "stopping: ");
	kill(world.master, SIGTERM);
	cr_assert_eq(exit_code(&world), EXIT_CODE_UNCLEAN);
}

Test(master_reload, logs_are_opened_again, .timeout = 60)
{
	struct plan *plan = plan_new(&(struct plan){ .n_workers = 1 });
	struct world world;

	begin_planned(&world, 1, plan);
	tell(&world, SIGUSR1, "worker 0: has another log");
	stop_well(&world);
}

Test(master_reload, who_has_no_other_configuration_says_so, .timeout = 60)
{
	struct world world;

	begin_ready(&world, 1, 60000, good_worker);
	tell(&world, SIGHUP, "SIGHUP is ignored");
	stop_well(&world);
}
