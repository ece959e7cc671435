#include "base/trace.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

/* A stack of words that pretends to lie at BASE: word i is at AT(i). */
#define BASE ((uintptr_t)0x10000)
#define WORDS 16
#define AT(i) (BASE + (i) * sizeof(uintptr_t))

static uintptr_t words[WORDS];
static const struct trace_stack stack = { AT(0), AT(WORDS), words };
static uintptr_t found[WORDS];

static void frame(unsigned at, uintptr_t next, uintptr_t returns_to)
{
	words[at] = next;
	words[at + 1] = returns_to;
}

Test(trace, finds_what_each_frame_returns_to)
{
	frame(1, AT(4), 0x111);
	frame(4, AT(9), 0x222);
	frame(9, 0, 0x333);
	cr_assert_eq(trace_walk(&stack, 0xabc, AT(1), found, WORDS), 4);
	cr_assert_eq(found[0], 0xabc);
	cr_assert_eq(found[1], 0x111);
	cr_assert_eq(found[2], 0x222);
	cr_assert_eq(found[3], 0x333);
}

Test(trace, takes_no_more_than_there_is_room_for)
{
	frame(1, AT(4), 0x111);
	frame(4, AT(9), 0x222);
	cr_assert_eq(trace_walk(&stack, 0xabc, AT(1), found, 2), 2);
	cr_assert_eq(found[2], 0);
	cr_assert_eq(trace_walk(&stack, 0xabc, AT(1), found, 0), 0);
}

Test(trace, stops_at_a_frame_that_is_not_above_the_one_before)
{
	frame(4, AT(1), 0x111);
	frame(1, AT(4), 0x222);
	cr_assert_eq(trace_walk(&stack, 0xabc, AT(4), found, WORDS), 2);
	frame(4, AT(4), 0x111);
	cr_assert_eq(trace_walk(&stack, 0xabc, AT(4), found, WORDS), 2);
}

Test(trace, stops_at_a_pointer_that_is_not_aligned)
{
	frame(1, AT(4) + 4, 0x111);
	frame(4, 0, 0x222);
	cr_assert_eq(trace_walk(&stack, 0xabc, AT(1), found, WORDS), 2);
	cr_assert_eq(trace_walk(&stack, 0xabc, AT(1) + 1, found, WORDS), 1);
}

Test(trace, stops_at_the_end_of_the_stack)
{
	frame(1, AT(WORDS - 1), 0x111);
	words[WORDS - 1] = AT(1);
	cr_assert_eq(trace_walk(&stack, 0xabc, AT(1), found, WORDS), 2);
	cr_assert_eq(trace_walk(&stack, 0xabc, AT(WORDS), found, WORDS), 1);
}

Test(trace, believes_no_register)
{
	static const uintptr_t odd[] = {
		0, 8, BASE - sizeof(uintptr_t), UINTPTR_MAX, UINTPTR_MAX - 7, UINTPTR_MAX - 15
	};
	const struct trace_stack none = { 0, 0, NULL };

	frame(0, AT(3), 0x111);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		cr_assert_eq(trace_walk(&stack, 0xabc, odd[i], found, WORDS), 1, "%zu", i);
	cr_assert_eq(trace_walk(&none, 0xabc, 0, found, WORDS), 1);
	cr_assert_eq(trace_walk(&stack, 0, AT(0), found, WORDS), 0);
}

Test(trace, finds_no_word_outside)
{
	words[0] = 7;
	words[WORDS - 1] = 9;
	cr_assert_eq(trace_word(&stack, AT(0)), 7);
	cr_assert_eq(trace_word(&stack, AT(WORDS - 1)), 9);
	cr_assert_eq(trace_word(&stack, AT(WORDS)), 0);
	cr_assert_eq(trace_word(&stack, AT(0) + 1), 0);
	cr_assert_eq(trace_word(&stack, AT(0) - sizeof(uintptr_t)), 0);
}

#if defined(__x86_64__) || defined(__aarch64__)
static struct trace_regs regs;
static size_t n_found;
static uintptr_t from_here;

static void on_signal(int signal, siginfo_t *info, void *ucontext)
{
	struct trace_stack own;

	trace_regs_of(ucontext, &regs);
	own = (struct trace_stack){ regs.sp, from_here, (const void *)regs.sp };
	n_found = trace_walk(&own, regs.pc, regs.fp, found, WORDS);
}

static __attribute__((noinline)) void inner(void)
{
	(void)raise(SIGUSR1);
	__asm__ volatile("" ::: "memory");
}

static __attribute__((noinline)) void outer(void)
{
	inner();
	__asm__ volatile("" ::: "memory");
}

/* raise() is the C library's, without a frame: it hides who called it, but not who called that. */
Test(trace, goes_through_a_real_stack)
{
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
	char here = '\0';

	from_here = ((uintptr_t)&here + 512) & ~(uintptr_t)15;
	cr_assert_eq(sigaction(SIGUSR1, &action, NULL), 0);
	outer();
	cr_assert_neq(regs.pc, 0);
	cr_assert(regs.sp < (uintptr_t)&here);
	cr_assert_eq(found[0], regs.pc);
	cr_assert_geq(n_found, 1);
	cr_assert_gt(regs.n, 16);
}
#endif
