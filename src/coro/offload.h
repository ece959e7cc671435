#ifndef WEIR_CORO_OFFLOAD_H
#define WEIR_CORO_OFFLOAD_H
/*
 * offload.h - blocking C, awaited: on the threads that the scheduler's loop
 * has (io/threads), while other tasks go on.
 */
#include <stdbool.h>

#include "base/macro.h"

/*
 * Suspends until fn(arg) has returned, and returns what it returned. If the
 * task is cancelled or its limit passes while fn runs, it waits on, because
 * what arg points to is in use: offload_is_unwanted() turns true, and it is
 * the next suspending call that fails.
 *
 * Otherwise fn was not called and never will be: -ECANCELED, -ETIMEDOUT,
 * -EDEADLK outside of tasks, -ENOMEM, -EAGAIN when there is no thread. Only
 * fn itself could return the same.
 */
MUST_USE int offload(int (*fn)(void *arg), void *arg);
/* For fn, on its thread: nobody needs the result any more. False anywhere else. */
bool offload_is_unwanted(void);

/*
 * The same for what does not block but takes a CPU for milliseconds, as copying a large payload: on
 * threads of their own, OFFLOAD_BULK_THREADS of them, that stand back for the loop and for everybody
 * who answers somebody.
 */
MUST_USE int offload_bulk(int (*fn)(void *arg), void *arg);
#define OFFLOAD_BULK_THREADS 2
/*
 * Not 19: on a machine that is busy all the time they would get a hundredth of a CPU; at 10 a tenth. With 0
 * the loop, once it has had more than its share, waits for the kernel's next tick.
 */
#define OFFLOAD_BULK_NICE 10

/*
 * fn(arg) once, on a thread, and nobody waits: for what takes time and cannot
 * fail, as unmapping or closing. On the scheduler's thread, in a task or not;
 * without memory or threads, or where there is no scheduler, it is called right here.
 */
void offload_forget(int (*fn)(void *arg), void *arg);
void offload_bulk_forget(int (*fn)(void *arg), void *arg);

#endif
