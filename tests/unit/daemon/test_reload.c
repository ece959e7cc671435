/* test_reload.c - configurations made into generations, as the master would; nothing is forked but checks. */
#include "daemon/reload.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "conf/cli.h"
#include "conf/exit_code.h"
#include "conf_fixture.h"
#include "daemon/listeners.h"
#include "daemon/worker.h"

#define LISTEN "listen: [{address: \"unix:first.sock\"}]\n"
#define MODULES                             \
	"module_path: [" TEST_MODULES "]\n" \
	"modules: [{path: good.so}]\n"

static struct world {
	char dir[64], file[96];
	struct cli cli;
	struct log log;
	struct reload reload;
	struct generation *now;
} w;

static void write_conf(const char *text)
{
	FILE *file = fopen(w.file, "w");

	cr_assert_not_null(file);
	cr_assert_geq(fputs(text, file), 0);
	cr_assert_eq(fclose(file), 0);
}

static void make(void)
{
	(void)strcpy(w.dir, "/tmp/weir_reload_XXXXXX");
	cr_assert_not_null(mkdtemp(w.dir));
	(void)snprintf(w.file, sizeof(w.file), "%s/weir.yaml", w.dir);
	(void)unsetenv("WEB_CONCURRENCY");
	(void)unsetenv("PORT");
	w.cli = (struct cli){ .command = CLI_SERVE, .file = w.file };
	log_init(&w.log, 2, LOG_AT_WARN);
	w.reload = (struct reload){ .cli = &w.cli, .log = &w.log };
}

static void unmake(void)
{
	char command[128];

	generation_free(w.now);
	(void)snprintf(command, sizeof(command), "rm -r %s", w.dir);
	(void)!system(command);
}

static void begin(const char *text)
{
	struct conf *conf = NULL;
	struct tls_keeper *tls = NULL;
	bool has_jobs;

	write_conf(text);
	cr_assert_eq(reload_read(&w.reload, NULL, &conf, &has_jobs, &tls), 0);
	cr_assert_eq(reload_open(&w.reload, conf, tls, NULL, &w.now), EXIT_CODE_OK);
}

static bool exists(const char *name)
{
	char path[128];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", w.dir, name);
	return stat(path, &st) == 0;
}

TestSuite(reload, .init = make, .fini = unmake);

Test(reload, makes_a_generation_of_a_configuration)
{
	begin(LISTEN MODULES "workers: 3\ngraceful_timeout: 7s\nwebsocket_grace: 2s\n");
	cr_expect_eq(w.now->n_workers, 3);
	cr_expect_eq(w.now->graceful_ms, 7000);
	cr_expect_eq(w.now->session_grace_ms, 2000);
	cr_expect_eq(listeners_count(w.now->listeners), 1);
	cr_expect(exists("first.sock"));
}

Test(reload, the_check_says_what_is_wrong_by_its_exit_code)
{
	write_conf(LISTEN MODULES);
	cr_expect_eq(reload_ops.check(&w.reload), GENERATION_HAS_JOBS);
	write_conf(LISTEN);
	cr_expect_eq(reload_ops.check(&w.reload), GENERATION_HAS_NO_JOBS);
	write_conf(LISTEN MODULES "nonsense: 1\n");
	cr_expect_eq(reload_ops.check(&w.reload), EXIT_CODE_CONFIG);
	write_conf(LISTEN MODULES "routes: [{path: /x, handler: good.nothing}]\n");
	cr_expect_eq(reload_ops.check(&w.reload), EXIT_CODE_CONFIG);
	cr_expect_not(exists("first.sock"));
}

Test(reload, the_next_one_keeps_the_sockets_and_has_other_values)
{
	struct generation *next = NULL;

	begin(LISTEN MODULES);
	write_conf(LISTEN MODULES "workers: 2\n");
	cr_assert_eq(reload_ops.load(&w.reload, w.now, true, &next), 0);
	cr_expect_eq(next->n_workers, 2);
	cr_expect(next->has_jobs);
	listeners_succeed(next->listeners);
	generation_free(w.now);
	w.now = next;
	cr_expect(exists("first.sock"));
}

Test(reload, one_that_is_given_up_leaves_nothing)
{
	struct generation *next = NULL;

	begin(LISTEN MODULES);
	write_conf("listen: [{address: \"unix:first.sock\"}, {address: "
		   "\"unix:other.sock\"}]\n" MODULES);
	cr_assert_eq(reload_ops.load(&w.reload, w.now, false, &next), 0);
	cr_expect(exists("other.sock"));
	generation_free(next);
	cr_expect_not(exists("other.sock"));
	cr_expect(exists("first.sock"));
}

Test(reload, a_bad_one_is_none_and_leaves_the_level_of_the_log)
{
	struct generation *next = NULL;

	begin(LISTEN MODULES "log_level: warn\n");
	write_conf(LISTEN MODULES "log_level: debug\nnonsense: 1\n");
	cr_expect_eq(reload_ops.load(&w.reload, w.now, false, &next), -EINVAL);
	cr_expect_null(next);
	cr_expect_eq(w.log.level, LOG_AT_WARN);
}

Test(reload, what_the_hub_has_begun_with_stays)
{
	struct generation *next = NULL;

	begin(LISTEN MODULES);
	write_conf(LISTEN MODULES "max_publication: 5KiB\n");
	cr_expect_eq(reload_ops.load(&w.reload, w.now, false, &next), -EINVAL);
}

Test(reload, the_pools_of_jobs_may_be_others)
{
	struct generation *next = NULL;

	begin(LISTEN MODULES);
	write_conf(LISTEN MODULES
		   "jobs: {processes: 7, max_result: 1MiB, pools: [{name: slow}]}\n");
	cr_assert_eq(reload_ops.load(&w.reload, w.now, true, &next), 0);
	cr_expect_eq(next->jobs->n_pools, 2u);
	cr_expect_eq(next->jobs->pools[1].processes, 7u);
	cr_expect_eq(next->jobs->max_result, 1024u * 1024);
	generation_free(next);
}

Test(reload, a_log_that_was_moved_is_made_again)
{
	const struct worker_setup *setup;
	char from[128], to[128];
	int fd = -1;

	begin(LISTEN MODULES "access_log: ./access.log\n");
	setup = w.now->worker_arg;
	(void)snprintf(from, sizeof(from), "%s/access.log", w.dir);
	(void)snprintf(to, sizeof(to), "%s/access.log.1", w.dir);
	cr_assert_eq(rename(from, to), 0);
	cr_assert_eq(reload_ops.reopen(w.now, &fd), 0);
	cr_expect_eq(fd, setup->access_log_fd);
	cr_expect(exists("access.log"));
}

Test(reload, without_a_file_there_is_nothing_to_open_again)
{
	int fd = 7;

	begin(LISTEN MODULES "access_log: off\n");
	cr_assert_eq(reload_ops.reopen(w.now, &fd), 0);
	cr_expect_eq(fd, -1);
}
