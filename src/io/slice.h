#ifndef WEIR_IO_SLICE_H
#define WEIR_IO_SLICE_H
/*
 * slice.h - how long a thread may compute before the kernel lets another have
 * its CPU, which is also how soon it gets one itself: since Linux 6.12 who
 * wakes with a shorter slice does not wait until the longer one of who runs is
 * over (sched(7), sched_setattr(2): sched_runtime of SCHED_OTHER). The share of
 * the CPU stays what it is. Older kernels have one slice for all.
 */
#include <stdint.h>

/* Who waits for events: it goes before those who compute. */
#define SLICE_SHORT_US 100
/* Who is about to be in the kernel for milliseconds: longer than anybody has who has set none. */
#define SLICE_BUSY_US 10000
/* Who computes for others, and lets them all go first. */
#define SLICE_LONG_US 100000

/*
 * Of the calling thread, in microseconds, and of the threads and processes that
 * it starts; 0: the system's own. Between 100 and 100000, else the kernel takes
 * what is nearest. A negative errno where nothing has changed.
 */
int slice_set_us(uint32_t us);
/* What the calling thread has; 0: the kernel has one slice for all. */
uint32_t slice_get_us(void);

/*
 * Lets whoever waits for this CPU go first. That costs what is left of the slice, however often it is
 * done: who has a long one would wait seconds for its turn, and does nothing here, as the kernel
 * itself takes the CPU from it.
 */
void slice_yield(void);

/*
 * Before a system call that may take milliseconds, on a thread with a short slice: whoever wakes
 * meanwhile goes first, as soon as the kernel looks. With slice_come_forward() it is as before.
 */
void slice_stand_back(void);
void slice_come_forward(void);

#endif
