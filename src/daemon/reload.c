/* reload.c - see reload.h. Everything of a generation is in one piece of memory, and goes with it. */
#include "daemon/reload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "conf/cli.h"
#include "conf/conf.h"
#include "conf/exit_code.h"
#include "conf/messages.h"
#include "daemon/binding_check.h"
#include "daemon/ctl_process.h"
#include "daemon/front.h"
#include "daemon/hub_process.h"
#include "daemon/inherited.h"
#include "daemon/job_process.h"
#include "daemon/listeners.h"
#include "daemon/privileges.h"
#include "daemon/tls_keeper.h"
#include "daemon/worker.h"
#include "serve/access_log.h"

struct edition {
	struct generation generation;
	struct conf *conf; /* owned; and so are the generation's listeners and tls */
	int access_log_fd; /* owned; -1: none */
	struct worker_setup worker;
	struct hub_setup hub;
	struct job_setup job;
	struct ctl_setup ctl;
};

static struct edition *edition_of(struct generation *generation)
{
	return container_of(generation, struct edition, generation);
}

static void free_edition(struct generation *g)
{
	struct edition *e = edition_of(g);

	(void)listeners_close(g->listeners);
	(void)tls_keeper_free(g->tls);
	crash_limit_done(&g->crash_limit);
	close_fdp(&e->access_log_fd);
	(void)conf_free(e->conf);
	free(e);
}

/* ---- reading */

/*
 * What only who serves has, and may: sockets of a service manager, processes of other users.
 * *ret_n: so many of the messages, the last ones, are about that, and no check has said them.
 */
static int look_to_serve(const struct reload *reload, struct conf *conf, struct messages *messages,
			 size_t *ret_n)
{
	size_t n_before = messages->n_items;
	int r;

	*ret_n = 0;
	if ((reload->cli->command != CLI_SERVE && !reload->is_rehearsal) || reload->is_check)
		return 0;
	r = privileges_check_start(conf, messages);
	if (r >= 0)
		r = inherited_resolve(conf, messages);
	*ret_n = messages->n_items - n_before;
	return r;
}

int reload_read(const struct reload *reload, const struct generation *former,
		struct conf **ret_conf, bool *ret_has_jobs, struct tls_keeper **ret_tls)
{
	int r, r_serve = 0, r_binding = 0, r_tls = 0;
	size_t n_known = 0, n_of_serving = 0;
	struct messages messages;

	messages_init(&messages);
	r = conf_load(reload->cli, &messages, ret_conf);
	if (*ret_conf) {
		reload->log->level = (*ret_conf)->log_level;
		n_known = messages.n_items;
		r_serve = look_to_serve(reload, *ret_conf, &messages, &n_of_serving);
		if (ret_has_jobs)
			r_binding = binding_check(*ret_conf, reload->log, &messages, ret_has_jobs);
		r_tls = tls_keeper_new(*ret_conf, former ? former->tls : NULL, &messages, ret_tls);
	}
	/* Without a check there has been one: what it has warned of is known. */
	if (!ret_has_jobs && messages.n_errors == 0)
		messages_keep(&messages, n_known, n_of_serving);
	messages_sort(&messages);
	messages_write(&messages, STDERR_FILENO);
	messages_done(&messages);
	if (r < 0 || r_serve < 0)
		return r < 0 ? r : r_serve;
	return r_binding < 0 ? r_binding : r_tls;
}

/* ---- opening */

static int open_access_log(struct edition *e, const struct log *log)
{
	const struct conf_access_log *conf = &e->conf->access_log;
	int r;

	if (conf->type == CONF_ACCESS_LOG_OFF)
		return EXIT_CODE_OK;
	r = access_log_open(conf->path, &e->access_log_fd);
	if (r >= 0)
		return EXIT_CODE_OK;
	log_write(log, LOG_AT_ERROR, "cannot open the access log %s: %s",
		  conf->path ? conf->path : "(standard output)", strerror(-r));
	return r == -EACCES || r == -EPERM ? EXIT_CODE_PERMISSION : EXIT_CODE_START;
}

static int open_listeners(struct edition *e, const struct generation *former, const struct log *log)
{
	const struct conf *conf = e->conf;
	char words[LISTENERS_WORDS_MAX];
	int r;

	r = listeners_renew(former ? former->listeners : NULL, conf->listen, conf->n_listen,
			    conf->n_workers, (int)conf->limits.backlog, &e->generation.listeners,
			    words);
	if (r >= 0)
		return EXIT_CODE_OK;
	log_write(log, LOG_AT_ERROR, "%s", words);
	return listeners_exit_code(r);
}

static void fill(struct edition *e, const struct reload *reload)
{
	struct generation *g = &e->generation;
	struct conf *conf = e->conf;

	e->worker = (struct worker_setup){ .conf = conf,
					   .access_log_fd = e->access_log_fd,
					   .metrics = reload->metrics,
					   .jobs = reload->counts,
					   .tls = g->tls,
					   .front = reload->front };
	e->hub = (struct hub_setup){ .access_log_fd = e->access_log_fd,
				     .max_publication = conf->limits.max_publication,
				     .logs_ids = conf->logs_ids,
				     .counts = reload->counts,
				     .tls = g->tls };
	e->job = (struct job_setup){
		.conf = conf, .tls = g->tls, .metrics = reload->metrics, .front = reload->front
	};
	crash_limit_init(&g->crash_limit, reload->log, conf->limits.crash_limit,
			 conf->limits.crash_window_ms);
	e->ctl = (struct ctl_setup){ .conf = conf,
				     .access_log_fd = e->access_log_fd,
				     .tls = g->tls };
	g->n_workers = conf->n_workers;
	g->graceful_ms = conf->limits.graceful_timeout_ms;
	g->session_grace_ms = conf->limits.websocket_grace_ms;
	g->jobs = &conf->jobs;
	g->privileges = &conf->privileges;
	g->worker_arg = &e->worker;
	g->hub_arg = &e->hub;
	g->job_arg = &e->job;
	g->ctl_arg = &e->ctl;
	g->log_level = conf->log_level;
	g->stall_ms = conf->health.stall_ms;
	g->notice_ms = conf->health.listen.text ? conf->health.notice_ms : 0;
}

