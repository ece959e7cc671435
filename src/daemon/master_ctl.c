/* master_ctl.c - see master_ctl.h. What ctl asks for is what an operator's signals do, so it becomes these. */
#include "daemon/master_ctl.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/control.h"
#include "daemon/master_fork.h"
#include "daemon/master_state.h"
#include "daemon/master_workers.h"
#include "daemon/worker_board.h"

static enum board_phase phase_of(const struct master *m)
{
	if (m->phase == MASTER_STOPPING)
		return BOARD_STOPPING;
	if (m->leave_ms != INT64_MAX)
		return BOARD_LEAVING;
	return m->phase == MASTER_STARTING ? BOARD_STARTING : BOARD_RUNNING;
}

void master_ctl_publish(struct master *m)
{
	const struct board_want want = { .generation = m->now->number,
					 .n_workers = m->now->n_workers,
					 .stall_ms = m->now->stall_ms };

	worker_board_write(m->board, phase_of(m), &want, m->slots, m->n_slots);
}

/* To those who outlive a configuration; one that does not listen has greater worries. */
static void tell_level(struct master *m)
{
	const int fds[] = { m->hub.slot.control_fd, m->ctl.slot.control_fd };

	if (m->told_level == m->log->level)
		return;
	m->told_level = m->log->level;
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		if (fds[i] >= 0)
			(void)!control_send_log_level(fds[i], m->told_level);
	}
}

void master_ctl_tick(struct master *m, int64_t now_ms)
{
	bool is_first = m->ctl.slot.started_ms == 0 && m->phase != MASTER_STOPPING;

	master_ctl_publish(m);
	tell_level(m);
	if (!m->ctl.doors)
		return;
	if (is_first || ctl_keeper_is_due(&m->ctl, now_ms))
		master_fork_ctl(m);
	m->n_strangers += ctl_keeper_introduce_all(&m->ctl, m->slots, m->n_slots);
	/* As long as there are workers, somebody may want to know how they are. */
	if (m->phase == MASTER_STOPPING && !master_workers_are_left(m))
		ctl_keeper_stop(&m->ctl, now_ms);
}

void master_ctl_poll(const struct master *m, struct pollfd *ret_polled)
{
	*ret_polled = (struct pollfd){ .fd = m->ctl.slot.control_fd, .events = POLLIN };
}

static void drain(struct master *m, unsigned number)
{
	if (number == 0)
		(void)kill(getpid(), SIGTERM);
	else if (number <= m->n_slots)
		master_workers_signal(&m->slots[number - 1], SIGTERM);
}

static void obey(struct master *m, const struct ipc_message *message)
{
	if (message->type == CONTROL_ASK_RELOAD)
		(void)kill(getpid(), SIGHUP);
	else if (message->type == CONTROL_ASK_DRAIN)
		drain(m, message->number);
	else if (message->type == CONTROL_ASK_LOG_LEVEL && message->number >= LOG_AT_ERROR &&
		 message->number <= LOG_AT_DEBUG)
		m->setup->log->level = (int)message->number;
}

void master_ctl_listen(struct master *m, const struct pollfd *polled)
{
	struct ipc_message message;

	while (polled->revents && ctl_keeper_listen(&m->ctl, &message))
		obey(m, &message);
}
