/*
 * crash_report.c - see crash_report.h. The hard thing is to believe nothing: who
 * crashed may have written anywhere before, and who is stuck may go on and
 * write the next note. So all is copied first, and all numbers are checked.
 */
#include "daemon/crash_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/crash_note.h"
#include "daemon/symbols.h"

#define WORD sizeof(uintptr_t)

static const struct crash_record *record_of(const struct crash_note *note,
					    enum crash_report_what what)
{
	return what == CRASH_REPORT_CRASH ? &note->crash : &note->stall;
}

bool crash_report_is_due(const struct crash_note *note, enum crash_report_what what)
{
	return note && atomic_load(&record_of(note, what)->state) == CRASH_WHOLE;
}

/* ---- which functions */

static size_t by_frame_pointers(const struct crash_record *record, uintptr_t *addresses)
{
	memcpy(addresses, record->frames, record->n_frames * WORD);
	return record->n_frames;
}

/* What lies deeper than the part of the stack that was copied. */
static size_t add_deeper(const struct crash_record *record, uintptr_t *addresses, size_t n)
{
	for (size_t i = record->n_frames; i-- > 0;) {
		if (record->frames[i] != addresses[n - 1])
			continue;
		for (i++; i < record->n_frames && n < CRASH_FRAMES; i++)
			addresses[n++] = record->frames[i];
		break;
	}
	return n;
}

/* Does a frame seem to begin here, and one that it points to? */
static bool is_frame(const struct symbols *symbols, const struct trace_stack *stack, uintptr_t at)
{
	uintptr_t next = trace_word(stack, at);

	return next > at && symbols_is_code(symbols, trace_word(stack, at + WORD)) &&
	       symbols_is_code(symbols, trace_word(stack, next + WORD));
}

/*
 * Of a thread that sleeps the frame pointer is not known: so the tables lead
 * through the C library, to the first function that has a frame. Its frame
 * is the next that can be seen above the last return address.
 */
static size_t add_frames(const struct symbols *symbols, const struct trace_stack *stack,
			 uintptr_t *addresses, size_t n)
{
	uintptr_t more[CRASH_FRAMES], at = stack->low;
	size_t n_more;

	for (size_t i = 1; i < n; i++) {
		while (at < stack->high && trace_word(stack, at) != addresses[i])
			at += WORD;
		at += WORD;
	}
	while (at < stack->high && !is_frame(symbols, stack, at))
		at += WORD;
	n_more = trace_walk(stack, addresses[n - 1], at, more, CRASH_FRAMES);
	for (size_t i = 1; i < n_more && n < CRASH_FRAMES; i++)
		addresses[n++] = more[i];
	return n;
}

static size_t find_functions(struct symbols *symbols, const struct crash_record *record,
			     uintptr_t addresses[CRASH_FRAMES])
{
	struct trace_stack stack = { .low = record->stack_at,
				     .high = record->stack_at + record->stack_len / WORD * WORD,
				     .bytes = record->stack };
	size_t n = symbols_unwind(symbols, &record->regs, &stack, addresses, CRASH_FRAMES);

	if (n == 0 && record->n_frames > 0)
		return by_frame_pointers(record, addresses);
	if (n == 0 && record->regs.pc)
		addresses[n++] = record->regs.pc;
	if (n > 0 && record->regs.n == 0)
		return add_frames(symbols, &stack, addresses, n);
	return n > 0 ? add_deeper(record, addresses, n) : 0;
}

/* ---- lines */

static void write_head(const struct log *log, const struct crash_record *record)
{
	const char *name = sigabbrev_np(record->signal);
	char who[CULPRIT_WORDS_MAX], where[32] = "";

	culprit_describe(&record->culprit, who);
	if (record->has_address)
		(void)snprintf(where, sizeof(where), " at address 0x%llx",
			       (unsigned long long)record->address);
	log_write(log, LOG_AT_ERROR, "SIG%s%s in %s", name ? name : "?", where, who);
}

static void write_functions(const struct log *log, int level, const struct crash_record *record,
			    struct symbols *symbols)
{
	uintptr_t addresses[CRASH_FRAMES];
	size_t n = find_functions(symbols, record, addresses);
	char words[SYMBOLS_WORDS_MAX];

	for (size_t i = 0; i < n; i++) {
		symbols_describe(symbols, addresses[i], i > 0, words);
		log_write(log, level, "#%zu %s", i, words);
	}
}

static struct crash_record *copy_record(const struct crash_record *shared)
{
	struct crash_record *copy = malloc(sizeof(*copy));

	if (!copy)
		return NULL;
	memcpy(copy, shared, sizeof(*copy));
	if (copy->n_frames > CRASH_FRAMES)
		copy->n_frames = 0;
	if (copy->stack_len > CRASH_STACK || copy->stack_at % WORD ||
	    copy->stack_at > UINTPTR_MAX - CRASH_STACK)
		copy->stack_len = 0;
	if (copy->regs.n > TRACE_REGS)
		copy->regs.n = 0;
	return copy;
}

void crash_report_write(const struct log *log, const struct crash_note *note,
			enum crash_report_what what)
{
	_cleanup_(freep) struct crash_record *record = copy_record(record_of(note, what));
	_cleanup_(symbols_freep) struct symbols *symbols = NULL;
	size_t maps_len = note->maps_len < CRASH_MAPS ? note->maps_len : CRASH_MAPS;
	bool is_crash = what == CRASH_REPORT_CRASH;

	if (!record || symbols_new(note->maps, maps_len, note->mapped_at, &symbols) < 0) {
		log_write(log, LOG_AT_WARN, "no backtrace: no memory for one");
		return;
	}
	if (is_crash)
		write_head(log, record);
	write_functions(log, is_crash ? LOG_AT_ERROR : LOG_AT_WARN, record, symbols);
}
