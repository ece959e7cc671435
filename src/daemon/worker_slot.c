/* worker_slot.c - see worker_slot.h. */
#include "daemon/worker_slot.h"

#include <assert.h>

#include "base/macro.h"

#define FIRST_PAUSE_MS 100
#define LONGEST_PAUSE_MS 30000

#define TO(state) (1u << (state))

static const unsigned allowed[] = {
	[WORKER_EMPTY] = TO(WORKER_STARTING) | TO(WORKER_BACKING_OFF),
	[WORKER_STARTING] = TO(WORKER_READY) | TO(WORKER_DRAINING) | TO(WORKER_BACKING_OFF),
	[WORKER_READY] = TO(WORKER_LEAVING) | TO(WORKER_DRAINING) | TO(WORKER_BACKING_OFF),
	[WORKER_LEAVING] = TO(WORKER_DRAINING) | TO(WORKER_BACKING_OFF),
	[WORKER_DRAINING] = TO(WORKER_EMPTY),
	[WORKER_BACKING_OFF] = TO(WORKER_STARTING) | TO(WORKER_BACKING_OFF) | TO(WORKER_EMPTY),
};

void worker_slot_init(struct worker_slot *slot, unsigned index)
{
	*slot = (struct worker_slot){
		.index = index, .lane = index, .state = WORKER_EMPTY, .control_fd = -1
	};
}

bool worker_slot_has_process(const struct worker_slot *slot)
{
	return slot->state != WORKER_EMPTY && slot->state != WORKER_BACKING_OFF;
}

void worker_slot_move(struct worker_slot *slot, enum worker_state to)
{
	assert(allowed[slot->state] & TO(to));
	slot->state = to;
}

void worker_slot_forked(struct worker_slot *slot, pid_t pid, int take_control_fd, int64_t now_ms)
{
	worker_slot_move(slot, WORKER_STARTING);
	slot->pid = pid;
	slot->control_fd = take_control_fd;
	slot->started_ms = now_ms;
	slot->kill_ms = 0;
	slot->is_leaving = false;
	slot->hub = 0;
	slot->ctl = 0;
}

int64_t worker_slot_pause_ms(unsigned n_quick)
{
	int64_t pause_ms = FIRST_PAUSE_MS;

	if (n_quick < 2)
		return 0;
	for (unsigned i = 2; i < n_quick && pause_ms < LONGEST_PAUSE_MS; i++)
		pause_ms *= 2;
	return pause_ms < LONGEST_PAUSE_MS ? pause_ms : LONGEST_PAUSE_MS;
}

void worker_slot_died(struct worker_slot *slot, int64_t now_ms)
{
	close_fdp(&slot->control_fd);
	slot->control_fd = -1;
	slot->pid = 0;
	if (slot->state == WORKER_DRAINING) {
		worker_slot_move(slot, WORKER_EMPTY);
		return;
	}
	slot->n_quick = now_ms - slot->started_ms < WORKER_SLOT_QUICK_MS ? slot->n_quick + 1 : 0;
	slot->retry_ms = now_ms + worker_slot_pause_ms(slot->n_quick);
	worker_slot_move(slot, WORKER_BACKING_OFF);
}
