/*
 * job_process.c - see job_process.h. The hard thing is SIGTERM, also the kernel's
 * word that the master is dead, which comes while a job runs that may be stuck:
 * its handler can know no state of ours (see daemon/last_resort.h). So it sets the
 * kernel's alarm, and who finds that set after a job, knows. Outside of a job
 * SIGTERM is blocked, but while we wait.
 */
#include "daemon/job_process.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/metrics.h"
#include "conf/conf.h"
#include "conf/conf_jobs.h"
#include "conf/exit_code.h"
#include "conf/messages.h"
#include "daemon/binding.h"
#include "daemon/control.h"
#include "daemon/crash_note.h"
#include "daemon/front.h"
#include "daemon/job_limits.h"
#include "daemon/job_run.h"
#include "daemon/job_sandbox.h"
#include "daemon/last_resort.h"
#include "daemon/privileges.h"
#include "daemon/tls_keeper.h"

/* What an orderly end without a master takes beyond the grace, at most. */
#define LAST_RESORT_SLACK_MS 2000

struct job_process {
	const struct job_args *args;
	const struct conf *conf;
	const struct conf_job_pool *pool;
	struct binding *binding;
	struct job_limits limits;
	struct job_run run;
	bool has_master; /* it has not died */
	bool is_over;
	int exit_code;
};

static void leave(struct job_process *p, int exit_code)
{
	p->is_over = true;
	p->exit_code = exit_code;
}

/* ---- the master */

static void meet_hub(struct job_process *p, const struct ipc_message *message)
{
	if (message->n_fds > 0)
		job_run_meet(&p->run, message->fds[0]);
	for (size_t i = 1; i < message->n_fds; i++)
		close_fdp(&message->fds[i]);
}

/* All it has said so far. */
static void listen_to_master(struct job_process *p)
{
	struct ipc_message message;
	int r;

	while ((r = control_receive(p->args->control_fd, &message)) > 0) {
		if (message.type == CONTROL_HUB)
			meet_hub(p, &message);
		else if (message.type == CONTROL_DRAIN)
			leave(p, EXIT_CODE_OK);
	}
	if (r == -EAGAIN)
		return;
	p->has_master = false;
	if (p->run.pipe_fd < 0)
		leave(p, EXIT_CODE_OK);
	else
		last_resort_set(p->conf->limits.graceful_timeout_ms + LAST_RESORT_SLACK_MS);
}

/* An operator's, or the kernel's: the master is dead, and then the hub may still need us. */
static void on_terminate(struct job_process *p)
{
	last_resort_clear();
	p->run.is_asked = false;
	listen_to_master(p);
	if (p->has_master)
		leave(p, EXIT_CODE_OK);
}

/* ---- the hub */

static void listen_to_hub(struct job_process *p)
{
	int r = job_run_next(&p->run);

	if (r == 0 && !p->has_master)
		leave(p, EXIT_CODE_OK);
	else if (r < 0 && r != -EAGAIN)
		leave(p, EXIT_CODE_SYSTEM);
	if (p->run.is_asked && !p->is_over)
		on_terminate(p);
}

static void serve(struct job_process *p)
{
	sigset_t none;

	(void)sigemptyset(&none);
	while (!p->is_over) {
		struct pollfd polled[] = {
			{ .fd = p->has_master ? p->args->control_fd : -1, .events = POLLIN },
			{ .fd = p->run.pipe_fd, .events = POLLIN },
		};

		if (ppoll(polled, 2, NULL, &none) < 0) {
			if (errno != EINTR)
				leave(p, EXIT_CODE_SYSTEM); /* a job has taken its limits away */
			else if (alarm(0) > 0)
				on_terminate(p);
		} else if (polled[0].revents) {
			listen_to_master(p);
		} else if (polled[1].revents) {
			listen_to_hub(p);
		}
	}
}

/* ---- starting */

static void close_from_to(unsigned first, unsigned last)
{
	if (first > last || close_range(first, last, 0) == 0)
		return;
	for (unsigned fd = first; fd <= last && fd < (unsigned)sysconf(_SC_OPEN_MAX); fd++)
		(void)close((int)fd);
}

