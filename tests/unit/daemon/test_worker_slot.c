/* test_worker_slot.c - states and pauses; no process is harmed. */
#include "daemon/worker_slot.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <signal.h>

static struct worker_slot started(int64_t now_ms)
{
	struct worker_slot slot;

	worker_slot_init(&slot, 3);
	worker_slot_forked(&slot, 42, -1, now_ms);
	return slot;
}

Test(worker_slot, begins_empty)
{
	struct worker_slot slot;

	worker_slot_init(&slot, 3);
	cr_assert_eq(slot.index, 3u);
	cr_assert_eq(slot.state, WORKER_EMPTY);
	cr_assert(!worker_slot_has_process(&slot));
}

Test(worker_slot, a_fork_makes_it_starting)
{
	struct worker_slot slot = started(1000);

	cr_assert_eq(slot.state, WORKER_STARTING);
	cr_assert_eq(slot.pid, 42);
	cr_assert(worker_slot_has_process(&slot));
}

Test(worker_slot, the_first_death_is_answered_at_once)
{
	struct worker_slot slot = started(1000);

	worker_slot_move(&slot, WORKER_READY);
	worker_slot_died(&slot, 1500);
	cr_assert_eq(slot.state, WORKER_BACKING_OFF);
	cr_assert_eq(slot.retry_ms, 1500);
	cr_assert_eq(slot.pid, 0);
}

Test(worker_slot, quick_deaths_in_a_row_are_answered_ever_later)
{
	struct worker_slot slot = started(0);

	worker_slot_died(&slot, 10);
	worker_slot_forked(&slot, 43, -1, 10);
	worker_slot_died(&slot, 20);
	cr_assert_eq(slot.retry_ms, 120);
	worker_slot_forked(&slot, 44, -1, 120);
	worker_slot_died(&slot, 130);
	cr_assert_eq(slot.retry_ms, 330);
}

Test(worker_slot, a_long_life_forgives_earlier_deaths)
{
	struct worker_slot slot = started(0);

	slot.n_quick = 7;
	worker_slot_move(&slot, WORKER_READY);
	worker_slot_died(&slot, WORKER_SLOT_QUICK_MS);
	cr_assert_eq(slot.n_quick, 0u);
	cr_assert_eq(slot.retry_ms, WORKER_SLOT_QUICK_MS);
}

Test(worker_slot, who_leaves_by_itself_is_replaced)
{
	struct worker_slot slot = started(0);

	worker_slot_move(&slot, WORKER_READY);
	worker_slot_move(&slot, WORKER_LEAVING);
	cr_assert(worker_slot_has_process(&slot));
	worker_slot_died(&slot, 10);
	cr_assert_eq(slot.state, WORKER_BACKING_OFF);
}

Test(worker_slot, who_was_told_to_end_is_not_replaced)
{
	struct worker_slot slot = started(0);

	worker_slot_move(&slot, WORKER_READY);
	worker_slot_move(&slot, WORKER_DRAINING);
	worker_slot_died(&slot, 10);
	cr_assert_eq(slot.state, WORKER_EMPTY);
}

struct pause_case {
	unsigned n_quick;
	int64_t pause_ms;
};

ParameterizedTestParameters(worker_slot, pauses_double_up_to_half_a_minute)
{
	static struct pause_case cases[] = {
		{ 0, 0 },     { 1, 0 },	     { 2, 100 },    { 3, 200 },	   { 4, 400 },
		{ 9, 12800 }, { 10, 25600 }, { 11, 30000 }, { 12, 30000 }, { 4000000000u, 30000 },
	};

	return cr_make_param_array(struct pause_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct pause_case *c, worker_slot, pauses_double_up_to_half_a_minute)
{
	cr_assert_eq(worker_slot_pause_ms(c->n_quick), c->pause_ms, "%u", c->n_quick);
}

Test(worker_slot, a_step_that_is_not_in_the_picture_is_our_mistake, .signal = SIGABRT)
{
	struct worker_slot slot;

	worker_slot_init(&slot, 0);
	worker_slot_move(&slot, WORKER_READY);
}
