/*
 * future.c - who sets from another thread must not touch a loop that may be
 * going away. So threads meet the scheduler in an inbox, which is counted by
 * references and knows, under its lock, whether the loop is still there. One
 * post to the loop takes everything that has been put in.
 */
#include "coro/future.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "coro/sched.h"
#include "coro/task.h"
#include "coro/wait.h"
#include "io/loop.h"

struct future_inbox {
	atomic_uint n_refs;
	pthread_mutex_t lock;
	struct loop *loop;	      /* NULL once closed */
	struct future *first, **last; /* set, and not yet told to the loop's thread */
	struct loop_post post;
	bool is_posted;
};

struct future {
	atomic_uint n_refs;
	atomic_bool is_claimed; /* by the one who may set it */
	struct future_inbox *inbox;
	struct future *next; /* in the inbox */
	int result;

	/* of the loop's thread */
	bool is_set;
	struct wait wait;
};

static void inbox_unref(struct future_inbox *inbox)
{
	if (atomic_fetch_sub(&inbox->n_refs, 1) > 1)
		return;
	(void)pthread_mutex_destroy(&inbox->lock);
	free(inbox);
}

static void future_unref(struct future *f)
{
	if (atomic_fetch_sub(&f->n_refs, 1) > 1)
		return;
	inbox_unref(f->inbox);
	free(f);
}

/* On the loop's thread. */
static void future_complete(struct future *f)
{
	f->is_set = true;
	wait_wake(&f->wait);
	future_unref(f);
}

static void on_post(struct loop_post *post)
{
	struct future_inbox *inbox = container_of(post, struct future_inbox, post);
	struct future *f;

	(void)pthread_mutex_lock(&inbox->lock);
	f = inbox->first;
	inbox->first = NULL;
	inbox->last = &inbox->first;
	inbox->is_posted = false;
	(void)pthread_mutex_unlock(&inbox->lock);

	while (f) {
		struct future *next = f->next;

		future_complete(f);
		f = next;
	}
}

int future_inbox_new(struct loop *loop, struct future_inbox **ret_inbox)
{
	struct future_inbox *inbox = calloc(1, sizeof(*inbox));

	if (!inbox)
		return -ENOMEM;
	atomic_init(&inbox->n_refs, 1);
	(void)pthread_mutex_init(&inbox->lock, NULL);
	inbox->loop = loop;
	inbox->last = &inbox->first;
	inbox->post.run = on_post;
	*ret_inbox = inbox;
	return 0;
}

void future_inbox_close(struct future_inbox *inbox)
{
	struct loop *loop = inbox->loop;

	(void)pthread_mutex_lock(&inbox->lock);
	inbox->loop = NULL;
	(void)pthread_mutex_unlock(&inbox->lock);
	/* The post that may be on its way belongs to the loop until it has run. */
	loop_take_posts(loop);
	inbox_unref(inbox);
}

struct future *future_new(void)
{
	struct future *f;

	if (!sched_here)
		return NULL;
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	atomic_init(&f->n_refs, 2);
	atomic_init(&f->is_claimed, false);
	f->inbox = sched_here->inbox;
	(void)atomic_fetch_add(&f->inbox->n_refs, 1);
	wait_init(&f->wait);
	return f;
}

/* False: there is nobody left to tell. */
static bool inbox_put(struct future_inbox *inbox, struct future *f)
{
	bool is_open;

	(void)pthread_mutex_lock(&inbox->lock);
	is_open = inbox->loop;
	if (is_open) {
		*inbox->last = f;
		inbox->last = &f->next;
		if (!inbox->is_posted)
			loop_post(inbox->loop, &inbox->post);
		inbox->is_posted = true;
	}
	(void)pthread_mutex_unlock(&inbox->lock);
	return is_open;
}

int future_set(struct future *f, int result)
{
	struct future_inbox *inbox = f->inbox;

	if (atomic_exchange(&f->is_claimed, true))
		return -EALREADY;
	f->result = result;
	if (sched_here && sched_here->inbox == inbox) {
		future_complete(f);
		return 0;
	}
	/* Once it is put, f is the other thread's, and may take the inbox with it. */
	(void)atomic_fetch_add(&inbox->n_refs, 1);
	if (!inbox_put(inbox, f))
		future_unref(f);
	inbox_unref(inbox);
	return 0;
}

int future_await(struct future *f)
{
	int r;

	r = task_check();
	if (r < 0)
		return r;
	while (!f->is_set) {
		r = wait_park_checked(&f->wait);
		if (r < 0)
			return r;
	}
	return f->result;
}

void future_drop(struct future *f)
{
	if (f)
		future_unref(f);
}
