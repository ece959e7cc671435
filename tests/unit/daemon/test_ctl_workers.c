/* test_ctl_workers.c - workers that are not real, on a virtual loop: time passes when nothing is left to do. */
#include "daemon/ctl_workers.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/loop.h"

#define N 3

static struct loop *loop;
static struct ctl_workers workers;
static int ends[N]; /* the workers' */
static struct ctl_ask ask;
static char said[100];
static unsigned n_done;

static void on_answered(struct ctl_ask *a, unsigned slot, weir_str bytes)
{
	size_t len = strlen(said);

	cr_assert_eq(a, &ask);
	(void)snprintf(said + len, sizeof(said) - len, "%u:%.*s ", slot, WEIR_ARG(bytes));
}

static void on_done(struct ctl_ask *a)
{
	n_done++;
	loop_stop(loop);
}

static const struct ctl_ask_ops ops = { on_answered, on_done };

static void meet(unsigned slot)
{
	int pair[2];

	cr_assert_eq(ipc_pair(pair), 0);
	ctl_workers_meet(&workers, slot, pair[0]);
	ends[slot] = pair[1];
}

static void begin(void)
{
	cr_assert_eq(loop_new(&loop), 0);
	cr_assert_eq(ctl_workers_init(&workers, loop, N), 0);
	for (unsigned i = 0; i < N; i++)
		meet(i);
	ask.ops = &ops;
}

static void end(void)
{
	ctl_workers_forget(&workers, &ask);
	ctl_workers_done(&workers);
	(void)loop_free(loop);
}

static void begin_to_ask(void)
{
	ctl_workers_begin(&workers, &ask, CTL_ASK_COUNTS, 5);
	for (unsigned i = 0; i < N; i++)
		ctl_workers_ask(&workers, &ask, i);
}

static void ask_all(int64_t patience_ms)
{
	begin_to_ask();
	ctl_workers_wait(&workers, &ask, patience_ms);
}

static uint32_t hear(unsigned slot)
{
	struct ipc_message message;

	cr_assert_eq(ctl_wire_receive(ends[slot], &message), 1);
	cr_assert_eq(message.type, CTL_ASK_COUNTS);
	cr_assert_eq(ctl_wire_value(&message), 5);
	return message.number;
}

Test(ctl_workers, is_done_when_all_have_answered, .init = begin, .fini = end)
{
	ask_all(60000);
	for (unsigned i = N; i-- > 0;)
		cr_assert_eq(ctl_wire_answer(ends[i], hear(i), WEIR_STR("hi")), 0);
	loop_run(loop);
	cr_assert_eq(n_done, 1);
	cr_assert_eq(strlen(said), 3 * strlen("0:hi "));
	for (unsigned i = 0; i < N; i++)
		cr_assert_not(ctl_workers_is_missing(&ask, i));
}

Test(ctl_workers, who_does_not_answer_in_time_is_missing, .init = begin, .fini = end)
{
	begin_to_ask();
	cr_assert_eq(ctl_wire_answer(ends[1], hear(1), WEIR_STR("hi")), 0);
	while (!*said)
		loop_turn(loop, false);
	ctl_workers_wait(&workers, &ask, 50);
	loop_run(loop);
	cr_assert_eq(n_done, 1);
	cr_assert_str_eq(said, "1:hi ");
	cr_assert(ctl_workers_is_missing(&ask, 0));
	cr_assert_not(ctl_workers_is_missing(&ask, 1));
	/* Too late, and thrown away. */
	cr_assert_eq(ctl_wire_answer(ends[0], hear(0), WEIR_STR("late")), 0);
	for (int i = 0; i < 3; i++)
		loop_turn(loop, false);
	cr_assert_str_eq(said, "1:hi ");
	cr_assert_eq(n_done, 1);
}

