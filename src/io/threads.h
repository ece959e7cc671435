#ifndef WEIR_IO_THREADS_H
#define WEIR_IO_THREADS_H
/*
 * threads.h - blocking calls for a loop that must not block: a few threads
 * take them one after the other, in the order they were started, and the
 * loop's thread is told when each has returned.
 *
 * Threads are started when there is nobody to take a call, up to a number that
 * is given, and stay until the end. Everything here is for the loop's thread,
 * but for what is marked otherwise. While a call is queued or runs, a virtual
 * loop is held: its clock stands still.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "base/macro.h"
#include "io/loop.h"

/* Address space, not memory, until it is used. Name services and old libraries want more than a little. */
#define THREADS_STACK ((size_t)512 * 1024)

struct threads;

/* One call; it must stay where it is until done(), or until it was taken back. */
struct thread_call {
	int (*fn)(void *arg); /* called on one of the threads */
	void *arg;
	/* On the loop's thread, in a turn of its own; it may free the call. */
	void (*done)(struct thread_call *call);
	int result; /* fn's, when done() is called */

	/* threads.c's */
	struct threads *threads;
	struct loop_post post;
	struct list link;	 /* in the queue; under the pool's lock */
	atomic_bool is_unwanted; /* what it does is not needed any more */
};

/* At most max threads, of which there are none yet, at a nice value of 0 to 19. -ENOMEM. */
MUST_USE int threads_new(struct loop *loop, unsigned max, int nice_value,
			 struct threads **ret_threads);
/* Waits for all that was started, queued calls too, and calls each one's done(). NULL is fine. */
struct threads *threads_free(struct threads *threads);
DEFINE_CLEANUP(struct threads, threads_free)

/*
 * Queues it. The queue has no limit: who starts calls has one. -EAGAIN: there
 * is no thread, and none could be started; -ESHUTDOWN within threads_free().
 */
MUST_USE int threads_start(struct threads *threads, struct thread_call *call);
/* True: no thread has it yet, and none will; done() is not called. False: it is running, or has run. */
bool threads_take_back(struct thread_call *call);
/* Tells fn, if it asks. */
void threads_say_unwanted(struct thread_call *call);

/* Threads that wait for a call. It changes by itself: for tests, and for who wants to know the load. */
unsigned threads_n_idle(struct threads *threads);

/* On any thread: is what the call that runs on it does no longer needed? False where none runs. */
bool threads_is_unwanted(void);

#endif