int reload_open(const struct reload *reload, struct conf *take_conf, struct tls_keeper *take_tls,
		const struct generation *former, struct generation **ret_generation)
{
	struct edition *e = calloc(1, sizeof(*e));
	int r;

	if (!e) {
		(void)conf_free(take_conf);
		(void)tls_keeper_free(take_tls);
		log_write(reload->log, LOG_AT_ERROR, "no memory");
		return EXIT_CODE_SYSTEM;
	}
	e->conf = take_conf;
	e->access_log_fd = -1;
	e->generation.tls = take_tls;
	e->generation.free = free_edition;
	r = open_listeners(e, former, reload->log);
	if (r == EXIT_CODE_OK)
		r = open_access_log(e, reload->log);
	if (r != EXIT_CODE_OK) {
		free_edition(&e->generation);
		return r;
	}
	fill(e, reload);
	front_describe(take_conf, reload->log);
	*ret_generation = &e->generation;
	return EXIT_CODE_OK;
}

/* ---- for the master */

static int check(void *arg)
{
	struct reload reload = *(const struct reload *)arg;
	struct conf *conf = NULL;
	struct tls_keeper *tls = NULL;
	bool has_jobs = false;
	int r;

	reload.is_check = true;
	r = reload_read(&reload, NULL, &conf, &has_jobs, &tls);
	(void)tls_keeper_free(tls);
	(void)conf_free(conf);
	if (r < 0)
		return r == -EINVAL ? EXIT_CODE_CONFIG : EXIT_CODE_SYSTEM;
	return has_jobs ? GENERATION_HAS_JOBS : GENERATION_HAS_NO_JOBS;
}

static bool is_same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* The hub goes on as it has begun, with what workers and jobs have entrusted to it. */
static const char *find_fixed(const struct conf *now, const struct conf *next)
{
	if (!is_same_text(now->health.listen.text, next->health.listen.text))
		return "where health listens";
	if (!is_same_text(now->control.socket.text, next->control.socket.text) ||
	    !is_same_text(now->control.group.text, next->control.group.text) ||
	    now->control.mode != next->control.mode)
		return "the socket of control";
	return now->limits.max_publication != next->limits.max_publication ? "max_publication"
									   : NULL;
}

/* A good configuration, but not one to go on with. */
static int check_change(const struct conf *now, const struct conf *next, const struct log *log)
{
	const char *fixed = find_fixed(now, next);

	if (fixed) {
		log_write(log, LOG_AT_ERROR, "%s cannot be changed without a restart", fixed);
		return -EINVAL;
	}
	/* A file that somebody is just writing may be empty. */
	if (now->n_routes > 0 && next->n_routes == 0) {
		log_write(log, LOG_AT_ERROR,
			  "there are no routes any more: who wants none stops the daemon");
		return -EINVAL;
	}
	return 0;
}

static int load_conf(const struct reload *reload, const struct generation *now,
		     struct conf **ret_conf, struct tls_keeper **ret_tls)
{
	const struct edition *former = container_of(now, const struct edition, generation);
	int level = reload->log->level;
	int r;

	r = reload_read(reload, now, ret_conf, NULL, ret_tls);
	if (r >= 0)
		r = check_change(former->conf, *ret_conf, reload->log);
	/* Until it is in force. */
	reload->log->level = level;
	return r;
}

static int load(void *arg, const struct generation *now, bool has_jobs,
		struct generation **ret_next)
{
	const struct reload *reload = arg;
	struct conf *conf = NULL;
	struct tls_keeper *tls = NULL;
	int r;

	r = load_conf(reload, now, &conf, &tls);
	if (r < 0) {
		(void)conf_free(conf);
		(void)tls_keeper_free(tls);
		return r;
	}
	if (reload_open(reload, conf, tls, now, ret_next) != EXIT_CODE_OK)
		return -EIO;
	(*ret_next)->has_jobs = has_jobs;
	return 0;
}

/* For the master itself, too: workers to come inherit it. */
static int reopen(struct generation *generation, int *ret_fd)
{
	struct edition *e = edition_of(generation);
	_cleanup_(close_fdp) int fd = -1;
	int r;

	*ret_fd = -1;
	if (e->conf->access_log.type != CONF_ACCESS_LOG_FILE)
		return 0;
	r = access_log_open(e->conf->access_log.path, &fd);
	if (r < 0)
		return r;
	if (dup3(fd, e->access_log_fd, O_CLOEXEC) < 0)
		return -errno;
	*ret_fd = e->access_log_fd;
	return 0;
}

const struct generation_ops reload_ops = { .check = check, .load = load, .reopen = reopen };
