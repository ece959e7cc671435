/* hub_process.c - see hub_process.h. */
#include "daemon/hub_process.h"

#include <assert.h>
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "conf/conf.h"
#include "conf/exit_code.h"
#include "daemon/control.h"
#include "daemon/hub.h"
#include "daemon/hub_jobs.h"
#include "daemon/hub_pipe.h"
#include "daemon/job_plan.h"
#include "daemon/signals.h"
#include "daemon/tls_keeper.h"
#include "io/loop.h"

static_assert(CONF_PUBLICATION_MAX <= HUB_PIPE_QUEUE_MAX / 2, "a pipe has room for the largest");

struct hub_process {
	const struct hub_args *args;
	struct loop *loop;
	struct hub hub;
	struct hub_jobs jobs;
	bool has_master; /* it has not died */
	int exit_code;
	ev_io control;
	ev_signal terminate;
};

static void leave(struct hub_process *p, int exit_code)
{
	p->exit_code = exit_code;
	loop_stop(p->loop);
}

/* Who has no master stays for workers, and for what they have left running. */
static void leave_if_alone(struct hub_process *p)
{
	if (!p->has_master && p->hub.n_open == 0 && hub_jobs_is_quiet(&p->jobs))
		leave(p, EXIT_CODE_OK);
}

static void on_idle(struct hub *hub)
{
	leave_if_alone(container_of(hub, struct hub_process, hub));
}

static void on_quiet(struct hub_jobs *jobs)
{
	leave_if_alone(container_of(jobs, struct hub_process, jobs));
}

/* And what its job has started: see job_process.c. */
static void on_kill(pid_t pid)
{
	if (pid > 1)
		(void)kill(-pid, SIGKILL);
}

static void on_failed(struct hub *hub, int error)
{
	struct hub_process *p = container_of(hub, struct hub_process, hub);

	log_write(p->args->log, LOG_AT_ERROR, "cannot go on: %s", strerror(-error));
	leave(p, EXIT_CODE_SYSTEM);
}

static const struct hub_ops hub_ops = { on_idle, on_failed };

/* ---- the master */

static int take_fd(struct ipc_message *message, size_t i)
{
	return i < message->n_fds ? steal_fd(message->fds[i]) : -1;
}

/* A worker: a pipe for publications, and one for jobs. */
static void on_worker(struct hub_process *p, struct ipc_message *message)
{
	int publications = take_fd(message, 0), jobs = take_fd(message, 1);

	if (publications >= 0)
		hub_connect(&p->hub, message->number, publications);
	if (jobs >= 0)
		hub_jobs_connect(&p->jobs, message->number, jobs);
}

static void on_job_process(struct hub_process *p, struct ipc_message *message)
{
	struct control_job_process what;
	int fd = take_fd(message, 0);

	if (fd >= 0 && control_read_job_process(message, &what) >= 0)
		hub_jobs_meet(&p->jobs, message->number, &what, fd);
}

static void on_job_ended(struct hub_process *p, const struct ipc_message *message)
{
	int status;

	if (control_read_job_ended(message, &status) >= 0)
		hub_jobs_ended(&p->jobs, message->number, status);
}

static void on_job_pool(struct hub_process *p, const struct ipc_message *message)
{
	struct job_plan_pool plan;

	if (control_read_job_pool(message, &plan) >= 0)
		hub_jobs_set_pool(&p->jobs, message->number, &plan);
}

static void on_message(struct hub_process *p, struct ipc_message *message)
{
	switch (message->type) {
	case CONTROL_HUB:
		on_worker(p, message);
		break;
	case CONTROL_JOB_PROCESS:
		on_job_process(p, message);
		break;
	case CONTROL_JOB_ENDED:
		on_job_ended(p, message);
		break;
	case CONTROL_JOB_POOL:
		on_job_pool(p, message);
		break;
	case CONTROL_JOB_RENEW:
		hub_jobs_renew(&p->jobs);
		break;
	case CONTROL_LOG_LEVEL:
		p->args->log->level = (int)message->number;
		break;
	case CONTROL_DRAIN:
		leave(p, EXIT_CODE_OK);
		break;
	}
	for (size_t i = 0; i < message->n_fds; i++)
		close_fdp(&message->fds[i]);
}

