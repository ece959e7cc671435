/*
 * run.c - what happens before there are workers, in the order in which it can
 * go wrong: arguments, configuration, modules, addresses, logs. Each has its
 * exit code, and words on standard error.
 */
#include "daemon/run.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/binding_check.h"
#include "daemon/cli.h"
#include "daemon/conf.h"
#include "daemon/conf_print.h"
#include "daemon/exit_code.h"
#include "daemon/hub_process.h"
#include "daemon/job_counts.h"
#include "daemon/job_process.h"
#include "daemon/listeners.h"
#include "daemon/master.h"
#include "daemon/messages.h"
#include "daemon/tls_keeper.h"
#include "daemon/worker.h"
#include "io/proc.h"
#include "serve/access_log.h"

static int open_access_log(const struct conf *conf, const struct log *log, int *ret_fd)
{
	int r;

	*ret_fd = -1;
	if (conf->access_log.type == CONF_ACCESS_LOG_OFF)
		return EXIT_CODE_OK;
	r = access_log_open(conf->access_log.path, ret_fd);
	if (r >= 0)
		return EXIT_CODE_OK;
	log_write(log, LOG_AT_ERROR, "cannot open the access log %s: %s",
		  conf->access_log.path ? conf->access_log.path : "(standard output)",
		  strerror(-r));
	return r == -EACCES || r == -EPERM ? EXIT_CODE_PERMISSION : EXIT_CODE_START;
}

static int serve(const struct conf *conf, bool has_jobs, struct tls_keeper *tls,
		 const struct log *log)
{
	_cleanup_(listeners_closep) struct listeners *listeners = NULL;
	_cleanup_(job_counts_done) struct job_counts counts = { 0 };
	struct worker_setup worker = { .conf = conf, .tls = tls };
	struct hub_setup hub = { .max_publication = conf->limits.max_publication,
				 .jobs = &conf->jobs,
				 .counts = &counts,
				 .tls = tls };
	struct job_setup job = { .conf = conf, .tls = tls };
	char words[LISTENERS_WORDS_MAX];
	int r;

	proc_raise_nofile();
	r = listeners_open(conf->listen, conf->n_listen, conf->n_workers, (int)conf->limits.backlog,
			   &listeners, words);
	if (r < 0) {
		log_write(log, LOG_AT_ERROR, "%s", words);
		return listeners_exit_code(r);
	}
	r = open_access_log(conf, log, &worker.access_log_fd);
	if (r != EXIT_CODE_OK)
		return r;
	hub.access_log_fd = worker.access_log_fd;
	(void)!job_counts_init(&counts, conf->jobs.n_pools); /* nothing is counted then */
	return master_run(&(struct master_setup){
		.log = log,
		.listeners = listeners,
		.n_workers = conf->n_workers,
		.graceful_ms = conf->limits.graceful_timeout_ms,
		.worker_main = worker_main,
		.worker_arg = &worker,
		.hub_main = hub_process_main,
		.hub_arg = &hub,
		.jobs = has_jobs ? &conf->jobs : NULL,
		.job_main = job_process_main,
		.job_arg = &job,
		.tls = tls,
	});
}

/* Loads the configuration and tries whether it can be bound; says what is wrong with either. */
static int load(const struct cli *cli, struct log *log, struct conf **ret_conf, bool *ret_has_jobs,
		struct tls_keeper **ret_tls)
{
	struct messages messages;
	int r, r_binding = 0, r_tls = 0;

	messages_init(&messages);
	r = conf_load(cli, &messages, ret_conf);
	if (*ret_conf) {
		log->level = (*ret_conf)->log_level;
		r_binding = binding_check(*ret_conf, log, &messages, ret_has_jobs);
		r_tls = tls_keeper_new(*ret_conf, &messages, ret_tls);
	}
	messages_sort(&messages);
	messages_write(&messages, STDERR_FILENO);
	messages_done(&messages);
	if (r < 0)
		return r;
	return r_binding < 0 ? r_binding : r_tls;
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

static int run(const struct cli *cli)
{
	_cleanup_(conf_freep) struct conf *conf = NULL;
	bool has_jobs = false;
	_cleanup_(tls_keeper_freep) struct tls_keeper *tls = NULL;
	struct log log;
	int r;

	log_init(&log, STDERR_FILENO, LOG_AT_INFO);
	log_set_who(&log, "master");
	r = load(cli, &log, &conf, &has_jobs, &tls);
	if (r == -EINVAL)
		return EXIT_CODE_CONFIG;
	if (r < 0) {
		log_write(&log, LOG_AT_ERROR, "cannot load the configuration: %s", strerror(-r));
		return EXIT_CODE_SYSTEM;
	}
	if (cli->command == CLI_PRINT)
		return print(conf);
	if (cli->command == CLI_CHECK) {
		(void)fprintf(stderr, "%s: the configuration is fine\n",
			      conf->file ? conf->file : "weir");
		return EXIT_CODE_OK;
	}
	return serve(conf, has_jobs, tls, &log);
}

int weir_main(int argc, char **argv)
{
	struct cli cli = { 0 };

	/* What makes no sense is CLI_BAD, which has an answer like other commands. */
	if (cli_parse(argc, argv, &cli) < 0)
		return cli_answer(&cli, stdout, stderr);
	if (cli.command != CLI_SERVE && cli.command != CLI_CHECK && cli.command != CLI_PRINT)
		return cli_answer(&cli, stdout, stderr);
	return run(&cli);
}