/* All of the master's, and nothing may be read or printed: that would be a client's or a log's. */
static void close_all_but(int a, int b)
{
	unsigned low = (unsigned)(a < b ? a : b), high = (unsigned)(a < b ? b : a);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && null >= 0; fd++) {
		if (fd != null && fd != a && fd != b && fd != STDERR_FILENO)
			(void)dup2(null, fd);
	}
	low = low > STDERR_FILENO ? low : STDERR_FILENO;
	high = high > low ? high : low;
	if (low > STDERR_FILENO)
		close_from_to(STDERR_FILENO + 1, low - 1);
	close_from_to(low + 1, high - 1);
	close_from_to(high + 1, ~0U);
}

static void on_sigterm(int signal)
{
	(void)alarm(LAST_RESORT_STUCK_S);
}

static void watch(void)
{
	struct sigaction action = { .sa_handler = on_sigterm, .sa_flags = SA_RESTART };
	sigset_t terminate;

	(void)sigemptyset(&terminate);
	(void)sigaddset(&terminate, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &terminate, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	/* What children of a job leave behind is ours to end: see job_run.c. */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	/* So that the master can kill them with us. */
	(void)setpgid(0, 0);
}

static int load(struct job_process *p, struct buf *words)
{
	struct messages messages;
	int r;

	messages_init(&messages);
	r = binding_new(p->conf, p->args->log, &messages, &p->binding);
	if (r < 0 && messages_format(&messages, words) < 0)
		buf_clear(words);
	messages_done(&messages);
	return r;
}

static int make(struct job_process *p, struct buf *words)
{
	struct job_run_setup setup = { .pool = p->pool,
				       .pool_index = (uint32_t)(p->pool - p->conf->jobs.pools),
				       .max_result = p->conf->jobs.max_result,
				       .limits = &p->limits,
				       .logs_ids = p->conf->logs_ids,
				       .note = p->args->note,
				       .crash = p->args->crash,
				       .log = p->args->log,
				       .control_fd = p->args->control_fd };
	int r;

	r = load(p, words);
	if (r < 0)
		return r;
	setup.binding = p->binding;
	if (p->args->crash)
		crash_note_map(p->args->crash);
	r = privileges_enter(&p->conf->privileges);
	if (r < 0)
		return r;
	r = job_run_init(&p->run, &setup);
	if (r < 0)
		return r;
	r = job_limits_apply(&p->limits, p->pool, words);
	if (r < 0 || !p->pool->is_sandboxed)
		return r;
	return job_sandbox_enter(p->pool->sandbox_paths, p->pool->n_sandbox_paths, words);
}

static void fail(struct job_process *p, struct buf *words, int error)
{
	if (words->len == 0)
		buf_say(words, "%s", strerror(-error));
	if (buf_append(words, "", 1) < 0 ||
	    control_send_failed(p->args->control_fd, words->data) < 0)
		log_write(p->args->log, LOG_AT_ERROR, "cannot start: %s", strerror(-error));
	leave(p, EXIT_CODE_START);
}

int job_process_main(const struct job_args *args)
{
	const struct job_setup *setup = args->arg;
	struct job_process p = { .args = args,
				 .conf = setup->conf,
				 .pool = conf_jobs_find(&setup->conf->jobs, args->pool),
				 .has_master = true,
				 .run = { .pipe_fd = -1 } };
	_cleanup_(buf_done) struct buf words = { 0 };
	int r;

	/* Who keeps them goes by the same configuration. */
	assert(p.pool);
	/* Jobs have no business with private keys, nor with what workers share: see run_job_process(). */
	(void)tls_keeper_free(setup->tls);
	(void)metrics_memory_free(setup->metrics);
	if (setup->front)
		front_done(setup->front);
	close_all_but(args->control_fd, args->log->fd);
	if (args->crash && crash_note_watch(args->crash) < 0)
		log_write(args->log, LOG_AT_WARN, "no memory for what is said of a crash");
	watch();
	r = make(&p, &words);
	if (r < 0)
		fail(&p, &words, r);
	else if (control_send_ready(args->control_fd) < 0)
		leave(&p, EXIT_CODE_OK); /* nobody is there */
	serve(&p);
	job_run_done(&p.run);
	job_limits_done(&p.limits);
	p.binding = binding_free(p.binding);
	/* What libraries do at exit may be what a sandbox does not let them. */
	if (p.pool->is_sandboxed)
		_exit(p.exit_code);
	return p.exit_code;
}