/* All it has said so far. */
static void listen_to_master(struct hub_process *p)
{
	struct ipc_message message;
	int r;

	while ((r = control_receive(p->args->control_fd, &message)) > 0)
		on_message(p, &message);
	if (r == -EAGAIN)
		return;
	ev_io_stop(loop_ev(p->loop), &p->control);
	p->has_master = false;
	hub_jobs_orphaned(&p->jobs);
	leave_if_alone(p);
}

static void on_control(struct ev_loop *ev, ev_io *watcher, int events)
{
	listen_to_master(container_of(watcher, struct hub_process, control));
}

/* The kernel sends it when the master has died, and then the workers still need us. */
static void on_terminate(struct ev_loop *ev, ev_signal *watcher, int events)
{
	struct hub_process *p = container_of(watcher, struct hub_process, terminate);

	if (p->has_master)
		listen_to_master(p);
	if (p->has_master)
		leave(p, EXIT_CODE_OK);
}

/* ---- life */

/* Whoever waits for the end of the access log, or of standard output, waits for others. */
static void close_outputs(const struct hub_args *args)
{
	const struct hub_setup *setup = args->arg;
	int null;

	close_fdp(&setup->access_log_fd);
	(void)tls_keeper_free(setup->tls); /* private keys are none of its business */
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null >= 0 && args->log->fd != STDOUT_FILENO)
		(void)dup2(null, STDOUT_FILENO);
	if (null > STDERR_FILENO)
		(void)close(null);
}

static void watch(struct hub_process *p)
{
	struct ev_loop *ev = loop_ev(p->loop);

	signals_ignore();
	ev_io_init(&p->control, on_control, p->args->control_fd, EV_READ);
	/* Before what workers say: who was told to serve after we were told of a pool may want it. */
	ev_set_priority(&p->control, EV_MAXPRI);
	ev_io_start(ev, &p->control);
	ev_signal_init(&p->terminate, on_terminate, SIGTERM);
	ev_signal_start(ev, &p->terminate);
}

static void unwatch(struct hub_process *p)
{
	ev_io_stop(loop_ev(p->loop), &p->control);
	ev_signal_stop(loop_ev(p->loop), &p->terminate);
}

static int init_loop(struct hub_process *p)
{
	const struct hub_setup *setup = p->args->arg;
	int r;

	r = loop_new(&p->loop);
	if (r < 0)
		return r;
	r = hub_init(&p->hub, p->loop, p->args->log, p->args->n_slots, setup->max_publication,
		     &hub_ops);
	if (r < 0)
		return r;
	r = hub_jobs_init(&p->jobs, &(struct hub_jobs_setup){ .loop = p->loop,
							      .log = p->args->log,
							      .plan = p->args->jobs,
							      .counts = setup->counts,
							      .logs_ids = setup->logs_ids,
							      .n_workers = p->args->n_slots,
							      .control_fd = p->args->control_fd,
							      .kill = on_kill,
							      .quiet = on_quiet });
	if (r < 0)
		hub_done(&p->hub);
	return r;
}

int hub_process_main(const struct hub_args *args)
{
	struct hub_process p = { .args = args, .has_master = true };
	int r;

	close_outputs(args);
	r = init_loop(&p);
	if (r < 0) {
		log_write(args->log, LOG_AT_ERROR, "cannot start: %s", strerror(-r));
		p.loop = loop_free(p.loop);
		return EXIT_CODE_SYSTEM;
	}
	watch(&p);
	loop_run(p.loop);
	unwatch(&p);
	hub_jobs_say_counts(&p.jobs);
	hub_jobs_done(&p.jobs);
	hub_done(&p.hub);
	p.loop = loop_free(p.loop);
	return p.exit_code;
}
