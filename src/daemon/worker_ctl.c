/* worker_ctl.c - see worker_ctl.h. An answer that cannot be sent is not missed for long: who asked has a time-out. */
#include "daemon/worker_ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/site.h"
#include "base/buf.h"
#include "base/log.h"
#include "coro/sched.h"
#include "coro/task.h"
#include "daemon/crash_note.h"
#include "daemon/ctl_text.h"
#include "daemon/ctl_wire.h"
#include "daemon/worker_conns.h"
#include "daemon/worker_tasks.h"
#include "io/loop.h"
#include "serve/server.h"

static void put_counts(const struct worker_ctl *ctl, struct buf *out)
{
	const struct server *server = ctl->view.server;
	struct ctl_text text;

	ctl_text_init(&text, out);
	ctl_text_number(&text, server->n_conns);
	ctl_text_number(&text, ctl->view.site->n_sessions);
	ctl_text_number(&text, (int64_t)sched_n_tasks(ctl->view.sched));
	ctl_text_number(&text, (int64_t)server->n_requests);
	ctl_text_number(&text, (int64_t)server->n_accepted);
	ctl_text_number(&text, (int64_t)block_pool_bytes(&server->blocks));
}

static void put_backtrace(const struct worker_ctl *ctl, uint32_t tag, struct buf *out)
{
	struct task *task = worker_tasks_find(ctl->view.sched, tag);
	_cleanup_(freep) struct crash_note *note = task ? calloc(1, sizeof(*note)) : NULL;

	if (note && worker_tasks_note(ctl->view.sched, task, note) >= 0 &&
	    buf_append(out, note, sizeof(*note)) < 0)
		buf_clear(out);
}

static void kill_one(const struct worker_ctl *ctl, uint32_t tag, struct buf *out)
{
	struct task *task = worker_tasks_find(ctl->view.sched, tag);

	if (task) {
		buf_say(out, "cancelled: %s", task_name(task));
		task_cancel(task, REASON_EXPLICIT);
	} else if (worker_conns_kill(ctl->view.server, tag)) {
		buf_say(out, "closed");
	}
	if (out->len > 0)
		log_write(ctl->log, LOG_AT_NOTICE, "%.*s, by weirctl", (int)out->len, out->data);
}

static void answer(const struct worker_ctl *ctl, const struct ipc_message *message, struct buf *out)
{
	uint32_t value = ctl_wire_value(message);

	switch (message->type) {
	case CTL_ASK_COUNTS:
		put_counts(ctl, out);
		break;
	case CTL_ASK_TASKS:
		(void)!worker_tasks_write(ctl->view.sched, ctl->slot,
					  out); /* cut: then it is long */
		break;
	case CTL_ASK_CONNS:
		(void)!worker_conns_write(ctl->view.server, ctl->slot, out);
		break;
	case CTL_ASK_BACKTRACE:
		put_backtrace(ctl, value, out);
		break;
	case CTL_ASK_KILL:
		kill_one(ctl, value, out);
		break;
	}
}

static void on_asked(struct worker_ctl *ctl, const struct ipc_message *message)
{
	struct buf out;

	buf_init(&out, CTL_WIRE_MAX);
	if (message->type == CTL_ASK_LEVEL)
		ctl->log->level = (int)ctl_wire_value(message);
	else if (ctl->view.server)
		answer(ctl, message, &out);
	(void)!ctl_wire_answer(ctl->fd, message->number, buf_str(&out));
	buf_done(&out);
}

static void leave(struct worker_ctl *ctl)
{
	if (ctl->fd < 0)
		return;
	ev_io_stop(loop_ev(ctl->loop), &ctl->watcher);
	(void)close(ctl->fd);
	ctl->fd = -1;
}

/* One a turn: who asks much does not hold up others. */
static void on_readable(struct ev_loop *ev, ev_io *watcher, int events)
{
	struct worker_ctl *ctl = container_of(watcher, struct worker_ctl, watcher);
	struct ipc_message message;
	int r;

	r = ctl_wire_receive(ctl->fd, &message);
	if (r == -EAGAIN)
		return;
	if (r == 1 && message.type != CTL_ANSWER) {
		on_asked(ctl, &message);
		return;
	}
	if (r == 1)
		close_fdp(&(int){ message.n_fds > 0 ? message.fds[0] : -1 });
	leave(ctl); /* it is dead, or talks nonsense; there will be another */
}

void worker_ctl_init(struct worker_ctl *ctl, struct loop *loop, struct log *log, unsigned slot)
{
	*ctl = (struct worker_ctl){ .loop = loop, .log = log, .slot = slot, .fd = -1 };
}

void worker_ctl_done(struct worker_ctl *ctl)
{
	leave(ctl);
}

void worker_ctl_serve(struct worker_ctl *ctl, const struct worker_ctl_view *view)
{
	ctl->view = view ? *view : (struct worker_ctl_view){ NULL, NULL, NULL };
}

void worker_ctl_meet(struct worker_ctl *ctl, int take_fd)
{
	leave(ctl);
	ctl->fd = take_fd;
	ev_io_init(&ctl->watcher, on_readable, take_fd, EV_READ);
	ev_io_start(loop_ev(ctl->loop), &ctl->watcher);
}
