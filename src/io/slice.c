/* slice.c - see slice.h. The C library of Debian 12 has no sched_setattr(). */
#include "io/slice.h"

#include <errno.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

/* struct sched_attr of <linux/sched/types.h>, which <sched.h> does not stand beside everywhere. */
struct attributes {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime_ns, deadline_ns, period_ns;
};

static int get(struct attributes *a)
{
	*a = (struct attributes){ .size = sizeof(*a) };
	if (syscall(SYS_sched_getattr, 0, a, sizeof(*a), 0) < 0)
		return -errno;
	a->size = sizeof(*a);
	return 0;
}

int slice_set_us(uint32_t us)
{
	struct attributes a;
	int r = get(&a);

	if (r < 0)
		return r;
	a.runtime_ns = (uint64_t)us * 1000;
	if (syscall(SYS_sched_setattr, 0, &a, 0) < 0)
		return -errno;
	return 0;
}

uint32_t slice_get_us(void)
{
	struct attributes a;

	return get(&a) < 0 ? 0 : (uint32_t)(a.runtime_ns / 1000);
}

void slice_yield(void)
{
	if (slice_get_us() <= SLICE_SHORT_US)
		(void)sched_yield();
}

void slice_stand_back(void)
{
	if (slice_get_us() != SLICE_SHORT_US || slice_set_us(SLICE_BUSY_US) < 0)
		return;
	/* The new one begins when the old one is over. */
	(void)sched_yield();
}

void slice_come_forward(void)
{
	if (slice_get_us() == SLICE_BUSY_US)
		(void)slice_set_us(SLICE_SHORT_US);
}
