/* test_slice.c - slices are the kernel's to keep; here is that it hears what we want. */
#include "io/slice.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the kernel says: struct sched_attr has it at 24. 0: it has one slice for all. */
static uint64_t slice_ns(void)
{
	unsigned char attributes[48] = { 0 };
	uint64_t ns;

	cr_assert_eq(syscall(SYS_sched_getattr, 0, attributes, sizeof(attributes), 0), 0);
	memcpy(&ns, attributes + 24, sizeof(ns));
	return ns;
}

Test(slice, the_kernel_hears_what_is_wanted)
{
	uint64_t usual_ns = slice_ns();

	if (usual_ns == 0)
		cr_skip("this kernel has one slice for all");
	cr_assert_eq(slice_set_us(SLICE_SHORT_US), 0);
	cr_assert_eq(slice_ns(), SLICE_SHORT_US * 1000);
	cr_assert_eq(slice_get_us(), SLICE_SHORT_US);
	cr_assert_eq(slice_set_us(SLICE_LONG_US), 0);
	cr_assert_eq(slice_ns(), SLICE_LONG_US * 1000);
	cr_assert_eq(slice_get_us(), SLICE_LONG_US);
	cr_assert_eq(slice_set_us(0), 0);
	cr_assert_eq(slice_ns(), usual_ns);
}

Test(slice, what_else_is_set_stays)
{
	const struct sched_param param = { 0 };

	cr_assert_eq(sched_setscheduler(0, SCHED_BATCH, &param), 0);
	cr_assert_eq(setpriority(PRIO_PROCESS, 0, 7), 0);
	(void)slice_set_us(SLICE_LONG_US);
	cr_assert_eq(sched_getscheduler(0), SCHED_BATCH);
	cr_assert_eq(getpriority(PRIO_PROCESS, 0), 7);
}

Test(slice, who_stands_back_has_a_longer_one_for_a_while)
{
	(void)slice_set_us(SLICE_SHORT_US);
	if (slice_get_us() == 0)
		cr_skip("this kernel has one slice for all");
	slice_stand_back();
	cr_assert_eq(slice_get_us(), SLICE_BUSY_US);
	slice_stand_back();
	cr_assert_eq(slice_get_us(), SLICE_BUSY_US);
	slice_come_forward();
	cr_assert_eq(slice_get_us(), SLICE_SHORT_US);
	slice_come_forward();
	cr_assert_eq(slice_get_us(), SLICE_SHORT_US);
}

/* Others go before it anyway, and to yield would cost it the whole slice. */
Test(slice, who_has_a_long_one_keeps_it)
{
	(void)slice_set_us(SLICE_LONG_US);
	if (slice_get_us() == 0)
		cr_skip("this kernel has one slice for all");
	slice_stand_back();
	cr_assert_eq(slice_get_us(), SLICE_LONG_US);
	slice_come_forward();
	cr_assert_eq(slice_get_us(), SLICE_LONG_US);
}
