/* worker_link.c - see worker_link.h. */
#include "daemon/worker_link.h"

#include <errno.h>
#include <signal.h>

#include "base/log.h"
#include "daemon/control.h"
#include "io/loop.h"

static void drain(struct worker_link *link, const char *why)
{
	if (link->is_draining)
		return;
	link->is_draining = true;
	log_write(link->log, LOG_AT_INFO, "draining: %s", why);
	link->events->drain(link->arg);
}

static void on_message(struct worker_link *link, const struct ipc_message *message)
{
	if (message->type == CONTROL_ADOPT && !link->is_draining) {
		link->events->adopt(link->arg, message->number, message->fds, message->n_fds);
		return;
	}
	for (size_t i = 0; i < message->n_fds; i++)
		close_fdp(&message->fds[i]);
	if (message->type == CONTROL_RETURN)
		link->events->give_back(link->arg, message->number);
	if (message->type == CONTROL_DRAIN)
		drain(link, "the master says so");
}

static void on_control(struct ev_loop *ev, ev_io *watcher, int events)
{
	struct worker_link *link = container_of(watcher, struct worker_link, control);
	struct ipc_message message;
	int r;

	r = control_receive(watcher->fd, &message);
	if (r == 1) {
		on_message(link, &message);
		return;
	}
	if (r == -EAGAIN)
		return;
	ev_io_stop(ev, watcher);
	drain(link, r == 0 ? "the master is gone" : "the master is not understood");
}

/* An operator means this worker, or the kernel says that the master died; a drain ends both. */
static void on_term(struct ev_loop *ev, ev_signal *watcher, int events)
{
	struct worker_link *link = container_of(watcher, struct worker_link, term);

	if (!link->is_draining)
		(void)control_send_leaving(link->control.fd); /* who is dead does not mind */
	drain(link, "SIGTERM");
}

void worker_link_open(struct worker_link *link, struct loop *loop, const struct log *log,
		      int control_fd, const struct worker_link_events *events, void *arg)
{
	*link = (struct worker_link){ .loop = loop, .log = log, .events = events, .arg = arg };
	ev_io_init(&link->control, on_control, control_fd, EV_READ);
	ev_io_start(loop_ev(loop), &link->control);
	ev_signal_init(&link->term, on_term, SIGTERM);
	ev_signal_start(loop_ev(loop), &link->term);
}

void worker_link_close(struct worker_link *link)
{
	ev_io_stop(loop_ev(link->loop), &link->control);
	ev_signal_stop(loop_ev(link->loop), &link->term);
}

int worker_link_ready(struct worker_link *link)
{
	return control_send_ready(link->control.fd);
}

void worker_link_failed(struct worker_link *link, const char *why)
{
	int r;

	r = control_send_failed(link->control.fd, why);
	if (r < 0)
		log_write(link->log, LOG_AT_ERROR, "cannot start: %s", why);
}
