/*
 * run.c - what happens before there are workers, in the order in which it can
 * go wrong: arguments, configuration, modules, addresses, logs. Each has its
 * exit code, and words on standard error.
 */
#include "daemon/run.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/metrics.h"
#include "conf/cli.h"
#include "conf/conf.h"
#include "conf/conf_print.h"
#include "conf/exit_code.h"
#include "daemon/ctl_doors.h"
#include "daemon/ctl_process.h"
#include "daemon/front.h"
#include "daemon/generation.h"
#include "daemon/handover.h"
#include "daemon/hub_process.h"
#include "daemon/job_counts.h"
#include "daemon/job_process.h"
#include "daemon/listeners.h"
#include "daemon/master.h"
#include "daemon/privileges.h"
#include "daemon/reload.h"
#include "daemon/tls_keeper.h"
#include "daemon/worker.h"
#include "io/proc.h"

/* How this program was started, for the one that may take its place. */
struct start {
	char program[PATH_MAX];
	char *const *arguments;
	struct handover handed; /* by the one before */
};

static int serve(const struct reload *reload, struct generation *take_first, struct start *start,
		 const struct ctl_doors *doors)
{
	return master_run(&(struct master_setup){
		.log = reload->log,
		.first = take_first,
		.ops = &reload_ops,
		.ops_arg = (void *)reload,
		.worker_main = worker_main,
		.hub_main = hub_process_main,
		.job_main = job_process_main,
		.handed = start->handed.listeners ? &start->handed : NULL,
		.program = start->program[0] ? start->program : NULL,
		.arguments = start->arguments,
		.ctl_main = ctl_process_main,
		.ctl_doors = doors,
	});
}

/* The configuration is fine. */
static int open_and_serve(struct reload *reload, struct conf *take_conf,
			  struct tls_keeper *take_tls, bool has_jobs, struct start *start)
{
	_cleanup_(ctl_doors_close) struct ctl_doors doors = { 0 };
	const struct generation former = { .listeners = start->handed.listeners };
	_cleanup_(job_counts_done) struct job_counts counts = { 0 };
	_cleanup_(front_done) struct front front = { .rates = { .cells = NULL } };
	_cleanup_(metrics_memory_freep) struct metrics_memory *metrics = NULL;
	char words[LISTENERS_WORDS_MAX];
	struct generation *first = NULL;
	int r;

	proc_raise_nofile();
	(void)!job_counts_init(&counts); /* nothing is counted then */
	reload->counts = &counts;
	reload->front = &front;
	/* The same: a set for each worker there may be. */
	(void)!metrics_memory_new(master_n_slots(take_conf->n_workers), take_conf->metrics_memory,
				  &metrics);
	reload->metrics = metrics;
	if (front_init(&front, take_conf) < 0) {
		log_write(reload->log, LOG_AT_ERROR, "no memory that workers could share");
		(void)conf_free(take_conf);
		(void)tls_keeper_free(take_tls);
		return EXIT_CODE_SYSTEM;
	}
	r = ctl_doors_open(take_conf, &doors, words);
	if (r < 0) {
		log_write(reload->log, LOG_AT_ERROR, "%s", words);
		(void)conf_free(take_conf);
		(void)tls_keeper_free(take_tls);
		return listeners_exit_code(r);
	}
	r = reload_open(reload, take_conf, take_tls, former.listeners ? &former : NULL, &first);
	if (r != EXIT_CODE_OK)
		return r;
	first->has_jobs = has_jobs;
	listeners_succeed(first->listeners);
	if (listeners_begin(first->listeners) < 0)
		log_write(reload->log, LOG_AT_WARN, "not every worker has sockets of its own");
	if (former.listeners)
		listeners_stop(start->handed.listeners);
	privileges_trim(first->privileges, reload->log);
	return serve(reload, first, start, &doors);
}

