/* ctl_process.c - see ctl_process.h. */
#include "daemon/ctl_process.h"

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
#include "daemon/ctl_clients.h"
#include "daemon/ctl_commands.h"
#include "daemon/ctl_doors.h"
#include "daemon/ctl_health.h"
#include "daemon/ctl_workers.h"
#include "daemon/tls_keeper.h"
#include "daemon/worker_board.h"
#include "io/loop.h"

struct ctl_process {
	const struct ctl_args *args;
	struct loop *loop;
	struct ctl_health health;
	bool has_health;
	struct ctl_workers workers;
	struct ctl_world world;
	struct ctl_clients clients;
	bool has_clients;
	ev_io control;
	ev_signal terminate;
};

/* ---- the master */

static void on_message(struct ctl_process *p, struct ipc_message *message)
{
	if (message->type == CONTROL_DRAIN)
		loop_stop(p->loop);
	else if (message->type == CONTROL_CTL && message->n_fds > 0)
		ctl_workers_meet(&p->workers, message->number, steal_fd(message->fds[0]));
	else if (message->type == CONTROL_LOG_LEVEL)
		p->args->log->level = (int)message->number;
	for (size_t i = 0; i < message->n_fds; i++)
		close_fdp(&message->fds[i]);
}

static void on_control(struct ev_loop *ev, ev_io *watcher, int events)
{
	struct ctl_process *p = container_of(watcher, struct ctl_process, control);
	struct ipc_message message;
	int r;

	while ((r = control_receive(p->args->control_fd, &message)) > 0)
		on_message(p, &message);
	if (r != -EAGAIN)
		loop_stop(p->loop); /* the master is dead, and what memory says is out of date */
}

/* An operator's, or the kernel's when the master has died. */
static void on_terminate(struct ev_loop *ev, ev_signal *watcher, int events)
{
	loop_stop(container_of(watcher, struct ctl_process, terminate)->loop);
}

/* ---- life */

/* Whoever waits for the end of the access log, or of standard output, waits for others. */
static void close_outputs(const struct ctl_args *args)
{
	const struct ctl_setup *setup = args->arg;
	int null;

	if (setup->access_log_fd >= 0)
		(void)close(setup->access_log_fd);
	(void)tls_keeper_free(setup->tls); /* private keys are none of its business */
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null >= 0 && args->log->fd != STDOUT_FILENO)
		(void)dup2(null, STDOUT_FILENO);
	if (null > STDERR_FILENO)
		(void)close(null);
}

static void watch(struct ctl_process *p)
{
	struct ev_loop *ev = loop_ev(p->loop);

	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGCHLD, SIG_IGN); /* nobody waits for those that make backtraces */
	ev_io_init(&p->control, on_control, p->args->control_fd, EV_READ);
	ev_io_start(ev, &p->control);
	ev_signal_init(&p->terminate, on_terminate, SIGTERM);
	ev_signal_start(ev, &p->terminate);
}

static void unwatch(struct ctl_process *p)
{
	ev_io_stop(loop_ev(p->loop), &p->control);
	ev_signal_stop(loop_ev(p->loop), &p->terminate);
}

static int open_doors(struct ctl_process *p)
{
	const struct ctl_setup *setup = p->args->arg;
	const struct ctl_doors *doors = p->args->doors;
	struct health_view view = { .board = p->args->board, .lags = p->args->lags };
	int r = 0;

	if (doors->health) {
		r = ctl_health_init(&p->health, p->loop, p->args->log, doors->health, &view);
		p->has_health = r >= 0;
	}
	p->world = (struct ctl_world){ .loop = p->loop,
				       .log = p->args->log,
				       .view = view,
				       .workers = &p->workers,
				       .conf = setup->conf,
				       .control_fd = p->args->control_fd };
	if (r >= 0 && doors->control) {
		ctl_clients_init(&p->clients, &p->world, listeners_fd(doors->control, 0, 0));
		p->has_clients = true;
	}
	return r;
}

static void close_doors(struct ctl_process *p)
{
	if (p->has_clients)
		ctl_clients_done(&p->clients);
	if (p->has_health)
		ctl_health_done(&p->health);
}

int ctl_process_main(const struct ctl_args *args)
{
	struct ctl_process p = { .args = args };
	int r;

	close_outputs(args);
	r = loop_new(&p.loop);
	if (r >= 0)
		r = ctl_workers_init(&p.workers, p.loop, args->board->n);
	if (r >= 0)
		r = open_doors(&p);
	if (r < 0) {
		log_write(args->log, LOG_AT_ERROR, "cannot start: %s", strerror(-r));
		close_doors(&p);
		ctl_workers_done(&p.workers);
		p.loop = loop_free(p.loop);
		return EXIT_CODE_SYSTEM;
	}
	watch(&p);
	loop_run(p.loop);
	unwatch(&p);
	close_doors(&p);
	ctl_workers_done(&p.workers);
	p.loop = loop_free(p.loop);
	return EXIT_CODE_OK;
}