Test(ctl_workers, nobody_to_ask_is_done_at_once_but_not_before_the_caller_goes_on, .init = begin,
     .fini = end)
{
	ctl_workers_begin(&workers, &ask, CTL_ASK_COUNTS, 5);
	ctl_workers_wait(&workers, &ask, 60000);
	cr_assert_eq(n_done, 0);
	loop_run(loop);
	cr_assert_eq(n_done, 1);
}

Test(ctl_workers, who_is_met_late_is_asked_then, .init = begin, .fini = end)
{
	(void)close(ends[1]);
	for (int i = 0; i < 3; i++)
		loop_turn(loop, false);
	ask_all(60000);
	cr_assert_eq(ctl_wire_answer(ends[0], hear(0), WEIR_STR("a")), 0);
	cr_assert_eq(ctl_wire_answer(ends[2], hear(2), WEIR_STR("c")), 0);
	meet(1);
	cr_assert_eq(ctl_wire_answer(ends[1], hear(1), WEIR_STR("b")), 0);
	loop_run(loop);
	cr_assert_eq(n_done, 1);
	cr_assert_not(ctl_workers_is_missing(&ask, 1));
}

Test(ctl_workers, who_is_never_met_is_missing, .init = begin, .fini = end)
{
	for (unsigned i = 0; i < N; i++)
		(void)close(ends[i]);
	for (int i = 0; i < 3; i++)
		loop_turn(loop, false);
	ask_all(20);
	loop_run(loop);
	cr_assert_eq(n_done, 1);
	cr_assert(ctl_workers_is_missing(&ask, 2));
}

Test(ctl_workers, an_answer_counts_once_and_only_with_its_number, .init = begin, .fini = end)
{
	uint32_t number;

	ask_all(100);
	number = hear(0);
	cr_assert_eq(ctl_wire_answer(ends[0], number + 1, WEIR_STR("no")), 0);
	cr_assert_eq(ctl_wire_answer(ends[0], number, WEIR_STR("yes")), 0);
	cr_assert_eq(ctl_wire_answer(ends[0], number, WEIR_STR("again")), 0);
	loop_run(loop);
	cr_assert_str_eq(said, "0:yes ");
	cr_assert_eq(n_done, 1);
}

Test(ctl_workers, who_talks_nonsense_or_dies_is_waited_for_no_more, .init = begin, .fini = end)
{
	ask_all(60000);
	cr_assert_eq(ctl_wire_ask(ends[0], CTL_ASK_KILL, 1, 1), 0);
	cr_assert_eq(ctl_wire_answer(ends[1], hear(1), WEIR_STR("hi")), 0);
	(void)close(ends[2]);
	loop_run(loop);
	cr_assert_eq(n_done, 1);
	cr_assert(ctl_workers_is_missing(&ask, 2));
	cr_assert_str_eq(said, "1:hi ");
	cr_assert_lt(ctl_wire_answer(ends[0], 1, WEIR_STR("x")), 0);
}

Test(ctl_workers, a_new_worker_takes_the_place_of_the_old_one, .init = begin, .fini = end)
{
	(void)close(ends[0]);
	meet(0);
	ask_all(60000);
	for (unsigned i = 0; i < N; i++)
		cr_assert_eq(ctl_wire_answer(ends[i], hear(i), WEIR_STR("")), 0);
	loop_run(loop);
	cr_assert_not(ctl_workers_is_missing(&ask, 0));
	/* There is no such slot: it is not kept. */
	ctl_workers_meet(&workers, N, dup(ends[0]));
}

Test(ctl_workers, a_question_can_be_forgotten, .init = begin, .fini = end)
{
	ask_all(10);
	ctl_workers_forget(&workers, &ask);
	ctl_workers_forget(&workers, &ask);
	cr_assert_eq(ctl_wire_answer(ends[0], hear(0), WEIR_STR("hi")), 0);
	for (int i = 0; i < 3; i++)
		loop_turn(loop, false);
	cr_assert_str_eq(said, "");
	cr_assert_eq(n_done, 0);
}
