/*
 * test_master.c - real masters with workers that are not real: they do what a
 * test needs to see. Everything is waited for by its line in the log.
 */
#include "daemon/master.h"

#include "master_world.h"

Test(master, says_once_that_all_workers_are_ready, .timeout = 60)
{
	char expected[160], name[SOCK_NAME_MAX];
	struct world world;

	begin(&world, 2, 60000, good_worker);
	(void)sock_name(&world.address, name);
	(void)snprintf(expected, sizeof(expected),
		       "notice master: ready: listening on %s, 2 workers, pid %d\n", name,
		       (int)world.master);
	expect(&world, "ready: ");
	cr_assert_not_null(strstr(world.text, expected), "%s", world.text);

	stop_well(&world);
	cr_assert_eq(count(&world, "ready: listening on"), 1);
}

Test(master, tells_the_service_manager, .timeout = 60)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char name[64], text[64] = "";
	struct world world;
	socklen_t len;

	(void)snprintf(name, sizeof(name), "@weir-master-test-%d", (int)getpid());
	memcpy(sun.sun_path + 1, name + 1, strlen(name) - 1);
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	cr_assert_eq(bind(fd, (struct sockaddr *)&sun, len), 0);
	setenv("NOTIFY_SOCKET", name, 1);

	begin(&world, 1, 60000, good_worker);
	cr_assert_eq(hear(fd, text, sizeof(text)), 7);
	cr_assert_str_eq(text, "READY=1");
	kill(world.master, SIGTERM);
	cr_assert_gt(hear(fd, text, sizeof(text)), 10);
	cr_assert_eq(strncmp(text, "STOPPING=1", 10), 0);
	cr_assert_eq(exit_code(&world), EXIT_CODE_OK);
}

Test(master, sighup_changes_nothing, .timeout = 60)
{
	struct world world;

	begin_ready(&world, 1, 60000, good_worker);
	tell(&world, SIGHUP, "SIGHUP is ignored");
	stop_well(&world);
}

Test(master, workers_notice_that_it_died, .timeout = 60)
{
	struct world world;

	begin_ready(&world, 3, 60000, good_worker);
	kill(world.master, SIGKILL);
	expect_end_of_all(&world);
	cr_assert_eq(waitpid(world.master, NULL, 0), world.master);
}
