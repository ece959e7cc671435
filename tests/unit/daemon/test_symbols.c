#include "daemon/symbols.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/peek.h"

static char maps[256 * 1024], words[SYMBOLS_WORDS_MAX];
static struct symbols *symbols;

static void open_own(time_t read_at)
{
	FILE *file = fopen("/proc/self/maps", "re");
	size_t len;

	cr_assert_not_null(file);
	len = fread(maps, 1, sizeof(maps), file);
	(void)fclose(file);
	cr_assert_eq(symbols_new(maps, len, read_at, &symbols), 0);
}

static __attribute__((noinline)) int some_function(int n)
{
	__asm__ volatile("");
	return n + 1;
}

Test(symbols, names_a_function_with_file_and_line)
{
	open_own(time(NULL));
	symbols_describe(symbols, (uintptr_t)some_function, false, words);
	cr_assert_eq(strncmp(words, "some_function at ", 17), 0, "%s", words);
	cr_assert_not_null(strstr(words, "unit/daemon/test_symbols.c:"), "%s", words);
	cr_assert_not_null(strstr(words, " (test_daemon_symbols+0x"), "%s", words);
	symbols = symbols_free(symbols);
}

/* The call that an address returns to may be the last thing in its function. */
Test(symbols, looks_for_the_call_before_a_return_address)
{
	open_own(time(NULL));
	symbols_describe(symbols, (uintptr_t)some_function, true, words);
	cr_assert_neq(strncmp(words, "some_function ", 14), 0, "%s", words);
	symbols = symbols_free(symbols);
}

Test(symbols, does_not_ask_a_file_that_has_changed)
{
	open_own(1);
	symbols_describe(symbols, (uintptr_t)some_function, false, words);
	cr_assert_eq(strncmp(words, "(test_daemon_symbols+0x", 23), 0, "%s", words);
	symbols = symbols_free(symbols);
}

Test(symbols, says_an_address_that_is_nowhere_as_it_is)
{
	open_own(time(NULL));
	symbols_describe(symbols, 0x10, true, words);
	cr_assert_str_eq(words, "0x10");
	symbols_describe(symbols, 0, true, words);
	cr_assert_str_eq(words, "0x0");
	symbols_describe(symbols, UINTPTR_MAX, true, words);
	cr_assert_eq(strncmp(words, "0xffff", 6), 0, "%s", words);
	symbols = symbols_free(symbols);
}

Test(symbols, knows_what_is_code)
{
	static int data;

	open_own(time(NULL));
	cr_assert(symbols_is_code(symbols, (uintptr_t)some_function));
	cr_assert_not(symbols_is_code(symbols, (uintptr_t)&data));
	cr_assert_not(symbols_is_code(symbols, 0));
	symbols = symbols_free(symbols);
}

static struct trace_regs regs;
static _Alignas(16) unsigned char copy[16384];
static struct trace_stack stack;

static __attribute__((noinline)) void innermost(void)
{
	ucontext_t context;

	cr_assert_eq(getcontext(&context), 0);
	trace_regs_of(&context, &regs);
	stack.low = regs.sp;
	stack.high = regs.sp + peek_bytes((const void *)regs.sp, copy, sizeof(copy)) / 8 * 8;
	stack.bytes = copy;
}

static __attribute__((noinline)) void between(void)
{
	innermost();
	__asm__ volatile("");
}

static bool has(const uintptr_t *addresses, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		symbols_describe(symbols, addresses[i], i > 0, words);
		if (strstr(words, name))
			return true;
	}
	return false;
}

#if defined(__x86_64__) || defined(__aarch64__)
Test(symbols, unwinds_a_copy_of_a_stack)
{
	uintptr_t addresses[32];
	size_t n;

	between();
	open_own(time(NULL));
	n = symbols_unwind(symbols, &regs, &stack, addresses, 32);
	cr_assert_geq(n, 3);
	cr_assert(has(addresses, 1, "innermost at"), "%s", words);
	cr_assert(has(addresses + 1, 1, "between at"), "%s", words);
	/* Again, and with less room. */
	cr_assert_eq(symbols_unwind(symbols, &regs, &stack, addresses, 2), 2);
	symbols = symbols_free(symbols);
}

Test(symbols, unwinds_as_far_as_the_copy_goes)
{
	uintptr_t addresses[32];

	between();
	stack.high = stack.low;
	open_own(time(NULL));
	cr_assert_leq(symbols_unwind(symbols, &regs, &stack, addresses, 32), 1);
	symbols = symbols_free(symbols);
}
#endif

Test(symbols, makes_do_with_any_text)
{
	static const char *const odd[] = {
		"",
		"\n\n",
		"nonsense\n",
		"1-2 r-xp 0 0:0 0 /x",
		"1-2 r-xp 0 0:0 0 /nowhere/at/all\n",
		"ffffffffffffffffff-0 rwxp zz\n",
		"1000-2000 r-xp 00000000 00:00 0 [heap]\n",
	};

	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		cr_assert_eq(symbols_new(odd[i], strlen(odd[i]), time(NULL), &symbols), 0);
		symbols_describe(symbols, 1, false, words);
		symbols = symbols_free(symbols);
	}
	cr_assert_null(symbols_free(NULL));
}
