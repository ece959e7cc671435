/* test_master_fork.c - as test_master.c: how children begin, and how those that crash are reported. */
#include "daemon/master_fork.h"

#include "daemon/crash_note.h"
#include "master_world.h"

/* Crashes the first time. */
static int crashing_worker(const struct worker_args *args)
{
	static const int signals[] = { SIGSEGV, SIGABRT };

	/* Not the sanitizers'. */
	for (size_t i = 0; i < 2; i++)
		(void)signal(signals[i], SIG_DFL);
	say_begin(args);
	cr_assert_eq(crash_note_watch(args->crash), 0);
	crash_note_doing(args->crash, "shop.crash", WEIR_STR(""));
	be_ready(args);
	obey(args);
	abort();
}

Test(master_fork, reports_in_which_function_a_worker_crashed, .timeout = 60)
{
	struct world world;

	begin_ready(&world, 1, 60000, crashing_worker);
	tell(&world, SIGTERM, "worker 0: SIGABRT in shop.crash\n");
	expect(&world, "error worker 0: #0 ");
	/* The master ends when all is said. */
	cr_assert_eq(exit_code(&world), EXIT_CODE_UNCLEAN);
	cr_assert_not_null(strstr(world.text, " crashing_worker at "), "%s", world.text);
}

/* Says where it is, as a watchdog would. */
static int stalled_worker(const struct worker_args *args)
{
	struct trace_regs regs = { .pc = (uintptr_t)stalled_worker, .sp = (uintptr_t)&regs };

	say_begin(args);
	crash_note_map(args->crash);
	crash_note_fill(&args->crash->stall, NULL, &regs);
	atomic_store(&args->crash->stall.state, CRASH_WHOLE);
	be_ready(args);
	(void)control_send_stalled(args->control_fd);
	obey(args);
	_exit(0);
}

Test(master_fork, reports_where_a_worker_is_stuck, .timeout = 60)
{
	struct world world;

	begin(&world, 1, 60000, stalled_worker);
	expect(&world, "warn worker 0: #0 stalled_worker at ");
	stop_well(&world);
}

static int inspecting_worker(const struct worker_args *args)
{
	struct sigaction action;
	int n_fds = 0;

	(void)sigaction(SIGINT, NULL, &action);
	for (int fd = 3; fd < 64; fd++)
		n_fds += fcntl(fd, F_GETFD) >= 0;
	log_write(args->log, LOG_AT_NOTICE, "has %d descriptors%s", n_fds,
		  action.sa_handler == SIG_IGN ? ", ignores SIGINT" : "");
	return good_worker(args);
}

/* Every worker sees as much as the first, whatever was made for others before it. */
Test(master_fork, a_worker_inherits_nothing_of_the_others, .timeout = 60)
{
	struct world world;
	int n_fds[3];

	begin_ready(&world, 3, 60000, inspecting_worker);
	world.read_to = 0;
	for (int i = 0; i < 3; i++) {
		char words[32];

		world.read_to = 0;
		(void)snprintf(words, sizeof(words), "worker %d: has ", i);
		n_fds[i] = atoi(expect(&world, words));
	}
	cr_assert_eq(n_fds[0], n_fds[1]);
	cr_assert_eq(n_fds[0], n_fds[2]);
	cr_assert_eq(count(&world, "ignores SIGINT"), 3);
	stop_well(&world);
}