static int print(const struct conf *conf)
{
	int code = EXIT_CODE_SYSTEM;
	struct buf text;

	buf_init(&text, 0);
	if (conf_print(conf, true, &text) >= 0 &&
	    fwrite(text.data, 1, text.len, stdout) == text.len && fflush(stdout) == 0)
		code = EXIT_CODE_OK;
	buf_done(&text);
	return code;
}

/* A program that asks whether this one could take its place has lent it its sockets: opens what it would, and closes it. */
static int rehearse(struct reload *reload, struct conf *take_conf, struct tls_keeper *take_tls,
		    const struct start *start)
{
	const struct generation former = { .listeners = start->handed.listeners };
	struct generation *g = NULL;
	int r;

	/* What it would say of itself is said when it serves. */
	if (reload->log->level > LOG_AT_WARN)
		reload->log->level = LOG_AT_WARN;
	r = reload_open(reload, take_conf, take_tls, &former, &g);
	generation_free(g);
	return r;
}

static int run(const struct cli *cli, struct start *start)
{
	_cleanup_(conf_freep) struct conf *conf = NULL;
	_cleanup_(tls_keeper_freep) struct tls_keeper *tls = NULL;
	bool has_jobs = false;
	struct log log;
	struct reload reload = { .cli = cli,
				 .log = &log,
				 .is_rehearsal = cli->command == CLI_CHECK &&
						 start->handed.listeners };
	int r;

	log_init(&log, STDERR_FILENO, LOG_AT_INFO);
	log_set_who(&log, "master");
	r = reload_read(&reload, NULL, &conf, &has_jobs, &tls);
	if (r == -EINVAL)
		return EXIT_CODE_CONFIG;
	if (r == -EPERM)
		return EXIT_CODE_PERMISSION;
	if (r < 0) {
		log_write(&log, LOG_AT_ERROR, "cannot load the configuration: %s", strerror(-r));
		return EXIT_CODE_SYSTEM;
	}
	if (cli->command == CLI_PRINT)
		return print(conf);
	if (reload.is_rehearsal)
		return rehearse(&reload, steal_ptr(conf), steal_ptr(tls), start);
	if (cli->command == CLI_CHECK) {
		(void)fprintf(stderr, "%s: the configuration is fine\n",
			      conf->file ? conf->file : "weir");
		return EXIT_CODE_OK;
	}
	return open_and_serve(&reload, steal_ptr(conf), steal_ptr(tls), has_jobs, start);
}

/* Now: when another file has taken its place, it has no name any more. */
static void note_start(struct start *start, char *const *arguments)
{
	ssize_t n = readlink("/proc/self/exe", start->program, sizeof(start->program) - 1);

	start->program[n > 0 ? n : 0] = '\0';
	start->arguments = arguments;
}

static int run_with(const struct cli *cli, struct start *start)
{
	int r, code;

	if (cli->command == CLI_CHECK && !handover_is_possible()) {
		(void)fputs("weir: this version cannot take over from the one that runs\n", stderr);
		return EXIT_CODE_START;
	}
	r = cli->command != CLI_PRINT ? handover_take(&start->handed) : 0;
	if (r < 0) {
		(void)fprintf(stderr, "weir: cannot take over: %s\n", strerror(-r));
		return EXIT_CODE_START;
	}
	code = run(cli, start);
	handover_done(&start->handed);
	return code;
}

int weir_main(int argc, char **argv)
{
	struct cli cli = { 0 };
	struct start start = { .arguments = NULL };

	note_start(&start, argv);
	/* What makes no sense is CLI_BAD, which has an answer like other commands. */
	if (cli_parse(argc, argv, &cli) < 0)
		return cli_answer(&cli, stdout, stderr);
	if (cli.command != CLI_SERVE && cli.command != CLI_CHECK && cli.command != CLI_PRINT)
		return cli_answer(&cli, stdout, stderr);
	return run_with(&cli, &start);
}
