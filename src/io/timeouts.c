/*
 * timeouts.c - one timer for the whole list. It is armed for the head and left
 * alone when the head is touched or stopped; when it fires too early it is
 * armed again for whoever is the head by then.
 */
#include "io/timeouts.h"

static void on_timer(struct timer *timer)
{
	struct timeouts *timeouts = container_of(timer, struct timeouts, timer);
	int64_t now_ms = loop_now_ms(timeouts->loop);

	while (!list_is_empty(&timeouts->entries)) {
		struct timeout *head = list_entry(timeouts->entries.next, struct timeout, link);

		if (head->at_ms > now_ms)
			break;
		timeouts_stop(head);
		timeouts->expire(head);
	}
	timeouts_arm(timeouts);
}

void timeouts_init(struct timeouts *timeouts, struct loop *loop, int64_t after_ms,
		   void (*expire)(struct timeout *timeout))
{
	*timeouts = (struct timeouts){ .loop = loop, .after_ms = after_ms, .expire = expire };
	list_init(&timeouts->entries);
	timer_init(&timeouts->timer, on_timer);
}

void timeouts_done(struct timeouts *timeouts)
{
	while (list_pop(&timeouts->entries))
		;
	loop_timer_stop(timeouts->loop, &timeouts->timer);
}

/* For the head; not at all when there is none. */
void timeouts_arm(struct timeouts *timeouts)
{
	struct timeout *head;

	if (list_is_empty(&timeouts->entries))
		return;
	head = list_entry(timeouts->entries.next, struct timeout, link);
	loop_timer_start(timeouts->loop, &timeouts->timer, head->at_ms);
}
