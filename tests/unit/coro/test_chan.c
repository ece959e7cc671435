#include "coro/chan.h"

#include "coro/deadline.h"
#include "coro/wait.h"
#include "coro_world.h"

static struct world w;
static struct chan *chan;

static void setup(void)
{
	world_open(&w);
}

static void teardown(void)
{
	chan_unref(chan);
	world_close(&w);
}

TestSuite(chan, .init = setup, .fini = teardown);

static int send_ten(void *arg)
{
	int r;

	for (int i = 0; i < 10; i++) {
		r = chan_send(chan, &i, sizeof(i));
		if (r < 0)
			return r;
	}
	chan_close(chan);
	return 0;
}

static int receive_all(void *arg)
{
	int *sum = arg;
	int item, r, expected = 0;

	while ((r = chan_recv(chan, &item, sizeof(item))) == 1) {
		cr_assert_eq(item, expected++);
		*sum += item;
	}
	return r;
}

static void send_through(size_t capacity)
{
	struct root sender, receiver;
	int sum = 0;

	chan = chan_open(sizeof(int), capacity);
	root_start(&w, &sender, "sender", send_ten, NULL);
	root_start(&w, &receiver, "receiver", receive_all, &sum);
	loop_run(w.loop);
	cr_assert_eq(sender.result, 0);
	cr_assert_eq(receiver.result, 0);
	cr_assert_eq(sum, 45);
}

Test(chan, without_capacity_hands_over)
{
	send_through(0);
}

Test(chan, with_a_small_capacity_keeps_the_order)
{
	send_through(3);
}

Test(chan, with_room_for_all_does_not_block)
{
	send_through(100);
}

static int receive_one(void *arg)
{
	return chan_recv(chan, arg, sizeof(int));
}

static int send_one(void *arg)
{
	return chan_send(chan, arg, sizeof(int));
}

Test(chan, receivers_are_served_in_call_order)
{
	struct root roots[3];
	int items[3] = { 0 }, values[] = { 7, 8, 9 };

	chan = chan_open(sizeof(int), 0);
	for (size_t i = 0; i < 3; i++)
		root_start(&w, &roots[i], "receiver", receive_one, &items[i]);
	for (size_t i = 0; i < 3; i++)
		cr_assert_eq(world_run(&w, send_one, &values[i]), 0);
	loop_run(w.loop);
	cr_assert_arr_eq(items, values, sizeof(items));
}

Test(chan, an_item_handed_to_a_receiver_that_is_then_cancelled_is_not_lost)
{
	struct root receiver, sender;
	int item = 0, value = 5;

	chan = chan_open(sizeof(int), 0);
	root_start(&w, &receiver, "receiver", receive_one, &item);
	root_start(&w, &sender, "sender", send_one, &value);
	cr_assert(sender.is_done);
	task_cancel(receiver.task, REASON_DISCONNECT);
	loop_run(w.loop);
	cr_assert_eq(receiver.result, 1);
	cr_assert_eq(item, 5);
}

Test(chan, an_item_is_not_handed_to_a_receiver_that_was_cancelled_before)
{
	struct root receiver, sender;
	int item = 0, value = 5;

	chan = chan_open(sizeof(int), 1);
	root_start(&w, &receiver, "receiver", receive_one, &item);
	task_cancel(receiver.task, REASON_DISCONNECT);
	root_start(&w, &sender, "sender", send_one, &value);
	loop_run(w.loop);
	cr_assert_eq(receiver.result, -ECANCELED);
	cr_assert_eq(world_run(&w, receive_one, &item), 1);
	cr_assert_eq(item, 5);
}

static int send_within(void *arg)
{
	deadline_push(10);
	return deadline_pop(chan_send(chan, arg, sizeof(int)));
}

Test(chan, a_send_that_timed_out_has_sent_nothing)
{
	int value = 5, item = 0;

	chan = chan_open(sizeof(int), 0);
	cr_assert_eq(world_run(&w, send_within, &value), -ETIMEDOUT);
	chan_close(chan);
	cr_assert_eq(world_run(&w, receive_one, &item), 0);
}

Test(chan, closing_ends_who_waits)
{
	struct root sender, receiver;
	int value = 5;

	chan = chan_open(sizeof(int), 0);
	root_start(&w, &sender, "sender", send_one, &value);
	chan_close(chan);
	chan_close(chan);
	loop_run(w.loop);
	cr_assert_eq(sender.result, -EPIPE);
	chan_unref(chan);

	chan = chan_open(sizeof(int), 0);
	root_start(&w, &receiver, "receiver", receive_one, &value);
	chan_close(chan);
	loop_run(w.loop);
	cr_assert_eq(receiver.result, 0);
	cr_assert_eq(world_run(&w, send_one, &value), -EPIPE);
}

Test(chan, what_is_in_it_when_it_is_closed_is_still_received)
{
	int value = 5, item = 0;

	chan = chan_open(sizeof(int), 2);
	cr_assert_eq(world_run(&w, send_one, &value), 0);
	chan_close(chan);
	cr_assert_eq(world_run(&w, receive_one, &item), 1);
	cr_assert_eq(item, 5);
	cr_assert_eq(world_run(&w, receive_one, &item), 0);
}

Test(chan, stays_while_somebody_waits_in_it)
{
	struct root receiver;
	int item;

	chan = chan_open(sizeof(int), 0);
	root_start(&w, &receiver, "receiver", receive_one, &item);
	chan_unref(chan_ref(chan));
	chan_unref(chan);
	chan = NULL;
	task_cancel(receiver.task, REASON_DISCONNECT);
	loop_run(w.loop);
	cr_assert_eq(receiver.result, -ECANCELED);
}

static int send_short(void *arg)
{
	char c = 0;

	return chan_send(chan, &c, sizeof(c));
}

Test(chan, takes_items_of_its_size_only)
{
	chan = chan_open(sizeof(int), 1);
	cr_assert_eq(world_run(&w, send_short, NULL), -EINVAL);
}

Test(chan, that_would_not_fit_into_memory_is_not_opened)
{
	cr_assert_null(chan_open(SIZE_MAX / 2, 3));
}
