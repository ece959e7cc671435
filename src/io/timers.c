/*
 * timers.c - the pairing heap of Fredman, Sedgewick, Sleator and Tarjan: start
 * is O(1), stop and the next expiry O(log n) amortized. No recursion: a heap
 * of 100 000 siblings must not cost 100 000 stack frames.
 */
#include "io/timers.h"

#include <stddef.h>

void timer_init(struct timer *timer, void (*fire)(struct timer *timer))
{
	*timer = (struct timer){ .fire = fire };
}

static bool is_before(const struct timer *a, const struct timer *b)
{
	return a->at_ms < b->at_ms || (a->at_ms == b->at_ms && a->order < b->order);
}

static void set_link(struct timer **link, struct timer *timer)
{
	*link = timer;
	if (timer)
		timer->link = link;
}

/* One tree of two; neither has siblings. */
static struct timer *meld(struct timer *a, struct timer *b)
{
	struct timer *top, *below;

	if (!a)
		return b;
	if (!b)
		return a;
	top = is_before(a, b) ? a : b;
	below = top == a ? b : a;
	set_link(&below->next, top->child);
	set_link(&top->child, below);
	return top;
}

/* One tree of a list of siblings: pairs from the left, then all pairs from the right. */
static struct timer *meld_siblings(struct timer *first)
{
	struct timer *pairs = NULL, *top = NULL;

	while (first) {
		struct timer *a = first, *b = a->next, *pair;

		first = b ? b->next : NULL;
		a->next = NULL;
		if (b)
			b->next = NULL;
		pair = meld(a, b);
		pair->next = pairs;
		pairs = pair;
	}
	while (pairs) {
		struct timer *pair = pairs;

		pairs = pair->next;
		pair->next = NULL;
		top = meld(top, pair);
	}
	return top;
}

void timers_start(struct timers *timers, struct timer *timer, int64_t at_ms)
{
	timers_stop(timers, timer);
	/* Else one that starts itself in the past, again and again, keeps the others waiting. */
	timer->at_ms = at_ms > timers->fired_ms ? at_ms : timers->fired_ms;
	timer->order = timers->n_started++;
	timer->child = NULL;
	timer->next = NULL;
	set_link(&timers->root, meld(timers->root, timer));
}

void timers_stop(struct timers *timers, struct timer *timer)
{
	struct timer *orphans;

	if (!timer_is_active(timer))
		return;
	set_link(timer->link, timer->next);
	orphans = meld_siblings(timer->child);
	timer->link = NULL;
	timer->next = NULL;
	timer->child = NULL;
	if (orphans)
		set_link(&timers->root, meld(timers->root, orphans));
}

void timers_fire(struct timers *timers, int64_t now_ms)
{
	uint64_t order = timers->n_started;

	timers->fired_ms = now_ms;
	while (timers->root && timers->root->at_ms <= now_ms && timers->root->order < order) {
		struct timer *timer = timers->root;

		timers_stop(timers, timer);
		timer->fire(timer);
	}
}

int64_t timers_next_ms(const struct timers *timers)
{
	return timers->root ? timers->root->at_ms : INT64_MAX;
}
