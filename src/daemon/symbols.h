#ifndef WEIR_DAEMON_SYMBOLS_H
#define WEIR_DAEMON_SYMBOLS_H
/*
 * symbols.h - from addresses of a process, living or dead, to names, files and
 * lines: by the text of its mappings, and the files that were mapped. It
 * reads them with libdw, which is loaded when it is first needed: only
 * the short-lived process that reports a crash does. Without libdw there are no
 * names, but module and offset, which addr2line(1) understands.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/macro.h"
#include "base/trace.h"

struct symbols;

/*
 * maps: what /proc/PID/maps says, or lines of it; borrowed. A file that has changed since
 * read_at is not asked for names, which would be wrong. -ENOMEM.
 */
MUST_USE int symbols_new(const char *maps, size_t len, time_t read_at,
			 struct symbols **ret_symbols);
struct symbols *symbols_free(struct symbols *symbols);
DEFINE_CLEANUP(struct symbols, symbols_free)

/* Is it in memory that may be executed? */
bool symbols_is_code(const struct symbols *symbols, uintptr_t address);

/*
 * As trace_walk(), but by the tables that compilers make for this: so it sees functions
 * without frame pointers, too. 0 when it cannot.
 */
size_t symbols_unwind(struct symbols *symbols, const struct trace_regs *regs,
		      const struct trace_stack *stack, uintptr_t *ret_addresses, size_t max);

/*
 * "crash_now at examples/crash.c:12 (crash.so+0x1234)"; what is not known is left out.
 * is_return: the address is where a call returns to, so what is described is the call.
 */
#define SYMBOLS_WORDS_MAX 512
void symbols_describe(struct symbols *symbols, uintptr_t address, bool is_return,
		      char ret_words[SYMBOLS_WORDS_MAX]);

#endif
